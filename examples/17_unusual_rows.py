"""What is unusual: the likelihood of each row, given those before it, finds readings that cannot be right."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from tsgan import RecurrentGAN, datasets

real = datasets.load("seattle_weather")
known, year = real.iloc[:-365], real.iloc[-365:].reset_index(drop=True)
gan = RecurrentGAN(time="date", steps=0, random_state=0).fit(known)

# Four faults in a year that the model has not seen. None is out of range, by itself each value is an ordinary one.
broken = year.copy()
faults = {
    "a July night of -4": (200, "temp_min", -4.0),
    "a January day of 31": (15, "temp_max", 31.1),
    "more wind than ever in summer": (230, "wind", 9.4),
    "a night warmer than its day": (100, "temp_min", 17.8),
}
for row, column, value in faults.values():
    broken.loc[row, column] = value
    assert known[column].min() <= value <= known[column].max()

scores = pd.Series(gan.score_samples(broken), index=broken.index)  # in nats; rows are compared with one another
lowest = scores.nsmallest(8)
print(broken.loc[lowest.index].assign(score=lowest.round(1)), "\n")
for name, (row, *_) in faults.items():
    print(f"{name}: number {int((scores < scores[row]).sum()) + 1} of {len(scores)} from below")

figure, (above, below) = plt.subplots(2, 1, figsize=(9, 4.5), sharex=True)
above.fill_between(broken["date"], broken["temp_min"], broken["temp_max"], color="#c8553d", alpha=0.6, lw=0)
above.set_ylabel("temperature (°C)")
below.plot(broken["date"], scores, color="#3d7ea6", lw=0.7)
below.set_ylabel("log-likelihood (nats)")
for name, (row, *_) in faults.items():
    below.plot(broken["date"][row], scores[row], "o", color="black", ms=4)
    below.annotate(name, (broken["date"][row], scores[row]), xytext=(6, -3), textcoords="offset points", fontsize=8)
figure.tight_layout()
figure.savefig("unusual.png", dpi=110)

found = np.isin([row for row, *_ in faults.values()], lowest.index)
assert found.all()
