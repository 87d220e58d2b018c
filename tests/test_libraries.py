"""Frames of polars and Arrow go in and come back as what they were, also from a saved model."""

import polars as pl
import pyarrow as pa
import pytest

from tsgan import RecurrentGAN, datasets
from tsgan.errors import SchemaError

ROLES = {"entity": "patient", "time": "when", "static": ["mode", "sex"]}
FORMS = {
    "polars": lambda frame: pl.from_pandas(frame),
    "polars lazy": lambda frame: pl.from_pandas(frame).lazy(),
    "arrow": lambda frame: pa.Table.from_pandas(frame, preserve_index=False),
}


@pytest.mark.parametrize("form", FORMS)
def test_what_goes_in_comes_back(form, tmp_path):
    real = FORMS[form](datasets.visits(60, random_state=0))
    model = RecurrentGAN(**ROLES, steps=0, random_state=0).fit(real)
    assert model.n_features_in_ == 10
    assert model.feature_names_in_[0] == "patient"
    drawn = model.sample(5)
    model.save(tmp_path / "model")
    again = RecurrentGAN.load(tmp_path / "model").sample(5)
    for made in (drawn, again):
        assert type(made) is type(real)
        if form == "polars lazy":
            assert made.collect_schema() == real.collect_schema()
        else:
            assert made.schema.names == real.schema.names if form == "arrow" else made.schema == real.schema
    one, two = (x.collect() if form == "polars lazy" else x for x in (drawn, again))
    assert one.equals(two)


def test_conditions_may_be_frames_of_any_library():
    real = FORMS["polars"](datasets.visits(60, random_state=0))
    model = RecurrentGAN(**ROLES, steps=0, random_state=0).fit(real)
    made = model.sample(static=pl.DataFrame({"sex": ["f", "m", "f"]}))
    assert made.group_by("patient", maintain_order=True).first()["sex"].to_list() == ["f", "m", "f"]


def test_levels_that_are_nested_are_refused():
    table = pa.table({"x": [1.0, 2.0, 3.0], "part": pa.array([{"a": 1}, {"a": 2}, {"a": 1}])})
    codes = pa.DictionaryArray.from_arrays(pa.array([0, 1, 0]), pa.array([{"a": 1}, {"a": 2}]))
    with pytest.raises(
        SchemaError, match=r"column 'part' has nested levels \(dictionary<.*\); cast it to text, or drop"
    ):
        RecurrentGAN(steps=0).fit(table.set_column(1, "part", codes))
