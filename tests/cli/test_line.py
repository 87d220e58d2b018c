"""The whole line by command with the real model and the real judge, as short as it can be."""

import inspect
import json

import pandas as pd
import pytest

from tsgan import RecurrentGAN, datasets
from tsgan.cli import commands as cli
from tsgan.tables import files as tables


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    datasets.regimes(20, random_state=1).to_csv("real.csv", index=False)
    return tmp_path


def test_fit_sample_evaluate_info(folder, capsys):
    roles = ["--entity", "unit", "--time", "day", "--static", "site,age"]
    short = ["--steps", "0", "--hidden", "4", "--seed", "0"]
    assert cli.main(["fit", "real.csv", "-o", "model", *roles, *short, "--quiet"]) == 0
    assert cli.main(["sample", "model", "-n", "6", "--seed", "1", "-o", "one.csv", "-q"]) == 0
    assert cli.main(["sample", "model", "-n", "6", "--seed", "1", "-o", "two.parquet", "-q"]) == 0
    real, one, two = (tables.read(name, time="day") for name in ("real.csv", "one.csv", "two.parquet"))
    assert list(one) == list(real)
    assert one.dtypes.astype(str).str.replace("[ns]", "[us]").tolist() == real.dtypes.astype(str).tolist()
    pd.testing.assert_frame_equal(one, two, check_dtype=False)
    assert one["unit"].nunique() == 6
    capsys.readouterr()

    assert cli.main(["info", "model"]) == 0
    assert "static=['site', 'age']" in capsys.readouterr().out
    words = ["evaluate", "real.csv", "one.csv", *roles, "--metrics", "marginals", "--repeats", "1", "--json"]
    assert cli.main(words) == 0
    assert [score["name"] for score in json.loads(capsys.readouterr().out)["scores"]] == ["marginals"]


def test_the_line_ends_in_a_pipe(folder, capsys):
    assert cli.main(["fit", "real.csv", "-o", "model", "--entity", "unit", "--time", "day", "--steps", "0", "-q"]) == 0
    assert cli.main(["sample", "model", "-n", "2", "--seed", "1", "-q"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "unit,day,site,age,regime,value,events,alarm"


def test_every_argument_of_the_constructor_has_a_flag(capsys):
    with pytest.raises(SystemExit):
        cli.main(["fit", "--help"])
    text = capsys.readouterr().out
    flags = {"random_state": "--seed"}
    missing = [
        name
        for name in inspect.signature(RecurrentGAN).parameters
        if name not in ("verbose", "callbacks") and flags.get(name, "--" + name.replace("_", "-")) not in text
    ]
    assert missing == []
