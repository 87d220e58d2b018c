"""What the scores come to, for someone in a hurry: what is faithful, what is not, and what is given away."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from ..metrics import METRICS
from ..metrics.base import SECTIONS, TONES, Grade, Result, Section, Tone

MAX_SCORES_NAMED = 4  # of one grade in one question; more cannot be read
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
    """One of the three things to know."""

    about: Literal["faithful", "different", "disclosure"]
    title: str
    text: str  # one sentence, or a few short ones
    tone: Tone
    more: str = ""  # what must be known beside it
    items: tuple[tuple[str, str], ...] = ()  # the text as a list: what it is about, and which scores say so how plainly

    def __str__(self) -> str:
        return f"{self.title}: {self.text} {self.more}".strip()


def find(results: Sequence[Result], holdout: bool) -> tuple[Finding, Finding, Finding]:
    """Return what is faithful, what is not, and what is given away, with or without holdout data."""
    fidelity = [r for r in results if section_of(r) != "disclosure" and r.value is not None]
    return _faithful(fidelity), _different(fidelity), _disclosed(results, holdout)


def summarise(found: Sequence[Finding]) -> str:
    """Say the three findings in a few sentences, a leak before all else."""
    faithful, different, disclosed = found
    if faithful.tone == "none" and disclosed.tone == "none":
        return f"Nothing could be measured; the table says why. {disclosed.text}"
    whole = faithful.tone == "good" and not faithful.items  # every score is good: the text is a sentence of its own
    texts = [faithful.text if whole and not faithful.more else str(faithful)]
    if different.tone not in ("good", "none") or different.more:
        texts.append(str(different))
    return " ".join([str(disclosed), *texts] if disclosed.tone in ("bad", "warn") else [*texts, str(disclosed)])


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


def _titles(results: Iterable[Result], grade: str) -> list[str]:
    return [METRICS[r.name].title.lower() for r in results if r.grade == grade]


def _note(words: str, titles: Sequence[str]) -> str:
    return f"{words}: {listed(titles)}." if titles else ""


def _faithful(results: list[Result]) -> Finding:
    """Name the questions all of whose scores are good, and those of which at least half are.

    What one judge tells apart is not faithful as a whole, whatever the other judges say.
    """
    if not results:
        return Finding("faithful", "Faithful", "nothing was measured.", "none")
    good = [r for r in results if TONES[r.grade] in ("good", "fair")]
    nearly = _note("Nearly so", _titles(results, "close"))
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
    if not results:
        return Finding("different", title, "nothing was measured.", "none")
    more = _note("Too few data to say", _titles(results, "unclear"))
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
    for grade in ("far", "visible"):
        names = _titles(results, grade)
        if len(names) > MAX_SCORES_NAMED + 1:
            names[MAX_SCORES_NAMED:] = [f"{len(names) - MAX_SCORES_NAMED} more"]
        if names:
            words.append(f"{grade}: {', '.join(names)}")
    return "; ".join(words)


def _disclosed(results: Sequence[Result], holdout: bool) -> Finding:
    """Say what is given away, the worst first, and what cannot be known."""
    title = "Gives away"
    tests = [r for r in results if section_of(r) == "disclosure"]
    measured = [r for r in tests if r.value is not None]
    hidden = [
        METRICS[r.name].title.lower() for r in tests if r.value is None and r.reason not in ("holdout", "argument")
    ]
    notes = (
        "" if holdout else UNKNOWN,
        _note("Not measured", hidden),
        _note("Too few records to say", _titles(measured, "unclear")),
    )
    more = " ".join(filter(None, notes))
    accusations: tuple[tuple[Grade, str, Tone], ...] = (
        ("leak", "real records leak", "bad"),
        ("suspicious", "it looks suspicious", "warn"),
    )
    for grade, words, tone in accusations:
        if titles := _titles(measured, grade):
            first = next(r.verdict for r in measured if r.grade == grade)
            return Finding("disclosure", title, f"{words}. {first} Found by {listed(titles)}.", tone, more)
    clean = _titles(measured, "none found")
    if clean:
        return Finding(
            "disclosure", title, f"no leak was found by {listed(clean)}.", "unsure" if more else "good", more
        )
    if measured:
        return Finding("disclosure", title, "nothing can be said.", "unsure", more)
    text = "not measured; these scores say how close it is, and a copy of the real records would pass them."
    return Finding("disclosure", title, text, "none", more)
