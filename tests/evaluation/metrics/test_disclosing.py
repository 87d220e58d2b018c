"""What the metrics of disclosure share, and what each of them must and must not accuse."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tsgan import train_holdout_split
from tsgan.evaluation.case import prepare
from tsgan.evaluation.metrics import METRICS
from tsgan.evaluation.metrics.disclosing import bootstrap, chance_of_excess

LEAKS = [name for name, metric in METRICS.items() if metric.section == "disclosure"]
BY_RECORD = [name for name in LEAKS if name != "singled_out"]  # what looks at whole records, by their distances
COMPARING = [name for name in BY_RECORD if name != "copies"]
EVERY = pytest.mark.parametrize("name", LEAKS)
STEPS = 24


def panel(seed: int, count: int) -> np.ndarray:
    """`(count, 24, 2)`: an AR(1) and a column that follows it."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, STEPS))
    for t in range(1, STEPS):
        x[:, t] = 0.9 * x[:, t - 1] + np.sqrt(1 - 0.81) * x[:, t]
    return np.stack([x, 0.9 * x + np.sqrt(1 - 0.81) * rng.normal(size=x.shape)], axis=2)


def grade(name: str, real, synthetic, holdout, **given) -> str:
    return METRICS[name].measure(prepare(real, synthetic, holdout, sensitive="x1", **given), 1).grade


@pytest.fixture(scope="module")
def tables() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Training, holdout and fresh records."""
    return panel(0, 420), panel(1, 180), panel(2, 600)


@EVERY
def test_fresh_records_give_nothing_away(name: str) -> None:
    for seed in range(4):
        real, fresh, held = (panel(10 * seed + i, count) for i, count in enumerate((300, 300, 150)))
        assert grade(name, real, fresh, held) == "none found"


@pytest.mark.parametrize("name", BY_RECORD)
def test_a_tenth_of_copies_and_nothing_but_copies_leak(name: str, tables) -> None:
    real, held, fresh = tables
    tenth = np.concatenate([real[:60], fresh[60:]])
    assert grade(name, real, tenth, held) == "leak"
    assert grade(name, real, real, held) == "leak"


@pytest.mark.parametrize("name", BY_RECORD)
@pytest.mark.parametrize("noise", [0.01, 0.05])
def test_noisy_copies_of_half_of_the_records_leak(name: str, noise: float, tables) -> None:
    real, held, _ = tables
    rng = np.random.default_rng(0)
    copies = real[rng.integers(210, size=500)]
    assert grade(name, real, copies + noise * rng.normal(size=copies.shape), held) == "leak"


@EVERY
def test_one_part_of_the_real_table_as_the_synthetic_one_is_not_accused(name: str, tables) -> None:
    real, held, _ = tables
    assert grade(name, real[::2], real[1::2], held) == "none found"


@EVERY
def test_a_poor_generator_is_not_accused(name: str, tables) -> None:
    real, held, fresh = tables
    rng = np.random.default_rng(0)
    smooth = 0.5 * fresh + 0.5 * fresh.mean(1, keepdims=True)
    noise = rng.uniform(real.min(), real.max(), size=fresh.shape)
    for poor in (smooth, noise, 0.3 * fresh, 3 * fresh):
        assert grade(name, real, poor, held) in ("none found", "unclear")


@EVERY
def test_windows_cut_from_half_of_the_people_leak(name: str) -> None:
    rng = np.random.default_rng(0)
    lengths = rng.integers(24, 40, 400)
    rows = np.concatenate([np.concatenate([panel(i, 1)[0], panel(i + 400, 1)[0]])[:n] for i, n in enumerate(lengths)])
    table = pd.DataFrame(rows, columns=["x0", "x1"]).assign(who=np.repeat(np.arange(400), lengths))
    train, held = train_holdout_split(table, entity="who")
    people = [part for _, part in train.groupby("who")][:140]
    pieces = []
    for number in range(300):
        person = people[rng.integers(140)]
        start = rng.integers(len(person) - 23)
        pieces.append(person.iloc[start : start + 24].assign(who=number))
    assert grade(name, train, pd.concat(pieces), held, entity="who", window=24) == "leak"


@EVERY
def test_a_long_series_is_judged_by_stretches_and_says_so(name: str) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 2100, 2))
    for t in range(1, 2100):
        x[:, t] = 0.9 * x[:, t - 1] + np.sqrt(1 - 0.81) * x[:, t]
    train, held = train_holdout_split(pd.DataFrame(x[0], columns=["x0", "x1"]))
    for synthetic, expected in ((x[1], {"none found", "unclear"}), (train, {"leak"})):
        synthetic = pd.DataFrame(synthetic, columns=["x0", "x1"])
        result = METRICS[name].measure(prepare(train, synthetic, held, window=24, sensitive="x1"), 1)
        assert result.grade in expected
        assert "Records are stretches of 24 steps" in result.verdict


@pytest.mark.parametrize(
    ("name", "unknown"),
    [
        ("closest_record", "whether synthetic records cling to those the generator saw"),
        ("nearest_ratio", "whether synthetic records point at those the generator saw"),
        ("membership", "whether an attacker can tell whose records the generator saw"),
        ("singled_out", "whether rare values come back by chance or because the generator saw them"),
        ("attribute_inference", "whether having been in the training table betrays the sensitive column"),
    ],
)
def test_without_a_holdout_it_says_what_cannot_be_known_and_how_to(name: str, unknown: str, tables) -> None:
    real, _, fresh = tables
    result = METRICS[name].measure(prepare(real, fresh, sensitive="x1"), 1)
    assert result.verdict == (
        f"not available: without real records that the generator has not seen, nobody can know {unknown}; split the "
        f"real table with train_holdout_split before fitting, fit on the first part and pass the second as holdout="
    )


@EVERY
def test_too_few_records_are_said(name: str) -> None:
    real, fresh, held = panel(0, 7), panel(1, 20), panel(2, 20)
    result = METRICS[name].measure(prepare(real, fresh, held, sensitive="x1"), 1)
    assert result.verdict == (
        "not available: the real table holds only 7 sequences; at least 8 are needed to speak of chance"
    )


@EVERY
def test_few_records_say_that_little_would_show(name: str) -> None:
    result = METRICS[name].measure(prepare(panel(0, 30), panel(1, 30), panel(2, 12), sensitive="x1"), 1)
    told = "With so few independent records only a coarse leak would show."
    assert (told in result.verdict) == (name != "copies")


@pytest.mark.parametrize("name", COMPARING)
def test_drawing_is_said(name: str, monkeypatch: pytest.MonkeyPatch, tables) -> None:
    real, held, fresh = tables
    monkeypatch.setattr("tsgan.evaluation.metrics.disclosing.MAX_QUERIES", 500)
    result = METRICS[name].measure(prepare(real, fresh, held, sensitive="x1"), 1)
    assert "At most 500 records, drawn at random, were compared with at most 20000." in result.verdict


@pytest.mark.parametrize("name", BY_RECORD)
def test_categories_alone_are_enough(name: str) -> None:
    def labels(seed: int, count: int) -> pd.DataFrame:
        x = panel(seed, count)
        names = np.array(["rest", "walk", "run"])
        table = pd.DataFrame(
            {"who": np.repeat(np.arange(count), STEPS), "x0": names[np.digitize(x[..., 0].ravel(), [0, 1])]}
        )
        return table.assign(x1=x[..., 1].ravel() > 0)

    real, fresh, held = labels(0, 300), labels(1, 300), labels(2, 150)
    assert grade(name, real, fresh, held, entity="who") == "none found"
    assert grade(name, real, real, held, entity="who") == "leak"


def test_the_chance_is_uniform_without_disclosure_and_knows_clusters() -> None:
    rng = np.random.default_rng(0)
    for count, size in ((200, 1), (15, 8)):
        chances = []
        for _ in range(400):
            x = np.repeat(rng.normal(size=(2, count)), size, axis=1) + 0.3 * rng.normal(size=(2, count * size))
            cluster = np.repeat(np.arange(count), size)
            chances.append(chance_of_excess(x[0], x[1], cluster, cluster))
        chances = np.array(chances)
        assert (chances < 0.05).mean() == pytest.approx(0.05, abs=0.03)
        assert (chances == 1).mean() == pytest.approx(0.5, abs=0.08)


def test_the_chance_is_that_of_a_relabelling() -> None:
    rng = np.random.default_rng(0)
    train, held = rng.exponential(size=80) + 0.3, rng.exponential(size=50)
    chance = chance_of_excess(train, held, np.arange(80), np.arange(50))
    both = np.concatenate([train, held])
    drawn = [(mixed := rng.permutation(both))[:80].mean() - mixed[80:].mean() for _ in range(20_000)]
    assert chance == pytest.approx(np.mean(np.array(drawn) >= train.mean() - held.mean()), abs=0.01)
    few = chance_of_excess(train[:9], held[:7], np.arange(9), np.arange(7))
    welch = stats.ttest_ind(train[:9], held[:7], equal_var=False, alternative="greater")
    assert few == pytest.approx(welch.pvalue)


def test_the_chance_of_figures_that_do_not_vary() -> None:
    one, four = np.arange(1), np.arange(4)
    assert chance_of_excess(np.ones(4), np.zeros(4), four, four) == 0
    assert chance_of_excess(np.zeros(4), np.zeros(4), four, four) == 1
    assert chance_of_excess(np.ones(1), np.zeros(4), one, four) == 1


def test_the_interval_widens_where_records_come_in_clusters() -> None:
    rng = np.random.default_rng(0)
    x = np.repeat(rng.normal(size=30), 10)
    widths = []
    for cluster in (np.arange(300), np.repeat(np.arange(30), 10)):
        low, high = bootstrap(lambda one, two: x[one].mean() - x[two].mean(), cluster, cluster, rng)
        widths.append(high - low)
    assert 2 < widths[1] / widths[0] < 5


def test_grades_follow_chance_and_size() -> None:
    metric = METRICS["membership"]
    assert metric.accuse(0.2, 1e-6) == "leak"
    assert metric.accuse(0.01, 1e-6) == "suspicious"
    assert metric.accuse(0.2, 1e-3) == "suspicious"
    assert metric.accuse(0.2, 1e-2) == "unclear"
    assert metric.accuse(0.1, 1e-2) == "none found"
    assert metric.accuse(0.2, 0.3) == "none found"
