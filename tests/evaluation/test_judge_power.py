"""The bench of planted faults, on a small clinic and with the quick metrics: what must be seen is, and nothing else."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from tsgan import datasets
from tsgan.evaluation.metrics import METRICS

SLOW = {"discriminative", "predictive", "two_sample", "context_fid", "usefulness", "frechet", "forecast"}
QUICK = [name for name in METRICS if name not in SLOW]
FAULTS = ("shuffled", "reversed", "torn", "copied_10", "copied", "truncated", "jittered", "told", "half")
CHEAP = [name for name in QUICK if METRICS[name].section in ("columns", "time", "joint")]


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "judge_power.py"
    spec = importlib.util.spec_from_file_location("judge_power", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["judge_power"] = module
    spec.loader.exec_module(module)
    return module


def test_every_fault_names_metrics_that_exist(bench: ModuleType) -> None:
    for fault in bench.FAULTS.values():
        assert fault.must
        assert set(fault.must) | set(fault.must_not) <= set(METRICS)
        assert not set(fault.must) & set(fault.must_not)


def test_the_faults_are_what_they_say(bench: ModuleType) -> None:
    rng = np.random.default_rng(0)
    real, fresh = (datasets.visits(300, seed) for seed in range(2))
    planted = {name: fault.plant(fresh, real, rng) for name, fault in bench.FAULTS.items()}
    for name, frame in planted.items():
        assert list(frame) == list(real), name
        assert frame.groupby("patient")["when"].is_monotonic_increasing.all(), name
    assert planted["shifted"]["load"].mean() - fresh["load"].mean() == pytest.approx(0.1 * real["load"].std(), rel=1e-3)
    steps = [frame.groupby("patient")["load"].diff().std() for frame in (planted["rough"], fresh)]
    assert steps[0] / steps[1] == pytest.approx(1.3, abs=0.02)
    assert planted["rough"]["load"].std() == pytest.approx(fresh["load"].std(), rel=0.02)
    assert planted["normal"]["load"].kurt() == pytest.approx(0, abs=0.05)
    assert real["load"].kurt() > 0.5
    assert abs(planted["torn"]["pulse"].corr(planted["torn"]["load"])) < 0.1
    assert "quick" not in set(planted["mode"]["mode"])
    assert planted["mode"]["patient"].nunique() == 300
    shares = [(frame["stage"] == "rest").mean() for frame in (planted["category"], fresh)]
    assert shares[0] - shares[1] == pytest.approx(0.05, abs=0.01)
    values = set(real["load"])
    assert planted["copied_10"].groupby("patient")["load"].apply(lambda x: set(x) <= values).sum() == 30
    assert set(planted["copied"]["load"]) == values
    assert (planted["told"]["load"] == real["load"].max()).groupby(planted["told"]["patient"]).any().sum() == 30
    assert planted["half"]["load"].nunique() < 0.6 * real["load"].nunique()
    assert planted["truncated"].groupby("patient").size().max() == 32


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_what_must_be_seen_is(bench: ModuleType, fault: str) -> None:
    results = bench.judge(600, 0, fault, QUICK, 2)
    assert bench.wrong(fault, results) == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 11))
def test_a_fresh_sample_passes(bench: ModuleType, seed: int) -> None:
    assert bench.wrong(None, bench.judge(300, seed, None, [*CHEAP, "copies", "membership", "singled_out"], 2)) == []


def test_a_table_is_printed(bench: ModuleType) -> None:
    jobs = [(0, "truncated"), (1, None), (2, None)]
    found = [bench.judge(60, seed, fault, ["lengths", "marginals"], 1) for seed, fault in jobs]
    lines, _ = bench.rows(jobs, found, full=True)
    assert lines[2].startswith("| lengths truncated | ")
    assert lines[3].startswith("| none, 2 pairs of real samples | ")
    assert len(lines) == 4
