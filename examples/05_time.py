"""Clocks: a regular one keeps its frequency and its season, an irregular one learns its gaps.

`steps=0` takes the closed form alone, here and in the examples that follow, so that each is done in seconds.
"""

import numpy as np

from tsgan import RecurrentGAN, datasets

weather = datasets.load("seattle_weather")

# A day after the other: the season explains most of the temperature, so it is known to the model (see the schema).
daily = RecurrentGAN(steps=0, time="date", random_state=0).fit(weather)
print(daily.schema_)
year = daily.sample(1, length=366, start="2016-01-01")
months = weather.groupby(weather["date"].dt.month)["temp_max"].mean()
made = year.groupby(year["date"].dt.month)["temp_max"].mean()
print("\nmean temp_max by month, real and synthetic\n", np.column_stack([months, made]).round(1)[[0, 6]])
assert made[7] - made[1] > 10  # a synthetic January is colder than a synthetic July

# Rainy days alone are an irregular clock: the time to the next one is learned, and depends on the state.
rain = weather[weather["precipitation"] > 0].reset_index(drop=True)
wet = RecurrentGAN(steps=0, time="date", random_state=0).fit(rain)
series = wet.sample(1, length=len(rain))
for name, table in (("real", rain), ("synthetic", series)):
    gaps = table["date"].diff().dropna().dt.days
    print(f"{name}: days between rainy days: mean {gaps.mean():.2f}, 95 % within {gaps.quantile(0.95):.0f}")
    assert gaps.min() >= 1

# Where synthetic series begin: a date, or as real ones do.
print(daily.sample(3, length=2, start="2030-07-01"))
print(daily.sample(3, length=2, start="like-real"))
