"""Missing values: they fall as they fell, how many, in what runs, and which go together."""

import numpy as np

from tsgan import RecurrentGAN, datasets

real = datasets.load("seattle_weather")
rng = np.random.default_rng(0)

# A thermometer that fails for days on end (both of its columns at once), an anemometer that skips single days.
failing = np.convolve(rng.random(len(real)) < 0.03, np.ones(6))[: len(real)] > 0
real.loc[failing, ["temp_max", "temp_min"]] = np.nan
real.loc[rng.random(len(real)) < 0.1, "wind"] = np.nan

model = RecurrentGAN(steps=0, time="date", random_state=0).fit(real)
print(model.schema_)
synthetic = model.sample(20, length=730)  # twenty times two years


def runs(gone):
    """Return how many days a gap lasts on average."""
    return gone.groupby((gone != gone.shift()).cumsum()).sum().loc[lambda n: n > 0].mean()


for name, table in (("real", real), ("synthetic", synthetic)):
    gone = table.isna()
    apart = (gone["temp_max"] != gone["temp_min"]).sum()
    print(
        f"{name}: missing temp {gone['temp_max'].mean():.3f} in runs of {runs(gone['temp_max']):.1f} days, "
        f"wind {gone['wind'].mean():.3f} in runs of {runs(gone['wind']):.1f}; thermometer's columns "
        f"apart on {apart} days"
    )
    assert apart == 0
assert abs(synthetic.isna().mean() - real.isna().mean()).max() < 0.03
