"""The exceptions and warnings of tsgan.

Every error says what was wrong, where (column, entity, value), what is allowed and what to do.

::

    TsganError
    ├── InputError (ValueError)            the table that was passed cannot be used
    │   ├── SchemaError                    its columns, dtypes or roles do not fit
    │   └── ConstraintError                a constraint does not fit its columns, or its rows break it
    ├── ParameterError (ValueError)        an argument has a value that is not allowed
    ├── NotFittedError (sklearn's)         the model has not been fitted
    ├── TrainingError (RuntimeError)       training went wrong (diverged)
    └── ModelFileError (OSError)           a saved model cannot be read or written
        ├── NotAModelError                 the path holds no saved model
        ├── NewerFormatError               it was saved by a newer tsgan
        └── CorruptModelError              it is damaged or incomplete

    TsganWarning (UserWarning)             something was done that you may want to know
"""

from __future__ import annotations

import difflib
import math
import os
from collections.abc import Iterable, Sequence

import numpy as np
from sklearn.exceptions import NotFittedError as SklearnNotFittedError


class TsganError(Exception):
    """Base class of every error that tsgan raises on purpose."""


class InputError(TsganError, ValueError):
    """The table that was passed cannot be used."""


class SchemaError(InputError):
    """The columns, dtypes or roles of a table do not fit."""


class ConstraintError(InputError):
    """A constraint does not fit the columns of a table, or rows of the table break it."""


class ParameterError(TsganError, ValueError):
    """An argument has a value that is not allowed."""


class NotFittedError(TsganError, SklearnNotFittedError):
    """The model has not been fitted yet."""


class TrainingError(TsganError, RuntimeError):
    """Training went wrong, for instance because it diverged."""


class ModelFileError(TsganError, OSError):
    """A saved model cannot be read or written."""


class NotAModelError(ModelFileError):
    """The path holds no saved model."""


class NewerFormatError(ModelFileError):
    """The model was saved by a newer version of tsgan."""


class CorruptModelError(ModelFileError):
    """The saved model is damaged or incomplete."""


class TsganWarning(UserWarning):
    """Something was done that the user may want to know."""


def choose(name: str, value: object, allowed: Iterable[str]) -> str:
    """Return `value` if it is one of `allowed`, else raise with the choices and the nearest.

    Raises
    ------
    ParameterError
        Naming the argument, the value, the choices and the closest one.
    """
    choices = list(allowed)
    if isinstance(value, str) and value in choices:
        return value
    raise ParameterError(f"{name}={value!r} is not known; choose one of {choices}.{_nearest(value, choices)}")


def nearest_name(name: object, names: Iterable[object]) -> str:
    """Return the end of a message: which names there are, and which is the nearest."""
    known = [one for one in names if one is not None]
    return f"; there are {known[:30]}.{_nearest(name, known)}"


def _nearest(name: object, known: Sequence[object]) -> str:
    near = difflib.get_close_matches(str(name), [str(one) for one in known], n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


def number(
    name: str,
    value: object,
    low: float = 0.0,
    below: float = math.inf,
    *,
    whole: bool = False,
    open_end: bool = False,
    none: bool = False,
) -> None:
    """Check an argument that must be a number of at least `low` (above it with `open_end`) and less than `below`.

    Raises
    ------
    ParameterError
        Naming the argument, the value and what is allowed.
    """
    if none and value is None:
        return
    kind = (int, np.integer) if whole else (int, float, np.integer, np.floating)
    if isinstance(value, kind) and not isinstance(value, bool):
        size = float(value)
        if math.isfinite(size) and size < below and (size > low or (size == low and not open_end)):
            return
    what = "a whole number" if whole else "a number"
    raise ParameterError(
        f"{name}={value!r} is not allowed; it must be {what} {'above' if open_end else 'of at least'} {low:g}"
        + (f" and below {below:g}" if below < math.inf else "")
        + (" or None" if none else "")
    )


def folder(name: str, value: object) -> None:
    """Check an argument that must be a path or None.

    Raises
    ------
    ParameterError
        Naming the argument, the value and what is allowed.
    """
    path = os.fspath(value) if isinstance(value, os.PathLike) else value
    if value is None or (isinstance(path, str) and path and "\0" not in path):
        return
    raise ParameterError(f"{name}={value!r} is not allowed; it must be the path of a folder or None")


def functions(name: str, value: object) -> None:
    """Check an argument that must be a list of functions or None.

    Raises
    ------
    ParameterError
        Naming the argument, the value and what is allowed.
    """
    if value is None or (isinstance(value, Sequence) and all(map(callable, value))):
        return
    raise ParameterError(f"{name}={value!r} is not allowed; it must be a list of functions or None")
