"""Pictures of training: the history of one, and the trials of a search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...arrays import Doubles
from ...errors import InputError, ParameterError

Rows = Sequence[Mapping[str, Any]]
Curve = tuple[NDArray[Any], Doubles]  # at which steps, and what

ENDINGS = (".png", ".svg", ".pdf")
FIRST, SECOND = "likelihood", "adversarial"  # the stages of training
WORST = 4.0  # spreads below the best that are shown: one that diverged would flatten the rest
MEASURED: Any = {"marker": "o", "markersize": 3, "markerfacecolor": "white"}
BEST: Any = {"linestyle": "none", "marker": "o", "markersize": 4.5, "zorder": 3}
COLUMNS = 3  # of panels in a row
FOLLOWS = -0.2  # where dropout stands that follows the held-back rows
UNITS = "log-likelihood (nats a row)"


def target_of(name: str, path: str | PathLike[str] | None, endings: Sequence[str] = ENDINGS) -> Path | None:
    """Return where a picture is to be written, None for nowhere.

    Raises
    ------
    ParameterError
        If its name has another ending, or its folder does not exist.
    """
    target = None if path is None else Path(path)
    if target is not None and target.suffix.lower() not in endings:
        raise ParameterError(f"{name}={str(path)!r} must end in one of {', '.join(endings)}")
    if target is not None and not target.parent.is_dir():
        raise ParameterError(f"{name}={str(path)!r}: the folder {target.parent} does not exist; make it first")
    return target


def check_picture(name: str, path: str | PathLike[str] | None) -> Path | None:
    """Return where a picture is to be written, None for nowhere, if it can be drawn.

    Raises
    ------
    ParameterError
        If its name has another ending, or its folder does not exist.
    ImportError
        If matplotlib is not installed.
    """
    target = target_of(name, path)
    try:
        from . import pictures  # noqa: F401  # of what it imports, one may not be there
    except ImportError as error:
        raise ImportError(f"a plot needs {error.name}; install it with: pip install tsgan[report]") from error
    return target


def plot_history(rows: Rows, finished: bool, path: str | PathLike[str] | None = None) -> Any:
    """Draw what was measured over the steps of each stage, and mark what was kept.

    Parameters
    ----------
    rows : list of mapping
        `RecurrentGAN.history_`.
    finished : bool
        Whether the second stage was believed.
    path : str or path, optional
        Where to write it: a name that ends in .png, .svg or .pdf.

    Returns
    -------
    matplotlib.figure.Figure or None
        None where it was written to `path`.

    Raises
    ------
    InputError
        If there are no rows.
    ParameterError
        If `path` has another ending, or its folder does not exist.
    ImportError
        If matplotlib is not installed.
    """
    target = check_picture("path", path)
    if not rows:
        raise InputError(
            "history_ has no rows, so there is nothing to draw: nothing was trained (steps=0, or too few rows)"
        )
    from .pictures import REAL, SYNTHETIC, draw_on_white

    first, second = ([row for row in rows if row["stage"] == stage] for stage in (FIRST, SECOND))

    def plot(figure: Any) -> None:
        right = ["likelihood", "distance", "critic"]
        panels = figure.subplot_mosaic(
            [["first", name] for name in right] if second else [["first"]],
            **({"width_ratios": [3, 2], "height_ratios": [2, 2, 1.4]} if second else {}),
        )
        _likelihoods(panels["first"], first, (REAL, SYNTHETIC), marked=True)
        panels["first"].set(xlabel=f"step ({first[-1]['seconds']:.0f} s)", ylabel=UNITS)
        panels["first"].set_title("first stage: taught by likelihood", loc="left")
        panels["first"].legend(frameon=False, fontsize=7, loc="best")
        if not second:
            return
        _likelihoods(panels["likelihood"], second, (REAL, SYNTHETIC), marked=False)
        panels["likelihood"].set_ylabel("likelihood")
        believed = "kept" if finished else "not kept, the first stage's is"
        panels["likelihood"].set_title(f"second stage: against a critic, {believed}", loc="left")
        _distance(panels["distance"], second, SYNTHETIC)
        for name, colour in (("critic", REAL), ("penalty", "0.6")):
            panels["critic"].plot(*_curve(second, name), color=colour, label=name)
        panels["critic"].legend(frameon=False, fontsize=7, ncols=2)
        panels["critic"].set(ylabel="loss", xlabel=f"step ({second[-1]['seconds'] - first[-1]['seconds']:.0f} s)")
        for name in right[:-1]:
            panels[name].sharex(panels["critic"])
            panels[name].tick_params(labelbottom=False)

    return draw_on_white(plot, 7.6 if second else 5, 4.2 if second else 3.2, target)


def _curve(rows: Rows, name: str) -> Curve:
    """Return at which steps something was measured, and what."""
    some = [(row["step"], row[name]) for row in rows if row[name] is not None]
    return np.array([step for step, _ in some]), np.array([value for _, value in some], dtype=np.float64)


def _likelihoods(axis: Any, rows: Rows, colours: tuple[str, str], *, marked: bool) -> None:
    """Draw the likelihood of what is learned and of what is held back: where they part, it is learned by heart."""
    steps, held = _curve(rows, "held_back")
    at, loss = _curve(rows, "loss")
    axis.plot(at, -loss, color=colours[0], alpha=0.6, label="learned rows, with dropout")
    axis.plot(steps, held, color=colours[1], label="held-back rows", **MEASURED)
    both = np.concatenate([held, -loss])
    both, good = both[np.isfinite(both)], held[np.isfinite(held)]
    if len(good) > 1:
        best, usual = float(good.max()), float(np.sort(good)[len(good) // 2])
        spread = max(best - usual, float(both.max()) - best, 0.05 * abs(best), 1e-3)
        axis.set_ylim(max(float(both.min()), best - WORST * spread) - 0.1 * spread, float(both.max()) + 0.15 * spread)
    if not marked:
        return
    axis.axhline(held[0], color="0.6", linewidth=0.7, linestyle=(0, (4, 3)), zorder=0)
    place: Any = {"textcoords": "offset points", "fontsize": 7.5}
    where = (1, held[0])
    text = f"closed form {held[0]:.3f}"
    axis.annotate(text, where, (0, -3), ("axes fraction", "data"), ha="right", va="top", color="0.45", **place)
    kept = [row for row in rows if row["kept"]]
    axis.plot(*_curve(kept, "held_back"), color=colours[1], label="best yet", **BEST)
    where, text = (kept[-1]["step"], kept[-1]["held_back"]), f"kept: {kept[-1]['held_back']:.3f}"
    axis.annotate(text, where, (0, 6), ha="left", color=colours[1], **place)


def _distance(axis: Any, rows: Rows, colour: str) -> None:
    """Draw how far free runs are from held-back windows, the best yet filled."""
    axis.plot(*_curve(rows, "distance"), color=colour, **MEASURED)
    kept = [row for row in rows if row["kept"]]
    axis.plot(*_curve(kept, "distance"), color=colour, **BEST)
    if kept:
        where, text = (kept[-1]["step"], kept[-1]["distance"]), f"best: {kept[-1]['distance']:.3f}"
        axis.annotate(
            text, where, (0, -6), va="top", ha="center", color=colour, textcoords="offset points", fontsize=7.5
        )
    axis.set_ylabel("distance")
    axis.margins(y=0.35)


def plot_trials(trials: Any, path: str | PathLike[str] | None = None) -> Any:
    """Draw the held-back likelihood of trials against each argument that was tried.

    Parameters
    ----------
    trials : DataFrame
        `tuning.Tuned.trials`.
    path : str or path, optional
        Where to write it: a name that ends in .png, .svg or .pdf.

    Returns
    -------
    matplotlib.figure.Figure or None
        None where it was written to `path`.

    Raises
    ------
    ParameterError
        If `path` has another ending, or its folder does not exist.
    ImportError
        If matplotlib is not installed.
    """
    target = check_picture("path", path)
    from .pictures import REAL, SYNTHETIC, draw_on_white

    held = trials["held_back"].to_numpy(dtype=np.float64)
    pruned, first = (trials["state"] == "pruned").to_numpy(), (trials["trial"] == 0).to_numpy()
    best = np.arange(len(held)) == 0
    names = ["trial", *trials.columns[list(trials.columns).index("seconds") + 1 :]]
    rows = -(-len(names) // COLUMNS)

    def plot(figure: Any) -> None:
        axes = figure.subplots(rows, min(len(names), COLUMNS), sharey=True, squeeze=False)
        for axis in axes.flat[len(names) :]:
            axis.remove()
        for axis, name in zip(axes.flat, names, strict=False):
            values = trials[name].to_numpy(dtype=np.float64)
            place = np.where(np.isnan(values), FOLLOWS, values)
            for some, label, style in (
                (pruned, "pruned", {"marker": "x", "color": "0.6"}),
                (~pruned & ~first, "done", {"color": REAL}),
                (first, "the defaults", {"marker": "s", "color": "black"}),
                (best, "best", {"s": 70, "facecolors": "none", "color": SYNTHETIC}),
            ):
                axis.scatter(place[some], held[some], **{"s": 18, "label": label, **style})
            axis.axhline(held[first][0], color="0.6", linewidth=0.7, linestyle=(0, (4, 3)), zorder=0)
            _name_values(axis, name, place)
            axis.set_xlabel(name)
        for axis in axes[:, 0]:
            axis.set_ylabel("held-back likelihood")
        labels = axes[0, 0].get_legend_handles_labels()
        figure.legend(*labels, ncols=4, frameon=False, fontsize=7, loc="outside upper left")

    return draw_on_white(plot, 7.2, 0.5 + 2.1 * rows, target)


def _name_values(axis: Any, name: str, place: Doubles) -> None:
    """Put numbers that people would say below an axis of sizes or rates; dropout that follows stands apart."""
    if name in ("hidden", "units", "rate"):
        axis.set_xscale("log")
        round_ones = np.array([1e-3, 2e-3, 5e-3, 1e-2, 2e-2] if name == "rate" else [2.0**power for power in range(17)])
        ticks = round_ones[(round_ones > place.min() / 1.3) & (round_ones < place.max() * 1.3)]
        axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axis.set_xticks([], minor=True)
    elif name == "dropout":
        ticks = np.arange(0, max(place.max(), 0.0) + 0.01, 0.2)
        axis.set_xticks([FOLLOWS, *ticks], ["follows", *(f"{tick:.1f}" for tick in ticks)])
    else:
        axis.set_xticks(range(int(place.min()), int(place.max()) + 1, max(1, int(place.max()) // 5)))
