"""A fit that was killed goes on, and ends in the same model."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tsgan import Derived, RecurrentGAN, bundle
from tsgan.errors import CorruptModelError, ModelFileError, ParameterError, TsganWarning
from tsgan.model import checkpoints

SMALL = {"steps": 60, "adversarial_steps": 8, "hidden": 8, "units": 8, "batch_size": 16, "verbose": False}


def table(seed=0, n=700):
    rng = np.random.default_rng(seed)
    x = np.sin(np.arange(n) / 5) + 0.3 * rng.normal(size=n)
    return pd.DataFrame({"x": x, "up": np.where(x > 0, "yes", "no"), "y": x**2 + 0.1 * rng.normal(size=n)})


def panel():
    frame = table(n=480)
    return frame.assign(who=np.repeat(np.arange(40), 12), town=np.repeat(np.resize(["a", "b"], 40), 12))


class Killed(BaseException):
    """What nobody catches."""


def fitted(folder=None, frame=None, **more):
    frame = table() if frame is None else frame
    return RecurrentGAN(checkpoint=folder, checkpoint_every=0, **{"random_state": 3, **SMALL, **more}).fit(frame)


def told(model):
    """Return all that was learned, and how."""
    learned = [part.numpy() for part in model._model.steps.state_dict().values()]
    history = [{name: value for name, value in row.items() if name != "seconds"} for row in model.history_]
    return learned, history


def same(one, other):
    (a, rows), (b, others) = told(one), told(other)
    assert rows == others
    assert all(np.array_equal(x, y, equal_nan=True) for x, y in zip(a, b, strict=True))
    pd.testing.assert_frame_equal(one.sample(3, random_state=0), other.sample(3, random_state=0))


@pytest.fixture
def offers(monkeypatch):
    """Return where checkpoints are offered, and a function that lets a fit write and die at one of these moments."""
    seen: list[str] = []
    deadly: list[int] = []
    usual = checkpoints.Keeper.offer

    def offer(self, parts):
        seen.append(self.name)
        self.whole.every = 0 if len(seen) in deadly else 1e9
        usual(self, parts)
        if len(seen) in deadly:
            raise Killed

    def die_at(*moments):
        seen.clear()
        deadly[:] = moments

    monkeypatch.setattr(checkpoints.Keeper, "offer", offer)
    return seen, die_at


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::tsgan.errors.TsganWarning")
@pytest.mark.parametrize("roles", [{}, {"entity": "who", "static": ["town"]}], ids=["series", "panel"])
def test_a_fit_that_dies_in_any_stage_goes_on_to_the_same_bits(roles, tmp_path, offers):
    seen, die_at = offers
    frame = panel() if roles else table()
    whole = fitted(frame=frame, **roles)
    names = list(seen)
    assert {name.split(".")[-1] for name in names} >= {"likelihood", "adversarial"} | (set() if roles else {"refit"})
    folder, at = tmp_path / "kept", 1
    for name in dict.fromkeys(names):
        first = names.index(name) + 1
        for moment in dict.fromkeys((first, first + names.count(name) // 2)):
            die_at(moment - at + 1)  # what was begun is offered again
            with pytest.raises(Killed):
                fitted(folder, frame, **roles)
            assert seen[-1] == name
            at = moment
    die_at()
    same(fitted(folder, frame, **roles), whole)
    assert checkpoints.Checkpoint(folder).finished


CHILD = """
import os, signal, sys, warnings
sys.path.insert(0, os.environ["TESTS"])
from test_checkpoint import fitted, table
from tsgan import bundle
from tsgan.model import checkpoints

warnings.simplefilter("ignore")
place, moment = {"write": (bundle, "_replace"), "step": (checkpoints.Keeper, "offer")}[sys.argv[3]], int(sys.argv[4])
usual, count = getattr(*place), 0


def die(*args):
    global count
    count += 1
    usual(*args)
    if count == moment:
        os.kill(os.getpid(), signal.SIGKILL)


setattr(*place, die)
fitted(sys.argv[1], table(n=400), steps=30).save(sys.argv[2])
"""


@pytest.mark.slow
def test_five_real_kills_between_steps_and_within_writes_change_nothing(tmp_path):
    rng = np.random.default_rng(0)
    code, env = textwrap.dedent(CHILD), {**os.environ, "TESTS": str(Path(__file__).parent), "OMP_NUM_THREADS": "1"}
    for turn in range(6):
        moment = int(rng.integers(3, 12)) if turn < 5 else 10**9
        place = "write" if turn % 2 else "step"
        words = [sys.executable, "-c", code, str(tmp_path / "kept"), str(tmp_path / "model"), place, str(moment)]
        done = subprocess.run(words, env=env, capture_output=True, text=True)
        assert done.returncode == (-signal.SIGKILL if turn < 5 else 0), done.stderr
    assert not (tmp_path / "kept").exists()  # the model is saved
    with warnings.catch_warnings(action="ignore"):
        same(RecurrentGAN.load(tmp_path / "model"), fitted(frame=table(n=400), steps=30))


def begun(folder, offers, **more):
    """Leave a fit under way in a folder."""
    offers[1](2)
    with pytest.raises(Killed):
        fitted(folder, steps=5, adversarial_steps=0, **more)
    offers[1]()


QUICK = {"steps": 5, "adversarial_steps": 0}


def test_other_arguments_and_tables_are_refused_and_named(tmp_path, offers):
    begun(tmp_path, offers)
    refused = {
        "arguments: hidden was 8, and is 9": {"hidden": 9},
        "arguments: decay was 0.1, and is 0; rate was 0.004, and is 0.1": {"rate": 0.1, "decay": 0},
        "random_state was 3, and is 4": {"random_state": 4},
        "data: column 'y' differs": {"frame": table().assign(y=lambda frame: frame.y.where(frame.index != 7, 0.5))},
        "data: column 'z' is new": {"frame": table().assign(z=np.random.default_rng(0).normal(size=700))},
        "data: rows was 700, and is 650": {"frame": table().iloc[:650]},
    }
    for words, more in refused.items():
        with pytest.raises(ParameterError, match="holds that of another fit under way") as error:
            fitted(tmp_path, **{**QUICK, "random_state": 3, **more})
        assert words in str(error.value)
    with warnings.catch_warnings(action="ignore"):
        fitted(tmp_path, **QUICK, max_time=100, verbose=False)


@pytest.mark.filterwarnings("ignore::tsgan.errors.TsganWarning")
def test_what_is_finished_is_gone_on_with_until_it_is_saved_or_replaced(tmp_path, offers):
    first = fitted(tmp_path / "kept", **QUICK)
    offers[0].clear()
    same(fitted(tmp_path / "kept", **QUICK), first)
    assert offers[0] == []  # nothing was learned again
    other = fitted(tmp_path / "kept", random_state=5, **QUICK)
    assert offers[0]
    first.save(tmp_path / "model")
    assert not (tmp_path / "kept").exists()
    assert RecurrentGAN.load(tmp_path / "model").checkpoint is None
    other.save(tmp_path / "model")  # once more: nothing to remove


@pytest.mark.filterwarnings("ignore::tsgan.errors.TsganWarning")
def test_a_seed_of_chance_is_kept(tmp_path, offers):
    begun(tmp_path, offers, random_state=None)
    seed = checkpoints.Checkpoint(tmp_path).seed
    model = fitted(tmp_path, random_state=None, **QUICK)
    assert model._seed.entropy == seed.entropy


def test_folders_of_something_else_are_refused(tmp_path, offers):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ModelFileError, match="exists and holds no checkpoint; choose a new or an empty directory"):
        fitted(tmp_path, **QUICK)
    assert (tmp_path / "notes.txt").read_text() == "mine"
    folder = tmp_path / "kept"
    begun(folder, offers)
    with pytest.raises(ModelFileError, match="exists and holds no model"), warnings.catch_warnings(action="ignore"):
        fitted(**QUICK).save(folder)
    document = folder / "checkpoint.json"
    text = document.read_text()
    document.write_text(text.replace('"drops": 0', '"drops": 1'))
    with pytest.raises(CorruptModelError, match=r"not as it was saved .* remove the folder to begin anew"):
        fitted(folder, **QUICK)


def test_of_another_version_is_refused(tmp_path, offers, monkeypatch):
    begun(tmp_path, offers)
    monkeypatch.setattr(checkpoints, "__version__", "9.9")
    with pytest.raises(ModelFileError, match=r"holds a checkpoint of tsgan .*, this is 9\.9: go on with that version"):
        fitted(tmp_path, **QUICK)


@pytest.mark.filterwarnings("ignore:training did not:tsgan.errors.TsganWarning")
def test_training_goes_on_where_nothing_can_be_written(tmp_path, monkeypatch):
    def full(*args):
        raise ModelFileError("no space left")

    monkeypatch.setattr("tsgan.bundle.write", full)
    with pytest.warns(TsganWarning, match="no space left; training goes on without a new checkpoint"):
        model = fitted(tmp_path / "kept", **QUICK)
    assert len(model.sample(1))


@pytest.mark.filterwarnings("ignore::tsgan.errors.TsganWarning")
@pytest.mark.parametrize(
    ("first", "again"),
    [
        ({"max_time": 100}, {}),
        ({"callbacks": [lambda row: True]}, {}),
        ({"random_state": None}, {"random_state": None}),
    ],
    ids=["time", "callback", "chance"],
)
def test_what_may_have_ended_early_or_by_chance_is_learned_again(first, again, tmp_path, offers):
    fitted(tmp_path, **{**QUICK, **first})
    offers[0].clear()
    fitted(tmp_path, **{**QUICK, **again})
    assert offers[0]


@pytest.mark.filterwarnings("ignore::tsgan.errors.TsganWarning")
def test_the_folder_is_where_it_was_when_the_fit_began(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = fitted("kept", **QUICK)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    model.save("model")
    assert not (tmp_path / "kept").exists()


def test_functions_cannot_be_compared(tmp_path):
    rule = Derived("z", lambda table: table["x"] * 2)
    with pytest.raises(ParameterError, match=r"checkpoint= cannot be used here: .* cannot be saved"):
        fitted(tmp_path, table().assign(z=lambda frame: frame["x"] * 2), constraints=[rule])


@pytest.mark.parametrize("value", [True, 5, ["x"], b"x", "", "a\0b"])
def test_what_is_no_folder_is_refused(value):
    with pytest.raises(ParameterError, match=r"checkpoint=.* it must be the path of a folder or None"):
        fitted(value, **QUICK)


def test_a_name_that_is_too_long_is_refused():
    with pytest.raises(ModelFileError, match=r"the checkpoint could not be written to .*File name too long"):
        fitted("x" * 300, **QUICK)


@pytest.mark.parametrize(
    "change",
    [{"identity": {}}, {"spent": "x"}, {"history": [{"x": 1}]}, {"stages": []}, {"identity": {"random_state": None}}],
    ids=lambda change: next(iter(change)),
)
def test_fields_that_are_none_are_damage(change, tmp_path, offers):
    begun(tmp_path, offers)
    document, parts = bundle.read(tmp_path, "checkpoint")
    bundle.write(tmp_path, {**document, **change}, parts, document["tsgan"], "checkpoint")
    with pytest.raises(CorruptModelError, match=r"checkpoint\.json cannot be read"):
        fitted(tmp_path, **QUICK)


def test_seconds_are_checked():
    with pytest.raises(ParameterError, match="checkpoint_every=-1 is not allowed; it must be a number of at least 0"):
        RecurrentGAN(checkpoint_every=-1).fit(table())
