"""`evaluate`: the judge's one call."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from ..constraints.base import Constraint
from ..errors import ParameterError, choose
from .metrics import METRICS
from .metrics.base import SECTIONS
from .prepare import prepare
from .reading import Table
from .report import Report


def evaluate(
    real: Table,
    synthetic: Table,
    holdout: Table | None = None,
    *,
    entity: str | None = None,
    time: str | None = None,
    static: Sequence[str] | None = None,
    target: str | None = None,
    sensitive: str | None = None,
    window: int | None = None,
    metrics: Sequence[str] | None = None,
    repeats: int = 5,
    random_state: int | None = 0,
    constraints: Sequence[Constraint] | None = None,
) -> Report:
    """Judge how close a synthetic table is to a real one, to what it is faithful, and what it gives away.

    Parameters
    ----------
    real, synthetic : DataFrame, Series or array
        Two tables with the same columns, from any generator. One long series, many sequences (told apart by `entity`,
        or by an outer index level named ``sequence``), or an array `(time, columns)` or `(sequences, time, columns)`.
    holdout : the same, optional
        Real data that the generator has not seen. Only with them can most of what is given away be known; see
        `train_holdout_split`.
    entity, time : str, optional
        Columns that name the sequence and order its rows.
    static : sequence of str, optional
        Columns with one value per sequence.
    target : str, optional
        Column to foretell by a model taught on the synthetic table and tested on the real one (usefulness).
    sensitive : str, optional
        Column that an attacker who knows a person's other columns would like to infer (disclosure).
    window : int, optional
        Steps that are looked at together. By default whole sequences where all have one length of at most 256,
        else 24, or less where the sequences are shorter.
    metrics : sequence of str, optional
        Names from `tsgan.evaluation.metrics.METRICS`, or of whole sections ("apart", "columns", "time", "joint",
        "coverage", "use", "disclosure"), or "all", or "default": all but the slow ones, which is what is measured
        where none are named.
    repeats : int
        How often each score is computed, each time with other judges, parts and draws.
    random_state : int or None
        Seed; None draws a fresh one, which the report records. No global random state is read or changed.
    constraints : sequence of Constraint, optional
        What every row must hold; by default what `suggest_constraints` finds to hold exactly in the real table.

    Returns
    -------
    Report
        Print it, or use `as_frame()`, `to_json()`, `to_html(path)`.

    Raises
    ------
    SchemaError
        If the columns of the tables differ, or a role names a column that is not there.
    InputError
        If a table is empty or too short for a window, or holds infinite values.
    ConstraintError
        If a constraint names an unknown column or one of a wrong dtype.
    ParameterError
        If a metric is not known, or `window`, `repeats` or `random_state` has a value that is not allowed.
    """
    names = _chosen(metrics, {"target": target, "sensitive": sensitive})
    seed = int(np.random.SeedSequence().generate_state(1)[0]) if random_state is None else random_state
    for name, value, least in (("repeats", repeats, 1), ("random_state", seed, 0)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
            raise ParameterError(f"{name}={value!r} is not allowed; it must be a whole number of at least {least}")
    case = prepare(
        real,
        synthetic,
        holdout,
        entity=entity,
        time=time,
        static=static,
        target=target,
        sensitive=sensitive,
        window=window,
        random_state=int(seed),
        constraints=constraints,
    )
    results = tuple(METRICS[name].measure(case, int(repeats)) for name in names)
    again = partial(
        evaluate,
        real,
        holdout=holdout,
        entity=entity,
        time=time,
        static=static,
        target=target,
        sensitive=sensitive,
        window=case.window,
        metrics=names,
        repeats=repeats,
        random_state=int(seed),
        constraints=constraints,
    )
    return Report(results, case, int(repeats), again)


def _chosen(metrics: Sequence[str] | None, given: dict[str, str | None]) -> list[str]:
    """Names of the metrics to measure, in the table's order."""
    named = [metrics] if isinstance(metrics, str) else ["default"] if metrics is None else list(metrics)
    for name in named:
        choose("metrics", name, {**METRICS, **dict.fromkeys(SECTIONS), "all": None, "default": None})
    asked = set(named)
    usual = {
        name
        for name, metric in METRICS.items()
        if "default" in asked and metric.default and all(given[need] is not None for need in metric.needs)
    }
    return [name for name, metric in METRICS.items() if name in usual or {name, metric.section, "all"} & asked]
