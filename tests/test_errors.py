"""The tree of errors is the one that its docstring draws; the checks of arguments say what is allowed."""

import inspect
import re

import numpy as np
import pytest
import sklearn.exceptions

import tsgan.errors as errors
from tsgan.errors import ParameterError, choose, functions, number


def _drawn():
    """Return name, depth and the base in brackets, if any, of each line of the drawing."""
    found = []
    for line in errors.__doc__.splitlines():
        match = re.match(r"^( *[│├└─ ]*)(\w+(?:Error|Warning))(?: \(([\w']+)\))?", line)
        if match and (match[2] in vars(errors)):
            found.append((match[2], len(match[1]), match[3]))
    return found


def test_every_exception_is_drawn_once():
    defined = {
        name
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, Exception) and value.__module__ == "tsgan.errors"
    }
    names = [name for name, _, _ in _drawn()]
    assert sorted(names) == sorted(defined)


def test_the_tree_is_as_drawn():
    above = []
    bases = {"ValueError": ValueError, "RuntimeError": RuntimeError, "OSError": OSError, "UserWarning": UserWarning}
    for name, depth, base in _drawn():
        above = [(other, at) for other, at in above if at < depth]
        kind = getattr(errors, name)
        if above:
            assert issubclass(kind, getattr(errors, above[-1][0])), name
        if base in bases:
            assert issubclass(kind, bases[base]), name
        above.append((name, depth))


def test_sklearn_knows_our_not_fitted():
    assert issubclass(errors.NotFittedError, sklearn.exceptions.NotFittedError)
    assert issubclass(errors.NotFittedError, errors.TsganError)


def test_a_warning_is_no_error():
    assert not issubclass(errors.TsganWarning, errors.TsganError)


@pytest.mark.parametrize("kind", [errors.InputError, errors.TrainingError, errors.CorruptModelError])
def test_the_text_is_what_was_said(kind):
    assert str(kind("what, where and what to do")) == "what, where and what to do"


class TestChoose:
    def test_returns_the_choice(self):
        assert choose("cell", "gru", {"lstm": 1, "gru": 2}) == "gru"
        assert choose("cell", "gru", iter(["gru"])) == "gru"

    @pytest.mark.parametrize(
        ("value", "hint"),
        [("ltsm", " Did you mean 'lstm'?"), ("LSTM", ""), ("transformer", ""), (3, ""), (None, ""), (["lstm"], "")],
    )
    def test_says_the_choices_and_the_nearest(self, value, hint):
        with pytest.raises(ParameterError) as caught:
            choose("cell", value, ["lstm", "gru"])
        text = f"cell={value!r} is not known; choose one of ['lstm', 'gru']."
        assert str(caught.value).startswith(text)
        if hint:
            assert str(caught.value) == text + hint


class TestNumber:
    @pytest.mark.parametrize(
        ("value", "options"),
        [
            (0, {}),
            (0.5, {}),
            (np.float32(2), {}),
            (np.int64(2), {"whole": True}),
            (1, {"low": 1, "whole": True}),
            (1e-9, {"open_end": True}),
            (None, {"none": True}),
            (-3, {"low": -5}),
            (0.99, {"below": 1}),
        ],
    )
    def test_passes(self, value, options):
        number("size", value, **options)

    @pytest.mark.parametrize(
        ("value", "options", "allowed"),
        [
            (-1, {}, "a number of at least 0"),
            (0, {"open_end": True}, "a number above 0"),
            (0, {"low": 1, "whole": True}, "a whole number of at least 1"),
            (2.0, {"low": 1, "whole": True}, "a whole number of at least 1"),
            (True, {}, "a number of at least 0"),
            ("3", {}, "a number of at least 0"),
            (None, {}, "a number of at least 0"),
            (float("nan"), {}, "a number of at least 0"),
            (float("inf"), {}, "a number of at least 0"),
            (1j, {}, "a number of at least 0"),
            ([1], {"none": True}, "a number of at least 0 or None"),
            (1, {"below": 1}, "a number of at least 0 and below 1"),
            (1, {"below": 1, "none": True}, "a number of at least 0 and below 1 or None"),
            (-1, {"none": True, "open_end": True, "low": 0.5}, "a number above 0.5 or None"),
        ],
    )
    def test_says_what_is_allowed(self, value, options, allowed):
        with pytest.raises(ParameterError) as caught:
            number("size", value, **options)
        assert str(caught.value) == f"size={value!r} is not allowed; it must be {allowed}"


class TestFunctions:
    @pytest.mark.parametrize("value", [None, [], [print], (print, len)])
    def test_passes(self, value):
        functions("callbacks", value)

    @pytest.mark.parametrize("value", [print, [3], "ab", 5])
    def test_says_what_is_allowed(self, value):
        with pytest.raises(ParameterError) as caught:
            functions("callbacks", value)
        assert str(caught.value).endswith(" is not allowed; it must be a list of functions or None")
        assert str(caught.value).startswith("callbacks=")
