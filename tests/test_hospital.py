"""A hospital's event log, end to end: what follows what, who does it, when, and for whom."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tsgan import RecurrentGAN

LOG = Path(__file__).parents[2] / "shared" / "data" / "hospital_log.csv.gz"
CASES, ENTITY = 1200, "case:concept:name"

pytestmark = [
    pytest.mark.skipif(not LOG.exists(), reason="the hospital log (hospital_log.csv.gz) is not there"),
    pytest.mark.slow,
]


@pytest.fixture(scope="module")
def tables():
    log = pd.read_csv(LOG)
    real = log[log[ENTITY].isin(log[ENTITY].drop_duplicates()[:CASES])].reset_index(drop=True)
    static = [name for name in real if name.startswith("case:") and name != ENTITY]
    model = RecurrentGAN(
        entity=ENTITY,
        time="time",
        static=static,
        steps=200,
        adversarial_steps=0,
        hidden=48,
        units=96,
        verbose=False,
        random_state=0,
    ).fit(real)
    return real, model.sample(CASES, random_state=1)


def matrix(table, column):
    before = table.groupby(ENTITY, sort=False)[column].shift()
    return pd.crosstab(before, table[column])


def seconds(table):
    stamps = pd.to_datetime(table["time"], format="ISO8601")
    return stamps.groupby(table[ENTITY], sort=False).diff().dt.total_seconds()


def test_form(tables):
    real, made = tables
    assert list(made) == list(real)
    pd.testing.assert_series_equal(made.dtypes, real.dtypes)
    assert made[ENTITY].nunique() == CASES
    assert not set(made[ENTITY]) & set(real[ENTITY])
    lengths = made.groupby(ENTITY).size()
    assert set(lengths) <= set(real.groupby(ENTITY).size())


@pytest.mark.parametrize("column", ["activity", "resource", "protected"])
def test_what_follows_what(tables, column):
    was, now = (matrix(table, column) for table in tables)
    now = now.reindex(index=was.index, columns=was.columns, fill_value=0)
    rates = [counts.div(counts.sum(axis=1), axis=0).fillna(0) for counts in (was, now)]
    assert (rates[0] - rates[1]).abs().to_numpy().mean() < 0.02
    assert now.to_numpy()[was.to_numpy() == 0].sum() < 0.01 * len(tables[1])


def test_who_does_what(tables):
    was, now = (pd.crosstab(table["activity"], table["resource"], normalize=True) for table in tables)
    now = now.reindex(index=was.index, columns=was.columns, fill_value=0)
    assert (was - now).abs().to_numpy().sum() / 2 < 0.05
    assert now.to_numpy()[was.to_numpy() == 0].sum() < 0.01


def test_copies_and_counters_come_back(tables):
    _, made = tables
    assert (made["concept:name"] == made["activity"]).all()
    assert (made["time:timestamp"] == made["time"]).all()
    assert (made["case:case"] == made[ENTITY]).all()
    np.testing.assert_array_equal(made["@@index"], np.arange(len(made)))
    np.testing.assert_array_equal(made["case:@@case_index"], pd.factorize(made[ENTITY])[0])


def test_time_goes_on_by_the_waits_of_each_activity(tables):
    real, made = tables
    assert (seconds(made).dropna() > 0).all()
    wait = {}
    for name, table in (("real", real), ("made", made)):
        before = table.groupby(ENTITY, sort=False)["activity"].shift()
        wait[name] = seconds(table).groupby([before, table["activity"]]).agg(["mean", "std", "size"])
    both = wait["real"].join(wait["made"].add_suffix("_made"), how="inner")
    both = both[(both["size"] >= 60) & (both["size_made"] >= 60)]
    assert len(both) > 10
    assert ((both["mean"] - both["mean_made"]).abs() < 0.05 * both["mean"]).all()


def test_statics_go_together(tables):
    columns = ["case:gender", "case:citizen", "case:underlying_condition", "case:private_insurance"]
    was, now = (table.groupby(ENTITY)[columns].first().value_counts(normalize=True) for table in tables)
    assert was.sub(now, fill_value=0).abs().sum() / 2 < 0.06
