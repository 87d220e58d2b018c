"""The search: trials share a table and its held-back rows, trial 0 is the defaults, the best is never worse."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from tsgan import RecurrentGAN, tune
from tsgan.errors import InputError, ParameterError, SchemaError, TsganWarning
from tsgan.estimator.base import Synthesizer
from tsgan.evaluation.report.training import plot_trials
from tsgan.model.callbacks import Progress

QUICK = {"window": 4, "hidden": 8, "units": 16, "steps": 50, "verbose": False, "random_state": 0}

unimproved = pytest.mark.filterwarnings("ignore:training did not improve:tsgan.errors.TsganWarning")


@pytest.fixture(scope="module")
def series():
    turn = np.arange(160) / 3
    noise = np.random.default_rng(0).normal(size=(160, 2)) / 20
    return pd.DataFrame(np.stack([np.sin(turn), np.sign(np.cos(turn))], axis=1) + noise, columns=["x", "y"])


@pytest.fixture(scope="module")
def searched(series):
    """Return a search for two arguments, how often its table was encoded, and the lines of warnings."""
    pytest.importorskip("optuna", reason="pip install 'tsgan[tune]'")
    encode, encoded = Synthesizer._encode, []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Synthesizer, "_encode", lambda self, X: encoded.append(1) or encode(self, X))
        found = tune(series, trials=4, layers=1, **QUICK)
    return found, len(encoded)


@unimproved
def test_the_first_trial_is_the_default_fit(series, searched):
    found, _ = searched
    plain = RecurrentGAN(**QUICK, adversarial_steps=0).fit(series)
    first = found.trials.set_index("trial").loc[0]
    assert first["held_back"] == max(row["held_back"] for row in plain.history_ if row["kept"])
    assert (first["rate"], first["state"], first["steps"]) == (0.004, "done", 50)
    assert pd.isna(first["dropout"])


def test_the_table_is_encoded_once(searched):
    assert searched[1] == 1


def test_the_best_comes_first_and_is_what_is_returned(searched):
    found, _ = searched
    table = found.trials
    assert list(table) == ["trial", "held_back", "state", "steps", "seconds", "dropout", "rate"]
    assert sorted(table["trial"]) == [0, 1, 2, 3]
    assert table["held_back"].is_monotonic_decreasing
    assert list(found.params) == ["dropout", "rate"]
    assert found.params["rate"] == table["rate"].iloc[0]
    assert "best: trial" in str(found)
    assert str(found).splitlines()[0].split() == list(table)


@unimproved
def test_the_best_is_what_a_fit_with_it_reaches(series, searched):
    found, _ = searched
    gan = RecurrentGAN(**QUICK, adversarial_steps=0, **found.params).fit(series)
    reached = max(row["held_back"] for row in gan.history_ if row["kept"])
    assert reached == found.trials["held_back"].iloc[0]


def test_the_same_seed_searches_the_same(series, searched):
    again = tune(series, trials=2, layers=1, **QUICK)
    first = searched[0].trials.set_index("trial").sort_index().iloc[:2]
    pd.testing.assert_frame_equal(
        again.trials.set_index("trial").sort_index().drop(columns="seconds"), first.drop(columns="seconds")
    )


def test_what_is_named_is_not_tuned(series):
    pytest.importorskip("optuna", reason="pip install 'tsgan[tune]'")
    found = tune(series, trials=2, dropout=0.25, rate=0.01, **QUICK)
    assert list(found.params) == ["layers"]
    assert str(found).splitlines()[0].split() == ["trial", "held_back", "state", "steps", "seconds", "layers"]


def test_a_folder_of_parts_stays_on_disk_until_the_end(series, tmp_path):
    pytest.importorskip("optuna", reason="pip install 'tsgan[tune]'")
    pytest.importorskip("pyarrow", reason="pip install 'tsgan[parquet]'")
    for part in range(2):
        series.iloc[80 * part : 80 * part + 80].to_parquet(tmp_path / f"{part}.parquet")
    found = tune(tmp_path, trials=2, **QUICK)
    assert np.isfinite(found.trials["held_back"]).all()


def test_time_runs_out(series):
    pytest.importorskip("optuna", reason="pip install 'tsgan[tune]'")
    found = tune(series, trials=50, max_time=2.0, **QUICK | {"steps": 1000})
    assert len(found.trials) < 50
    assert found.trials.set_index("trial")["state"].iloc[-1] in ("done", "out of time")
    assert found.trials["seconds"].sum() < 10  # of a machine that does other things, too


def test_an_interruption_keeps_what_was_found(series, monkeypatch):
    pytest.importorskip("optuna", reason="pip install 'tsgan[tune]'")
    update = Progress.update

    def interrupt(self, share, stage, *words):
        update(self, share, stage, *words)
        if words[0] == "trial 2 of 9":
            raise KeyboardInterrupt

    monkeypatch.setattr(Progress, "update", interrupt)
    with pytest.warns(TsganWarning, match="the search was interrupted after 1 trials"):
        found = tune(series, trials=9, **QUICK)
    assert found.params["rate"] == 0.004


def test_a_bar(series, capsys):
    pytest.importorskip("optuna", reason="pip install 'tsgan[tune]'")
    tune(series, trials=1, **QUICK | {"verbose": True})
    shown = capsys.readouterr()
    assert "tuning 100 %" in shown.err
    assert "trial 1 of 1" in shown.err
    assert shown.out == ""


def test_the_best_as_json_and_a_picture(searched, tmp_path):
    found, _ = searched
    found.to_json(tmp_path / "best.json")
    assert json.loads((tmp_path / "best.json").read_text()) == found.params
    found.plot(tmp_path / "trials.png")
    assert (tmp_path / "trials.png").stat().st_size > 5000
    figure = plot_trials(found.trials)
    assert [axes.get_xlabel() for axes in figure.axes] == ["trial", "dropout", "rate"]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"trials": 0}, "trials=0 is not allowed; it must be a whole number of at least 1"),
        ({"steps": 0}, "steps=0 is not allowed; it must be a whole number of at least 1"),
        ({"max_time": 0}, "max_time=0 is not allowed; it must be a number above 0 or None"),
        ({"hiden": 3}, r"'hiden' is no argument that trials can share; there are .* Did you mean 'hidden'"),
        ({"callbacks": []}, "'callbacks' is no argument that trials can share"),
        ({"hidden": 8.5}, "hidden=8.5 is not allowed; it must be a whole number"),
        (
            {"hidden": 8, "layers": 1, "units": 8, "dropout": 0.1, "rate": 0.1},
            "all of .* are given, so that nothing is left to tune; leave some of them out",
        ),
    ],
)
def test_bad_arguments(series, options, text):
    pytest.importorskip("optuna", reason="pip install 'tsgan[tune]'")
    with pytest.raises(ParameterError, match=text):
        tune(series, **options)


def test_bad_tables(series):
    pytest.importorskip("optuna", reason="pip install 'tsgan[tune]'")
    with pytest.raises(SchemaError, match="'who'"):
        tune(series, entity="who", verbose=False)
    with pytest.raises(InputError, match="too few rows to hold some back, by which trials are compared; pass a longer"):
        tune(series.head(6), verbose=False)


def test_without_optuna():
    code = "import sys\nsys.modules['optuna'] = None\nfrom tsgan import tune\ntune([[1.0]])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "tuning and OptunaCallback need optuna; install it with: pip install 'tsgan[tune]'" in done.stderr
