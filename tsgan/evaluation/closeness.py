"""One number for a search over models: how hard a synthetic table is to tell from a real one.

It is the strong judge's, without the rest of a report. `evaluate` sets each figure beside that of two parts of the real
table and so needs four of them; here two are enough, and a small fold of a cross-validation will do.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..errors import InputError
from .prepare import prepare
from .reading import Table
from .rocket import separation
from .splits import CannotMeasureError, parts

ENOUGH, REPEATS = 2000, 8


def closeness(
    real: Table,
    synthetic: Table,
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
        repeats = int(np.clip(ENOUGH // len(case.real), 1, REPEATS))
        areas = []
        try:
            for rng in (case.rng("closeness", repeat) for repeat in range(repeats)):
                split = *parts(case.real, 2, rng), *parts(case.synthetic, 2, rng)
                areas.append(separation(case.real, case.synthetic, split, rng))
        except CannotMeasureError as error:
            if case.window <= 2:
                raise InputError(f"the table is too short to be scored: {error}; pass more rows") from error
            window = max(2, case.window // 2)
        else:
            return min(1.0, 2.0 * (1.0 - float(np.mean(areas))))
