"""What is told of single sequences: by hand, what must be seen, and what chance brings."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tsgan import evaluate
from tsgan.evaluation.case import prepare
from tsgan.evaluation.metrics import METRICS
from tsgan.evaluation.report.thresholds import Threshold

SINGLED = METRICS["singled_out"]
STEPS = 6
ROLES = {"entity": "who", "time": "when", "static": ["town", "age", "ill"]}


def people(seed: int, count: int) -> pd.DataFrame:
    """A town, an age and an illness each, and two numbers over a week that all have in common."""
    rng = np.random.default_rng(seed)
    path = rng.normal(size=(count, STEPS)).cumsum(1).ravel()
    each = {
        "town": rng.choice(list("ABCDE"), count),
        "age": rng.normal(50, 15, count).round(),
        "ill": rng.choice(["no", "mild", "bad"], count, p=[0.7, 0.25, 0.05]),
    }
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.tile(np.arange(STEPS), count), unit="D")
    return pd.DataFrame(
        {
            "who": np.repeat(np.arange(count), STEPS),
            "when": days,
            "path": path,
            "paid": np.exp(path / 2).round(2),
            **{name: np.repeat(values, STEPS) for name, values in each.items()},
        }
    )


def towns(seed: int, count: int) -> pd.DataFrame:
    """People of many towns, most of them small, of whom each comes on a day of its own."""
    rng = np.random.default_rng(seed)
    share = 1 / np.arange(1, 301) ** 1.2
    table = people(seed, count)
    table["town"] = np.repeat(rng.choice([f"t{i}" for i in range(300)], count, p=share / share.sum()), STEPS)
    table["when"] += np.repeat(pd.to_timedelta(rng.integers(200, size=count), unit="D"), STEPS)
    return table


def measure(real: pd.DataFrame, synthetic: pd.DataFrame, held: pd.DataFrame, **roles):
    return SINGLED.measure(prepare(real, synthetic, held, **{**ROLES, **roles}), 2)


def row(result, name: str) -> dict:
    return next(one for one in (*result.detail["columns"], *result.detail["parts"]) if name in one.values())


def give(table: pd.DataFrame, count: int, column: str, value: object) -> pd.DataFrame:
    """Let so many sequences hold a value on their first row, or on all if it is a static one."""
    where = table["who"].lt(count) & ((table["when"] == table["when"].min()) | (column in ROLES["static"]))
    return table.assign(**{column: table[column].mask(where, value)})


@pytest.fixture(scope="module")
def tables() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Training people, of whom one is alone in a town and another pays far more than all, fresh and holdout people."""
    real = people(0, 300)
    real.loc[real["who"] == 7, "town"] = "Lone"
    real.loc[real["who"] == 3, ["path", "paid"]] += [40.0, 5000.0]
    return real, people(1, 300), people(2, 130)


@pytest.mark.parametrize("draw", [people, towns])
@pytest.mark.parametrize("sizes", [(300, 300, 130), (200, 600, 60), (60, 60, 40)])
def test_a_fresh_draw_of_the_same_law_passes(draw, sizes) -> None:
    for seed in range(3):
        result = measure(*(draw(10 * seed + side, count) for side, count in enumerate(sizes)))
        assert result.grade == "none found"
        assert result.value <= 1.3 * result.real_against_real + 0.02


@pytest.mark.parametrize("column", ["path", "paid"])
def test_the_exact_maximum_of_one_person_is_seen(column: str, tables) -> None:
    real, fresh, held = tables
    result = measure(real, give(fresh, 21, column, real[column].max()), held)
    assert result.grade == "leak"
    assert f"Look at: {column}." in result.verdict
    assert row(result, "extremes")["grade"] == row(result, column)["grade"] == "leak"
    assert row(result, "levels")["grade"] == "none found"
    assert f"{real[column].max():.4g}"[:4] not in result.verdict
    near = give(fresh, 21, column, real[column].max() - 1)
    assert measure(real, near, held).grade == "none found"


def test_the_town_of_one_person_is_seen_told_often_and_counted_told_once(tables) -> None:
    real, fresh, held = tables
    often = measure(real, give(fresh, 24, "town", "Lone"), held)
    assert often.grade == "leak"
    assert "Look at: town." in often.verdict
    assert "Lone" not in str(often)
    once = measure(real, give(fresh, 1, "town", "Lone"), held)
    assert once.grade == "none found"
    assert row(once, "town")["singled_out"] == row(once, "town")["rare"] == 1
    assert row(once, "town")["value"] == pytest.approx(1 / 300)
    assert row(measure(real, fresh, held), "town")["value"] == 0


def test_dates_of_single_people_are_seen_and_a_calendar_of_all_is_not() -> None:
    rng = np.random.default_rng(0)
    real, fresh, held = (
        people(seed, count).assign(
            born=lambda one: one["who"].map(
                dict(enumerate(pd.Timestamp("1950-01-01") + pd.to_timedelta(rng.integers(10**9, size=400), unit="s")))
            )
        )
        for seed, count in enumerate((300, 300, 130))
    )
    assert measure(real, fresh, held).grade == "none found"
    told = fresh.assign(born=fresh["born"].mask(fresh["who"] < 30, real["born"]))
    result = measure(real, told, held)
    assert result.grade == "leak"
    assert row(result, "born")["singled_out"] == 30
    late = [one.assign(when=one["when"] + (one["born"] - pd.Timestamp("1950-01-01"))) for one in (real, told, held)]
    result = measure(*(one.drop(columns="born") for one in late))
    assert row(result, "dates")["grade"] == "leak"
    assert row(measure(*(one.drop(columns="born") for one in (real, told, held))), "dates")["rare"] == 0


def test_counts_by_hand(tables) -> None:
    real, fresh, held = [part.iloc[: 120 * STEPS] for part in (tables[0], tables[1])] + [tables[2]]
    result = measure(real, fresh, held)

    def alone(columns: list[str]) -> tuple[set, set, set]:
        each = [
            one.drop_duplicates("who").set_index("who")[columns].apply(tuple, axis=1) for one in (real, fresh, held)
        ]
        single = each[0][~each[0].duplicated(keep=False)]
        return set(single.index), *(set(single[single.isin(set(other))].index) for other in each[1:])

    pairs = [["town", "age"], ["town", "ill"], ["age", "ill"], ["town", "age", "ill"]]
    rare, told, met = (set().union(*sets) for sets in zip(*map(alone, pairs), strict=True))
    found = row(result, "combinations of statics")
    assert (found["rare"], found["singled_out"]) == (len(rare), len(told))
    assert found["value"] == pytest.approx(len(told) / 120)
    assert found["worst"] == pytest.approx(len(rare) / 120)
    odds = 120 / 130 * len(met) / (len(rare) - len(met))
    assert found["real_against_real"] == pytest.approx(len(rare) / 120 * odds / (1 + odds))
    top = real.groupby("who")["path"].max().nlargest(5).min()
    low = real.groupby("who")["path"].min().nsmallest(5).max()
    assert row(result, "path")["rare"] == real.loc[~real["path"].between(low, top), "who"].nunique()
    copied = measure(real, real, held)
    assert copied.value == copied.worst
    assert copied.interval[0] <= copied.value <= copied.interval[1]


def test_a_poor_generator_that_meets_the_ends_of_a_range_is_not_accused(tables) -> None:
    real, fresh, held = tables
    ages = np.random.default_rng(0).integers(real["age"].min(), real["age"].max() + 1, 300)
    assert measure(real, fresh.assign(age=np.repeat(ages, STEPS)), held).grade == "none found"


def test_short_sequences_missing_values_and_what_is_missing_throughout(tables) -> None:
    real, fresh, held = (
        one[(one["who"] % 3 > 0) | (one.groupby("who").cumcount() == 0)].assign(
            ill=one["ill"].mask(one["who"] % 2 > 0), gone=np.nan
        )
        for one in tables
    )
    result = measure(real, give(fresh, 24, "town", "Lone"), held, window=4)
    assert result.grade == "leak"
    assert "Of 300 real sequences " in result.verdict
    assert measure(real, fresh.assign(gone=1.0), held, window=4).grade == "none found"


def test_many_statics_are_combined_in_part_and_it_says_so(tables) -> None:
    rng = np.random.default_rng(0)
    names = [f"s{i}" for i in range(9)]
    more = [
        one.assign(**{name: np.repeat(rng.integers(4, size=one["who"].nunique()), STEPS) for name in names})
        for one in tables
    ]
    result = measure(*more, static=names)
    assert "Of 9 columns, 8 drawn at random were looked at." in result.verdict
    assert result.grade == "none found"


def test_the_report_and_a_threshold_hold_it(tables) -> None:
    real, fresh, held = tables
    told = give(fresh, 24, "town", "Lone")
    report = evaluate(real, told, held, **ROLES, metrics=["singled_out"], repeats=1, verbose=False)
    assert "leak" in Threshold.read("singled_out=none found").failure(report.results)
    assert Threshold.read("singled_out=0").failure(report.results).endswith("worse than 0 (lower is better)")
    assert Threshold.read("singled_out=1").failure(report.results) is None
    assert Threshold.read("singled_out:levels=0.001").failure(report.results).startswith("singled_out:levels is 0.0033")
    assert "real records leak" in report.summary
    page, text = report.to_html(), report.to_json()
    assert "Singled out" in page
    assert "combinations of statics" in page
    assert "Lone" not in text
