"""What was missing is missing again, in the way of its dtype."""

import numpy as np
import pandas as pd
import pytest
from decoding import decoded

from tsgan.encoding.encoder import Encoder


def _table():
    rng = np.random.default_rng(0)
    lengths = rng.integers(3, 8, 30)
    rows = int(lengths.sum())
    whole = pd.DataFrame(
        {
            "who": np.repeat(np.arange(30), lengths),
            "x": rng.normal(size=rows).round(2),
            "n": pd.array(rng.integers(0, 50, rows), dtype="Int16"),
            "text": pd.array(rng.choice(["a", "b", "c"], rows), dtype="object"),
            "kind": pd.Categorical(rng.choice(["u", "v"], rows)),
            "due": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 90, rows), unit="D"),
            "age": np.repeat(rng.integers(20, 80, 30).astype(float), lengths),
        }
    )
    gone = pd.DataFrame({name: rng.random(rows) < 0.3 for name in whole.columns[1:-1]})
    gone["age"] = np.repeat(rng.random(30) < 0.3, lengths)
    real = whole.copy()
    for name in gone:
        real.loc[gone[name], name] = None
    return real, gone


@pytest.fixture(scope="module")
def fitted():
    real, gone = _table()
    encoder = Encoder(entity="who", static=["age"]).fit(real)
    return encoder, encoder.encode(real), real, gone


def test_blanks_fall_where_they_fell(fitted):
    encoder, panel, real, gone = fitted
    made = decoded(encoder, panel)
    for name in gone:
        assert made[name].isna().tolist() == gone[name].tolist(), name
        assert made[name].dtype == real[name].dtype, name
        assert made[name].dropna().tolist() == real[name].dropna().tolist(), name


def test_the_marker_is_that_of_the_table(fitted):
    encoder, panel, real, gone = fitted
    made = decoded(encoder, panel)
    for name in ("text", "due", "n", "x"):
        assert {repr(v) for v in made[name][gone[name]]} == {repr(v) for v in real[name][gone[name]]}, name


def test_panels_without_the_cell_of_a_column_are_refused(fitted):
    encoder, panel, _, _ = fitted
    with pytest.raises(ValueError, match=r"got \(4, 2\) cells; the layout has \(5, 2\)"):
        decoded(encoder, type(panel)(panel.values[:, :-1], panel.lengths, panel.statics))
