"""The same sample by Ray, by processes of which one dies; and a Dataset to learn from."""

import os
import warnings

import pandas as pd
import pyarrow
import pytest

from tsgan import RecurrentGAN, scale

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of what it imports
    ray = pytest.importorskip("ray")
    pytest.importorskip("ray.data")

N = 9000  # sequences: three blocks
pytestmark = pytest.mark.filterwarnings(
    "ignore::ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
    "ignore::DeprecationWarning:ray.data.context",  # of its own settings, when it copies them
)


@pytest.fixture(scope="module", autouse=True)
def session():
    """Two processes on this machine."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=200 * 2**20)
    yield
    ray.shutdown()


def test_the_rows_are_those_of_one_process(model, gan, kill_once):
    drawn = scale.ray.sample(model, N, partitions=3, length=2, random_state=4)
    whole = gan.sample(N, 2, random_state=4)
    tables = ray.get(drawn.map_batches(kill_once, batch_format="pyarrow").to_arrow_refs())
    got = pyarrow.concat_tables(tables).to_pandas()
    assert os.path.exists(kill_once.mark)  # a worker died, and what it had drawn was drawn again
    pd.testing.assert_frame_equal(got.astype(whole.dtypes), whole, check_exact=True)


def test_a_dataset_is_learned(given, table):
    plain = table.astype({"sky": str})
    one, two = (RecurrentGAN(**given).fit(X).sample(20) for X in (ray.data.from_pandas(plain), [plain]))
    pd.testing.assert_frame_equal(one.astype(two.dtypes), two)


@pytest.mark.skipif("TSGAN_ENGINES" not in os.environ, reason="takes a quarter of a minute: make test-engines")
def test_a_model_for_each_group_is_that_of_one_machine(given, stores, models, tmp_path):
    parts = ray.data.from_pandas(stores)
    found = scale.ray.fit_each(parts, by="store", folder=tmp_path / "models", **given)
    assert found.groups["store"].tolist() == [0, 1, 2]
    one, two = (every.sample(30, random_state=0) for every in (found, models))
    pd.testing.assert_frame_equal(one.astype(two.dtypes), two)
