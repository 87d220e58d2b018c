"""What holds for every test: one thread, no window, the same examples each time."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")

from hypothesis import settings

settings.register_profile("tsgan", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("tsgan")
