"""`tsgan fit --log json`: a line for each row of the history, and one of the outcome."""

import json
import math

import numpy as np
import pandas as pd
import pytest

from tsgan import RecurrentGAN
from tsgan.cli import commands as cli
from tsgan.cli.log import JsonLog
from tsgan.model.callbacks import Row

SHORT = ["--steps", "50", "--hidden", "8", "--units", "16", "--window", "4", "--adversarial-steps", "0", "--seed", "0"]


@pytest.fixture
def words(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    turn = np.arange(160) / 3
    pd.DataFrame({"x": np.sin(turn), "y": np.sign(np.cos(turn))}).to_csv("real.csv", index=False)
    return ["fit", "real.csv", "-o", "model", *SHORT, "--log", "json"]


def lines(capsys):
    captured = capsys.readouterr()
    return [json.loads(line, parse_constant=pytest.fail) for line in captured.out.splitlines()], captured.err


def test_each_row_and_the_outcome_is_a_line(words, capsys):
    assert cli.main(words) == 0
    (*rows, end), told = lines(capsys)
    model = RecurrentGAN.load("model")
    assert [{"event": "row", **row} for row in model.history_] == rows
    assert list(rows[0]) == ["event", *Row.__annotations__]
    assert rows[0]["loss"] is None
    assert 0 < end.pop("seconds") < 60
    held = max(row["held_back"] for row in model.history_)
    assert end == {
        "event": "end",
        "outcome": "done",
        "model": "model",
        "trained": True,
        "finished": False,
        "held_back": held,
    }
    assert told == "saved the model in model\n"  # and no bar


def test_quiet_leaves_the_lines_alone(words, capsys):
    assert cli.main([*words, "-q"]) == 0
    rows, told = lines(capsys)
    assert [row["event"] for row in rows] == ["row", "row", "end"]
    assert told == ""


def test_an_error_is_an_outcome(words, capsys):
    assert cli.main([*words, "--entity", "who"]) == 1
    (end,), told = lines(capsys)
    assert end["outcome"] == "failed"
    assert "'who'" in end["error"]
    assert told == f"tsgan: error: {end['error']}\n"


def test_an_interruption_is_an_outcome(words, capsys, monkeypatch):
    def interrupt(self, row):
        if row["step"] == 50:
            cli.signal.raise_signal(cli.signal.SIGINT)

    monkeypatch.setattr(JsonLog, "__call__", interrupt)
    assert cli.main(words) == 130
    (end,), told = lines(capsys)
    assert (end["outcome"], end["model"], end["trained"]) == ("interrupted", "model", False)
    assert "training was interrupted" in told


def test_what_is_not_finite_is_null(capsys):
    JsonLog()({"stage": "likelihood", "step": 50, "loss": math.nan, "held_back": -math.inf})
    assert lines(capsys)[0] == [{"event": "row", "stage": "likelihood", "step": 50, "loss": None, "held_back": None}]


def test_no_other_log(words, capsys):
    with pytest.raises(SystemExit):
        cli.main([*words[:-1], "xml"])
    assert "argument --log: invalid choice: 'xml' (choose from" in capsys.readouterr().err
