"""`tsgan tune` and `tsgan fit --params`, with the real search as short as it can be, and what is refused."""

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tsgan import RecurrentGAN, tuning
from tsgan.cli import commands as cli

SHORT = ["--steps", "50", "--hidden", "8", "--units", "16", "--window", "4", "--seed", "0"]
unimproved = pytest.mark.filterwarnings("ignore:training did not improve:tsgan.errors.TsganWarning")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    turn = np.arange(160) / 3
    pd.DataFrame({"x": np.sin(turn), "y": np.sign(np.cos(turn))}).to_csv("real.csv", index=False)
    return tmp_path


@unimproved
def test_tune_then_fit(capsys):
    pytest.importorskip("optuna", reason="pip install 'tsgan[tune]'")
    words = ["tune", "real.csv", "-o", "best.json", "--plot", "trials.png", "--trials", "2", "--layers", "1", *SHORT]
    assert cli.main(words) == 0
    captured = capsys.readouterr()
    head, first, second, _, best = captured.out.splitlines()
    assert head.split() == ["trial", "held_back", "state", "steps", "seconds", "dropout", "rate"]
    assert {first.split()[0], second.split()[0]} == {"0", "1"}
    assert best.startswith("best: trial ")
    assert captured.err.endswith("wrote best.json\nwrote trials.png\n")
    params = json.loads(Path("best.json").read_text())
    assert list(params) == ["dropout", "rate"]

    fit = ["fit", "real.csv", "-o", "model", *SHORT, "--adversarial-steps", "0", "--params", "best.json"]
    assert cli.main([*fit, "--rate", "0.003"]) == 0
    assert f"best.json: rate={params['rate']!r} left out, flags win\n" in capsys.readouterr().err
    model = RecurrentGAN.load("model")
    assert (model.rate, model.dropout, model.hidden) == (0.003, params["dropout"], 8)
    assert cli.main([*fit, "-q"]) == 0
    assert RecurrentGAN.load("model").rate == params["rate"]


def test_quiet_prints_the_table_alone(capsys, monkeypatch):
    pytest.importorskip("optuna", reason="pip install 'tsgan[tune]'")
    assert cli.main(["tune", "real.csv", "-o", "best.json", "--trials", "1", "-q", *SHORT]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert "best: trial 0, the defaults" in captured.out


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "--params best.json: no such file; tsgan tune -o best.json writes one"),
        ("hidden: 96", "--params best.json is not JSON (Expecting value: line 1 column 1 (char 0)); tsgan tune"),
        ("[96]", '--params best.json holds no JSON object; write arguments by name, like {"hidden": 96}'),
        ('{"hidden": 96, "hidden": 64}', "--params best.json names 'hidden' twice; an argument has one value"),
        ('{"hiden": 96}', "--params best.json: 'hiden' is no argument of RecurrentGAN that a file can give; there are"),
        ('{"callbacks": []}', "--params best.json: 'callbacks' is no argument of RecurrentGAN that a file can give"),
        ('{"hidden": "many"}', "hidden='many' is not allowed; it must be a whole number of at least 1"),
        ('{"units": 0}', "units=0 is not allowed; it must be a whole number of at least 1"),
    ],
)
def test_params_that_are_refused(folder, capsys, text, told):
    if text is not None:
        (folder / "best.json").write_text(text)
    assert cli.main(["fit", "real.csv", "-o", "model", "--params", "best.json"]) == 1
    assert capsys.readouterr().err.startswith(f"tsgan: error: {told}")
    assert not (folder / "model").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["-o", "away/best.json"], "away/best.json: the folder away does not exist; make it first"),
        (["-o", "."], ". is a folder; name a file"),
        (["-o", "b.json", "--plot", "away/a.png"], "away/a.png: the folder away does not exist; make it first"),
        (["-o", "b.json", "--plot", "a.doc"], "--plot='a.doc' must end in one of .png, .svg, .pdf"),
    ],
)
def test_where_it_writes_is_checked_before_the_trials(capsys, monkeypatch, words, told):
    monkeypatch.setattr(tuning, "tune", lambda *args, **more: pytest.fail("it ran"))
    assert cli.main(["tune", "real.csv", *words]) == 1
    assert capsys.readouterr().err == f"tsgan: error: {told}\n"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_to(folder, capsys):
    (folder / "shut").mkdir(mode=0o500)
    assert cli.main(["tune", "real.csv", "-o", "shut/best.json"]) == 1
    assert "shut/best.json cannot be written to; choose another place" in capsys.readouterr().err


@pytest.mark.parametrize(("flag", "value"), [("--trials", "0"), ("--max-time", "0"), ("--steps", "-1")])
def test_limits_that_are_refused(capsys, flag, value):
    assert cli.main(["tune", "real.csv", "-o", "best.json", flag, value]) == 1
    name = flag[2:].replace("-", "_")
    assert f"tsgan: error: {name}={value}" in capsys.readouterr().err.replace("0.0", "0")


def test_flags_of_the_second_stage_are_not_those_of_a_search(capsys):
    with pytest.raises(SystemExit):
        cli.main(["tune", "real.csv", "-o", "best.json", "--critic-rate", "0.1"])
    assert "unrecognized arguments: --critic-rate" in capsys.readouterr().err
