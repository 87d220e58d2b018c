"""Tables in parquet files are judged by whole sequences, or blocks of time, that are drawn, and the report says so."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tsgan import compare, evaluate
from tsgan.cli import commands as cli
from tsgan.errors import InputError, ParameterError, SchemaError
from tsgan.evaluation.excerpts import drawn

ROLES = {"entity": "id", "time": "day", "static": ["site"]}
FEW = {"metrics": ["marginals", "autocorrelation"], "repeats": 1, "verbose": False}


def folder_of(frame, folder, rows=700):
    folder.mkdir()
    for number, at in enumerate(range(0, len(frame), rows)):
        frame.iloc[at : at + rows].to_parquet(folder / f"{number}.parquet")
    return folder


def series(seed, rows=6000):
    x = np.random.default_rng(seed).normal(size=rows).cumsum() % 10
    return pd.DataFrame({"x": x.round(3)}, index=pd.date_range("2024-01-01", periods=rows, freq="h"))


@pytest.fixture(scope="module")
def folders(make_mixed, tmp_path_factory):
    """Two folders of 3600 rows, 300 entities."""
    home = tmp_path_factory.mktemp("folders")
    return [str(folder_of(make_mixed(seed, 300), home / name)) for seed, name in ((0, "real"), (1, "synthetic"))]


def test_folders_that_fit_are_judged_as_from_memory(folders, make_mixed):
    made = evaluate(*folders, **ROLES, **FEW)
    whole = evaluate(make_mixed(0, 300), make_mixed(1, 300), **ROLES, **FEW)
    assert made.as_frame().equals(whole.as_frame())
    assert not any("drawn" in note for note in made.case.notes)
    assert whole.case.drawn == {}


def test_whole_entities_are_drawn_and_counted(folders, make_mixed):
    report = evaluate(*folders, folders[0], rows=1200, **ROLES, **FEW)
    real = report.case.frames["real"]
    assert len(real) == 1200
    assert set(report.case.real.panel.lengths) == {12}
    told = json.loads(report.to_json())["data"]["drawn"]
    same = {"rows": 1200, "sequences": 100, "of_rows": 3600, "of_sequences": 300, "blocks": False}
    assert told == {"real": same, "synthetic": same, "holdout": same}
    text = " ".join(str(report).split())
    assert "note: of the real table 1,200 of 3,600 rows were judged: 100 of 300 sequences, drawn by chance" in text
    assert "note: of the holdout table 1,200 of 3,600 rows" in text
    assert "a copy of a real sequence is seen only if both were drawn (more of them by rows=)" in text
    assert report["marginals"].grade == "faithful"


def test_a_folder_that_copies_another_is_found_out(folders):
    report = evaluate(folders[0], folders[0], rows=1200, **{**ROLES, **FEW, "metrics": ["copies"]})
    assert report["copies"].grade == "leak"
    assert 0.2 < report["copies"].value < 0.5  # a third of the real ones were drawn


def test_what_is_drawn_is_seeded_and_by_chance_alone(make_mixed, tmp_path):
    frame = make_mixed(0, 300)
    frame.loc[5, "level"] = 1e6  # the excerpt of a fit would hold it in any case
    folder = folder_of(frame, tmp_path / "one")
    kept = [drawn(folder, "real", 1200, "id", "day", seed).frame for seed in (0, 0, 1, 2, 3, 4)]
    assert kept[0].equals(kept[1])
    assert not kept[0].equals(kept[2])
    assert not all((part["level"] == 1e6).any() for part in kept)


def test_a_long_series_is_judged_by_blocks_that_stay_apart(tmp_path):
    folders = [folder_of(series(seed), tmp_path / name) for seed, name in ((0, "real"), (1, "synthetic"))]
    report = evaluate(*folders, rows=1500, **FEW)
    assert report.case.drawn["real"].blocks
    assert report.case.window == 24
    panel = report.case.real.panel
    assert 1000 < len(panel.values) <= 1500
    starts = np.cumsum(panel.lengths)[:-1]
    days = report.case.clocks["real"]
    assert np.diff(days)[np.setdiff1d(np.arange(len(days) - 1), starts - 1)] == pytest.approx(1 / 24)
    assert re.search(r"of the real table 1,\d{3} of 6,000 rows were judged: \d+ blocks of time,", str(report))


def test_few_long_entities_are_judged_by_blocks(tmp_path):
    frame = pd.concat([series(i, 2000).reset_index(names="day").assign(id=f"s{i}") for i in range(4)])
    folder = folder_of(frame, tmp_path / "real")
    kept = drawn(folder, "real", 1000, "id", "day", 0)
    assert kept.blocks
    assert kept.frame["id"].nunique() == kept.sequences == 4
    assert kept.rows == 1000


def test_lists_of_files_single_files_and_tables_beside_folders(folders, make_mixed, tmp_path):
    files = sorted(Path(folders[0]).glob("*.parquet"), key=lambda path: int(path.stem))
    make_mixed(1, 300).to_parquet(tmp_path / "one.parquet")
    report = evaluate(files, tmp_path / "one.parquet", rows=1200, **ROLES, **FEW)
    assert [part.rows for part in report.case.drawn.values()] == [1200, 1200]
    beside = evaluate(files, make_mixed(1, 60), rows=1200, **ROLES, **FEW)
    assert set(beside.case.drawn) == {"real"}


def test_several_tables_are_judged_against_the_same_rows(folders):
    judged = compare(folders[0], {"a": folders[1], "b": folders[1]}, rows=1200, **ROLES, **FEW)
    assert judged["a"].as_frame().equals(judged["b"].as_frame())
    assert judged["a"].case.drawn["real"].frame is judged["b"].case.drawn["real"].frame


@pytest.mark.parametrize(
    ("real", "synthetic", "given", "kind", "text"),
    [
        ("EMPTY", "SYNTHETIC", {}, InputError, r"the real table: .*empty: the folder holds no \.parquet file"),
        ("REAL", "nowhere", {}, InputError, "the synthetic table: nowhere: no such file or folder"),
        ("REAL", "OTHER", {}, SchemaError, r"the synthetic table lacks \['weather'\] and has \['wind'\] beyond"),
        (
            "REAL",
            "SYNTHETIC",
            {"entity": "key"},
            SchemaError,
            r"the real table: entity='key' is not a column; the parts",
        ),
        ("REAL", "UNSORTED", {}, InputError, r"the synthetic table: .*comes back after other entities"),
        ("REAL", "a.csv", {}, InputError, "the synthetic table: a.csv: no such file or folder"),
        ("REAL", "SYNTHETIC", {"rows": 10}, ParameterError, "rows=10 is not allowed; it must be a whole number of at"),
    ],
)
def test_what_is_refused(folders, make_mixed, tmp_path, real, synthetic, given, kind, text):
    (tmp_path / "empty").mkdir()
    frame = make_mixed(1, 60)
    places = {
        "EMPTY": tmp_path / "empty",
        "REAL": folders[0],
        "SYNTHETIC": folders[1],
        "OTHER": folder_of(frame.rename(columns={"weather": "wind"}), tmp_path / "other"),
        "UNSORTED": folder_of(frame.sample(frac=1, random_state=0), tmp_path / "unsorted"),
    }
    with pytest.raises(kind, match=text):
        evaluate(places.get(real, real), places.get(synthetic, synthetic), **{**ROLES, **FEW, **given})


def test_by_command(folders, make_mixed, tmp_path, capsys):
    words = ["--entity", "id", "--time", "day", "--static", "site", "--metrics", "marginals", "--repeats", "1"]
    assert cli.main(["evaluate", *folders, "--holdout", folders[0], "--rows", "1200", *words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["data"]["drawn"]
    assert {side: part["of_rows"] for side, part in told.items()} == dict.fromkeys(told, 3600)
    one = str(tmp_path / "one.parquet")
    make_mixed(1, 300).to_parquet(one)
    assert cli.main(["evaluate", folders[0], one, *words, "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)["data"]["drawn"]) == {"real"}
