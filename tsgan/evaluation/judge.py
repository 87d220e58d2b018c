"""`evaluate`: the judge's one call."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..errors import ParameterError, choose
from .metrics import METRICS
from .prepare import Table, prepare
from .report import Report


def evaluate(
    real: Table,
    synthetic: Table,
    *,
    entity: str | None = None,
    time: str | None = None,
    static: Sequence[str] | None = None,
    window: int | None = None,
    metrics: Sequence[str] | None = None,
    repeats: int = 5,
    random_state: int | None = 0,
) -> Report:
    """Judge how close a synthetic table is to a real one.

    Parameters
    ----------
    real, synthetic : DataFrame, Series or array
        Two tables with the same columns, from any generator. One long series, many sequences (told apart by `entity`,
        or by an outer index level named ``sequence``), or an array `(time, columns)` or `(sequences, time, columns)`.
    entity, time : str, optional
        Columns that name the sequence and order its rows.
    static : sequence of str, optional
        Columns with one value per sequence.
    window : int, optional
        Steps that are looked at together. By default whole sequences where all have one length of at most 256,
        else 24, or less where the sequences are shorter.
    metrics : sequence of str, optional
        Names from `tsgan.evaluation.metrics.METRICS`; all of them by default.
    repeats : int
        How often each score is computed, each time with other judges, parts and draws.
    random_state : int or None
        Seed; None draws a fresh one, which the report records. No global random state is read or changed.

    Returns
    -------
    Report
        Print it, or use `as_frame()`, `to_json()`, `to_html(path)`.

    Raises
    ------
    SchemaError
        If the columns of the two tables differ, or a role names a column that is not there.
    InputError
        If a table is empty or too short for a window, or holds missing or infinite values.
    ParameterError
        If a metric is not known, or `window`, `repeats` or `random_state` has a value that is not allowed.
    """
    if isinstance(metrics, str):
        metrics = [metrics]
    names = list(METRICS) if metrics is None else [choose("metrics", name, METRICS) for name in metrics]
    seed = int(np.random.SeedSequence().generate_state(1)[0]) if random_state is None else random_state
    for name, value, least in (("repeats", repeats, 1), ("random_state", seed, 0)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
            raise ParameterError(f"{name}={value!r} is not allowed; it must be a whole number of at least {least}")
    case = prepare(real, synthetic, entity=entity, time=time, static=static, window=window, random_state=int(seed))
    results = tuple(METRICS[name].measure(case, int(repeats)) for name in names)
    return Report(results, case, int(repeats))
