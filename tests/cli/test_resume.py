"""`tsgan fit --checkpoint --resume`, stopped on the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

from tsgan.cli.commands import main

FLAGS = ["--hidden", "8", "--units", "8", "--batch-size", "16", "--adversarial-steps", "0", "--seed", "0", "-q"]


@pytest.fixture
def data(tmp_path):
    rng = np.random.default_rng(0)
    x = np.sin(np.arange(700) / 5) + 0.3 * rng.normal(size=700)
    pd.DataFrame({"x": x, "y": x**2}).to_csv(tmp_path / "data.csv", index=False)
    return tmp_path / "data.csv"


def words(data, model, *more):
    return ["fit", str(data), "-o", str(model), "--steps", "250", *FLAGS, *more]


@pytest.mark.slow
def test_a_fit_that_is_stopped_leaves_a_model_and_goes_on_to_the_same(data, tmp_path, capsys):
    kept = ["--checkpoint", str(tmp_path / "kept"), "--checkpoint-every", "0.2"]
    call = [sys.executable, "-m", "tsgan", *words(data, tmp_path / "stopped", *kept)]
    child = subprocess.Popen(call, stderr=subprocess.PIPE, env={**os.environ, "OMP_NUM_THREADS": "1"}, text=True)
    deadline = time.monotonic() + 120
    while not (tmp_path / "kept" / "checkpoint.json").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    child.send_signal(signal.SIGTERM)
    told = child.communicate()[1]
    assert child.returncode == 128 + signal.SIGTERM, told
    assert f"the same fit goes on from {tmp_path / 'kept'}" in told
    assert main(["info", str(tmp_path / "stopped")]) == 0
    assert "; it was interrupted" in capsys.readouterr().out
    assert main(["sample", str(tmp_path / "stopped"), "-q", "--seed", "1", "-o", str(tmp_path / "a.csv")]) == 0
    assert (tmp_path / "kept" / "checkpoint.json").exists()

    assert main(words(data, tmp_path / "resumed", *kept)) == 1
    assert f"--checkpoint {tmp_path / 'kept'} holds that of a fit under way; pass --resume" in capsys.readouterr().err
    assert main(words(data, tmp_path / "resumed", *kept, "--resume")) == 0
    assert not (tmp_path / "kept").exists()
    assert main(words(data, tmp_path / "whole")) == 0
    for name in ("resumed", "whole"):
        assert main(["sample", str(tmp_path / name), "-q", "--seed", "1", "-o", str(tmp_path / f"{name}.csv")]) == 0
    assert (tmp_path / "resumed.csv").read_text() == (tmp_path / "whole.csv").read_text()


def test_resume_needs_a_folder(data, tmp_path, capsys):
    assert main(words(data, tmp_path / "model", "--resume")) == 1
    assert "--resume goes on with a checkpoint; name its folder with --checkpoint" in capsys.readouterr().err


@pytest.mark.parametrize(("kept", "saved"), [("a", "a"), ("a/b", "a"), ("a", "a/b")])
def test_a_checkpoint_within_the_model_is_refused_before_anything_is_learned(kept, saved, data, tmp_path, capsys):
    assert main(words(data, tmp_path / saved, "--checkpoint", str(tmp_path / kept))) == 1
    assert "are in one another; name two folders" in capsys.readouterr().err
    assert not (tmp_path / "a").exists()
