"""Cutting the real data in parts that share no row, so that what is learned on one can be tested on another.

`train_holdout_split` keeps real data that the generator does not see, so that disclosure can be measured.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..arrays import Bools, Ints
from ..errors import InputError, ParameterError, SchemaError, number
from ..panel import Windows
from ..tables.formats.base import Format
from ..tables.frames import opened
from .reading import TableLike, clock_of, joined

MANY_SEQUENCES = 10  # for each part; with fewer, long ones are cut in time
SEQUENCE = "sequence"
BLOCK_WINDOWS = 10  # in a usual block of a long series
MIN_WINDOWS = 2  # in the smaller of two neighbouring blocks
MAX_PAIRS = 25  # of blocks; the gaps between more would cost too many rows

Reason = Literal["", "data", "holdout", "argument"]


class CannotMeasureError(Exception):
    """A score cannot be computed; the text says why, and the reason whether it is the data, or what was not given.

    It ends in the report, never at the user.
    """

    def __init__(self, text: str, reason: Reason = "data") -> None:
        super().__init__(text)
        self.reason: Reason = reason


def parts(windows: Windows, count: int, rng: np.random.Generator) -> list[Ints]:
    """Divide windows into parts that share no row.

    Many sequences (at least `10 * count`) or short ones (under four windows) are dealt out whole, at random. Few long
    ones are each cut into time blocks that are dealt out in turn, with a gap of one window between neighbours, so that
    a test window never touches a training one. Where one way leaves a part empty, the other is tried.

    Returns the numbers of each part's windows, increasing.

    Raises
    ------
    CannotMeasureError
        If there are too few sequences or steps for every part to hold at least two windows.
    """
    present, lengths = np.unique(windows.sequences), windows.panel.lengths
    label = np.full(len(lengths), -1)
    label[rng.permutation(present)] = np.arange(len(present)) % count
    dealt, cut = label[windows.sequences], _blocks(windows, count, rng)
    long = lengths.mean() >= 4 * windows.size and len(present) < MANY_SEQUENCES * count
    for mine in (cut, dealt) if long else (dealt, cut):
        found = [np.flatnonzero(mine == part) for part in range(count)]
        if min(map(len, found)) >= 2:
            return found
    raise CannotMeasureError(
        f"the {len(present)} sequences of at most {int(lengths.max())} steps are too few or short "
        f"to be cut into {count} parts of separate windows of {windows.size} steps"
    )


def _blocks(windows: Windows, count: int, rng: np.random.Generator) -> Ints:
    """Part of each window, -1 for those in a gap."""
    size, lengths = windows.size, windows.panel.lengths
    block = int(np.clip(lengths.sum() // 30 - size, 2 * size, 8 * size))
    period = block + size
    inside = windows.starts - windows.panel.offsets[:-1][windows.sequences]
    shifted = inside + rng.integers(period, size=len(lengths))[windows.sequences]
    number, place = np.divmod(shifted, period)
    number = number + (np.cumsum(lengths // period + 2) - (lengths // period + 2))[windows.sequences]
    used = place + size <= block
    # blocks that hold windows are numbered anew and dealt so that each round of `count` of them has every part once
    _, rank = np.unique(number[used], return_inverse=True)
    rounds = rng.permuted(np.tile(np.arange(count), (int(rank.max(initial=0)) // count + 1, 1)), axis=1).ravel()
    mine = np.full(len(windows), -1)
    mine[used] = rounds[rank]
    return mine


def train_holdout_split(
    data: TableLike,
    *,
    entity: str | None = None,
    time: str | None = None,
    holdout: float = 0.3,
    window: int = 24,
    random_state: int | None = 0,
) -> tuple[TableLike, TableLike]:
    """Split real data in a part to fit a generator on and a part to judge it with.

    Many sequences are dealt out whole: all rows of an entity are on one side, because they are one person. One long
    series is cut into blocks of time that go to the two sides in turn; between two blocks the rows of one window are
    dropped, so that no window of one side is about the same days as one of the other. Its blocks come back as sequences
    of their own, so that no window is made across what was cut out.

    Parameters
    ----------
    data : DataFrame, Series, array, list of arrays, or data of one of `tsgan.formats`
        Sequences are told apart by `entity`, by an outer index level named ``sequence``, by the first axis of an array
        `(sequences, time, columns)`, or as items of a list. Anything else is one long series, and so is an array of
        overlapping windows of one series.
    entity, time : str, optional
        Columns or index levels that name the sequence and order its rows. A long series is cut by its date index where
        `time` is not given, else by the order of its rows.
    holdout : float
        Share of the entities, or of the time, that the generator must not see.
    window : int
        Steps that are looked at together: the gap between blocks of a long series.
    random_state : int or None
        Chooses the entities, or the side of the first block. No global random state is read or changed.

    Returns
    -------
    train, holdout : like `data`
        Of many sequences their rows in the order, with the index and the dtypes they came with. Of a long table its
        blocks in time order, under an outer index level ``sequence`` by which `RecurrentGAN` and `evaluate` know them;
        of a long array `(time, columns)` a list of blocks.

    Raises
    ------
    ParameterError
        If `holdout` is not between 0 and 1, or `window` or `random_state` is not allowed.
    SchemaError
        If a role names no column, or an index of several levels does not say which one names the sequences.
    InputError
        If there are fewer than two sequences, or a series is too short.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from tsgan import train_holdout_split
    >>> visits = pd.DataFrame({"patient": np.repeat(list("abcdefghij"), 5), "pulse": np.arange(50.0)})
    >>> train, holdout = train_holdout_split(visits, entity="patient")
    >>> train["patient"].nunique(), holdout["patient"].nunique()
    (7, 3)

    A long series comes back in blocks:

    >>> days = pd.date_range("2021-01-01", periods=1000, name="day")
    >>> train, holdout = train_holdout_split(pd.DataFrame({"load": np.arange(1000.0)}, index=days))
    >>> list(train.index.names), len(train), len(holdout)
    (['sequence', 'day'], 616, 264)

    Then ``gan = RecurrentGAN().fit(train)`` and ``evaluate(train, gan.sample(100), holdout, window=24)``.
    """
    share = isinstance(holdout, float | int | np.floating) and not isinstance(holdout, bool)
    if not share or not 0 < holdout < 1:
        raise ParameterError(
            f"holdout={holdout!r} is not allowed; it is the share that the generator must not see, between 0 and 1, "
            f"such as 0.3"
        )
    number("window", window, 2, whole=True)
    if random_state is not None:
        number("random_state", random_state, whole=True)
    rng = np.random.default_rng(random_state)
    table, own = opened(data, (entity, time))
    if own is not None:
        return _split_long(table, own, {"holdout": holdout, "window": window, "random_state": random_state})
    if not isinstance(data, pd.DataFrame | pd.Series):
        return _split_arrays(data, {"entity": entity, "time": time}, holdout, int(window), rng)
    index = data.index
    levels = [None if name is None else str(name) for name in index.names]
    for role, name in (("entity", entity), ("time", time)):
        columns = list(data.columns) if isinstance(data, pd.DataFrame) else []
        if name is not None and name not in columns and name not in levels:
            raise SchemaError(f"{role}={name!r} is not a column; there are {columns} and the index levels {levels}")
    if entity is None and index.nlevels > 1 and levels[0] == SEQUENCE:
        entity = SEQUENCE
    if entity is not None:
        keys = _values(data, entity)
        if keys.isna().any():
            raise InputError(f"entity column {entity!r} has missing values; drop or name those rows")
        codes = pd.factorize(keys)[0]
        kept = _dealt(int(codes.max(initial=-1)) + 1, f"column {entity!r}", holdout, rng)[codes]
        return data[kept], data[~kept]
    if index.nlevels > 1:
        raise SchemaError(
            f"the index has {index.nlevels} levels {levels}; with entity= name the one that identifies the sequences"
        )
    order = np.arange(len(data))
    if time is not None or isinstance(index, pd.DatetimeIndex | pd.PeriodIndex):
        times = index.to_series() if time is None else _values(data, time)
        if times.isna().any():
            raise InputError(
                f"{'the index' if time is None else f'time column {time!r}'} has missing values; drop them"
            )
        order = np.argsort(clock_of(times), kind="stable")
    one, two = (_stacked(data, order, blocks) for blocks in _held_blocks(len(data), holdout, int(window), rng))
    return one, two


def _split_long(table: pd.DataFrame, own: Format, options: dict[str, Any]) -> tuple[Any, Any]:
    """Split the long table of a format, a single series of one without keys by time; return both in the format."""
    alone = own.numbered and own.entity in table and table[own.entity].nunique() == 1
    data = table.drop(columns=own.entity) if alone else table
    roles: dict[str, Any] = {"entity": None if alone else own.entity, "time": own.time}
    found: Any = train_holdout_split(data, **roles, **options)
    if alone:
        found = [one.reset_index(SEQUENCE).rename(columns={SEQUENCE: own.entity}) for one in found]
    return own.write(found[0]), own.write(found[1])


def _values(data: pd.DataFrame | pd.Series, name: str) -> pd.Series:
    """A column, or a level of the index as one."""
    if isinstance(data, pd.DataFrame) and name in data.columns:
        return data[name]
    return data.index.get_level_values(name).to_series()


def _dealt(count: int, what: str, holdout: float, rng: np.random.Generator) -> Bools:
    """Which of `count` sequences are for training."""
    if count < 2:
        raise InputError(
            f"{what} holds {count} sequence; at least 2 are needed to split by sequence. To split one long series by "
            f"time, pass it without entity="
        )
    held = min(max(round(holdout * count), 1), count - 1)
    kept = np.ones(count, dtype=bool)
    kept[rng.permutation(count)[:held]] = False
    return kept


def _held_blocks(rows: int, holdout: float, window: int, rng: np.random.Generator) -> tuple[list[Ints], list[Ints]]:
    """Row numbers of each block of both sides, in turn, with a gap of one window between neighbours."""
    small = min(holdout, 1 - holdout)
    least = window + int(np.ceil(MIN_WINDOWS * window / small))
    if rows < least:
        raise InputError(
            f"the series is too short: it has {rows} rows, and with window={window} and holdout={holdout:g} at least "
            f"{least} are needed; pass more rows or a smaller window"
        )
    content = max(BLOCK_WINDOWS * window, int(np.ceil(MIN_WINDOWS * window / small)))
    pairs = min(max((rows + window) // (content + 2 * window), 1), MAX_PAIRS)
    used = rows - (2 * pairs - 1) * window
    first = int(rng.integers(2))
    totals = [used - round(holdout * used), round(holdout * used)]
    found: tuple[list[Ints], list[Ints]] = ([], [])
    at = 0
    for block in range(2 * pairs):
        side = (block + first) % 2
        place = len(found[side])
        length = totals[side] * (place + 1) // pairs - totals[side] * place // pairs
        found[side].append(np.arange(at, at + length))
        at += length + window
    return found


def _stacked(data: pd.DataFrame | pd.Series, order: Ints, blocks: list[Ints]) -> pd.DataFrame | pd.Series:
    """Blocks one after the other, under an outer index level that numbers them."""
    part = data.iloc[order[np.concatenate(blocks)]]
    number = np.repeat(np.arange(len(blocks)), [len(block) for block in blocks])
    part.index = pd.MultiIndex.from_arrays([number, part.index], names=[SEQUENCE, data.index.name])
    return part


def _split_arrays(
    data: object, roles: dict[str, str | None], holdout: float, window: int, rng: np.random.Generator
) -> tuple[TableLike, TableLike]:
    """Split arrays: by sequence where there are many, else by time."""
    for role, name in roles.items():
        if name is not None:
            raise SchemaError(f"{role}={name!r} needs a DataFrame, whose columns have names; got {type(data).__name__}")
    sequences: list[NDArray[np.generic]] | None
    if isinstance(data, list) and data and all(np.ndim(item) == 2 for item in data):
        sequences = data
    else:
        values = np.asarray(data)
        if values.ndim not in (1, 2, 3):
            raise InputError(
                f"the data must be a DataFrame, a list of arrays (time, columns), or an array (time, columns) or "
                f"(sequences, time, columns); got an array of shape {values.shape}"
            )
        values = values[:, None] if values.ndim == 1 else values
        sequences = [values] if values.ndim == 2 else joined(values)
        if sequences is None:
            kept = _dealt(len(values), "the array", holdout, rng)
            return values[kept], values[~kept]
        if len(sequences) == 1:
            series = sequences[0]
            train, held = _held_blocks(len(series), holdout, window, rng)
            return [series[block] for block in train], [series[block] for block in held]
    kept = _dealt(len(sequences), "the list", holdout, rng)
    one, two = ([item for item, mine in zip(sequences, side, strict=True) if mine] for side in (kept, ~kept))
    return one, two
