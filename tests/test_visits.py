"""The simulated clinic has what it says it has."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tsgan import datasets
from tsgan.errors import ParameterError


@pytest.fixture(scope="module")
def clinic() -> pd.DataFrame:
    return datasets.visits(1500, random_state=3)


def test_form(clinic: pd.DataFrame) -> None:
    assert list(clinic) == ["patient", "when", "mode", "sex", "wave", "load", "pulse", "cost", "lab", "stage"]
    lengths = clinic.groupby("patient").size()
    assert (lengths.min(), lengths.max(), len(lengths)) == (24, 40, 1500)
    assert (clinic.groupby("patient")[["mode", "sex"]].nunique() == 1).all().all()
    assert clinic.groupby("patient")["when"].diff().dropna().min() > pd.Timedelta(0)
    pd.testing.assert_frame_equal(clinic, datasets.visits(1500, random_state=3))


def test_truth(clinic: pd.DataFrame) -> None:
    steps = clinic.groupby("patient")
    wave = steps["wave"].diff()[clinic["mode"] != "flat"].dropna()
    assert (wave < 0).mean() > 0.7  # falls slowly, rises at once
    delayed = steps["load"].shift(2)
    assert clinic["pulse"].corr(delayed) > 0.85
    assert clinic["pulse"].corr(clinic["load"]) < 0.7
    assert (clinic["cost"] == 0).mean() == pytest.approx(0.7, abs=0.05)
    lost = clinic["lab"].isna()
    assert lost.mean() == pytest.approx(0.12, abs=0.02)
    assert lost[lost.groupby(clinic["patient"]).shift(fill_value=False)].mean() == pytest.approx(0.7, abs=0.03)
    order = {name: i for i, name in enumerate(["rest", "rise", "peak", "fall"])}
    moves = clinic["stage"].map(order).groupby(clinic["patient"]).diff().dropna() % 4
    assert set(moves) == {0.0, 1.0}
    gaps = steps["when"].diff().dropna() / pd.Timedelta("1D")
    assert np.log(gaps).std() == pytest.approx(0.6, abs=0.02)


def test_refusals() -> None:
    with pytest.raises(ParameterError, match="n=0 is not allowed; it must be at least 1"):
        datasets.visits(0)
    with pytest.raises(ParameterError, match=r"lengths=\(5, 2\) are not allowed; pass the least and the most visits"):
        datasets.visits(3, lengths=(5, 2))
