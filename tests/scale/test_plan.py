"""A sample as work for engines: what partitions are, that put together they are the sample, and what is refused."""

import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from tsgan import RecurrentGAN, scale
from tsgan.errors import ModelFileError, NotAModelError, ParameterError, SchemaError
from tsgan.estimator import drawing
from tsgan.scale import plan as plans
from tsgan.scale.apart import Job
from tsgan.scale.plan import Plan
from tsgan.tables.flat import schema_of, to_arrow


@pytest.fixture(autouse=True)
def small_blocks(model, monkeypatch):
    monkeypatch.setattr(drawing, "BLOCK", 4)


def fitted(table, **options):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drawing, "BLOCK", 4096)  # a fit draws many rows
        return RecurrentGAN(steps=0, hidden=8, units=16, **options).fit(table)


def planned(model, n=30, partitions=None, length=None, start=None, where=None, random_state=3):
    return Plan.of(model, n, partitions, length, start, where, random_state)


def joined(plan, **options):
    """Return all partitions, the last one drawn first, as an engine may."""
    parts = [pd.concat(plan.pieces(at, **options), ignore_index=True) for at in reversed(range(plan.partitions))]
    return pd.concat(parts[::-1], ignore_index=True)


@pytest.mark.parametrize("partitions", [None, 1, 2, 5, 8])
@pytest.mark.parametrize("whole", [False, True])
def test_partitions_put_together_are_the_sample(model, gan, partitions, whole):
    plan = planned(model, partitions=partitions)
    assert plan.partitions == (partitions or 1)
    pd.testing.assert_frame_equal(joined(plan, whole=whole), gan.sample(30, random_state=3), check_exact=True)


def test_a_column_that_counts_rows_goes_on(model):
    drawn = joined(planned(model, partitions=4))
    assert drawn["row"].tolist() == list(range(len(drawn)))


def test_with_all_arguments(model, gan):
    options = {"length": 3, "start": "2030-01-01", "where": {"sex": "f"}}
    drawn = joined(planned(model, partitions=3, **options))
    pd.testing.assert_frame_equal(drawn, gan.sample(30, random_state=3, **options))
    assert set(drawn["sex"]) == {"f"}


def test_there_are_no_more_partitions_than_blocks(model):
    assert planned(model, 9, partitions=100).partitions == 3
    assert planned(model, 2, partitions=100).partitions == 1


def test_by_default_partitions_have_about_as_many_rows(model, monkeypatch):
    monkeypatch.setattr(plans, "ROWS", 50)
    plan = planned(model, 40)
    assert (plan.partitions, plan.rows) == (5, 40)  # of 2 blocks of 4 sequences of at most 5 steps
    assert plan.edges == (0, 2, 4, 6, 8, 10)


@pytest.mark.parametrize("random_state", [None, np.random.default_rng(0), np.random.RandomState(0)])
def test_a_partition_that_is_drawn_again_is_the_same(tmp_path, table, random_state):
    fitted(table, entity="who", time="day", static=["sex"]).save(tmp_path / "m")
    plan = planned(tmp_path / "m", partitions=3, random_state=random_state)
    one, two = (pd.concat(plan.pieces(1)) for _ in range(2))
    pd.testing.assert_frame_equal(one, two)
    other = planned(tmp_path / "m", partitions=3, random_state=random_state)
    assert not one["x"].equals(pd.concat(other.pieces(1))["x"])


FORMS = {
    "array": np.random.default_rng(2).normal(size=(120, 2)),
    "ragged": [np.random.default_rng(i).normal(size=(3 + i % 4, 2)) for i in range(20)],
    "series": pd.DataFrame(
        {"x": np.random.default_rng(0).normal(size=120)}, index=pd.date_range("2024-01-01", periods=120, freq="h")
    ),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("n", [1, 10])
def test_what_is_beside_the_columns_becomes_columns(tmp_path, form, n):
    gan = fitted(FORMS[form], random_state=0)
    gan.save(tmp_path / "model")
    drawn = joined(planned(tmp_path / "model", n, partitions=2))
    beside = {"array": [], "ragged": [], "series": ["time"]}[form] if n == 1 else ["sequence", "step"]
    beside = ["sequence", "time"] if form == "series" and n > 1 else beside
    values = ["x"] if form == "series" else ["x0", "x1"]
    assert drawn.columns.tolist() == [*beside, *values]
    made = gan.sample(n, random_state=3)
    flat = made.to_numpy() if form == "series" else np.concatenate([np.reshape(one, (-1, 2)) for one in made])
    assert np.array_equal(drawn[values].to_numpy(), flat)
    if n > 1:
        assert drawn["sequence"].unique().tolist() == list(range(n))


def test_the_model_is_loaded_once(model, monkeypatch):
    plans._loaded.cache_clear()
    plan, loads = planned(model, partitions=3), []
    monkeypatch.setattr(RecurrentGAN, "load", lambda *args, **options: loads.append(args))
    joined(plan)
    assert loads == []


def test_a_model_that_workers_cannot_read(model, tmp_path):
    shutil.copytree(model, tmp_path / "model")
    plan = planned(tmp_path / "model", partitions=2)
    plans._loaded.cache_clear()  # as in a worker, which has not seen it
    shutil.rmtree(tmp_path / "model")
    text = r"model: the worker on .* cannot read the model \(No such file or directory\); put it in a folder"
    with pytest.raises(ModelFileError, match=text):
        next(plan.pieces(1))


def test_a_model_that_was_replaced(model, gan, tmp_path):
    shutil.copytree(model, tmp_path / "model")
    plan = planned(tmp_path / "model", partitions=2)
    plans._loaded.cache_clear()
    fitted(FORMS["series"]).save(tmp_path / "model")
    with pytest.raises(ModelFileError, match="the model was replaced after the sample was asked for; ask for it again"):
        next(plan.pieces(1))


def test_a_worker_with_too_little_memory(model, monkeypatch):
    plan = planned(model, partitions=2)

    def full(*_):
        raise MemoryError("Unable to allocate 8 TiB")

    monkeypatch.setattr(drawing.Drawer, "rows", full)
    text = "ran out of memory while it drew partition 1 of 2, of at most 80 rows; ask for more partitions, or give work"
    with pytest.raises(MemoryError, match=text):
        next(plan.pieces(1))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"partitions": 0}, "partitions=0 is not allowed; it must be a whole number of at least 1 or None"),
        ({"partitions": 2.5}, "partitions=2.5 is not allowed; it must be a whole number"),
        ({"n": 0}, "n=0 is not allowed; it must be a whole number of at least 1"),
        ({"n": "many"}, "n='many' is not allowed"),
        ({"n": None}, "n=None is not allowed"),
        ({"length": 0}, "length=0 is not allowed"),
        ({"random_state": "dice"}, "random_state='dice' cannot seed anything"),
        ({"where": {"sex": "x"}}, "'x'"),
    ],
)
def test_arguments_are_refused_before_any_worker_starts(model, options, text):
    with pytest.raises(ParameterError, match=text):
        planned(model, **options)


def test_a_model_is_named_by_its_folder(gan, tmp_path):
    with pytest.raises(
        ParameterError, match="model is a RecurrentGAN; it must be the folder of a saved model, which wor"
    ):
        planned(gan)
    with pytest.raises(NotAModelError, match="is no saved model: it does not exist"):
        planned(tmp_path / "nothing")


@pytest.mark.parametrize(("engine", "module"), [("dask", "dask"), ("ray", "ray"), ("spark", "pyspark")])
def test_an_engine_that_is_not_installed(engine, module):
    code = f"import sys\nsys.modules[{module!r}] = None\nimport tsgan\ntsgan.scale.{engine}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    told = done.stderr.splitlines()[-1]
    assert told.startswith(f"ImportError: tsgan.scale.{engine} needs {module}")
    assert told.endswith(f"; install it with: pip install 'tsgan[{engine}]'")


def test_a_name_that_is_no_engine():
    with pytest.raises(AttributeError, match=r"module 'tsgan.scale' has no attribute 'hadoop'"):
        _ = scale.hadoop


def test_types_of_arrow():
    import pyarrow as pa

    frame = pd.DataFrame(
        {
            "level": pd.Categorical(["a", "b"]),
            "gone": [None, None],
            "month": pd.period_range("2024-01", periods=2, freq="M"),
            "small": np.array([1, 2], dtype="uint16"),
            "at": pd.to_datetime(["2024-01-01", None]).as_unit("ns").tz_localize("Europe/Berlin"),
            7: pd.to_timedelta([1, 2], unit="s"),
        }
    )
    schema, spark = schema_of(frame), schema_of(frame, spark=True)
    assert [str(kind) for kind in schema.types[:4]] == ["string", "string", "string", "uint16"]
    assert spark.types[3:] == [pa.int32(), pa.timestamp("us", "UTC"), pa.duration("us")]
    made = to_arrow(frame.assign(gone=["x", "y"]), spark)
    assert made.column_names == ["level", "gone", "month", "small", "at", "7"]
    assert made.column("gone").to_pylist() == ["x", "y"]
    assert made.column("month").to_pylist() == ["2024-01", "2024-02"]
    assert made.column("at").to_pandas().isna().tolist() == [False, True]


def head(**columns):
    return pd.DataFrame({"store": [1], "who": ["a"], "day": [1], "x": [1.0], **columns})


def job(tmp_path, by="store", few="skip", least=10, **params):
    return Job.of(head(), by, tmp_path / "models", few, least, params, lambda name: ["b", "a"])


def test_groups_need_a_column_that_orders_their_rows(tmp_path):
    with pytest.raises(
        ParameterError, match="time=None is not allowed; engines bring the rows of a group in any order"
    ):
        job(tmp_path)
    with pytest.raises(SchemaError, match="by='shop' is not a column; the table has"):
        job(tmp_path, by="shop", time="day")
    assert job(tmp_path, time="day", entity="who").order == ["who", "day"]


def test_models_that_workers_saved_elsewhere(tmp_path):
    rows = pd.DataFrame({"store": 1, "who": np.repeat(["a", "b"], 10), "day": np.tile(range(10), 2), "x": range(20)})
    work = job(tmp_path, time="day", entity="who", steps=0, random_state=0)
    texts = work.fit_all(rows.sample(frac=1, random_state=0))
    assert len(work.end(texts, "skip")) == 1
    (tmp_path / "models").rename(tmp_path / "other machine")
    with pytest.raises(
        ModelFileError, match=r"workers have saved 1 models that are not here, as that of store=1; name a"
    ):
        work.end(texts, "skip")
