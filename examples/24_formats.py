"""Formats that people already have: an xarray data set comes back as one, Nixtla's columns need no roles, and SDV's
metadata gives roles, kinds and ranges. Darts, GluonTS, sktime and aeon go in and come back alike.
"""

import numpy as np
import pandas as pd

from tsgan import RecurrentGAN, formats

try:
    import xarray
except ImportError as error:
    print(f"left out: {error}")
    raise SystemExit from None

rng = np.random.default_rng(0)
warmth = rng.normal(size=(20, 30)).cumsum(axis=1).round(1)
days, places = pd.date_range("2024-01-01", periods=30), [f"station {i:02d}" for i in range(20)]
stations = xarray.Dataset(
    {"warmth": (("place", "day"), warmth, {"units": "K"}), "coast": ("place", np.arange(20) % 2 == 0)},
    {"place": places, "day": days},
    {"title": "stations"},
)
fast = {"steps": 0, "random_state": 0, "verbose": False}
drawn = RecurrentGAN(**fast).fit(stations).sample(3, where={"coast": True})
print(drawn)
assert drawn["warmth"].attrs == {"units": "K"}
assert drawn["coast"].all()

table = formats.write(formats.read(stations), "nixtla")[0]  # the other frame holds the static features
print(RecurrentGAN(**fast).fit(table).sample(2).head(3))

metadata = {
    "columns": {"unique_id": {"sdtype": "id"}, "ds": {"sdtype": "datetime"}, "y": {"sdtype": "numerical"}},
    "sequence_key": "unique_id",
    "sequence_index": "ds",
}
gan = RecurrentGAN.from_metadata(metadata, **fast).fit(table)
print(f"entity={gan.entity!r}, time={gan.time!r}, kinds={gan.kinds}")
