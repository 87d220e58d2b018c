"""The column kinds by name. `base.infer_kind` tells which one a column is."""

from __future__ import annotations

from .base import Column
from .category import BooleanColumn, CategoryColumn
from .constant import ConstantColumn
from .moment import DatetimeColumn, PeriodColumn, TimedeltaColumn
from .numeric import FloatColumn, IntegerColumn

COLUMNS: dict[str, type[Column]] = {
    "float": FloatColumn,
    "integer": IntegerColumn,
    "boolean": BooleanColumn,
    "category": CategoryColumn,
    "datetime": DatetimeColumn,
    "timedelta": TimedeltaColumn,
    "period": PeriodColumn,
    "constant": ConstantColumn,
}
