"""The whole line by command with the real model and the real judge, as short as it can be."""

import inspect
import json
import re

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


def test_the_line_reads_what_it_wrote_across_daylight_saving(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    time = pd.date_range("2021-03-20", periods=480, freq="h", tz="Europe/Berlin")
    pd.DataFrame({"t": time, "x": range(480)}).to_parquet("a.parquet")
    short = ["--time", "t", "--steps", "0", "-q"]
    assert cli.main(["fit", "a.parquet", "-o", "m", *short]) == 0
    assert cli.main(["sample", "m", "-n", "1", "--length", "480", "-o", "s.csv", "-q"]) == 0
    assert cli.main(["fit", "s.csv", "-o", "m2", *short]) == 0
    assert capsys.readouterr().err == ""
    assert cli.main(["fit", "s.csv", "-o", "m2", *short[:-1]]) == 0
    assert "s.csv: read with times of several offsets as UTC (name their place with --zone" in capsys.readouterr().err
    assert cli.main(["fit", "s.csv", "-o", "m3", *short, "--zone", "Europe/Berlin"]) == 0
    assert cli.main(["sample", "m3", "-n", "1", "--length", "480", "-o", "s3.csv", "-q"]) == 0
    capsys.readouterr()
    text = (tmp_path / "s3.csv").read_text()
    assert "+01:00," in text
    assert "+02:00," in text
    words = ["evaluate", "s.csv", "s3.csv", "--time", "t", "--metrics", "marginals", "--repeats", "1"]
    assert cli.main([*words, "--zone", "Europe/Berlin"]) == 0


def test_the_line_draws_in_the_dialect_that_it_read(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    time = pd.date_range("2021-03-20", periods=80, freq="h")
    rows = [f"{moment:%d/%m/%Y %I:%M %p};{i % 7},{i % 10}5;{'' if i % 9 == 0 else i}" for i, moment in enumerate(time)]
    (tmp_path / "a.csv").write_text("Zeit;größe;n\n" + "\n".join(rows) + "\n", encoding="latin-1")
    assert cli.main(["fit", "a.csv", "-o", "m", "--time", "Zeit", "--steps", "0"]) == 0
    words = "a.csv: read with --sep ';', --decimal ',', --encoding 'latin-1', --time-format '%d/%m/%Y %I:%M %p'\n"
    assert words in capsys.readouterr().err
    assert cli.main(["sample", "m", "-n", "1", "--length", "80", "-o", "s.csv", "-q"]) == 0
    lines = (tmp_path / "s.csv").read_text(encoding="latin-1").splitlines()
    assert lines[0] == "Zeit;größe;n"
    assert all(re.fullmatch(r"\d\d/0\d/2021 \d\d:\d\d [AP]M;-?\d,\d*;-?\d*", line) for line in lines[1:])
    told = ["--sep", ";", "--decimal", ",", "--encoding", "latin-1", "--time-format", "%d/%m/%Y %I:%M %p"]
    judged = ["evaluate", "a.csv", "s.csv", "--time", "Zeit", "--metrics", "marginals", "--repeats", "1"]
    for flags in ([], told):
        assert cli.main([*judged, *flags]) == 0
    assert capsys.readouterr().err.count("read with") == 2
    assert cli.main(["suggest", "a.csv", "--time", "Zeit", *told]) == 0
