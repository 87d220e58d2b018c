"""Simulators agree with their stated truth; shipped tables are what their README says."""

import importlib.metadata
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tsgan import datasets
from tsgan.errors import InputError, ParameterError


def test_sines_follow_the_papers_formula():
    values = datasets.sines(400, 24, 5, random_state=3)
    assert values.shape == (400, 24, 5)
    angle = np.arcsin(2 * values[:, :, :] - 1)
    early = angle[:, :2]  # the angle is below pi / 2 in the first steps, where arcsin is the inverse
    phase, frequency = early[:, 0], early[:, 1] - early[:, 0]
    for drawn in (phase, frequency):
        assert drawn.min() >= 0
        assert drawn.max() <= 0.1
        assert drawn.mean() == pytest.approx(0.05, abs=0.003)
    rebuilt = (np.sin(frequency[:, None] * np.arange(24)[:, None] + phase[:, None]) + 1) / 2
    np.testing.assert_allclose(values, rebuilt, atol=1e-10)


def test_ar2_has_the_stated_coefficients_and_is_stationary_from_the_first_step():
    frame = datasets.ar2(40_000, coefficients=(0.6, 0.3), noise=2.0, random_state=1)
    x = frame["x1"].to_numpy()
    past = np.stack([x[1:-1], x[:-2]], axis=1)
    found, residual, *_ = np.linalg.lstsq(past, x[2:], rcond=None)
    np.testing.assert_allclose(found, [0.6, 0.3], atol=0.015)
    assert np.sqrt(residual[0] / len(past)) == pytest.approx(2.0, rel=0.02)
    variance = 4.0 * (1 - 0.3) / ((1 + 0.3) * ((1 - 0.3) ** 2 - 0.6**2))
    starts = datasets.ar2(1, columns=20_000, coefficients=(0.6, 0.3), noise=2.0, random_state=2).to_numpy()
    assert starts.var() == pytest.approx(variance, rel=0.04)
    assert frame.index.freqstr == "D"


def test_ar2_accepts_white_noise_and_refuses_explosions():
    assert datasets.ar2(50, coefficients=(0.0, 0.0)).shape == (50, 1)
    with pytest.raises(
        ParameterError, match=re.escape("coefficients=(1.0, 0.5) are not stationary (largest root 1.366")
    ):
        datasets.ar2(coefficients=(1.0, 0.5))


def test_regimes_agree_with_their_truth():
    truth = datasets.Regimes()
    panel = datasets.regimes(4000, random_state=5)
    units = panel.groupby("unit")
    assert units.ngroups == 4000
    assert units[["site", "age"]].nunique().max().max() == 1
    assert units.size().agg(["min", "max"]).tolist() == list(truth.lengths)
    assert (units["day"].diff().dropna() == pd.Timedelta(days=1)).all()
    first = units.first()
    assert (first["site"] == "south").mean() == pytest.approx(truth.site_share[1], abs=0.03)
    start = first["regime"].value_counts(normalize=True)[list(truth.states)]
    np.testing.assert_allclose(start, truth.stationary, atol=0.03)
    np.testing.assert_allclose(truth.stationary @ np.asarray(truth.transition), truth.stationary, atol=1e-12)

    following = units["regime"].shift(-1)
    seen = pd.crosstab(panel["regime"], following, normalize="index").loc[list(truth.states), list(truth.states)]
    np.testing.assert_allclose(seen, truth.transition, atol=0.02)
    for state, rate, alarm in zip(truth.states, truth.rate, truth.alarm, strict=True):
        rows = panel[panel["regime"] == state]
        assert rows["events"].mean() == pytest.approx(rate, rel=0.05)
        assert rows["alarm"].mean() == pytest.approx(alarm, abs=0.02)

    level = panel["regime"].map(dict(zip(truth.states, truth.level, strict=True)))
    shift = panel["site"].map(dict(zip(truth.sites, truth.shift, strict=True)))
    rest = panel["value"] - level - shift
    before = rest.groupby(panel["unit"]).shift(1)
    shock = rest - truth.persistence * before
    for state, spread in zip(truth.states, truth.spread, strict=True):
        assert shock[panel["regime"] == state].std() == pytest.approx(spread, rel=0.05)
    assert abs(shock.corr(before)) < 0.02


def test_regimes_take_another_truth():
    flat = datasets.Regimes(lengths=(5, 5), site_share=(0.0, 1.0), alarm=(0.0, 0.0, 0.0))
    panel = datasets.regimes(7, flat)
    assert len(panel) == 35
    assert not panel["alarm"].any()
    assert set(panel["site"]) == {"south"}


DRAWS = {
    "sines": lambda seed: datasets.sines(5, random_state=seed),
    "ar2": lambda seed: datasets.ar2(50, random_state=seed).to_numpy(),
    "regimes": lambda seed: datasets.regimes(5, random_state=seed)["value"].to_numpy(),
}


@pytest.mark.parametrize("name", DRAWS)
def test_a_seed_gives_the_same_numbers_each_time_and_touches_no_global_state(name):
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    first, second, other = DRAWS[name](7), DRAWS[name](7), DRAWS[name](8)
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first[:4], other[:4])
    np.testing.assert_array_equal(DRAWS[name](np.random.default_rng(7)), first)
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: datasets.sines(0), "n=0 is too small; it must be at least 1"),
        (lambda: datasets.sines(1, 0), "length=0 is too small"),
        (lambda: datasets.ar2(10, 0), "columns=0 is too small"),
        (lambda: datasets.regimes(-1), "n=-1 is too small"),
    ],
)
def test_sizes_below_one_are_refused(call, text):
    with pytest.raises(ParameterError, match=re.escape(text)):
        call()


def test_every_shipped_table_loads_with_its_stated_shape():
    weather = datasets.load("seattle_weather")
    assert list(weather) == ["date", "precipitation", "temp_max", "temp_min", "wind", "weather"]
    assert len(weather) == 1461
    assert (weather["date"].diff().dropna() == pd.Timedelta(days=1)).all()

    vowels = datasets.load("japanese_vowels")
    sizes = vowels.groupby("utterance").size()
    assert (vowels.shape, len(sizes), sizes.min(), sizes.max()) == ((9961, 15), 640, 7, 29)
    assert vowels.groupby("utterance")["speaker"].nunique().eq(1).all()
    assert vowels["speaker"].nunique() == 9
    assert vowels["c1"][0] == 1.860936

    story = datasets.load("alice")
    assert (story.shape, story["chapter"].unique().tolist()) == ((790, 2), [*range(1, 13)])
    assert (story["text"].str.len().sum(), len(set("".join(story["text"])))) == (141_024, 67)
    assert story["text"][0].startswith("Alice was beginning to get very tired of sitting by her sister on the bank")

    assert datasets.names() == ["seattle_weather", "japanese_vowels", "regime_panel", "alice"]


def test_the_shipped_panel_is_what_the_simulator_draws():
    pd.testing.assert_frame_equal(datasets.load("regime_panel"), datasets.regimes(), check_dtype=False)


def test_an_unknown_table_lists_the_names_and_the_nearest():
    with pytest.raises(ParameterError, match=r"seattle_weather.*Did you mean 'seattle_weather'"):
        datasets.load("seattle")


def test_shipped_files_are_found_through_the_installers_record(monkeypatch, tmp_path):
    folder = tmp_path / "share" / "tsgan" / "datasets"
    folder.mkdir(parents=True)
    (folder / "seattle_weather.csv").write_text("date,wind\n2012/01/01,1.0\n")
    site = tmp_path / "lib" / "site-packages"
    info = site / "tsgan-9.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Name: tsgan\nVersion: 9\n")
    (info / "RECORD").write_text("../../share/tsgan/datasets/seattle_weather.csv,,\n")
    checkout = tmp_path / "checkout" / "tsgan.egg-info"  # built here once: a record without the files
    checkout.mkdir(parents=True)
    (checkout / "PKG-INFO").write_text("Name: tsgan\nVersion: 8\n")
    (checkout / "SOURCES.txt").write_text("share/tsgan/datasets/seattle_weather.csv\n")
    found = [importlib.metadata.Distribution.at(at) for at in (checkout, info)]
    monkeypatch.setattr(datasets, "__file__", str(site / "tsgan" / "datasets.py"))
    monkeypatch.setattr(importlib.metadata, "distributions", lambda name: found)
    assert datasets.load("seattle_weather")["wind"].tolist() == [1.0]
    with pytest.raises(InputError, match=r"'japanese_vowels\.csv\.gz' is not part of this installation"):
        datasets.load("japanese_vowels")


def test_the_readme_names_every_shipped_file():
    folder = Path(__file__).parents[1] / "datasets"
    text = (folder / "README.md").read_text()
    assert all(path.name in text for path in folder.glob("*.csv*"))
