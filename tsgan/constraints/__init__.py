"""Constraints, one file each. To add one: write its file, and add its line to `chain`."""

from .base import Constraint
from .chain import CONSTRAINTS, Chain
from .checking import violations
from .derived import Derived
from .fixed import Fixed
from .fixed_sum import FixedSum
from .inequality import Inequality
from .monotone import Monotone
from .ranges import Range
from .suggesting import suggest_constraints

__all__ = [
    "CONSTRAINTS",
    "Chain",
    "Constraint",
    "Derived",
    "Fixed",
    "FixedSum",
    "Inequality",
    "Monotone",
    "Range",
    "suggest_constraints",
    "violations",
]
