"""Flags follow a signature and its docstring."""

import argparse
from collections.abc import Hashable, Mapping, Sequence
from typing import Literal

import numpy as np
import pytest

from tsgan.cli.flags import add_flags, given


class Machine:
    """A machine.

    Parameters
    ----------
    entity : str or None
        Column that names the entity. More words that help does not show.
    static : sequence of str or None
        Columns with one value per `entity`, at most 100 % of them.
    size, depth : int
        How large it is. A further clause.
    rate : float
    noise : {"auto", "white"} or int
        What it starts from.
    bounds : mapping or str or None
        What holds.
    fast : bool
        Whether it hurries.
    untold
        No kind is given.
    random_state : int, Generator or None
        Where randomness is from.
    verbose : bool
        Not a flag.

    Attributes
    ----------
    size_ : int
        Not a parameter.
    """

    def __init__(
        self,
        *,
        entity: Hashable | None = None,
        static: Sequence[str] | str | None = None,
        size: int = 3,
        depth: int | None = None,
        rate: float = 1e-3,
        noise: Literal["auto", "white"] | int = "auto",
        bounds: Mapping[str, tuple[float, float]] | Literal["observed"] | None = "observed",
        fast: bool = False,
        untold=7,
        random_state: int | np.random.Generator | None = None,
        verbose: bool = True,
    ):
        pass


def _parse(*words, function=Machine):
    parser = argparse.ArgumentParser("machine", allow_abbrev=False)
    names = add_flags(parser, function, skip=("verbose",))
    return given(parser.parse_args(words), names)


def test_nothing_given_leaves_the_defaults_to_the_function():
    assert _parse() == {}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--entity", "patient"], {"entity": "patient"}),
        (["--static", "sex,site", "--static", "age"], {"static": ["sex", "site", "age"]}),
        (["--size", "5", "--depth", "none"], {"size": 5, "depth": None}),
        (["--rate", "2"], {"rate": 2.0}),
        (["--noise", "white"], {"noise": "white"}),
        (["--noise", "4"], {"noise": 4}),
        (["--bounds", "none"], {"bounds": None}),
        (["--bounds", "observed"], {"bounds": "observed"}),
        (["--bounds", '{"wind": [0, 30.5]}'], {"bounds": {"wind": [0, 30.5]}}),
        (["--fast"], {"fast": True}),
        (["--no-fast"], {"fast": False}),
        (["--untold", "8"], {"untold": 8}),
        (["--seed", "11"], {"random_state": 11}),
    ],
)
def test_each_kind_of_value(words, expected):
    found = _parse(*words)
    assert found == expected
    assert [type(value) for value in found.values()] == [type(value) for value in expected.values()]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--size", "many"], "argument --size: 'many' is not int"),
        (["--depth", "1.5"], "argument --depth: '1.5' is not int or none"),
        (["--bounds", "{wind"], "argument --bounds: '{wind' is not JSON"),
        (["--verbose"], "unrecognized arguments: --verbose"),
        (["--siz", "3"], "unrecognized arguments: --siz"),
    ],
)
def test_wrong_usage_is_exit_code_2_with_a_reason(capsys, words, text):
    with pytest.raises(SystemExit) as stop:
        _parse(*words)
    assert stop.value.code == 2
    assert text in capsys.readouterr().err


def test_help_is_the_first_sentence_of_the_docstring(capsys):
    with pytest.raises(SystemExit):
        _parse("--help")
    text = " ".join(capsys.readouterr().out.split())
    assert "--entity ENTITY Column that names the entity (default: none)" in text
    assert "--static NAME[,NAME] Columns with one value per entity, at most 100 % of them (default: none)" in text
    assert "--size INT How large it is (default: 3)" in text
    assert "--depth INT How large it is (default: none)" in text
    assert "--rate FLOAT (default: 0.001)" in text
    assert "--fast, --no-fast Whether it hurries (default: false)" in text
    assert "--seed INT Where randomness is from (default: none)" in text
    assert "More words" not in text
    assert "verbose" not in text


def test_a_hint_that_exists_for_type_checkers_only_falls_back_to_the_default():
    def function(size: "Unknown" = 3, name: "Unknown" = None, rate: "float | None" = None):  # noqa: F821
        pass

    found = _parse("--size", "4", "--name", "x", "--rate", "1", function=function)
    assert found == {"size": 4, "name": "x", "rate": 1.0}
