"""Formats of other libraries for time series: a long table on the way in, and the format again on the way out.

A member is a class of `base.Format` in a file here, and a place in `FORMATS`; `tests/tables/test_formats.py` runs over
all of them.
"""

from .base import Format
from .darts import Darts
from .frame import MultiIndex, Nixtla
from .gluonts import GluonTS
from .numpy3d import Numpy3D
from .xarray import Xarray

FORMATS: dict[str, type[Format]] = {one.name: one for one in (Nixtla, MultiIndex, Numpy3D, GluonTS, Darts, Xarray)}
