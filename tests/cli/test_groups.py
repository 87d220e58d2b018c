"""The command line with one model for each group: fit --by, sample, info."""

import numpy as np
import pandas as pd
import pytest

from tsgan.cli import commands as cli


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("table") / "stores.csv"
    rng = np.random.default_rng(0)
    parts = []
    for store, rows in ((2, 40), (1, 40), (9, 4)):
        date = pd.date_range("2024-01-01", periods=rows).strftime("%d.%m.%Y")
        x = pd.Series(rng.normal(store, 0.1, rows).round(2)).astype(str).str.replace(".", ",")
        parts.append(pd.DataFrame({"date": date, "store": store, "x": x, "state": rng.choice(["a", "b"], rows)}))
    pd.concat(parts).to_csv(path, index=False, sep=";")
    return path


@pytest.fixture(scope="module")
def models(table, tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "stores"
    words = ["--by", "store", "--few", "skip", "--time", "date", "--steps", "0", "--seed", "0"]
    assert cli.main(["fit", str(table), "-o", str(path), *words, "-q"]) == 0
    return path


def test_fitting_tells_each_group_and_what_is_left_out(table, tmp_path, capsys):
    words = ["fit", str(table), "-o", str(tmp_path / "m"), "--by", "store", "--time", "date", "--steps", "0"]
    assert cli.main(words) == 1
    assert "1 of 3 groups have too few rows to be learned: store=9 (4); leave them out" in capsys.readouterr().err
    assert cli.main([*words, "--few", "skip"]) == 0
    told = capsys.readouterr().err
    assert "1 done: store=1\n2 done: store=2\n" in told
    assert "tsgan: warning: 1 groups have too few rows and are left out: store=9 (4)" in told
    assert told.endswith(f"saved the models of 2 groups in {tmp_path / 'm'}\n")
    assert cli.main(words) == 1
    assert "holds a whole set of models, which is not replaced" in capsys.readouterr().err
    assert cli.main([word for word in words if word not in ("--by", "store")]) == 1
    assert "holds one model for each group of a table; choose a new or an empty" in capsys.readouterr().err


def test_info_lists_the_groups(models, capsys):
    assert cli.main(["info", str(models)]) == 0
    first, _, head, *rows = capsys.readouterr().out.splitlines()
    assert first == f"{models}: Models of 2 groups by store"
    assert head.split() == ["store", "rows", "sequences", "folder"]
    assert [row.split()[:3] for row in rows] == [["1", "40", "1"], ["2", "40", "1"]]


def test_all_groups_are_drawn_in_the_way_of_the_table(models, tmp_path):
    out = tmp_path / "out.csv"
    assert cli.main(["sample", str(models), "--length", "5", "--seed", "1", "-o", str(out)]) == 0
    lines = out.read_text().splitlines()
    assert lines[0] == "date;store;x;state"
    assert [line.split(";")[1] for line in lines[1:]] == ["1"] * 5 + ["2"] * 5
    assert lines[1].split(";")[2].startswith(("0,", "1,"))


def test_conditions_choose_groups(models, tmp_path):
    out = tmp_path / "out.parquet"
    words = ["sample", str(models), "-n", "6", "--length", "5", "--where", "store=2", "--where", "state=a"]
    assert cli.main([*words, "--chunk", "10", "-o", str(out), "-q"]) == 0
    drawn = pd.read_parquet(out)
    assert len(drawn) == 30
    assert drawn["store"].eq(2).all()
    assert drawn["state"].eq("a").all()


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["sample", "MODELS", "--where", "store=7"], "where: there is no group store='7'; there are [1, 2]"),
        (["sample", "MODELS", "--static", "x.csv"], "holds one model for each group; draw from the folder of one"),
        (["fit", "FOLDER", "-o", "m", "--by", "store"], "groups are told apart in one table in memory; pass one file"),
        (["fit", "TABLE", "-o", "m", "--by", "store", "--metadata", "x.json"], "--metadata is for one model; leave it"),
        (["fit", "TABLE", "-o", "FOLDER/m", "--by", "shop"], "by='shop' is not a column; the table has ['date',"),
    ],
)
def test_what_is_refused(models, table, tmp_path, capsys, words, text):
    places = {"MODELS": str(models), "TABLE": str(table)}
    assert cli.main([places.get(word, word.replace("FOLDER", str(tmp_path))) for word in words]) == 1
    assert text in capsys.readouterr().err
