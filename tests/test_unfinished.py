"""Unfinished files of dead processes go with the next one that writes there; those of living ones stay."""

import os
import subprocess
import sys

import pandas as pd
import pytest

from tsgan.tables import files
from tsgan.unfinished import DAY, HOST, beside, sweep, write_text


@pytest.fixture
def dead():
    """Return the number of a process that has ended."""
    return int(subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], stdout=subprocess.PIPE).stdout)


def test_what_dead_processes_left_goes_with_the_next_table(tmp_path, dead):
    gone = [f".out.csv.{HOST}-{dead}.part", f".t.parquet.{HOST}-{dead}.part.before"]
    kept = [f".out.csv.{HOST}-{os.getppid()}.part", f".out.csv.0123abcd-{dead}.part", ".notes.part", f"x.{dead}.part"]
    for name in (*gone, *kept):
        (tmp_path / name).write_text("half")
    files.write(pd.DataFrame({"x": [1]}), tmp_path / "new.csv")
    assert {path.name for path in tmp_path.iterdir()} == {"new.csv", *kept}


def test_a_page_is_never_half_there(tmp_path, monkeypatch):
    page = tmp_path / "report.html"
    write_text(page, "old")
    monkeypatch.setattr("pathlib.Path.replace", lambda self, to: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        write_text(page, "new")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("report.html", "old")]


def test_files_of_another_machine_go_after_a_day(tmp_path):
    other = tmp_path / ".out.csv.0123abcd-1.part"
    other.write_text("half")
    sweep(tmp_path)
    assert other.exists()
    os.utime(other, (0, other.stat().st_mtime - 2 * DAY))
    sweep(tmp_path)
    assert not other.exists()


def test_a_process_knows_its_own(tmp_path):
    own = beside(tmp_path / "out.csv")
    own.write_text("half")
    sweep(tmp_path)
    sweep(tmp_path / "absent")
    assert own.exists()
