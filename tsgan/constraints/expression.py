"""Arithmetic on columns, written as text and computed by walking its syntax tree; nothing else can be written.

Names of columns stand for themselves, in backticks where they are no plain names (`` `Adj Close` * 2 ``). There are
+ - * / // % ** (to a number), comparisons, and, or, not, numbers, texts, and the functions abs, min, max, log, exp,
sqrt, round and where.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types

from ..errors import ConstraintError
from .base import Name

LONGEST, STEEPEST = 4000, 64
BINARY: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.And: operator.and_,
    ast.Or: operator.or_,
}
UNARY: dict[type[ast.AST], Callable[[Any], Any]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: operator.inv,
}
FUNCTIONS: dict[str, tuple[int, int]] = {
    "abs": (1, 1),
    "min": (2, 9),
    "max": (2, 9),
    "log": (1, 1),
    "exp": (1, 1),
    "sqrt": (1, 1),
    "round": (1, 2),
    "where": (3, 3),
}
QUOTED = re.compile(r"`([^`]+)`")


class Expression:
    """A formula over columns.

    Parameters
    ----------
    text : str

    Raises
    ------
    ConstraintError
        If the text is no such formula, saying what is not allowed in it.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._odd: dict[str, str] = {}
        if len(text) > LONGEST:
            raise ConstraintError(f"the expression has {len(text)} characters, more than {LONGEST}; pass a function")

        def stand_in(match: re.Match[str]) -> str:
            known = {name: key for key, name in self._odd.items()}
            return known.get(match[1]) or self._new(match[1])

        try:
            self._tree = ast.parse(QUOTED.sub(stand_in, text).strip(), mode="eval").body
            self._check(self._tree)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            if isinstance(error, ConstraintError):
                raise
            raise ConstraintError(
                f"the expression {text!r} cannot be read ({getattr(error, 'msg', error)}); write arithmetic on columns "
                "such as 'price * quantity', with odd names in backticks"
            ) from error

    def _new(self, name: str) -> str:
        key = f"_quoted_{len(self._odd)}_"
        self._odd[key] = name
        return key

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that are named, in order of appearance."""
        calls = {id(node.func) for node in ast.walk(self._tree) if isinstance(node, ast.Call)}
        found = [node for node in ast.walk(self._tree) if isinstance(node, ast.Name) and id(node) not in calls]
        found.sort(key=lambda node: (node.lineno, node.col_offset))
        return tuple(dict.fromkeys(self._odd.get(node.id, node.id) for node in found))

    def _check(self, node: ast.AST) -> None:
        """Refuse every kind of syntax that is not arithmetic."""
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
            power = node.right.operand if isinstance(node.right, ast.UnaryOp) else node.right
            if not (isinstance(power, ast.Constant) and isinstance(power.value, int | float)) or (
                abs(power.value) > STEEPEST
            ):
                raise ConstraintError(
                    f"in the expression {self.text!r}, ** takes a number of at most {STEEPEST} on its right"
                )
            below: list[ast.AST] = [node.left]
        elif isinstance(node, ast.BinOp) and type(node.op) in BINARY:
            below = [node.left, node.right]
        elif isinstance(node, ast.UnaryOp) and type(node.op) in UNARY:
            below = [node.operand]
        elif isinstance(node, ast.BoolOp):
            below = list(node.values)
        elif isinstance(node, ast.Compare) and all(type(op) in BINARY for op in node.ops):
            below = [node.left, *node.comparators]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in FUNCTIONS:
            least, most = FUNCTIONS[node.func.id]
            if node.keywords or not least <= len(node.args) <= most:
                raise ConstraintError(
                    f"in the expression {self.text!r}, {node.func.id} takes {least} to {most} values; "
                    f"got {len(node.args) + len(node.keywords)}"
                )
            below = list(node.args)
        elif isinstance(node, ast.Name) or (isinstance(node, ast.Constant) and type(node.value) in (int, float, str)):
            below = []
        else:
            raise ConstraintError(
                f"the expression {self.text!r} holds {ast.unparse(node)!r}, which is not allowed; there are column "
                f"names, numbers, texts, + - * / // % **, comparisons, and, or, not, {', '.join(FUNCTIONS)}"
            )
        for inner in below:
            self._check(inner)

    def __call__(self, columns: Mapping[Name, pd.Series[Any]]) -> Any:
        """Compute it.

        Parameters
        ----------
        columns : mapping of name to Series of shape (rows,)
            At least those in `names`.

        Returns
        -------
        Series of shape (rows,) or scalar
            Missing where an operand is missing or the result is no finite number.

        Raises
        ------
        ConstraintError
            If the columns' dtypes do not allow it.
        """
        try:
            with np.errstate(all="ignore"):
                return self._value(self._tree, columns)
        except (TypeError, ValueError, ZeroDivisionError, OverflowError) as error:
            told = {name: str(columns[resolve(name, columns)].dtype) for name in self.names}
            raise ConstraintError(f"the expression {self.text!r} cannot be computed of {told}: {error}") from error

    def _value(self, node: ast.AST, columns: Mapping[Name, pd.Series[Any]]) -> Any:
        if isinstance(node, ast.Constant):
            return float(node.value) if isinstance(node.value, int) and abs(node.value) >= 2**53 else node.value
        if isinstance(node, ast.Name):
            return _plain(columns[resolve(self._odd.get(node.id, node.id), columns)])
        if isinstance(node, ast.BinOp):
            left, right = self._value(node.left, columns), self._value(node.right, columns)
            if isinstance(node.op, ast.Pow):
                return (np.float64(left) if isinstance(left, int | float) else left) ** float(right)
            return BINARY[type(node.op)](left, right)
        if isinstance(node, ast.UnaryOp):
            inner = self._value(node.operand, columns)
            return (not inner) if isinstance(inner, bool) else UNARY[type(node.op)](inner)
        if isinstance(node, ast.BoolOp):
            values = [self._value(one, columns) for one in node.values]
            return _fold(BINARY[type(node.op)], values)
        if isinstance(node, ast.Compare):
            values = [self._value(one, columns) for one in (node.left, *node.comparators)]
            pairs = zip(node.ops, values, values[1:], strict=False)
            return _fold(operator.and_, [BINARY[type(op)](one, two) for op, one, two in pairs])
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            return _call(node.func.id, [self._value(one, columns) for one in node.args])
        raise TypeError(ast.dump(node))


def resolve(name: Name, known: Collection[Name]) -> Name:
    """Return the column of this name; a name of digits may be an integer's."""
    return int(name) if isinstance(name, str) and name not in known and name.isdigit() and int(name) in known else name


def _plain(series: pd.Series[Any]) -> pd.Series[Any]:
    """Return numbers in numpy's own dtypes, float64 where one is missing."""
    if types.is_bool_dtype(series.dtype) and not series.hasnans:
        return series.astype(bool)
    if types.is_numeric_dtype(series.dtype) and not types.is_bool_dtype(series.dtype):
        whole = types.is_integer_dtype(series.dtype) and not series.hasnans
        if whole:
            return pd.Series(series.to_numpy(dtype=np.int64))
        return pd.Series(series.to_numpy(dtype=np.float64, na_value=np.nan))
    return series


def _fold(join: Callable[[Any, Any], Any], values: list[Any]) -> Any:
    found = values[0]
    for value in values[1:]:
        found = join(found, value)
    return found


def _call(name: str, values: list[Any]) -> Any:
    if name == "where":
        return _choose(values[0], values[1], values[2])
    if name in ("min", "max"):
        return _fold(lambda one, two: _extreme(name, one, two), values)
    if name == "round":
        return np.round(values[0], int(values[1]) if len(values) > 1 else 0)
    return abs(values[0]) if name == "abs" else {"log": np.log, "exp": np.exp, "sqrt": np.sqrt}[name](values[0])


def _extreme(name: str, one: Any, two: Any) -> Any:
    """Return the smaller or larger of two values, missing where either is."""
    first = _choose((one <= two) if name == "min" else (one >= two), one, two)
    for side in (one, two):
        if isinstance(side, pd.Series) and side.hasnans:
            first = first.where(side.notna())
    return first


def _choose(where: Any, yes: Any, no: Any) -> Any:
    if not isinstance(where, pd.Series):
        return yes if where else no
    if not isinstance(yes, pd.Series):
        yes = pd.Series([yes], dtype=object if isinstance(yes, str) else None).take(np.zeros(len(where), dtype=np.intp))
        yes = yes.reset_index(drop=True)
    where = where.fillna(False) if where.hasnans else where
    return yes.where(where.to_numpy(dtype=bool), no)
