"""Pipelines of scikit-learn are drawn from in the form that they were fitted on."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, Normalizer, StandardScaler

from tsgan import RecurrentGAN, pipeline
from tsgan.errors import ParameterError


def _table():
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {"a": 1000 + 10 * rng.normal(size=200), "b": rng.random(200) * 7},
        index=pd.date_range("2024-01-01", periods=200, freq="h", name="when"),
    )


def _gan():
    return RecurrentGAN(steps=0, verbose=False, random_state=0)


def test_frames_come_back_through_every_transformer():
    df = _table()
    pandas = [step.set_output(transform="pandas") for step in (StandardScaler(), MinMaxScaler())]
    pipe = make_pipeline(*pandas, "passthrough", _gan()).fit(df)
    made = pipeline.sample(pipe, 1, length=48, random_state=1)
    assert list(made.columns) == ["a", "b"]
    assert isinstance(made.index, pd.DatetimeIndex)
    assert made.index.name == "when"
    assert made["a"].between(df["a"].min() - 1e-6, df["a"].max() + 1e-6).all()
    assert made["b"].between(-1e-6, 7).all()
    assert made.equals(pipeline.sample(pipe, 1, length=48, random_state=1))


@pytest.mark.parametrize("n", [1, 4])
def test_arrays_too(n):
    pipe = make_pipeline(StandardScaler(), _gan()).fit(_table().to_numpy())
    made = pipeline.sample(pipe, n, length=10)
    assert made.shape == ((10, 2) if n == 1 else (n, 10, 2))
    assert abs(made[..., 0].mean() - 1000) < 20


@pytest.mark.parametrize(
    ("steps", "text"),
    [
        ([("scale", StandardScaler())], "the last step of the pipeline cannot be drawn from; let it end in a Rec"),
        (
            [("norm", Normalizer()), ("gan", _gan())],
            r"the step 'norm' \(Normalizer\) has no inverse_transform, so what is drawn cannot be taken back",
        ),
        ([("some", ColumnTransformer([])), ("gan", _gan())], r"the step 'some' \(ColumnTransformer\) has no inverse"),
    ],
)
def test_what_cannot_be_undone(steps, text):
    with pytest.raises(ParameterError, match=text):
        pipeline.sample(Pipeline(steps), 1)
