"""What the scores come to, for someone in a hurry: what is faithful, what is not, and what is given away."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from ..metrics import METRICS
from ..metrics.base import SECTIONS, TONES, Result, Section, Tone

MOST = 4
SUBJECTS: dict[Section, str] = {
    "apart": "windows as a whole",
    "columns": "single columns",
    "time": "the course of time",
    "joint": "ties between columns",
    "coverage": "variety",
    "use": "usefulness",
    "disclosure": "privacy",
}
UNKNOWN = (
    "Without real data that the generator has not seen (holdout) nobody can know whether it repeats the records it "
    "saw, or whether those can be recognised."
)
HOLDOUT = (
    "holdout data are needed: split the real table with train_holdout_split before fitting, fit on the first part and "
    "pass the second as holdout"
)
EVERY = "By every score here the synthetic table is as close to the real one as real data are to themselves"


@dataclass(frozen=True)
class Finding:
    """One of the three things to know.

    Attributes
    ----------
    about : {"faithful", "different", "disclosure"}
    title : str
    text : str
        One sentence, or a few short ones.
    tone : str
        One of "good", "fair", "unsure", "warn", "bad", "none".
    more : str
        What must be known beside it, or nothing.
    items : tuple of (str, str)
        The text as a list: what it is about, and which scores say so how plainly.
    """

    about: Literal["faithful", "different", "disclosure"]
    title: str
    text: str
    tone: Tone
    more: str = ""
    items: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return f"{self.title}: {self.text} {self.more}".strip()


def find(results: Sequence[Result], holdout: bool) -> tuple[Finding, Finding, Finding]:
    """Return what is faithful, what is not, and what is given away.

    Parameters
    ----------
    results : sequence of Result
    holdout : bool
        Whether real data that the generator has not seen were there.
    """
    fidelity = [r for r in results if section_of(r) != "disclosure" and r.value is not None]
    return _faithful(fidelity), _different(fidelity), _disclosed(results, holdout)


def summarise(found: Sequence[Finding]) -> str:
    """Say the three findings in a few sentences, a leak before all else."""
    faithful, different, disclosed = found
    if faithful.tone == "none" and disclosed.tone == "none":
        return f"Nothing could be measured; the table says why. {disclosed.text}"
    first = disclosed.tone in ("bad", "warn")
    parts = [disclosed, faithful, different] if first else [faithful, different, disclosed]
    return " ".join(
        part.text if part.text.startswith(EVERY) and not part.more else str(part)
        for part in parts
        if not (part is different and part.tone in ("good", "none") and not part.more)
    )


def by_section(results: Iterable[Result]) -> dict[Section, list[Result]]:
    """Sort results under the questions they answer, in the questions' order."""
    found: dict[Section, list[Result]] = {section: [] for section in SECTIONS}
    for result in results:
        found[section_of(result)].append(result)
    return {section: members for section, members in found.items() if members}


def unmeasured(results: Iterable[Result]) -> list[tuple[str, str]]:
    """Return what could not be measured with the reason: titles that share a reason are named together."""
    reasons: dict[str, list[str]] = {}
    for result in results:
        if result.value is None:
            reason = HOLDOUT if result.reason == "holdout" else result.verdict.removeprefix("not available: ")
            reasons.setdefault(reason, []).append(METRICS[result.name].title.lower())
    return [(listed(titles), reason) for reason, titles in reasons.items()]


def section_of(result: Result) -> Section:
    """The question that a result belongs to."""
    return METRICS[result.name].section


def listed(names: Sequence[str]) -> str:
    """Join names as in a sentence."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _faithful(results: list[Result]) -> Finding:
    """Name the questions all of whose scores are good, and those of which at least half are.

    What one judge tells apart is not faithful as a whole, whatever the other judges say.
    """
    if not results:
        return Finding("faithful", "Faithful", "nothing was measured.", "none")
    good = [r for r in results if TONES[r.grade] in ("good", "fair")]
    close = _titles(results, "close")
    nearly = f"Nearly so: {listed(close)}." if close else ""
    if len(good) == len(results):
        return Finding("faithful", "Faithful", f"{EVERY}.", "good", nearly)
    names = {r.name for r in good}
    counts = {section: [r.name in names for r in members] for section, members in by_section(results).items()}
    parts = [SUBJECTS[section] for section, here in counts.items() if all(here)]
    parts += [
        f"{SUBJECTS[section]} in part ({sum(here)} of {len(here)} scores)"
        for section, here in counts.items()
        if section != "apart" and len(here) / 2 <= sum(here) < len(here)
    ]
    few = f"{len(good)} of {len(results)} scores, but no question as a whole." if good else "none of what was measured."
    text = f"{listed(parts)}." if parts else few
    items = tuple((part, "") for part in parts)
    return Finding("faithful", "Faithful", text, "good" if parts else "none", nearly, items)


def _different(results: list[Result]) -> Finding:
    """Name the scores that are visibly or far worse than chance, by question, the worst first."""
    title = "Not faithful"
    unclear = _titles(results, "unclear")
    more = f"Too few data to say: {listed(unclear)}." if unclear else ""
    if not results:
        return Finding("different", title, "nothing was measured.", "none")
    bad = [r for r in results if r.grade in ("far", "visible")]
    if not bad:
        return Finding("different", title, "nothing that was measured differs visibly.", "good", more)
    far = {section_of(r) for r in bad if r.grade == "far"}
    grouped = sorted(by_section(bad).items(), key=lambda group: group[0] not in far)
    items = tuple((SUBJECTS[section], _named(members)) for section, members in grouped)
    text = "; ".join(f"{subject} ({names})" for subject, names in items)
    return Finding("different", title, f"{text}.", "bad" if far else "warn", more, items)


def _named(results: list[Result]) -> str:
    """Name the scores of one question by their grades, the worst first, and no more than can be read."""
    words = []
    for grade, word in (("far", "far"), ("visible", "visible")):
        names = _titles(results, grade)
        if names:
            more = len(names) - MOST
            words.append(f"{word}: {', '.join([*names[:MOST], f'{more} more'] if more > 1 else names)}")
    return "; ".join(words)


def _disclosed(results: Sequence[Result], holdout: bool) -> Finding:
    """Say what is given away, the worst first, and what cannot be known."""
    title = "Gives away"
    tests = [r for r in results if section_of(r) == "disclosure"]
    measured = [r for r in tests if r.value is not None]
    hidden = [
        METRICS[r.name].title.lower() for r in tests if r.value is None and r.reason not in ("holdout", "argument")
    ]
    unclear = _titles(measured, "unclear")
    notes = ["" if holdout else UNKNOWN, f"Not measured: {listed(hidden)}." if hidden else ""]
    notes.append(f"Too few records to say: {listed(unclear)}." if unclear else "")
    more = " ".join(filter(None, notes))
    leaks, doubts = _titles(measured, "leak"), _titles(measured, "suspicious")
    if leaks:
        first = next(r.verdict for r in measured if r.grade == "leak")
        return Finding("disclosure", title, f"real records leak. {first} Found by {listed(leaks)}.", "bad", more)
    if doubts:
        first = next(r.verdict for r in measured if r.grade == "suspicious")
        return Finding("disclosure", title, f"it looks suspicious. {first} Found by {listed(doubts)}.", "warn", more)
    clean = _titles(measured, "none found")
    if clean:
        return Finding(
            "disclosure", title, f"no leak was found by {listed(clean)}.", "unsure" if more else "good", more
        )
    if measured:
        return Finding("disclosure", title, "nothing can be said.", "unsure", more)
    text = "not measured; these scores say how close it is, and a copy of the real records would pass them."
    return Finding("disclosure", title, text, "none", more)


def _titles(results: Iterable[Result], grade: str) -> list[str]:
    return [METRICS[r.name].title.lower() for r in results if r.grade == grade]
