"""Rules that read the clock: it is a column like others to them, which nothing changes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tsgan import Derived, RecurrentGAN, evaluate
from tsgan.constraints import Fixed, Monotone, Range, violations
from tsgan.constraints.text import read_rule
from tsgan.errors import ConstraintError

QUICK = {"steps": 0, "verbose": False, "random_state": 0}


def late(f: pd.DataFrame) -> pd.Series:
    return f["x"] * (pd.to_datetime(f["ts"]).dt.tz_localize(None) >= "2021-06-01")


def table(many: bool = False) -> pd.DataFrame:
    """Days, of one series or of eight that start on days of their own."""
    rng = np.random.default_rng(0)
    starts = rng.integers(0, 200, 8) if many else [0]
    t = np.concatenate([pd.date_range("2021-01-01", periods=300 // len(starts)) + pd.Timedelta(s, "D") for s in starts])
    frame = pd.DataFrame({"id": np.repeat(np.arange(len(starts)), 300 // len(starts)), "ts": t})
    frame["x"] = rng.normal(size=len(t)).round(2)
    frame["y"] = late(frame)
    return frame if many else frame.drop(columns="id")


FORMS = {
    "column": (table, {"time": "ts"}),
    "index": (lambda: table().set_index("ts"), {}),
    "panel": (lambda: table(True), {"entity": "id", "time": "ts"}),
    "level": (lambda: table(True).set_index(["id", "ts"]), {"entity": "id"}),
    "zone": (lambda: table().assign(ts=lambda f: f["ts"].dt.tz_localize("Europe/Berlin")), {"time": "ts"}),
    "text": (lambda: table().assign(ts=lambda f: f["ts"].dt.strftime("%Y-%m-%d")), {"time": "ts"}),
    "gaps": (lambda: table().drop(index=range(3, 280, 7)), {"time": "ts"}),
}


@pytest.mark.parametrize("form", FORMS)
def test_function_of_the_clock_holds_in_every_way_to_draw(form):
    made, roles = FORMS[form]
    real, rule = made(), Derived("y", late)
    gan = RecurrentGAN(**QUICK, **roles, constraints=[rule]).fit(real)

    def holds(drawn: pd.DataFrame) -> bool:
        flat = drawn if "ts" in drawn else drawn.reset_index()
        return bool(np.allclose(late(flat), flat["y"])) and len(flat) > 0

    assert holds(gan.sample(3))
    assert all(holds(part) for part in gan.sample_iter(4, chunk=2))
    assert holds(gan.continue_from(real, steps=12, n=2))
    holes = real.copy()
    holes.iloc[::5, holes.columns.get_loc("y")] = np.nan
    holes.iloc[::10, holes.columns.get_loc("x")] = np.nan
    assert holds(gan.fill(holes).fillna({"x": 0}))


def test_formula_reads_the_clock_is_saved_and_judged(tmp_path):
    real = table().assign(late=lambda f: (f["ts"] >= "2021-06-01").astype(int))
    rules = [read_rule("late := where(ts >= '2021-06-01', 1, 0)"), Range("ts", "2020-01-01")]
    RecurrentGAN(**QUICK, time="ts", constraints=rules).fit(real).save(tmp_path / "m")
    made = RecurrentGAN.load(tmp_path / "m").sample(1, length=300)
    assert ((made["ts"] >= "2021-06-01") == made["late"]).all()
    assert set(violations(rules, made, time="ts").values()) == {0}
    assert set(violations(rules, made.set_index("ts")).values()) == {0}
    wrong = made.assign(late=1 - made["late"])
    for time, tables in (("ts", (real, wrong)), (None, (real.set_index("ts"), wrong.set_index("ts")))):
        result = evaluate(*tables, time=time, constraints=rules, metrics=["violations"], repeats=1)
        assert result["violations"].value == 1


def test_column_that_a_function_lacks_is_named_beside_those_that_there_are():
    for ask in (lambda f: f["when"].dt.year, lambda f: f.when):
        with pytest.raises(ConstraintError, match=r"when.*columns \['x', 'ts'\].*rename_axis"):
            RecurrentGAN(**QUICK, time="ts", constraints=[Derived("y", ask)]).fit(table())


@pytest.mark.parametrize("rule", [Monotone("ts"), Fixed("ts", "y"), Derived("ts", "x")])
def test_rule_that_would_change_the_clock_is_refused(rule):
    with pytest.raises(ConstraintError, match=r"'ts', which is the clock.*only read"):
        RecurrentGAN(**QUICK, time="ts", constraints=[rule]).fit(table())
