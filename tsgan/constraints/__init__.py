"""Constraints, one file each. To add one: write its file, add its line here, and its step to `planning.plan`."""

from .base import Constraint
from .chain import Chain
from .checking import violations
from .derived import Derived
from .fixed import Fixed
from .fixed_sum import FixedSum
from .inequality import Inequality
from .monotone import Monotone
from .ranges import Range
from .suggesting import suggest_constraints

CONSTRAINTS: dict[str, type[Constraint]] = {
    member.kind: member for member in (Inequality, FixedSum, Monotone, Fixed, Derived, Range)
}
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
