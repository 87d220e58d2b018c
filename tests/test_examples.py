"""What the examples' own loaders refuse; the examples themselves are run by `make examples`."""

import ast
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


def functions(name):
    """Return the imports, constants and functions of an example that stand before its first line of work."""
    body = ast.parse((EXAMPLES / name).read_text()).body
    work = next(
        i for i, node in enumerate(body) if isinstance(node, ast.Assign) and ast.unparse(node).startswith("rng")
    )
    space = {}
    exec(compile(ast.Module(body[:work], []), name, "exec"), space)
    return space


def test_sounds_of_different_rates_are_refused():
    pytest.importorskip("matplotlib")
    space = functions("14_sound.py")
    sound = np.zeros(240)
    assert len(space["table"]({"low": [(8000, sound)]})) == 240
    with pytest.raises(ValueError, match="sound 1 of 'low' has 44100 samples a second, not 8000; resample it first"):
        space["table"]({"low": [(8000, sound), (44100, sound)]})


def test_levels_of_sounds_come_back():
    space = functions("14_sound.py")
    levels = np.arange(space["LEVELS"])
    assert (space["encode"](space["decode"](levels)) == levels).all()


def test_frames_of_different_sizes_are_refused():
    pytest.importorskip("matplotlib")
    space = functions("15_frames.py")
    assert space["rows"]([np.zeros((3, 28, 28)), np.zeros((3, 28, 28))]).shape == (2, 3, 784)
    with pytest.raises(ValueError, match=r"film 1 has frames of \(14, 14\), film 0 of \(28, 28\); resize them"):
        space["rows"]([np.zeros((3, 28, 28)), np.zeros((3, 14, 14))])


def test_the_n_gram_of_the_text_is_a_distribution():
    kneser_ney = functions_before_story()["kneser_ney"]
    train, letters = "abracadabra " * 40, sorted(set("abracadabra "))
    shares = [2 ** -kneser_ney(train, letter, 3) for letter in letters]  # each after the same past
    assert sum(shares) == pytest.approx(1, abs=1e-9)
    assert shares[letters.index("a")] > 0.9  # after "ra " comes "abra"


def functions_before_story():
    source = (EXAMPLES / "13_text.py").read_text().partition("\nstory = ")[0]
    space = {}
    exec(compile(source, "13_text.py", "exec"), space)
    return space
