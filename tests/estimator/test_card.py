"""The card in a model's folder: what it tells, what of it is kept, and reports that are not of the model."""

from __future__ import annotations

import copy
import json
import re

import numpy as np
import pandas as pd
import pytest

from tsgan import RecurrentGAN, evaluate
from tsgan.cli.commands import main
from tsgan.errors import InputError, ModelFileError, TsganWarning
from tsgan.estimator.card import MARK, training_told

yaml = pytest.importorskip("yaml", reason="PyYAML comes with dask")


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    rows = 300
    return pd.DataFrame(
        {
            "day": pd.date_range("2024-01-01", periods=rows),
            "load": rng.normal(size=rows).cumsum().round(1),
            "a | b": rng.normal(size=rows),
        }
    )


@pytest.fixture(scope="module")
def model(table):
    return RecurrentGAN(time="day", steps=0, random_state=0, verbose=False).fit(table)


@pytest.fixture(scope="module")
def report(model, table):
    synthetic = model.sample(1, length=len(table), random_state=0)
    return evaluate(table, synthetic, time="day", metrics=["marginals", "autocorrelation"], verbose=False)


def head(folder):
    return yaml.safe_load((folder / "README.md").read_text().split("---\n")[1])


def test_what_it_tells(model, tmp_path):
    model.save(tmp_path / "loads")
    text = (tmp_path / "loads" / "README.md").read_text()
    assert head(tmp_path / "loads")["library_name"] == "tsgan"
    assert "model-index" not in head(tmp_path / "loads")
    assert "300 rows of 1 sequence." in text
    assert "| load | value | float | float64 |" in text
    assert r"| a \| b | value | float | float64 |" in text
    assert "closed form: no network was trained" in text
    assert "`steps=0`" in text
    assert "`verbose" not in text
    assert "tsgan card loads --report scores.json" in text
    assert text.endswith(MARK + "\n")


def test_it_is_the_same_after_loading(model, tmp_path):
    model.save(tmp_path / "one" / "loads")
    RecurrentGAN.load(tmp_path / "one" / "loads").save(tmp_path / "two" / "loads")
    one, two = ((tmp_path / name / "loads" / "README.md").read_text() for name in ("one", "two"))
    assert one == two


def test_code_of_the_card_runs(model, tmp_path, monkeypatch):
    model.save(tmp_path / "loads")
    monkeypatch.chdir(tmp_path)
    names = {}
    exec((tmp_path / "loads" / "README.md").read_text().split("```python\n")[1].split("```")[0], names)
    assert len(names["table"]) == 100


def test_scores(model, report, tmp_path):
    model.save(tmp_path / "loads", report=report)
    (one,) = head(tmp_path / "loads")["model-index"]
    (results,) = one["results"]
    assert one["name"] == "loads"
    assert {entry["type"]: entry["value"] for entry in results["metrics"]} == pytest.approx(
        {result.name: result.value for result in report.results}, rel=1e-5
    )
    text = (tmp_path / "loads" / "README.md").read_text()
    assert report.summary in text
    assert f"| marginals | {report['marginals'].value:.3g}" in text
    assert "Not judged yet" not in text


def test_the_command_writes_scores_and_keeps_what_is_yours(model, report, tmp_path, capsys):
    home, scores = tmp_path / "loads", tmp_path / "scores.json"
    model.save(home)
    report.to_json(scores)
    with (home / "README.md").open("a") as file:
        file.write("\n## Licence\n\nAsk Ada.\n")
    for _ in range(2):
        assert main(["card", str(home), "--report", str(scores)]) == 0
        text = (home / "README.md").read_text()
        assert text.endswith(MARK + "\n## Licence\n\nAsk Ada.\n")
        assert "Not judged yet" not in text
    assert f"wrote {home / 'README.md'}" in capsys.readouterr().err
    model.save(home)
    assert "Ask Ada." in (home / "README.md").read_text()
    assert "Not judged yet" in (home / "README.md").read_text()


def test_a_readme_of_another_is_left_alone(model, report, tmp_path, capsys):
    home, scores = tmp_path / "loads", tmp_path / "scores.json"
    model.save(home)
    (home / "README.md").write_text("mine\n")
    with pytest.warns(TsganWarning, match=r"README.md is no card of tsgan's and is left as it is; move it away to get"):
        model.save(home)
    report.to_json(scores)
    assert main(["card", str(home), "--report", str(scores)]) == 1
    assert "README.md is no card of tsgan's and is left as it is" in capsys.readouterr().err
    assert (home / "README.md").read_text() == "mine\n"


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            lambda told: {"best": {}, "tables": {"ours": told, "theirs": told}},
            r"several tables \(ours, theirs\); judge",
        ),
        (lambda told: told | {"format": 1}, r"this is no report of format 2; write one with evaluate\(...\).to_json"),
        (lambda told: {"format": 2}, "this is no report of format 2"),
        (lambda told: {"tables": 3}, "this is no report of format 2"),
        (lambda told: told | {"data": {}}, "this is no report of format 2"),
        (lambda told: told | {"scores": [{"name": "a"}]}, "this is no report of format 2"),
        (lambda told: told | {"scores": [told["scores"][0] | {"value": "hi"}]}, "this is no report of format 2"),
        (
            lambda told: told | {"data": {"columns": [{"name": "weight"}]}},
            r"the report judges the column 'weight', which this model does not draw \(it draws day, load, a \| b\)",
        ),
    ],
)
def test_reports_that_are_not_of_the_model(model, report, tmp_path, change, text, capsys):
    told = change(report.to_dict())

    class Told:
        def to_dict(self):
            return told

    with pytest.raises(InputError, match=text):
        model.save(tmp_path / "new", report=Told())
    assert not (tmp_path / "new").exists()
    model.save(tmp_path / "loads")
    before = (tmp_path / "loads" / "README.md").read_text()
    (tmp_path / "scores.json").write_text(json.dumps(told))
    assert main(["card", str(tmp_path / "loads"), "--report", str(tmp_path / "scores.json")]) == 1
    assert re.search(text, capsys.readouterr().err)
    assert (tmp_path / "loads" / "README.md").read_text() == before


def test_a_file_that_is_no_report(model, tmp_path, capsys):
    model.save(tmp_path / "loads")
    for text in ("{", "[]"):
        (tmp_path / "scores.json").write_text(text)
        assert main(["card", str(tmp_path / "loads"), "--report", str(tmp_path / "scores.json")]) == 1
        assert "is no report (" in capsys.readouterr().err


def test_steps_of_both_stages_are_counted(model):
    rows = [("likelihood", 0, -2.0), ("likelihood", 50, -1.5), ("adversarial", 0, None), ("adversarial", 5, None)]
    trained = copy.copy(model)
    trained.history_ = [
        {"stage": stage, "step": step, "seconds": 9.0, "held_back": held_back} for stage, step, held_back in rows
    ]
    trained.trained_ = trained.finished_ = True
    assert training_told(trained) == [
        "trained for 55 steps, 9 s; the trained network is kept, finished against a critic",
        "log-likelihood of held-back rows, in training: -2.000 at the start, -1.500 at best",
    ]


def test_a_report_as_a_mapping_and_what_is_none(model, report, tmp_path):
    model.save(tmp_path / "loads", report=report.to_dict())
    assert report.summary in (tmp_path / "loads" / "README.md").read_text()
    with pytest.raises(
        InputError, match=r"report='scores.json' is no report; pass what evaluate returns, or its to_dict"
    ):
        model.save(tmp_path / "other", report="scores.json")
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("there", ["folder", "latin"])
def test_what_is_no_text_is_left_alone(model, tmp_path, there):
    model.save(tmp_path)
    place = tmp_path / "README.md"
    if there == "folder":
        place.unlink()
        place.mkdir()
    else:
        place.write_bytes(place.read_bytes() + b"caf\xe9\n")
    with pytest.warns(TsganWarning, match=r"README.md is no card of tsgan's and is left as it is"):
        model.save(tmp_path)
    assert place.is_dir() or place.read_bytes().endswith(b"caf\xe9\n")


def test_a_folder_that_cannot_be_written_to(model, tmp_path, monkeypatch):
    def full(target, text):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tsgan.unfinished.write_text", full)
    with pytest.raises(ModelFileError, match=r"the card could not be written to .*README.md: No space left on device"):
        model.save(tmp_path / "loads")
