"""Command-line flags read from a function's signature, type hints and NumPy docstring, so that they cannot drift.

Kinds of value: whole numbers, decimals, booleans (`--flag` and `--no-flag`), text, lists of names (repeated or with
commas), mappings (a JSON object), and `none` where None is allowed.
"""

from __future__ import annotations

import argparse
import contextlib
import inspect
import json
import re
import types
import typing
from collections.abc import Callable, Collection, Mapping
from typing import Any


def add_flags(parser: Any, function: Callable[..., Any], skip: Collection[str] = ()) -> list[str]:
    """Give `parser` a flag for each argument of `function`, with its one-line help; return the arguments' names.

    `random_state` becomes `--seed`. A flag that is not given leaves no trace, so that defaults live in one place.

    Parameters
    ----------
    parser : argparse parser or group
    function : callable
        With type hints and a NumPy docstring.
    skip : collection of str
        Arguments without a flag.
    """
    texts = _docs(inspect.getdoc(function) or "")
    names = []
    for name, parameter in inspect.signature(function).parameters.items():
        if name in skip or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        names.append(name)
        kinds = _kinds(_hint(function, name)) or {type(parameter.default)}
        if kinds == {type(None)}:
            kinds.add(str)
        flag = "--seed" if name == "random_state" else "--" + name.replace("_", "-")
        text = f"{texts.get(name, '')} (default: {_shown(parameter.default)})".strip().replace("%", "%%")
        options: dict[str, Any] = {"dest": name, "default": argparse.SUPPRESS, "help": text}
        if kinds - {type(None)} == {bool}:
            parser.add_argument(flag, action=argparse.BooleanOptionalAction, **options)
        elif list in kinds:
            parser.add_argument(flag, action="extend", type=split_names, metavar="NAME[,NAME]", **options)
        else:
            shown = next((kind for kind in (int, float) if kind in kinds and str not in kinds), str).__name__.upper()
            metavar = name.upper() if shown == "STR" else shown
            parser.add_argument(flag, type=_Value(kinds), metavar=metavar, **options)
    return names


def given(args: argparse.Namespace, names: Collection[str]) -> dict[str, Any]:
    """Return those of the named arguments that the user gave."""
    return {name: getattr(args, name) for name in names if hasattr(args, name)}


def _shown(default: Any) -> str:
    return "none" if default is None else str(default).lower() if isinstance(default, bool) else str(default)


def split_names(text: str) -> list[str]:
    """Return names that commas part."""
    return [name for name in text.split(",") if name]


def _hint(function: Callable[..., Any], name: str) -> Any:
    """Return the type hint of one argument, or None if it has none, or one that exists for type checkers only."""
    home: Any = function.__init__ if inspect.isclass(function) else function
    if name not in home.__annotations__:
        return None
    holder = type("Holder", (), {"__annotations__": {name: home.__annotations__[name]}})
    try:
        return typing.get_type_hints(holder, globalns=home.__globals__)[name]
    except NameError:
        return None


def _kinds(hint: Any) -> set[type]:
    """Return the kinds of value that a hint allows, as plain types; empty if it tells nothing."""
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return set().union(*(_kinds(part) for part in typing.get_args(hint)))
    if origin is typing.Literal:
        return {type(value) for value in typing.get_args(hint)}
    kind = origin or hint
    if not inspect.isclass(kind) or kind is object:
        return set()
    if kind in (bool, int, float, str, type(None)):
        return {kind}
    if issubclass(kind, Mapping):
        return {dict}
    return {list} if issubclass(kind, Collection) else set()


class _Value:
    """Turns the text after a flag into the first of the allowed kinds that fits."""

    def __init__(self, kinds: Collection[type]) -> None:
        self.kinds = set(kinds)

    def __call__(self, text: str) -> Any:
        if text.lower() == "none" and type(None) in self.kinds:
            return None
        if bool in self.kinds and text.lower() in ("true", "false"):
            return text.lower() == "true"
        for kind in (int, float):
            if kind in self.kinds:
                with contextlib.suppress(ValueError):
                    return kind(text)
        if dict in self.kinds and text.lstrip().startswith("{"):
            try:
                return json.loads(text)
            except json.JSONDecodeError as error:
                raise argparse.ArgumentTypeError(f"{text!r} is not JSON: {error}") from None
        if not self.kinds & {bool, int, float, dict} or str in self.kinds:
            return text
        allowed = " or ".join(
            sorted({"NoneType": "none", "dict": "a JSON object"}.get(k.__name__, k.__name__) for k in self.kinds)
        )
        raise argparse.ArgumentTypeError(f"{text!r} is not {allowed}")


def _docs(docstring: str) -> dict[str, str]:
    """Return the first sentence that a NumPy docstring says of each parameter."""
    texts: dict[str, str] = {}
    for names, body in re.findall(
        r"^(\w[^:\n]*?) ?(?::[^\n]*)?\n((?:[ \t]+[^\n]*\n?|\n)*)", _sections(docstring), re.MULTILINE
    ):
        sentence = re.split(r"(?<=\.)\s", " ".join(body.split()).replace("`", ""), maxsplit=1)[0]
        texts.update(dict.fromkeys(re.findall(r"\w+", names), sentence.rstrip(".")))
    return texts


def _sections(docstring: str, title: str = "(?:Other )?Parameters") -> str:
    """Return the lines under a title of a NumPy docstring, under all that fit it."""
    found = re.findall(rf"^{title}\n-+\n(.*?)(?=^\w[^\n]*\n-{{3,}}\n|\Z)", docstring, re.DOTALL | re.MULTILINE)
    return "".join(section + "\n" for section in found)


def advanced(function: Callable[..., Any]) -> list[str]:
    """Return the arguments that a docstring names under "Other Parameters": those that few users need."""
    lines = _sections(inspect.getdoc(function) or "", "Other Parameters")
    return re.findall(r"^(\w+) :", lines, re.MULTILINE)
