"""`evaluate`, the judge's one call; `compare`, the same of several synthetic tables; `closeness`, one number.

`closeness` is the strong judge's, for a search over models: how hard a synthetic table is to tell from a real one,
without the rest of a report. `evaluate` sets each figure beside that of two parts of the real table and so needs four
of them; here two are enough, and a small fold of a cross-validation will do.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from ..constraints.base import Constraint
from ..errors import InputError, choose, number
from .case import prepare, silent
from .excerpts import ROWS, Judged, drawn
from .judges.rocket import separation
from .metrics import METRICS
from .metrics.base import SECTIONS
from .reading import TableLike
from .report.report import Comparison, Report, check_tables, judge_each
from .splits import CannotMeasureError, parts

LEAST_ROWS = 1000  # of a table that is drawn from: 50 blocks of 20 steps


def evaluate(
    real: Judged,
    synthetic: Judged,
    holdout: Judged | None = None,
    *,
    entity: str | None = None,
    time: str | None = None,
    static: Sequence[str] | None = None,
    target: str | None = None,
    sensitive: str | None = None,
    window: int | None = None,
    metrics: Sequence[str] | None = None,
    repeats: int = 5,
    rows: int = ROWS,
    random_state: int | None = 0,
    constraints: Sequence[Constraint] | None = None,
    verbose: bool | None = None,
) -> Report:
    """Judge how close a synthetic table is to a real one, to what it is faithful, and what it gives away.

    Parameters
    ----------
    real, synthetic : DataFrame (of pandas, polars, Arrow ...), Series or array
        Two tables with the same columns, from any generator. One long series, many sequences (told apart by `entity`,
        or by an outer index level named ``sequence``), or an array `(time, columns)` or `(sequences, time, columns)`.
        A table larger than memory is a folder of parquet files, a parquet file or a list of them: see `rows`.
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
        where none are named, or "quick": what takes seconds at any width, single columns, time, joint columns,
        coverage and disclosure, without the judges and models that are taught. The classic scores of the papers
        ("discriminative", "predictive") are taught within a budget, and by the published recipe in full where they
        are named.
    repeats : int
        How often each score is computed, each time with other judges, parts and draws.
    rows : int
        Rows that are drawn of each table in parquet files, as whole sequences or, of one long series, as blocks of
        time. The report says of how many; copies and all that is counted are then those among the rows drawn.
    random_state : int or None
        Seed; None draws a fresh one, which the report records. No global random state is read or changed.
    constraints : sequence of Constraint, optional
        What every row must hold; by default what `suggest_constraints` finds to hold exactly in the real table.
    verbose : bool, optional
        Whether a progress bar says what is being measured; by default where standard error is a terminal.

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
        If a metric is not known, or `window`, `repeats`, `rows` or `random_state` has a value that is not allowed.
    """
    named = [metrics] if isinstance(metrics, str) else ["default"] if metrics is None else list(metrics)
    names = _chosen(named, {"target": target, "sensitive": sensitive})
    seed = int(np.random.SeedSequence().generate_state(1)[0]) if random_state is None else random_state
    number("repeats", repeats, 1, whole=True)
    number("random_state", seed, whole=True)
    number("rows", rows, LEAST_ROWS, whole=True)
    given = {"real": real, "synthetic": synthetic, "holdout": holdout}
    read = {side: drawn(table, side, int(rows), entity, time, int(seed)) for side, table in given.items()}
    arguments: dict[str, Any] = {
        "entity": entity,
        "time": time,
        "static": static,
        "target": target,
        "sensitive": sensitive,
        "random_state": int(seed),
        "constraints": constraints,
    }
    with _Bar(names, verbose) as bar:
        case = replace(prepare(*read.values(), window=window, **arguments), progress=bar.within)
        results = []
        for name in names:
            bar.begin(name)
            metric = METRICS[name].in_full() if name in named else METRICS[name]
            results.append(metric.measure(case, int(repeats)))
    case = replace(case, progress=silent)
    again = partial(
        evaluate,
        read["real"],
        holdout=read["holdout"],
        window=case.window,
        metrics=named,
        repeats=repeats,
        rows=rows,
        verbose=verbose,
        **arguments,
    )
    return Report(tuple(results), case, int(repeats), again)


def _chosen(named: Sequence[str], given: dict[str, str | None]) -> list[str]:
    """Names of the metrics to measure, in the table's order."""
    for name in named:
        choose("metrics", name, {**METRICS, **dict.fromkeys(SECTIONS), "all": None, "default": None, "quick": None})
    asked = set(named)
    for name, metric in METRICS.items():
        possible = metric.default and all(given[need] is not None for need in metric.needs)
        if possible and ("default" in named or ("quick" in named and metric.quick)):
            asked.add(name)
    return [name for name, metric in METRICS.items() if {name, metric.section, "all"} & asked]


class _Bar:
    """A progress bar that says which metric is being measured; a metric moves it by its weight."""

    def __init__(self, names: Sequence[str], verbose: bool | None) -> None:
        if shown := sys.stderr.isatty() if verbose is None else verbose:
            from tqdm.auto import tqdm
        else:  # the one for notebooks warns where widgets are missing
            from tqdm import tqdm
        self._bar = tqdm(
            total=sum(METRICS[name].weight for name in names),
            disable=not shown,
            bar_format="measuring |{bar:24}| {percentage:3.0f} % [{elapsed}<{remaining}] {desc}",
        )
        self._done, self._weight = 0, 0

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *raised: object) -> None:
        if not any(raised):
            self.begin(None)
        self._bar.close()

    def begin(self, name: str | None) -> None:
        """Say what comes next, if anything; what came before is done."""
        self._done += self._weight
        self._weight = 0 if name is None else METRICS[name].weight
        self._bar.n = self._done
        self._bar.set_description_str("" if name is None else METRICS[name].title.lower())

    def within(self, share: float) -> None:
        """Move on within the present metric."""
        self._bar.update(self._done + share * self._weight - self._bar.n)


def compare(
    real: Judged,
    tables: Mapping[str, Judged],
    holdout: Judged | None = None,
    **arguments: Any,
) -> Comparison:
    """Judge several synthetic tables against one real table.

    Parameters
    ----------
    real : DataFrame, Series or array
    tables : mapping of str to DataFrame, Series or array
        The synthetic tables, by name.
    holdout : the same, optional
        Real data that the generators have not seen.
    **arguments
        The keyword arguments of `evaluate`: entity, time, static, target, sensitive, window, metrics, repeats, rows,
        random_state, constraints, verbose. Where no window is given, the first table's is used for all.

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


ENOUGH_WINDOWS = 2000  # of which one measurement is sure enough
MAX_REPEATS = 8  # of a measurement on few windows


def closeness(
    real: TableLike,
    synthetic: TableLike,
    *,
    entity: str | None = None,
    time: str | None = None,
    static: Sequence[str] | None = None,
    random_state: int = 0,
) -> float:
    """Return `2 (1 - AUC)` of the strong judge (see `rocket`), at most 1.

    1: it can only guess; 0: it always tells synthetic from real. The fewer the windows, the more often it is measured,
    each time with other parts; where the tables are too short to be cut in two, the window is halved.

    Parameters
    ----------
    real, synthetic, entity, time, static
        As for `evaluate`.
    random_state : int

    Raises
    ------
    InputError
        If the tables are too short to be cut in two at any window.
    """
    window = None
    while True:
        case = prepare(
            real, synthetic, entity=entity, time=time, static=static, window=window, random_state=random_state
        )
        areas = []
        try:
            for repeat in range(int(np.clip(ENOUGH_WINDOWS // len(case.real), 1, MAX_REPEATS))):
                rng = case.rng("closeness", repeat)
                split = *parts(case.real, 2, rng), *parts(case.synthetic, 2, rng)
                areas.append(separation(case.real, case.synthetic, split, rng))
            return min(1.0, 2.0 * (1.0 - float(np.mean(areas))))
        except CannotMeasureError as error:
            if case.window <= 2:
                raise InputError(f"the table is too short to be scored: {error}; pass more rows") from error
            window = max(2, case.window // 2)
