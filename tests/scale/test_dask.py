"""The same sample by Dask, by processes of which one dies; and tables of Dask to learn from."""

import os
import warnings

import pandas as pd
import pytest

from tsgan import RecurrentGAN, scale
from tsgan.errors import InputError

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of what it imports
    dask = pytest.importorskip("dask")
    distributed = pytest.importorskip("distributed")

N = 9000  # sequences: three blocks
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(scope="module")
def client():
    """One process beside this one, which is started again when it dies."""
    settings = {"distributed.worker.memory.spill": False, "dataframe.convert-string": False}
    with (
        dask.config.set(settings),
        distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=":0") as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def test_the_rows_are_those_of_one_process(client, model, gan, kill_once):
    drawn = scale.dask.sample(model, N, partitions=3, length=2, random_state=4)
    assert drawn.npartitions == 3
    whole = gan.sample(N, 2, random_state=4)
    got = drawn.map_partitions(kill_once, meta=drawn._meta).compute()
    assert os.path.exists(kill_once.mark)  # a worker died, and its partition was drawn again
    pd.testing.assert_frame_equal(got.reset_index(drop=True), whole, check_exact=True)


def test_types_are_known_before_anything_is_drawn(model, gan):
    with dask.config.set({"dataframe.convert-string": False}):
        drawn = scale.dask.sample(model, 5)
    whole = gan.sample(5)
    assert drawn.columns.tolist() == whole.columns.tolist()
    plain = [name for name in whole.columns if name != "sky"]
    assert drawn.dtypes[plain].equals(whole.dtypes[plain])
    assert not drawn["sky"].cat.known


def test_a_table_of_dask_is_learned_part_by_part(given, table, tmp_path, monkeypatch):
    import tempfile

    import dask.dataframe as dd

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with dask.config.set({"dataframe.convert-string": False, "scheduler": "sync"}):
        parts = dd.from_pandas(table, npartitions=3)
        one, two = (RecurrentGAN(**given).fit(X).sample(20) for X in (parts, [table]))
        broken = parts.map_partitions(lambda part: 1 / 0, meta=parts._meta)
        with pytest.raises(ZeroDivisionError):
            RecurrentGAN(**given).fit(broken)
        again = dd.concat([parts, parts])
        with pytest.raises(InputError, match="the entity 'who'='p0000' comes back after other entities"):
            RecurrentGAN(**given).fit(again)
    pd.testing.assert_frame_equal(one, two)
    assert list(tmp_path.iterdir()) == []  # what was written on the way is gone, after errors too


def test_a_model_for_each_group_is_that_of_one_machine(client, given, stores, models, tmp_path):
    import dask.dataframe as dd

    parts = dd.from_pandas(stores, npartitions=3, sort=False)
    found = scale.dask.fit_each(parts, by="store", folder=tmp_path / "models", **given)
    assert found.groups["store"].tolist() == [0, 1, 2]
    one, two = (every.sample(30, random_state=0) for every in (found, models))
    pd.testing.assert_frame_equal(one, two)
