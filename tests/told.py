"""Holders of columns of which everything is told."""

import numpy as np

from tsgan.holders import Holders


def everything(rows):
    return Holders(np.zeros(rows, dtype=np.int64), 1)
