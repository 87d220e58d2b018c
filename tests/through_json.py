"""What was learned, after the way through a saved model."""

import json
from typing import TypeVar

import tsgan.tables.dtypes  # noqa: F401  # lets dtypes and columns be packed
from tsgan.bundle import pack, unpack

Learned = TypeVar("Learned")


def through_json(learned: Learned) -> Learned:
    """Return what is read again of what was saved."""
    data, arrays = pack(learned)
    return unpack(json.loads(json.dumps(data, allow_nan=False)), arrays)
