"""The command line from the outside, with a stand-in for the model and for the judge."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
import types
import warnings
import weakref
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tsgan import __version__, bundle, datasets
from tsgan.cli import commands as cli
from tsgan.cli.values import check_file
from tsgan.encoding.schema import ColumnSchema, Schema
from tsgan.errors import InputError, ParameterError, TsganWarning
from tsgan.evaluation.metrics.base import Result
from tsgan.tables import files as tables

asked: list = []  # what the stand-in's sample_iter was asked for
SCHEMA = Schema(
    (
        ColumnSchema("wind", "value", "float", "float64"),
        ColumnSchema("sex", "static", "category", "str"),
        ColumnSchema("ill", "static", "boolean", "bool"),
        ColumnSchema("age", "static", "integer", "int64"),
    )
)


class RecurrentGAN:
    """Stand-in.

    Parameters
    ----------
    entity : str or None
        Column that names the entity.
    time : str or None
        Column that orders the steps.
    static : list of str or None
        Columns with one value per entity.
    steps : int
        How often the generator is updated.
    max_time : float or None
        Seconds of training at most.
    random_state : int or None
        Seed.
    verbose : bool
        Whether to show a progress bar.
    """

    schema_ = SCHEMA
    history_ = ({"stage": "likelihood", "held_back": None, "step": 9, "seconds": 3.2},)
    trained_ = True
    finished_ = interrupted_ = False
    device = None

    def __init__(
        self,
        *,
        entity: str | None = None,
        time: str | None = None,
        static: list[str] | None = None,
        steps: int = 1000,
        max_time: float | None = None,
        random_state: int | None = None,
        verbose: bool = False,
    ):
        self.params = {k: v for k, v in locals().items() if k != "self"}

    def get_params(self, deep=True):
        return self.params

    def fit(self, table):
        table = pd.DataFrame({"folder": [table.name]}) if isinstance(table, Path) else table
        if "boom" in table:
            raise InputError("column 'boom' holds\n  nothing; leave it out")
        if "stop" in table:
            raise KeyboardInterrupt
        if "odd" in table:
            warnings.warn("column 'odd' was left out", TsganWarning, stacklevel=2)
        self.table = table
        return self

    def save(self, path, report=None):
        Path(path).mkdir(parents=True, exist_ok=True)
        saved = {
            "format": bundle.FORMAT,
            "tsgan": "0.0.9",
            "files": {},
            "class": type(self).__name__,
            "params": self.params,
            "dtypes": self.table.dtypes.astype(str).to_dict(),
        }
        (Path(path) / "model.json").write_text(json.dumps(saved))

    @classmethod
    def load(cls, path, device=None):
        saved = bundle.read(path, check=False)[0]
        model = cls(**saved["params"])
        model.device = device
        return model

    def sample(self, n=1, length=None, *, start=None, random_state=None):
        if self.params["steps"] == 7:
            return np.arange(n * 2 * 3).reshape(n, 2, 3)
        rows = n * (length or 2)
        return pd.DataFrame({"start": [str(start)] * rows, "seed": random_state, "device": self.device})

    def sample_iter(self, n, chunk=10_000, length=None, *, start=None, random_state=None, **conditions):
        asked.append((n, chunk, conditions))
        if conditions.get("where", {}).get("sex") == "x":
            raise ParameterError("where: 'sex' is never 'x' in the fitted table; it is one of ['f', 'm']")
        for at in range(0, n, chunk):
            yield self.sample(min(chunk, n - at), length, start=start, random_state=random_state)
            if conditions.get("where", {}).get("age") == 99:
                raise KeyboardInterrupt


class Report:
    """Stand-in."""

    def __init__(self, *told, value=0.01):
        self.told = told
        self.results = [Result("two_sample", value, 0, 0, 1, "lower", "close", "Nearly.")]
        reason = "not available: there is one column"
        self.results.append(Result("correlation", None, None, None, None, "lower", "not available", reason))

    def __str__(self):
        return "discriminative score 0.01 (chance 0.01)"

    def to_json(self, path=None):
        text = json.dumps({"told": repr(self.told)})
        if path is not None:
            Path(path).write_text(text)
        return text

    def to_html(self, path):
        Path(path).write_text("<html>")


def evaluate(
    real: pd.DataFrame,
    synthetic: pd.DataFrame,
    holdout: pd.DataFrame | None = None,
    *,
    time: str | None = None,
    metrics: list[str] | None = None,
    repeats: int = 5,
    random_state: int | None = None,
    verbose: bool | None = None,
) -> Report:
    """Judge.

    Parameters
    ----------
    repeats : int
        How many judges.
    """
    unseen = None if holdout is None else len(holdout)
    return Report(len(real), len(synthetic), unseen, time, metrics, repeats, random_state)


class Comparison(Report):
    """Stand-in."""

    def __init__(self, reports):
        super().__init__({name: report.told for name, report in reports.items()})
        self.reports = reports


def compare(real, tables, **arguments):
    return Comparison({name: evaluate(real, table, **arguments) for name, table in tables.items()})


@pytest.fixture(autouse=True)
def stand_in(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "tsgan.estimator.recurrent_gan", types.SimpleNamespace(RecurrentGAN=RecurrentGAN))
    judge = types.SimpleNamespace(evaluate=evaluate, compare=compare)
    monkeypatch.setitem(sys.modules, "tsgan.evaluation.evaluate", judge)
    monkeypatch.chdir(tmp_path)
    asked.clear()
    pd.DataFrame({"day": ["2024-01-01", "2024-01-02"], "wind": [1.5, 2.5]}).to_csv("real.csv", index=False)


def test_fit_hands_the_flags_to_the_constructor_and_saves(tmp_path, capsys):
    words = ["fit", "real.csv", "-o", "model", "--time", "day", "--static", "a,b", "--steps", "5", "--seed", "3"]
    assert cli.main([*words, "--max-time", "1.5"]) == 0
    saved = json.loads((tmp_path / "model" / "model.json").read_text())
    assert saved["params"] == {
        "entity": None,
        "time": "day",
        "static": ["a", "b"],
        "steps": 5,
        "max_time": 1.5,
        "random_state": 3,
        "verbose": True,
    }
    assert saved["dtypes"]["day"].startswith("datetime64")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "saved the model in model\n")


def test_quiet_says_nothing_and_shows_no_bar(tmp_path, capsys):
    assert cli.main(["fit", "real.csv", "-o", "model", "--quiet"]) == 0
    assert cli.main(["sample", "model", "-o", "out.csv", "-q"]) == 0
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")
    assert json.loads((tmp_path / "model" / "model.json").read_text())["params"]["verbose"] is False


@pytest.fixture
def model(capsys):
    cli.main(["fit", "real.csv", "-o", "model", "--time", "day"])
    capsys.readouterr()
    return "model"


def test_sample_writes_a_table(model, capsys):
    words = ["sample", model, "-n", "2", "--length", "3", "--start", "2030-02-01", "--seed", "9", "--device", "cpu"]
    assert cli.main([*words, "-o", "out.csv.gz"]) == 0
    table = pd.read_csv("out.csv.gz")
    assert len(table) == 6
    assert table.iloc[0].tolist() == ["2030-02-01 00:00:00", 9, "cpu"]
    assert capsys.readouterr().err == "wrote 6 rows to out.csv.gz\n"


def test_sample_writes_csv_to_standard_output_and_nothing_else(model, capsys):
    assert cli.main(["sample", model, "--start", "17"]) == 0
    captured = capsys.readouterr()
    assert captured.out == "start,seed,device\n17,,\n17,,\n"
    assert captured.err == "wrote 2 rows to standard output\n"


def test_a_model_of_an_array_is_written_as_columns(capsys):
    cli.main(["fit", "real.csv", "-o", "model", "--steps", "7"])
    assert cli.main(["sample", "model", "-n", "2", "-q"]) == 0
    whole = capsys.readouterr().out.splitlines()
    assert whole[:2] == ["sequence,step,x0,x1,x2", "0,0,0,1,2"]
    assert cli.main(["sample", "model", "-n", "2", "-q", "--chunk", "1"]) == 0
    pieces = capsys.readouterr().out.splitlines()
    assert [line[:4] for line in pieces[1:]] == ["0,0,", "0,1,", "1,0,", "1,1,"]
    assert cli.main(["sample", "model", "-q"]) == 0
    assert capsys.readouterr().out.splitlines()[:2] == ["x0,x1,x2", "0,1,2"]


@pytest.mark.parametrize("name", ["out.csv", "out.csv.gz", "out.parquet"])
def test_sample_writes_by_pieces_what_it_writes_at_once(model, capsys, name):
    words = ["sample", model, "-n", "1_000", "--length", "3", "--seed", "9", "-q", "-o", name]
    assert cli.main(words) == 0
    whole = tables.read(name)
    assert cli.main([*words, "--chunk", "100"]) == 0
    pd.testing.assert_frame_equal(tables.read(name), whole)
    assert [chunk for _, chunk, _ in asked] == [33_333, 33]
    assert len(whole) == 3000


def test_the_size_of_a_piece_follows_length_and_width(model, monkeypatch):
    cli.main(["sample", model, "-n", "10", "-q", "-o", "out.csv"])
    cli.main(["sample", model, "-n", "10", "-q", "-o", "out.csv", "--length", "200_000"])
    cli.main(["sample", model, "-q", "-o", "out.csv"])
    wide = pd.DataFrame(np.zeros((16, 400)))
    monkeypatch.setattr(RecurrentGAN, "sample", lambda self, *args, **more: wide)
    cli.main(["sample", model, "-n", "10", "-q", "-o", "out.csv"])
    assert [chunk for _, chunk, _ in asked] == [50_000, 1, 50_000, 5_000]


def test_one_piece_is_held_at_a_time(model, monkeypatch):
    made: list = []

    def pieces(self, n, chunk, length=None, **more):
        for _ in range(4):
            assert not [ref for ref in made if ref() is not None]
            frame = pd.DataFrame({"x": np.zeros(5)})
            made.append(weakref.ref(frame))
            yield frame
            del frame

    monkeypatch.setattr(RecurrentGAN, "sample_iter", pieces)
    for name in ("out.csv", "out.parquet"):
        assert cli.main(["sample", model, "-n", "20", "-q", "-o", name]) == 0
    assert len(made) == 8


def test_conditions_are_values_of_the_kind_of_their_columns(model, capsys):
    words = ["--where", "sex=f", "--where", "ill=True", "--where", "age=70", "--where", "wind=1.5", "--where", "a=b=c"]
    assert cli.main(["sample", model, "-q", "-o", "out.csv", *words]) == 0
    assert asked[0][2] == {"where": {"sex": "f", "ill": True, "age": 70, "wind": 1.5, "a": "b=c"}}
    pd.DataFrame({"sex": ["f", "m", "m"]}).to_csv("static.csv", index=False)
    assert cli.main(["sample", model, "-q", "-o", "out.csv", "--static", "static.csv"]) == 0
    assert asked[1][0] == 3
    assert asked[1][2]["static"]["sex"].tolist() == ["f", "m", "m"]


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["--where", "sex=x"], 1, "tsgan: error: where: 'sex' is never 'x' in the fitted table; it is one of"),
        (["--where", "ill=maybe"], 1, "tsgan: error: --where ill=maybe: the column holds boolean values; give true or"),
        (["--where", "age=old"], 1, "tsgan: error: --where age=old: the column holds integer values; give a number"),
        (["--where", "sex=f", "--where", "sex=m"], 1, "tsgan: error: --where names the column 'sex' twice; a column"),
        (["--static", "absent.csv"], 1, "tsgan: error: absent.csv: no such file"),
        (["--where", "age=99", "-n", "2"], 130, "tsgan: interrupted"),
    ],
)
@pytest.mark.parametrize("name", ["out.csv", "out.parquet"])
def test_what_cannot_be_drawn_leaves_no_table(model, tmp_path, capsys, words, code, text, name):
    assert cli.main(["sample", model, "-o", name, *words]) == code
    assert text in capsys.readouterr().err
    assert not [path for path in tmp_path.iterdir() if "out" in path.name]


def test_progress_is_told_now_and_then(model, capsys, monkeypatch):
    clock = iter(range(0, 10_000, 50))
    monkeypatch.setattr(cli.time, "monotonic", lambda: next(clock))
    words = ["sample", model, "-n", "4", "--length", "2", "--chunk", "2", "-o", "out.csv"]
    assert cli.main(words) == 0
    assert capsys.readouterr().err.splitlines() == ["4 rows (50 %)", "8 rows (100 %)", "wrote 8 rows to out.csv"]
    assert cli.main([*words, "-q"]) == 0
    assert capsys.readouterr().err == ""


def test_fit_passes_a_folder_on(tmp_path):
    (tmp_path / "parts").mkdir()
    assert cli.main(["fit", "parts", "-o", "model", "-q"]) == 0
    saved = json.loads((tmp_path / "model" / "model.json").read_text())
    assert saved["dtypes"] == {"folder": "str"}


def test_fit_reads_standard_input(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"id,wind\n007,1\n")))
    assert cli.main(["fit", "-", "-o", "model"]) == 0
    assert json.loads((tmp_path / "model" / "model.json").read_text())["dtypes"]["wind"] == "int64"


def test_evaluate_prints_scores_and_writes_what_is_asked(tmp_path, capsys):
    words = ["evaluate", "real.csv", "real.csv", "--time", "day", "--repeats", "2", "--seed", "4"]
    assert cli.main([*words, "--report", "r.html", "--json", "r.json"]) == 0
    captured = capsys.readouterr()
    assert captured.out == "discriminative score 0.01 (chance 0.01)\n"
    assert captured.err == "wrote r.html\n"
    assert (tmp_path / "r.html").read_text() == "<html>"
    assert json.loads((tmp_path / "r.json").read_text()) == {"told": "(2, 2, None, 'day', None, 2, 4)"}


def test_evaluate_prints_json_alone_on_request(capsys):
    assert cli.main(["evaluate", "real.csv", "real.csv", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"told": "(2, 2, None, None, None, 5, None)"}


def test_evaluate_reads_the_holdout_as_a_table(tmp_path, capsys):
    pd.DataFrame({"day": ["2024-01-01"] * 3, "wind": 1.5}).to_csv("unseen.csv", index=False)
    assert cli.main(["evaluate", "real.csv", "real.csv", "--holdout", "unseen.csv", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"told": "(2, 2, 3, None, None, 5, None)"}


def test_several_synthetic_tables_are_judged_side_by_side(tmp_path, capsys):
    table = pd.read_csv("real.csv")
    (tmp_path / "old").mkdir()
    for rows, name in enumerate(("a.csv", "b.v2.csv", "old/a.csv")):
        table.head(rows + 1).to_csv(name, index=False) if rows < 2 else table.to_csv(name, index=False)
    assert cli.main(["evaluate", "real.csv", "a.csv", "b.v2.csv", "--report", "r.html", "--json"]) == 0
    captured = capsys.readouterr()
    told = json.loads(captured.out)["told"]
    assert told == str(({"a": (2, 1, None, None, None, 5, None), "b": (2, 2, None, None, None, 5, None)},))
    assert captured.err == "wrote r.html\n"
    assert cli.main(["evaluate", "real.csv", "a.csv", "old/a.csv", "--json"]) == 0
    assert "{'a.csv': (2, 1," in capsys.readouterr().out
    assert cli.main(["evaluate", "real.csv", "a.csv", "a.csv"]) == 1
    assert capsys.readouterr().err == "tsgan: error: a synthetic table is named twice: a.csv a.csv\n"


def test_a_threshold_that_is_met_is_exit_code_0(capsys):
    assert cli.main(["evaluate", "real.csv", "real.csv", "--fail-under", "two_sample=0.6"]) == 0
    assert capsys.readouterr().err == ""


def test_failed_thresholds_are_exit_code_3_after_all_was_written(tmp_path, capsys):
    words = ["evaluate", "real.csv", "real.csv", "--report", "r.html", "--json", "r.json", "--metrics", "time"]
    limits = ["two_sample=0.001", "correlation=close", "two_sample=close", "predictive=1"]
    assert cli.main([*words, *(word for limit in limits for word in ("--fail-under", limit))]) == 3
    captured = capsys.readouterr()
    assert captured.out == "discriminative score 0.01 (chance 0.01)\n"
    assert captured.err.splitlines() == [
        "wrote r.html",
        "tsgan: failed: two_sample is 0.0100, worse than 0.001 (lower is better)",
        "tsgan: failed: correlation is not available: there is one column",
        "tsgan: failed: predictive was not measured",
    ]
    asked = "['time', 'two_sample', 'correlation', 'two_sample', 'predictive']"
    assert asked in json.loads((tmp_path / "r.json").read_text())["told"]


def test_a_failed_threshold_names_its_table_and_asks_for_its_metric(capsys):
    pd.read_csv("real.csv").to_csv("other.csv", index=False)
    words = ["evaluate", "real.csv", "real.csv", "other.csv", "--json", "-q", "--fail-under", "two_sample=0"]
    assert cli.main(words) == 3
    captured = capsys.readouterr()
    assert [line.split(" is ")[0] for line in captured.err.splitlines()] == [
        "tsgan: failed: real: two_sample",
        "tsgan: failed: other: two_sample",
    ]
    assert "['default', 'two_sample']" in json.loads(captured.out)["told"]


def test_info_shows_the_schema_and_what_differs(model, capsys):
    assert cli.main(["info", model]) == 0
    out = capsys.readouterr().out
    assert "wind    value   float" in out
    assert "model: a RecurrentGAN, saved by tsgan 0.0.9\n" in out
    assert "arguments that differ from the defaults: time='day', verbose=True\n" in out
    assert "trained for 9 steps, 3 s; the trained network is kept\n" in out


def test_an_interrupt_while_flags_are_read(capsys, monkeypatch):
    def interrupted(words):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_parser", interrupted)
    assert cli.main(["fit", "--help"]) == 130
    assert capsys.readouterr().err == "tsgan: interrupted\n"


def test_info_on_the_closed_form_says_so(model, capsys, monkeypatch):
    monkeypatch.setattr(RecurrentGAN, "history_", ())
    assert cli.main(["info", model]) == 0
    assert "closed form: no network was trained\n" in capsys.readouterr().out


def test_demo_writes_its_three_things_and_prints_the_scores(tmp_path, capsys):
    assert cli.main(["demo", "--max-time", "1", "--out", "here"]) == 0
    captured = capsys.readouterr()
    assert captured.out.splitlines() == [
        "discriminative score 0.01 (chance 0.01)",
        "",
        "here/synthetic.csv",
        "here/model/",
        "here/report.html",
    ]
    assert "seattle_weather: 1461 days of precipitation" in captured.err
    assert len(pd.read_csv("here/synthetic.csv")) == len(datasets.load("seattle_weather"))
    assert {path.name for path in (tmp_path / "here").iterdir()} == {"synthetic.csv", "model", "report.html"}


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["fit", "absent.csv", "-o", "m"], "absent.csv: no such file"),
        (["fit", "real.xls", "-o", "m"], "real.xls: unknown kind of table; the name must end in .csv"),
        (["fit", "real.csv", "-o", "m", "--time", "when"], "real.csv: there is no column 'when'; its columns are"),
        (["fit", "boom.csv", "-o", "m"], "column 'boom' holds nothing; leave it out"),
        (["fit", "real.csv", "-o", "real.csv/m"], "real.csv is no folder to write to"),
        (["sample", "nothing"], "nothing is no saved model: it does not exist"),
        (["info", "nothing"], "nothing is no saved model: it does not exist"),
        (["evaluate", "real.csv", "absent.parquet"], "absent.parquet: no such file"),
        (
            ["evaluate", "real.csv", "real.csv", "--report", "no/r.html"],
            "no/r.html: the folder no does not exist",
        ),
        (["evaluate", "real.csv", "real.csv", "--json", "."], ". is a folder; name a file"),
    ],
)
def test_a_bad_input_is_exit_code_1_and_one_line(tmp_path, capsys, words, text):
    (tmp_path / "boom.csv").write_text("boom\n1\n")
    assert cli.main(words) == 1
    error = capsys.readouterr().err
    assert error.startswith("tsgan: error: ")
    assert text in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["fly"], "invalid choice: 'fly'"),
        (["fit", "real.csv"], "the following arguments are required: -o/--output"),
        (["fit", "real.csv", "-o", "m", "--steps", "few"], "argument --steps: 'few' is not int"),
        (["fit", "real.csv", "-o", "m", "--stepps", "3"], "unrecognized arguments: --stepps"),
        (["sample", "m", "--start", "soon"], "'soon' is neither a moment (2024-01-31) nor a whole number"),
        (["sample", "m", "--where", "sex"], "'sex' is no condition; write COLUMN=VALUE, for instance sex=f"),
        (["sample", "m", "--chunk", "0"], "argument --chunk: '0' is not a whole number above 0"),
        (["sample", "m", "-n", "1.5"], "argument -n: invalid int value: '1.5'"),
        (["evaluate", "real.csv"], "the following arguments are required: SYNTHETIC"),
        (["evaluate", "no.csv", "no.csv", "--fail-under", "two=1"], "argument --fail-under: metric='two' is not known"),
        (["evaluate", "no.csv", "no.csv", "--fail-under", "marginals"], "'marginals' is no threshold; write METRIC="),
        (["evaluate", "no.csv", "no.csv", "--fail-under", "marginals=bad"], "'bad' is neither a number nor a grade"),
    ],
)
def test_wrong_usage_is_exit_code_2(capsys, words, text):
    with pytest.raises(SystemExit) as stop:
        cli.main(words)
    assert stop.value.code == 2
    assert text in capsys.readouterr().err


def test_a_warning_of_ours_is_one_line(tmp_path, capsys):
    (tmp_path / "odd.csv").write_text("odd\n1\n")
    assert cli.main(["fit", "odd.csv", "-o", "m", "--quiet"]) == 0
    assert capsys.readouterr().err == "tsgan: warning: column 'odd' was left out\n"


def test_interruption_is_exit_code_130(tmp_path, capsys):
    (tmp_path / "stop.csv").write_text("stop\n1\n")
    assert cli.main(["fit", "stop.csv", "-o", "m"]) == 130
    assert capsys.readouterr().err == "tsgan: interrupted\n"


def test_version_and_help(capsys):
    for words, text in [(["--version"], f"tsgan {__version__}"), (["--help"], "draw synthetic sequences")]:
        with pytest.raises(SystemExit) as stop:
            cli.main(words)
        assert stop.value.code == 0
        assert text in capsys.readouterr().out


def test_a_reader_that_goes_away_is_no_error():
    code = (
        "import sys\nfrom tsgan import datasets\nfrom tsgan.cli import commands as cli\n"
        "from tsgan.tables import files\n"
        "def run(args):\n    files.write(datasets.load('regime_panel'), '-')\n"
        "cli._BUILD['info'] = lambda parser: parser.set_defaults(run=run)\n"
        "sys.exit(cli.main(['info']))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(60) == 141
    assert process.stderr.read() == b""
    process.stderr.close()


def test_python_dash_m():
    done = subprocess.run([sys.executable, "-m", "tsgan", "sample", "absent"], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("tsgan: error: ")
    assert "absent" in done.stderr


LINE = "import sys, numpy as np; np.savetxt('line.csv', np.sin(np.arange(500)[:, None] * [.3, .31]) + "
LINE += "np.random.default_rng(0).normal(size=(500, 2)) / 9, delimiter=',', "
LINE += "header='a,b', comments='')"


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_fit_saves_what_it_learned_and_says_so(tmp_path, number):
    subprocess.run([sys.executable, "-c", LINE], check=True)
    words = [sys.executable, "-m", "tsgan", "fit", "line.csv", "-o", "m", "--max-time", "120", "--steps", "100000"]
    process = subprocess.Popen(words, stderr=subprocess.PIPE)
    shown = b""
    while shown.count(b"steps/s") < 2:  # at the start, and when training has been looked at
        shown += (more := process.stderr.read1())
        assert more, shown
    process.send_signal(number)
    rest = process.communicate(timeout=120)[1].decode()
    assert "training was interrupted after" in rest
    assert process.returncode == 128 + number
    assert subprocess.run([sys.executable, "-m", "tsgan", "info", "m"], capture_output=True).returncode == 0


@pytest.mark.slow
def test_a_terminated_sample_leaves_no_file(tmp_path):
    subprocess.run([sys.executable, "-c", LINE], check=True)
    tsgan = [sys.executable, "-m", "tsgan"]
    subprocess.run([*tsgan, "fit", "line.csv", "-o", "m", "--steps", "0", "-q"], check=True)
    process = subprocess.Popen([*tsgan, "sample", "m", "-n", "1000000", "-o", "big.csv"], stderr=subprocess.PIPE)
    while not list(tmp_path.glob(".big*")):
        assert process.poll() is None
        time.sleep(0.05)
    process.terminate()
    assert process.communicate(timeout=60)[1] == b"tsgan: terminated\n"
    assert process.returncode == 143
    assert list(tmp_path.glob(".*")) + list(tmp_path.glob("big*")) == []


def test_a_file_that_may_not_be_written_is_told_before(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(PermissionError, match=r"r.html cannot be written to; choose another place"):
        check_file(str(tmp_path / "r.html"))
    for none in (None, "-"):
        check_file(none)


@pytest.mark.parametrize(
    ("name", "text"), [("no/out.csv", "no/out.csv: the folder no does not exist"), (".", ". is a folder; name a file")]
)
def test_sample_checks_where_it_writes_before_it_draws(model, capsys, name, text):
    assert cli.main(["sample", model, "-o", name]) == 1
    assert text in capsys.readouterr().err
    assert asked == []


def test_sample_checks_that_there_is_room_before_it_draws(model, capsys, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda place: types.SimpleNamespace(free=2**20))
    words = ["sample", model, "-n", "10", "-q", "--length"]
    assert cli.main([*words, "100000", "-o", "out.csv"]) == 1
    told = r"tsgan: error: out.csv: 10 sequences of about 100000 rows need about \d+ MiB, and 1 are free; draw fewer"
    assert re.match(told, capsys.readouterr().err)
    assert asked == []
    assert cli.main([*words, "100", "-o", "out.csv"]) == 0
    assert cli.main([*words, "100000"]) == 0


def test_sample_writes_a_csv_that_no_spreadsheet_runs(model, monkeypatch):
    monkeypatch.setattr(RecurrentGAN, "sample", lambda self, n=1, *args, **more: pd.DataFrame({"x": ["=1+1"] * n}))
    for flags, wanted in ([], "=1+1"), (["--csv-safe"], "'=1+1"):
        assert cli.main(["sample", model, "-q", "-o", "out.csv", *flags]) == 0
        assert pd.read_csv("out.csv")["x"].tolist() == [wanted]
