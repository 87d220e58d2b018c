"""Fitting a table in parts: the same columns, the same law, windows from disk, nothing left behind."""

import gc
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tsgan import RecurrentGAN, datasets
from tsgan.errors import InputError, TsganWarning
from tsgan.estimator import base as synthesizer_module

ROLES = {"entity": "patient", "time": "when", "static": ["mode", "sex"]}


def left_in(folder):
    """Return the files of ours in a folder of temporary files; torch makes one of its own."""
    return [path for path in Path(folder).iterdir() if not path.name.startswith("torch")]


@pytest.fixture
def small(monkeypatch):
    """Let tables count as large from 4000 rows on."""
    monkeypatch.setattr(synthesizer_module, "EXCERPT", 4000)


@pytest.fixture(scope="module")
def visits():
    return datasets.visits(400, random_state=0)


def folder_of(frame, folder, rows):
    folder.mkdir()
    for number, at in enumerate(range(0, len(frame), rows)):
        frame.iloc[at : at + rows].to_parquet(folder / f"{number:03d}.parquet")
    return folder


def test_a_table_that_fits_is_learned_as_from_memory(visits, tmp_path):
    folder = folder_of(visits, tmp_path / "parts", 5000)
    made = RecurrentGAN(steps=0, **ROLES, random_state=0).fit(folder)
    whole = RecurrentGAN(steps=0, **ROLES, random_state=0).fit(visits)
    assert str(made.schema_) == str(whole.schema_)
    assert made._encoder.stages.lengths.tolist() == whole._encoder.stages.lengths.tolist()
    one, two = made.sample(300), whole.sample(300)
    assert (one.dtypes == visits.dtypes).all()
    assert abs(one["lab"].isna().mean() - two["lab"].isna().mean()) < 0.03
    assert one["wave"].mean() == pytest.approx(two["wave"].mean(), abs=0.1)


@pytest.mark.usefixtures("small")
def test_a_larger_one_is_learned_from_an_excerpt(visits, tmp_path):
    made = RecurrentGAN(steps=0, **ROLES, random_state=0).fit(folder_of(visits, tmp_path / "parts", 5000))
    drawn = made.sample(400)
    for name in ("wave", "load", "pulse"):
        assert drawn[name].mean() == pytest.approx(visits[name].mean(), abs=0.15 * visits[name].std())
        assert drawn[name].std() == pytest.approx(visits[name].std(), rel=0.15)
    assert (drawn["cost"] == 0).mean() == pytest.approx((visits["cost"] == 0).mean(), abs=0.03)
    assert not set(drawn["patient"]) & set(visits["patient"])
    assert len(made._encoder.stages.lengths) == 400


@pytest.mark.usefixtures("small")
def test_windows_come_from_disk_and_nothing_is_left(visits, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    seen = []
    cutting = synthesizer_module.Synthesizer._encode

    def watch(self, X):
        windows = cutting(self, X)
        seen.append((isinstance(windows.panel.values, np.memmap), len(left_in(tmp_path))))
        return windows

    monkeypatch.setattr(synthesizer_module.Synthesizer, "_encode", watch)
    frames = (visits.iloc[at : at + 3000] for at in range(0, len(visits), 3000))  # can be read once only
    gan = RecurrentGAN(**ROLES, steps=4, adversarial_steps=0, hidden=8, units=16, verbose=False, random_state=0)
    with pytest.warns(TsganWarning, match="the untrained start is kept"):
        gan.fit(frames)
    assert seen == [(True, 1)]
    assert gan.sample(3)["patient"].nunique() == 3
    gc.collect()
    assert not left_in(tmp_path)


@pytest.mark.usefixtures("small")
def test_a_failing_fit_leaves_nothing_behind(visits, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    bad = visits.copy()
    bad.loc[bad.index[-1], "wave"] = np.inf
    with pytest.raises(InputError, match="infinite values \\(inf\\) in column 'wave'"):
        RecurrentGAN(steps=0, **ROLES).fit(iter([bad.iloc[:9000], bad.iloc[9000:]]))
    gc.collect()
    assert not left_in(tmp_path)


def test_one_long_series_in_stretches(monkeypatch):
    monkeypatch.setattr(synthesizer_module, "EXCERPT", 900)
    real = datasets.load("seattle_weather")
    made = RecurrentGAN(steps=0, time="date", random_state=0).fit([real.iloc[:700], real.iloc[700:]])
    assert made.schema_["date"].reason.startswith("every D")
    drawn = made.sample(1, length=1461, random_state=1)
    assert drawn["date"].iloc[0] == real["date"].iloc[0]
    assert drawn["date"].diff().dropna().eq(pd.Timedelta(days=1)).all()
    assert (drawn["precipitation"] == 0).mean() == pytest.approx(0.574, abs=0.05)
    assert made.sample(2, length=3).index.names == ["sequence", None]
