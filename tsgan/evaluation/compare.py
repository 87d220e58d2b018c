"""`compare`: several synthetic tables against one real table, in one call."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from .comparison import Comparison, check_tables, judge_each
from .judge import evaluate
from .reading import Table


def compare(real: Table, tables: Mapping[str, Table], holdout: Table | None = None, **arguments: Any) -> Comparison:
    """Judge several synthetic tables against one real table.

    Parameters
    ----------
    real : DataFrame, Series or array
    tables : mapping of str to DataFrame, Series or array
        The synthetic tables, by name.
    holdout : the same, optional
        Real data that the generators have not seen.
    **arguments
        The keyword arguments of `evaluate`: entity, time, static, target, sensitive, window, metrics, repeats,
        random_state. Where no window is given, the first table's is used for all.

    Returns
    -------
    Comparison
        Print it, or use `as_frame()`, `to_json()`, `to_html(path)`.

    Raises
    ------
    ParameterError
        If `tables` is no mapping, is empty or has a name that is not allowed, or an argument of `evaluate` is refused.
    SchemaError, InputError
        As `evaluate`; the text names the table.
    """
    check_tables(tables)
    first, *others = tables
    reports = judge_each({first: tables[first]}, partial(evaluate, real, holdout=holdout, **arguments))
    again = reports[first].again
    assert again is not None
    return Comparison(reports | judge_each({name: tables[name] for name in others}, again))
