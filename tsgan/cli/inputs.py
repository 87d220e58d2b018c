"""What commands have in common: the tables that they read, and what they say."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from .flags import add_flags, given

DATA = "csv, csv.gz or parquet, by the file's ending; - is standard input as csv"


def add_dialect(parser: argparse.ArgumentParser) -> None:
    """Give a command the flags that say how its csv files are written."""
    from ..tables.dialect import Dialect

    group = parser.add_argument_group("how a csv is written (told from the file where not given)")
    parser.set_defaults(dialect=add_flags(group, Dialect, skip=("time", "text")))


def table_of(args: argparse.Namespace, path: str, time: Any, like: Any = None) -> Any:
    """Read a table, perhaps written like another, and say how a csv was taken where that is not plain."""
    from ..tables import files as tables
    from ..tables.dialect import ATTRIBUTE, Dialect

    asked = Dialect(**given(args, args.dialect))
    frame = tables.read(path, time, asked, like)
    if ATTRIBUTE in frame.attrs and (taken := Dialect.of(frame).taken(asked)):
        say(args, f"{'standard input' if path == '-' else path}: read with {taken}")
    return frame


def say(args: argparse.Namespace, text: str, end: str = "\n") -> None:
    """Say something on standard error, unless `--quiet` was given."""
    if not args.quiet:
        print(text, file=sys.stderr, end=end, flush=True)
