"""The same sample by Spark, by processes of which one dies; and tables of Spark to learn from. It needs Java."""

import os
import shutil
import warnings

import pandas as pd
import pyarrow
import pytest

from tsgan import RecurrentGAN, scale
from tsgan.errors import ParameterError

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of what it imports
    pytest.importorskip("pyspark", reason="pyspark is not installed: make test-engines")
if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
    pytest.skip("Spark needs Java, which is not here: make test-engines", allow_module_level=True)

N = 9000  # sequences: three blocks
pytestmark = pytest.mark.filterwarnings(
    "ignore:PySpark does not yet fully support pandas:FutureWarning", "ignore::ResourceWarning"
)


@pytest.fixture(scope="module")
def spark():
    """Two tasks at a time on this machine, each run up to four times."""
    from pyspark.sql import SparkSession

    settings = {"spark.ui.enabled": "false", "spark.sql.shuffle.partitions": "2", "spark.driver.host": "localhost"}
    settings |= {"spark.sql.timestampType": "TIMESTAMP_NTZ"}  # moments without a zone stay so
    session = SparkSession.builder.master("local[2,4]").config(map=settings).getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    yield session
    session.stop()


def test_the_rows_are_those_of_one_process(spark, model, gan, kill_once):
    drawn = scale.spark.sample(spark, model, N, partitions=3, length=2, random_state=4)
    kinds = dict(drawn.dtypes)
    assert kinds["day"] == "timestamp_ntz"
    assert kinds["count"] == "bigint"
    assert kinds["sky"] == "string"
    whole = gan.sample(N, 2, random_state=4)
    got = drawn.mapInArrow(lambda batches: map(kill_once, batches), drawn.schema).toArrow().to_pandas()
    assert os.path.exists(kill_once.mark)  # a worker died, and its task was run again
    pd.testing.assert_frame_equal(got.astype(whole.dtypes), whole, check_exact=True)


def test_what_a_worker_says_arrives(spark, model, tmp_path):
    shutil.copytree(model, tmp_path / "model")
    drawn = scale.spark.sample(spark, tmp_path / "model", 5, length=3)
    shutil.rmtree(tmp_path / "model")
    with pytest.raises(Exception, match=r"the worker on .* cannot read the model"):
        drawn.collect()


def test_a_table_of_spark_is_sorted_and_learned(spark, given, table):
    plain = table.astype({"sky": str}).drop(columns="row")
    shuffled = pyarrow.Table.from_pandas(plain.sample(frac=1, random_state=0), preserve_index=False)
    parts = spark.createDataFrame(shuffled).repartition(3)
    one, two = (RecurrentGAN(**given).fit(X).sample(20) for X in (parts, [plain]))
    for name in ("who", "x", "count", "sky", "sex"):
        assert one[name].astype(two[name].dtype).equals(two[name])
    assert one["day"].dt.tz_localize(None).diff().dt.days.equals(two["day"].diff().dt.days)


def test_something_else_than_a_session(model):
    with pytest.raises(ParameterError, match="spark is a str; it must be a SparkSession, for instance"):
        scale.spark.sample("local[2]", model, 5)


def test_a_model_for_each_group_is_that_of_one_machine(spark, given, stores, models, tmp_path):
    parts = spark.createDataFrame(pyarrow.Table.from_pandas(stores, preserve_index=False))
    found = scale.spark.fit_each(parts, by="store", folder=tmp_path / "models", **given)
    assert found.groups["store"].tolist() == [0, 1, 2]
    one, two = (every.sample(30, random_state=0) for every in (found, models))
    pd.testing.assert_frame_equal(one.astype(two.dtypes), two)
