"""score_samples: how likely each row is after those before it, in the order in which the rows came."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tsgan import RecurrentGAN
from tsgan.errors import InputError, NotFittedError, SchemaError, TsganWarning

FAULTS = [40, 111, 205, 333, 471]


def planted(n: int = 600, seed: int = 0) -> pd.DataFrame:
    """A number that follows itself, another that follows it, and a state that goes with its sign."""
    rng = np.random.default_rng(seed)
    x = np.zeros(n)
    for at in range(1, n):
        x[at] = 0.9 * x[at - 1] + 0.4 * rng.normal()
    return pd.DataFrame(
        {"x": x, "y": 2 * x + 0.1 * rng.normal(size=n), "state": np.where(x > 0, "up", "down")},
        index=pd.date_range("2024-01-01", periods=n, freq="h"),
    )


@pytest.fixture(scope="module")
def model() -> RecurrentGAN:
    return RecurrentGAN(steps=0, random_state=0).fit(planted(2000))


@pytest.fixture(scope="module")
def panel() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    return pd.concat(
        [
            planted(int(n), seed).reset_index(drop=True).assign(who=seed)
            for seed, n in enumerate(rng.integers(5, 30, 60))
        ],
        ignore_index=True,
    ).assign(step=lambda table: table.groupby("who").cumcount())


@pytest.fixture(scope="module")
def people(panel) -> RecurrentGAN:
    return RecurrentGAN(entity="who", time="step", steps=0, random_state=0).fit(panel)


def test_one_number_for_each_row(model):
    scores = model.score_samples(planted(seed=1))
    assert scores.shape == (600,)
    assert scores.dtype == np.float64
    assert np.isfinite(scores).all()


def test_the_same_table_has_the_same_scores(model):
    assert np.array_equal(model.score_samples(planted(seed=1)), model.score_samples(planted(seed=1)))


def test_a_row_hangs_on_those_before_it_and_on_none_after(model):
    table = planted(seed=1)
    changed = table.copy()
    changed.iloc[300, 0] += 3
    one, two = model.score_samples(table), model.score_samples(changed)
    np.testing.assert_allclose(one[:300], two[:300])
    assert two[300] < one[300] - 10
    assert abs(one[301] - two[301]) > 0.1


@pytest.mark.parametrize("column", ["x", "y"])
def test_planted_faults_of_numbers_are_lowest(model, column):
    table = planted(seed=1)
    table.iloc[FAULTS, table.columns.get_loc(column)] += 4
    scores = model.score_samples(table)
    beside = sorted({*FAULTS, *(at + 1 for at in FAULTS)})  # the row after a fault is unusual, too
    assert set(np.argsort(scores)[: len(FAULTS)]) <= set(beside)
    assert max(scores[FAULTS]) < np.delete(scores, beside).min()


def test_planted_faults_of_states_are_lowest(model):
    table = planted(seed=1)
    far = table["x"].abs().nlargest(40).index[::8]
    table.loc[far, "state"] = table.loc[far, "state"].map({"up": "down", "down": "up"})
    scores = pd.Series(model.score_samples(table), index=table.index)
    assert scores[far].max() < scores.drop(far).quantile(0.1)


def test_what_was_drawn_is_as_likely_as_what_was_learned(model):
    real, made = planted(seed=1), model.sample(1, length=600, random_state=0)
    noise = made.assign(x=made["x"].sample(frac=1, random_state=0).to_numpy())
    likely = [model.score_samples(table).mean() for table in (real, made, noise)]
    assert abs(likely[0] - likely[1]) < 0.6
    assert likely[2] < likely[0] - 2


def test_rows_out_of_order_have_their_own_scores(people, panel):
    mixed = panel.sample(frac=1, random_state=0)
    with pytest.warns(TsganWarning, match="rows were sorted"):
        scores = pd.Series(people.score_samples(mixed), index=mixed.index)
    np.testing.assert_allclose(scores.sort_index(), people.score_samples(panel))


def test_entities_do_not_hang_on_one_another(people, panel):
    whole = pd.Series(people.score_samples(panel), index=panel.index)
    some = panel[panel["who"].isin([7, 31])]
    np.testing.assert_allclose(people.score_samples(some), whole[some.index], atol=1e-4)


def test_faults_in_a_panel(people, panel):
    table = panel.copy()
    rows = table.index[table["step"] == 3][:10]
    table.loc[rows, "y"] += 5
    scores = pd.Series(people.score_samples(table), index=table.index)
    assert scores[rows].max() < scores.drop(rows.union(rows + 1)).min()


def test_missing_values_are_allowed_and_cost_what_they_are_worth():
    table = planted(2000)
    rng = np.random.default_rng(0)
    holed = table.mask(rng.random(table.shape) < 0.05)
    model = RecurrentGAN(steps=0, random_state=0).fit(holed)
    scores = model.score_samples(holed)
    assert np.isfinite(scores).all()
    fault = holed.copy()
    fault.iloc[1000:1005] = np.nan
    assert np.isfinite(model.score_samples(fault)).all()


def test_an_array_of_sequences_gives_an_array():
    x = np.stack([planted(20, seed)[["x", "y"]].to_numpy() for seed in range(40)])
    model = RecurrentGAN(steps=0, random_state=0).fit(x)
    scores = model.score_samples(x)
    assert scores.shape == (40, 20)
    fault = x.copy()
    fault[11, 7, 1] += 5
    assert np.unravel_index(model.score_samples(fault).argmin(), scores.shape) == (11, 7)


def test_an_array_of_one_series():
    x = planted()[["x", "y"]].to_numpy()
    assert RecurrentGAN(steps=0, random_state=0).fit(x).score_samples(x[:50]).shape == (50,)


def test_a_saved_model_scores_the_same(people, panel, tmp_path):
    people.save(tmp_path)
    assert np.array_equal(RecurrentGAN.load(tmp_path).score_samples(panel), people.score_samples(panel))


def test_before_fit():
    with pytest.raises(NotFittedError, match=r"this RecurrentGAN is not fitted yet; call fit\(df\) first"):
        RecurrentGAN().score_samples(planted())


def test_a_level_that_was_never_seen_is_refused(model):
    with pytest.raises(InputError, match="'state' holds 'sideways', never seen when fitting"):
        model.score_samples(planted().replace({"state": {"up": "sideways"}}))


def test_other_columns_are_refused(model):
    with pytest.raises(SchemaError, match=r"missing \['y'\], not known \['z'\]"):
        model.score_samples(planted().rename(columns={"y": "z"}))
