"""One long series in, one long series out: four years of daily weather.

The table has a date column, numbers with many zeros (precipitation) and a category (weather). What comes back has the
same columns, dtypes and decimals, and a date for every row.
"""

from tsgan import RecurrentGAN, datasets

real = datasets.load("seattle_weather")
print("real\n", real.head(), "\n")

# 40 steps, and 5 against the critic, show the way; leave both out to train as long as it takes.
gan = RecurrentGAN(time="date", steps=40, adversarial_steps=5, random_state=0).fit(real)

year = gan.sample(1, length=366, start="2016-01-01", random_state=0)
print("synthetic\n", year.head(), "\n")
print(f"{len(year)} days from {year['date'].min():%Y-%m-%d} to {year['date'].max():%Y-%m-%d}")
print("days without rain, real and synthetic:", *(f"{(t['precipitation'] == 0).mean():.2f}" for t in (real, year)))

assert list(year) == list(real)
assert (year.dtypes == real.dtypes).all()
assert set(year["weather"]) <= set(real["weather"])
assert year["date"].is_monotonic_increasing
