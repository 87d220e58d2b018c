"""`device=`: a table that is learned and drawn elsewhere is that of the CPU, but for rounding; see `second_device`."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from second_device import KIND, standing_in

from tsgan import RecurrentGAN
from tsgan.errors import ParameterError
from tsgan.model import adversary, checkpoints, validation

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU that torch can use is here")
OTHERS = [KIND, pytest.param("cuda", marks=needs_gpu)]
ROLES = {"entity": "who", "time": "day", "static": ["town"]}
SMALL = {
    "steps": 12,
    "adversarial_steps": 4,
    "hidden": 8,
    "units": 8,
    "batch_size": 20,
    "average": 0.0,
    "verbose": False,
}

pytestmark = pytest.mark.filterwarnings("ignore::tsgan.errors.TsganWarning")


def there_is(device):
    return standing_in() if device == KIND else nullcontext()


@pytest.fixture(scope="module", autouse=True)
def short_second_stage():
    """Let the critic learn alone for two steps, and few free runs be judged."""
    with pytest.MonkeyPatch.context() as patch:
        usual = partial(adversary.AdversarialSettings, warm=2, check=2, hidden=8)
        patch.setattr(adversary, "AdversarialSettings", usual)
        patch.setattr(validation, "RUNS", 200)
        yield


@pytest.fixture(scope="module")
def table():
    """Return visits of 40 people: numbers, one of them rounded and one with holes, a state, a town."""
    rng = np.random.default_rng(0)
    steps = rng.normal(size=(40, 12))
    x = steps.cumsum(axis=1).ravel()
    day = np.tile(pd.date_range("2024-01-01", periods=12), 40)
    town, who = np.repeat(np.resize(["a", "b"], 40), 12), np.repeat([f"p{k}" for k in range(40)], 12)
    y = np.where(rng.random(480) < 0.1, np.nan, np.maximum(x + rng.normal(size=480), 0.0))
    state = np.where(x > 0, "well", np.where(rng.random(480) < 0.5, "ill", "away"))
    return pd.DataFrame(
        {"who": who, "day": day, "town": town, "x": x, "steps": np.round(x * 4), "y": y, "state": state}
    )


def fitted(table, device="cpu", **more):
    return RecurrentGAN(random_state=3, device=device, **ROLES, **{**SMALL, **more}).fit(table)


@pytest.fixture(scope="module")
def on_cpu(table):
    return fitted(table)


@pytest.fixture(scope="module", params=OTHERS)
def elsewhere(request, table):
    """Return a device, and what was learned on it."""
    with there_is(request.param):
        return request.param, fitted(table, request.param)


def same(one, other, device):
    """Assert that two tables are the same but for rounding; on a GPU a draw in two hundred may fall elsewhere."""
    assert one.shape == other.shape
    pd.testing.assert_index_equal(one.index, other.index)
    pd.testing.assert_series_equal(one.dtypes, other.dtypes)
    for name in one.columns:
        a, b = one[name], other[name]
        if pd.api.types.is_numeric_dtype(a):
            apart = ~np.isclose(a, b, rtol=1e-3, atol=1e-3, equal_nan=True)
        else:
            apart = (a != b).to_numpy()
        assert apart.mean() <= (0.0 if device == KIND else 0.005), (name, a[apart], b[apart])


def every_door(gan, table):
    holed = table.mask(np.random.default_rng(1).random(table.shape) < [0, 0, 0, 0.2, 0.2, 0, 0.2])
    some = table[table["who"].isin(["p1", "p2"])]
    yield "sample", gan.sample(30, random_state=1)
    yield "where", gan.sample(20, where={"town": "a", "state": ["ill", "well"]}, random_state=1)
    yield "static", gan.sample(static=pd.DataFrame({"town": ["b", "a", "b"]}), length=5, random_state=1)
    yield "pieces", pd.concat(gan.sample_iter(30, 10, random_state=2))
    yield "continue_from", gan.continue_from(some, 4, n=3, random_state=1)
    yield "fill", gan.fill(holed, random_state=1)
    yield "score_samples", pd.DataFrame({"nats": gan.score_samples(table)})


def test_what_is_learned_and_drawn_elsewhere_is_that_of_the_cpu(on_cpu, elsewhere, table):
    device, theirs = elsewhere
    assert next(theirs._model.steps.parameters()).device.type == device
    assert {row["stage"] for row in theirs.history_} == {"likelihood", "adversarial"}
    expected = dict(every_door(on_cpu, table))
    with there_is(device):
        for name, found in every_door(theirs, table):
            same(expected[name], found, device)


def test_a_model_goes_from_device_to_device(on_cpu, elsewhere, tmp_path):
    device, theirs = elsewhere
    expected = on_cpu.sample(10, random_state=5)
    with there_is(device):
        theirs.save(tmp_path / "theirs")
        again = RecurrentGAN.load(tmp_path / "theirs")
        assert next(again._model.steps.parameters()).device.type == again.device == device
        same(expected, again.sample(10, random_state=5), device)
    on_cpu.save(tmp_path / "ours")
    here = RecurrentGAN.load(tmp_path / "theirs", device="cpu")
    assert here.device == "cpu"
    same(expected, here.sample(10, random_state=5), device)
    with there_is(device):
        there = RecurrentGAN.load(tmp_path / "ours", device=device)
        assert next(there._model.steps.parameters()).device.type == there.device == device
        same(expected, there.sample(10, random_state=5), device)


class Killed(BaseException):
    """What nobody catches."""


@pytest.mark.slow
@pytest.mark.parametrize("device", OTHERS)
@pytest.mark.parametrize("stage", ["likelihood", "adversarial"])
@pytest.mark.parametrize("begins", ["here", "there"])
def test_a_fit_that_dies_on_one_device_goes_on_on_another(device, stage, begins, on_cpu, table, tmp_path, monkeypatch):
    places = ["cpu", device] if begins == "here" else [device, "cpu"]
    seen = []

    def offer(self, parts, usual=checkpoints.Keeper.offer):
        seen.append(self.name)
        late = seen.count(f"steps.{stage}") > (5 if stage == "likelihood" else 0)
        self.whole.every = 0 if late else 1e9
        usual(self, parts)
        if late:
            raise Killed

    with monkeypatch.context() as patch, there_is(device):
        patch.setattr(checkpoints.Keeper, "offer", offer)
        with pytest.raises(Killed):
            fitted(table, places[0], checkpoint=tmp_path / "kept", checkpoint_every=1e9)
    assert seen[-1] == f"steps.{stage}"
    with there_is(device):
        gone_on = fitted(table, places[1], checkpoint=tmp_path / "kept", checkpoint_every=1e9)
        drawn = gone_on.sample(20, random_state=1)
    same(on_cpu.sample(20, random_state=1), drawn, device)
    assert len(gone_on.history_) == len(on_cpu.history_)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_model_of_a_gpu_says_so_where_there_is_none(on_cpu, tmp_path):
    on_cpu.save(tmp_path / "model")
    (tmp_path / "model" / "model.json").write_text(
        (tmp_path / "model" / "model.json").read_text().replace('"device": "cpu"', '"device": "cuda"')
    )
    with pytest.raises(ParameterError, match=r"device='cuda' cannot be used on this machine; choose 'cpu', 'auto', or"):
        RecurrentGAN.load(tmp_path / "model", check=False)
    assert RecurrentGAN.load(tmp_path / "model", device="cpu", check=False).device == "cpu"
