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
from functools import partial, reduce
from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types

from ..errors import ConstraintError
from .base import Name

MAX_LENGTH = 4000  # characters: deeper trees could exhaust the stack
MAX_POWER = 64  # higher ones leave the range of floats for nearly all numbers
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
        if len(text) > MAX_LENGTH:
            raise ConstraintError(f"the expression has {len(text)} characters, more than {MAX_LENGTH}; pass a function")
        keys = {name: f"_quoted_{i}_" for i, name in enumerate(dict.fromkeys(QUOTED.findall(text)))}
        self._odd = {key: name for name, key in keys.items()}
        try:
            self._tree = ast.parse(QUOTED.sub(lambda found: keys[found[1]], text).strip(), mode="eval").body
            names = self._check(self._tree)
        except ConstraintError:
            raise
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise ConstraintError(
                f"the expression {text!r} cannot be read ({getattr(error, 'msg', error)}); write arithmetic on columns "
                "such as 'price * quantity', with odd names in backticks"
            ) from error
        self.names = tuple(dict.fromkeys(self._odd.get(name, name) for name in names))  # of columns, as they appear

    def _check(self, node: ast.expr) -> list[str]:
        """Refuse every kind of syntax that is not arithmetic, and return the names in it."""
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
            power = node.right.operand if isinstance(node.right, ast.UnaryOp) else node.right
            number = power.value if isinstance(power, ast.Constant) else None
            if not isinstance(number, int | float) or abs(number) > MAX_POWER:
                raise ConstraintError(
                    f"in the expression {self.text!r}, ** takes a number of at most {MAX_POWER} on its right"
                )
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in FUNCTIONS:
            least, most, _ = FUNCTIONS[node.func.id]
            if node.keywords or not least <= len(node.args) <= most:
                raise ConstraintError(
                    f"in the expression {self.text!r}, {node.func.id} takes {least} to {most} values; "
                    f"got {len(node.args) + len(node.keywords)}"
                )
        inner = _operands(node)
        if inner is None:
            raise ConstraintError(
                f"the expression {self.text!r} holds {ast.unparse(node)!r}, which is not allowed; there are column "
                f"names, numbers, texts, + - * / // % **, comparisons, and, or, not, {', '.join(FUNCTIONS)}"
            )
        names = [node.id] if isinstance(node, ast.Name) else []
        for one in inner:
            names += self._check(one)
        return names

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
            dtypes = {name: str(columns[resolve(name, columns)].dtype) for name in self.names}
            raise ConstraintError(f"the expression {self.text!r} cannot be computed of {dtypes}: {error}") from error

    def _value(self, node: ast.expr, columns: Mapping[Name, pd.Series[Any]]) -> Any:
        values = []
        for one in _operands(node) or ():  # no comprehension: its frame would halve the depth that is reached
            values.append(self._value(one, columns))
        match node:
            case ast.Constant(value=value):
                return float(value) if isinstance(value, int) and abs(value) >= 2**53 else value
            case ast.Name(id=name):
                return _plain(columns[resolve(self._odd.get(name, name), columns)])
            case ast.BinOp(op=op) | ast.UnaryOp(op=op):
                return OPERATORS[type(op)](*values)
            case ast.BoolOp(op=op):
                return reduce(OPERATORS[type(op)], values)
            case ast.Compare(ops=ops):
                pairs = zip(ops, values, values[1:], strict=False)
                return reduce(operator.and_, [OPERATORS[type(op)](one, two) for op, one, two in pairs])
            case ast.Call(func=ast.Name(id=name)):
                return FUNCTIONS[name][2](*values)
        raise TypeError(ast.dump(node))


def _operands(node: ast.expr) -> list[ast.expr] | None:
    """Return what a node is computed of, None for syntax that is not arithmetic."""
    match node:
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
            return [left, right]
        case ast.UnaryOp(op=op, operand=operand) if type(op) in OPERATORS:
            return [operand]
        case ast.BoolOp(values=values):
            return values
        case ast.Compare(left=left, ops=ops, comparators=others) if all(type(op) in OPERATORS for op in ops):
            return [left, *others]
        case ast.Call(func=ast.Name(id=name), args=values) if name in FUNCTIONS:
            return values
        case ast.Name():
            return []
        case ast.Constant(value=value) if type(value) in (int, float, str):
            return []
    return None


def resolve(name: Name, known: Collection[Name]) -> Name:
    """Return the column of this name; a name of digits may be an integer's."""
    return int(name) if isinstance(name, str) and name not in known and name.isdigit() and int(name) in known else name


def _plain(series: pd.Series[Any]) -> pd.Series[Any]:
    """Return numbers in numpy's own dtypes, float64 where one is missing."""
    dtype, gaps = series.dtype, series.hasnans
    if types.is_bool_dtype(dtype):
        return series if gaps else series.astype(bool)
    if types.is_integer_dtype(dtype) and not gaps:
        return pd.Series(series.to_numpy(dtype=np.int64))
    return pd.Series(series.to_numpy(dtype=np.float64, na_value=np.nan)) if types.is_numeric_dtype(dtype) else series


def _power(base: Any, power: Any) -> Any:
    return (np.float64(base) if isinstance(base, int | float) else base) ** float(power)


def _not(value: Any) -> Any:
    return (not value) if isinstance(value, bool) else ~value


def _extreme(compare: Callable[[Any, Any], Any], *values: Any) -> Any:
    """Return the smallest or largest of values, missing where one is."""

    def of_two(one: Any, two: Any) -> Any:
        first = _choose(compare(one, two), one, two)
        for side in (one, two):
            if isinstance(side, pd.Series) and side.hasnans:
                first = first.where(side.notna())
        return first

    return reduce(of_two, values)


def _round(value: Any, decimals: Any = 0) -> Any:
    return np.round(value, int(decimals))


def _choose(where: Any, yes: Any, no: Any) -> Any:
    if not isinstance(where, pd.Series):
        return yes if where else no
    if not isinstance(yes, pd.Series):
        yes = pd.Series([yes], dtype=object if isinstance(yes, str) else None).take(np.zeros(len(where), dtype=np.intp))
        yes = yes.reset_index(drop=True)
    where = where.fillna(False) if where.hasnans else where
    return yes.where(where.to_numpy(dtype=bool), no)


OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: _power,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.And: operator.and_,
    ast.Or: operator.or_,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: _not,
}
FUNCTIONS: dict[str, tuple[int, int, Callable[..., Any]]] = {  # how many values at least and at most
    "abs": (1, 1, abs),
    "min": (2, 9, partial(_extreme, operator.le)),
    "max": (2, 9, partial(_extreme, operator.ge)),
    "log": (1, 1, np.log),
    "exp": (1, 1, np.exp),
    "sqrt": (1, 1, np.sqrt),
    "round": (1, 2, _round),
    "where": (3, 3, _choose),
}
