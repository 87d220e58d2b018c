"""Long series, futures of a past, and filled holes: one mechanism."""

import numpy as np

from tsgan import RecurrentGAN, datasets, fan_chart

real = datasets.load("seattle_weather")
model = RecurrentGAN(steps=0, time="date", random_state=0).fit(real.iloc[:-30])

long = model.sample(1, length=1500)  # as long as you like: the state goes on from day to day
print(f"{len(long)} days to {long['date'].max():%Y-%m-%d}; mean temp_max {long['temp_max'].mean():.1f}")

past, truth = real.iloc[-90:-30], real.iloc[-30:]
futures = model.continue_from(past, steps=30, n=200)  # 200 Decembers after this autumn
low, high = (futures.groupby("date")["temp_max"].quantile(q).to_numpy() for q in (0.05, 0.95))
inside = ((truth["temp_max"] >= low) & (truth["temp_max"] <= high)).mean()
print(f"{inside:.0%} of the true days within the central 90 % of the futures")
fan_chart(past, futures, "temp_max", "futures.png", time="date", truth=truth)

holes = real.copy()
hidden = np.zeros(len(real), dtype=bool)
hidden[200:220] = hidden[700:703] = True
numbers = ["precipitation", "temp_max", "temp_min", "wind"]
holes.loc[hidden, numbers] = np.nan
filled = model.fill(holes)
assert filled.loc[~hidden].equals(real.loc[~hidden])  # what was there is untouched
off = (filled.loc[hidden, "temp_max"] - real.loc[hidden, "temp_max"]).abs().mean()
print(f"filled temp_max is off by {off:.1f} degrees on average, and all rows are there: {filled.notna().all().all()}")
