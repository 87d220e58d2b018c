"""A saved model of a table with all that has to go on from partition to partition."""

import os
import sys

import numpy as np
import pandas as pd
import pytest

from tsgan import RecurrentGAN, fit_each

os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # workers are to have what the tests have
ROLES = {"entity": "who", "time": "day", "static": ["sex"]}
GIVEN = {"steps": 0, "hidden": 8, "units": 16, "random_state": 0, **ROLES}


@pytest.fixture(scope="session")
def table():
    """Sequences of different lengths: text keys, moments, decimals, gaps, categories, and a column that counts rows."""
    rng = np.random.default_rng(1)
    lengths = rng.integers(2, 6, 40)
    rows = int(lengths.sum())
    x = rng.normal(size=rows).cumsum().round(2)
    days = np.concatenate([np.arange(n) for n in lengths]) + np.repeat(rng.integers(0, 300, 40), lengths)
    columns = {
        "who": np.repeat([f"p{i:04d}" for i in range(40)], lengths),
        "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(days, unit="D"),
        "x": x,
        "count": pd.array(np.where(rng.random(rows) < 0.2, None, rng.integers(0, 30, rows)), dtype="Int64"),
        "sky": pd.Categorical(np.where(x > 0, "sun", "rain")),
        "sex": np.repeat(rng.choice(["f", "m"], 40), lengths),
        "row": np.arange(rows),
    }
    return pd.DataFrame(columns)


@pytest.fixture(scope="session")
def given():
    """Arguments that are learned with in no time."""
    return GIVEN


@pytest.fixture(scope="session")
def gan(table):
    return RecurrentGAN(**GIVEN).fit(table)


@pytest.fixture(scope="session")
def model(gan, tmp_path_factory):
    """The folder of the model."""
    path = tmp_path_factory.mktemp("scale") / "model"
    gan.save(path)
    return str(path)


@pytest.fixture(scope="session")
def stores(table):
    """The table in three parts by a column, in no order."""
    of = np.arange(3)[table["who"].str[1:].astype(int) % 3]
    return table.drop(columns="row").astype({"sky": str}).assign(store=of).sample(frac=1, random_state=0)


@pytest.fixture(scope="session")
def models(stores, tmp_path_factory):
    """What is learned of them on one machine."""
    folder = tmp_path_factory.mktemp("models") / "models"
    return fit_each(stores.sort_values(["who", "day"], ignore_index=True), "store", folder, **GIVEN)


@pytest.fixture
def kill_once(tmp_path):
    """A function that ends its own process the first time that it is called in any process."""
    mark = str(tmp_path / "killed")

    def kill(part):
        import os

        if not os.path.exists(mark):
            open(mark, "w").close()
            os._exit(1)
        return part

    kill.mark = mark
    return kill
