"""Several synthetic tables side by side."""

from __future__ import annotations

import json

import numpy as np
import pytest

import tsgan
from tsgan.errors import InputError, ParameterError, SchemaError
from tsgan.evaluation.evaluate import compare, evaluate
from tsgan.evaluation.metrics.base import Result
from tsgan.evaluation.report.report import Comparison, Report

OPTIONS = {"metrics": ["marginals", "autocorrelation"], "repeats": 2}


def noise(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


@pytest.fixture(scope="module")
def both(make_panel) -> Comparison:
    return compare(make_panel(0, 200), {"good": make_panel(1, 200), "noise": noise((200, 8, 2))}, **OPTIONS)


def test_frame_of_metrics_by_tables(both) -> None:
    frame = both.as_frame()
    assert list(frame.index) == OPTIONS["metrics"]
    assert list(frame["value"].columns) == ["good", "noise"]
    assert (frame["value"].dtypes == "float64").all()
    assert frame.loc["autocorrelation", ("value", "noise")] == both["noise"]["autocorrelation"].value
    assert list(frame.loc["autocorrelation", "grade"]) == ["faithful", "far"]
    assert list(frame.loc["autocorrelation", "best"]) == [True, False]
    assert not frame.loc["marginals", "best"].any()


def test_json_is_versioned_and_holds_each_report(both, tmp_path) -> None:
    text = both.to_json(tmp_path / "both.json")
    data = json.loads(text)
    assert json.loads((tmp_path / "both.json").read_text()) == data
    assert data["format"] == 1
    assert data["best"] == {"marginals": [], "autocorrelation": ["good"]}
    assert data["tables"]["good"] == both["good"].to_dict()


def test_text_is_a_table_by_question_and_a_summary_each(both) -> None:
    lines = str(both).splitlines()
    assert lines[0].split() == ["score", "real/real", "good", "noise"]
    assert lines[2] == "Is each column right?"
    assert any(line.startswith("  autocorrelation ") and " faithful *" in line for line in lines)
    assert "* no other table is better beyond chance" in lines
    assert any(line.startswith("noise: Faithful: single columns.") for line in lines)
    assert repr(both) == "Comparison of ['good', 'noise'] by 2 metrics"


def test_a_report_compares_its_own_table_with_others(make_panel) -> None:
    real, holdout = make_panel(0, 100), make_panel(5, 100)
    report = evaluate(real, make_panel(1, 100), holdout, **OPTIONS)
    found = report.compare({"b": noise((100, 8, 2))})
    assert list(found.reports) == ["this", "b"]
    assert found["this"] is report
    alone = evaluate(real, noise((100, 8, 2)), holdout, **OPTIONS)
    assert found["b"].to_json() == alone.to_json()


def test_all_tables_are_judged_with_one_window_and_one_seed(make_panel) -> None:
    tables = {"a": [*make_panel(1, 60)], "b": [*make_panel(2, 60), noise((20, 2))]}
    found = compare(make_panel(0, 60), tables, metrics=["marginals"], repeats=1, random_state=None)
    assert found["a"].case.window == found["b"].case.window == 8
    assert found["a"].case.random_state == found["b"].case.random_state


def made(grade: str, values: list[float], better: str = "lower", interval=None) -> Report:
    controls = [0.09, 0.1, 0.11]
    detail = {"values": values, "real_against_real": controls}
    value = float(np.mean(values))
    one = Result("marginals", value, 0.0, 0.1, 0.9, better, grade, "", detail, interval)
    return Report((one,), None, 2)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("reports", "best"),
    [
        ({"a": made("visible", [0.2, 0.2]), "b": made("far", [0.5, 0.5])}, ["a"]),
        ({"a": made("visible", [0.2, 0.2]), "b": made("far", [0.21, 0.21])}, []),
        ({"a": made("visible", [0.2, 0.2], interval=(0.0, 0.4)), "b": made("far", [0.5, 0.5])}, ["a"]),
        ({"a": made("visible", [0.2, 0.2], interval=(0.0, 0.8)), "b": made("far", [0.5, 0.5])}, []),
        ({"a": made("faithful", [0.1, 0.1]), "b": made("faithful", [0.2, 0.2])}, []),
        ({"a": made("faithful", [0.3]), "b": made("faithful", [0.1]), "c": made("far", [0.9])}, ["a", "b"]),
        ({"a": made("far", [0.2, 0.2], "higher"), "b": made("visible", [0.5, 0.5], "higher")}, ["b"]),
        ({"a": made("far", [0.2, 0.2])}, []),
    ],
)
def test_best_only_where_the_difference_exceeds_chance(reports, best) -> None:
    assert Comparison(reports).best("marginals") == best


def test_what_cannot_be_measured_is_said_once() -> None:
    series = {name: noise((80,), seed) for name, seed in (("a", 1), ("b", 2))}
    found = compare(noise((80,)), series, metrics=["marginals", "cross_correlation"], repeats=1)
    text = " ".join(str(found).split())
    assert text.count("not available: it needs at least 2 columns") == 1
    assert np.isnan(found.as_frame().loc["cross_correlation", ("value", "a")])
    assert found.best("cross_correlation") == []


@pytest.mark.parametrize(
    ("tables", "text"),
    [
        ([1, 2], 'tables must be a mapping, got list; pass a mapping of names to tables, such as {"a": df_a'),
        ({}, "tables is empty; pass a mapping of names"),
        ({1: np.zeros((9, 2))}, "1 is no name for a table: it must be text that is not blank"),
        ({" ": np.zeros((9, 2))}, "' ' is no name for a table"),
    ],
)
def test_what_is_no_mapping_of_tables_is_refused(make_panel, tables, text) -> None:
    with pytest.raises(ParameterError, match=text):
        compare(make_panel(0, 20), tables)
    with pytest.raises(ParameterError, match=text):
        Report((), None, 1).compare(tables)  # type: ignore[arg-type]


def test_the_name_this_is_taken_and_a_bare_report_cannot_judge(both) -> None:
    with pytest.raises(ParameterError, match='the name "this" is taken by the report\'s own table'):
        both["good"].compare({"this": np.zeros((9, 2))})
    bare = Report(both["good"].results, both["good"].case, 2)
    with pytest.raises(ParameterError, match="was not made by evaluate, so it cannot judge another table"):
        bare.compare({"b": np.zeros((9, 2))})
    with pytest.raises(ParameterError, match=r"table='goood' is not known; .* Did you mean 'good'"):
        both["goood"]


def test_an_error_names_its_table(make_panel) -> None:
    real = make_panel(0, 20)
    with pytest.raises(SchemaError, match="judging table 'b': the two tables must have the same columns"):
        compare(real, {"a": real, "b": real[:, :, :1]}, **OPTIONS)
    with pytest.raises(InputError, match="judging table 'b': the synthetic table is too short"):
        compare(real, {"a": real, "b": real[:, :3]}, **OPTIONS)


def test_both_names_are_public() -> None:
    assert tsgan.compare is compare
    assert tsgan.Comparison is Comparison
