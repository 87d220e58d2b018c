"""A model's card: the `README.md` of its folder, for who finds it on a disk or on the Hugging Face Hub.

The head is the Hub's (https://huggingface.co/docs/hub/model-cards). Nothing is told but what the model holds (names of
columns, counts, arguments), and scores. What stands below the mark is the user's own, and is kept.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sklearn.base import BaseEstimator

from .. import unfinished
from ..errors import InputError, ModelFileError
from ..version import __version__

NAME = "README.md"
MARK = "<!-- tsgan: what stands below this line is yours, and is kept when the card is written anew -->"
REPORT = 2  # the format of a report's JSON that can be read
UNTOLD = ("verbose", "callbacks", "checkpoint", "checkpoint_every", "device")  # say nothing of the model


def write_card(home: Path, text: str) -> bool:
    """Write a `card` into a model's folder; return False where a file of that name is none of tsgan's, and stays.

    Raises
    ------
    ModelFileError
        If the folder cannot be written to.
    """
    place = home / NAME
    if place.exists():
        try:
            old = place.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):  # a folder, or of another editor
            return False
        if MARK not in old:
            return False
        text += old.partition(MARK)[2].lstrip("\n")
    try:
        unfinished.write_text(place, text)
    except OSError as error:
        raise ModelFileError(f"the card could not be written to {place}: {error.strerror or error}") from error
    return True


def card(gan: BaseEstimator, home: Path, report: Mapping[str, Any] | None = None) -> str:
    """Return the card of an estimator, Markdown with a head of YAML, that ends with the mark.

    Parameters
    ----------
    gan : BaseEstimator
        One of tsgan's, fitted.
    home : Path
        Its folder, by whose name it is called.
    report : mapping, optional
        What `Report.to_dict` returns, of a table that it drew.

    Raises
    ------
    InputError
        If the report is none, or judges columns that the model does not draw.
    """
    name = home.absolute().name
    scores = [] if report is None else _scores(report, [line.name for line in gan.schema_])
    kind, tags = type(gan).__name__, ["time-series", "tabular", "synthetic-data", "gan"]
    head = ["---", "library_name: tsgan", "tags:", *(f"- {tag}" for tag in tags)]
    if scores:
        head += ["model-index:", f"- name: {json.dumps(name)}", "  results:"]
        head += ["  - task: {type: tabular-generation, name: Synthetic time series}"]
        head += ["    dataset: {type: private, name: The table that it was fitted on}", "    metrics:"]
        head += [f"    - {{type: {score['name']}, value: {score['value']:.6g}}}" for score in scores]
    rows, sequences = gan.fitted_["rows"], gan.fitted_["sequences"]
    columns = [[str(c.name or "(index)"), c.role, c.kind, c.dtype] for c in gan.schema_]
    draw = "sample(1, length=100)" if sequences == 1 else "sample(100)"
    parts = [
        "\n".join([*head, "---"]),
        f"# {name}",
        f"A `{kind}` of [tsgan](https://pypi.org/project/tsgan) {__version__}: it draws synthetic time series like "
        "the table that it was fitted on. The folder holds JSON and safetensors, nothing that runs.",
        "```python\n"
        f"from tsgan import {kind}\n\ntable = {kind}.load({json.dumps(name)}).{draw}\n```\n\n"
        f"or `tsgan sample {name} -n 1 -o table.csv`.",
        "## What it was fitted on",
        f"{rows:,} rows of {sequences:,} {'sequence' if sequences == 1 else 'sequences'}.",
        _table(["column", "role", "kind", "dtype"], columns),
        "## How",
        "\n".join(f"- {line}" for line in (*training_told(gan), _arguments(gan))),
        "## How good it is",
        *(_judged(report, scores) if report is not None else [_UNJUDGED.format(name=name)]),
        "## What it must not be used for",
        "\n".join(f"- {line}" for line in _limits(gan)),
        MARK,
    ]
    return "\n\n".join(parts) + "\n"


_UNJUDGED = (
    "Not judged yet: `tsgan evaluate REAL SYNTHETIC --json scores.json`, then `tsgan card {name} --report scores.json`."
)


def training_told(gan: BaseEstimator) -> list[str]:
    """Return in sentences how a fitted estimator was trained."""
    history = gan.history_
    if not history:
        return ["closed form: no network was trained"]
    kept = "the trained network is kept" if gan.trained_ else "the untrained start is kept"
    kept += ", finished against a critic" * gan.finished_ + "; it was interrupted" * gan.interrupted_
    steps = sum({row["stage"]: row["step"] for row in history}.values())  # the last of each stage
    told = [f"trained for {steps} steps, {history[-1]['seconds']:.0f} s; {kept}"]
    held = [row["held_back"] for row in history if row["stage"] == "likelihood" and row["held_back"] is not None]
    if held:
        told.append(
            f"log-likelihood of held-back rows, in training: {held[0]:.3f} at the start, {max(held):.3f} at best"
        )
    return told


def changed(gan: BaseEstimator) -> dict[str, Any]:
    """Return the arguments that differ from the defaults."""
    usual = inspect.signature(type(gan)).parameters
    return {name: value for name, value in gan.get_params(deep=False).items() if value != usual[name].default}


def _arguments(gan: BaseEstimator) -> str:
    told = ", ".join(f"`{name}={value!r}`" for name, value in changed(gan).items() if name not in UNTOLD)
    return f"arguments that differ from the defaults: {told or 'none'}"


def _scores(report: Mapping[str, Any], columns: Sequence[Any]) -> list[dict[str, Any]]:
    """Return the scores of a report that have a value.

    Raises
    ------
    InputError
        See `card`.
    """
    if isinstance(report.get("tables"), dict):
        names = ", ".join(map(str, report["tables"]))
        raise InputError(f"the report compares several tables ({names}); judge the one that this model drew by itself")
    if not _whole(report):
        raise InputError(
            f"this is no report of format {REPORT}; write one with evaluate(...).to_json(path) or "
            "tsgan evaluate REAL SYNTHETIC --json FILE"
        )
    drawn = {json.dumps(name, default=str) for name in columns}  # a tuple is a list there
    judged = [column["name"] for column in report["data"]["columns"]]
    if strange := [name for name in judged if json.dumps(name, default=str) not in drawn]:
        raise InputError(
            f"the report judges the column {strange[0]!r}, which this model does not draw (it draws "
            f"{', '.join(map(str, columns))}); pass the report on a table of this model"
        )
    return [score for score in report["scores"] if score["value"] is not None]


def _whole(report: Mapping[str, Any]) -> bool:
    """Return whether a report has all that the card tells of it."""
    texts, numbers = ("name", "better", "verdict"), ("value", "spread", "real_against_real")
    try:
        return (
            report["format"] == REPORT
            and isinstance(report["summary"], str)
            and all("name" in column for column in report["data"]["columns"])
            and all(isinstance(score[key], str) for score in report["scores"] for key in texts)
            and all(isinstance(score[key], float | int | None) for score in report["scores"] for key in numbers)
        )
    except (KeyError, TypeError):
        return False


def _judged(report: Mapping[str, Any], scores: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what a report says: its summary, and its scores beside what real data get."""
    rows = []
    for score in scores:
        real, spread = score["real_against_real"], score["spread"]
        value = f"{score['value']:.3g}" + (f" ± {spread:.2g}" if spread else "")
        rows.append([score["name"], value, "" if real is None else f"{real:.3g}", score["better"], score["verdict"]])
    table = _table(["score", "value", "real against real", "better", "verdict"], rows)
    return [str(report["summary"]), table, f"Judged by tsgan {report.get('tsgan')}; the card shows what it was told."]


def _limits(gan: BaseEstimator) -> list[str]:
    """Return what the model is not for."""
    protect = gan.get_params(deep=False).get("protect", 0)
    privacy = (
        f"what fewer than {protect} entities share was held back (`protect={protect}`), which is no proof: there is no "
        "differential privacy, and membership may be guessed"
        if protect
        else "nothing was held back (`protect=0`): share it as you would share the table itself"
    )
    return [
        "decisions about a person: no row is one",
        f"as proof of anonymity: {privacy}",
        "findings that stand by synthetic data alone: check them on real rows, above all rare cases and tails",
        "times, groups or values that the table did not hold",
        *(["anything but a trial: training was interrupted"] if gan.interrupted_ else []),
    ]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in map(_line, row))} |" for row in lines)


def _line(text: str) -> str:
    return " ".join(text.split())
