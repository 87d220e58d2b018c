"""Text as a table: a string is one series of characters, a list of strings one sequence of characters each."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from ..errors import InputError, SchemaError
from .form import OUTER

Text = Literal["", "one", "many"]  # what a table was: no text, a string, a list of strings
CHARACTER = "character"
LONGEST_NAME = 255  # characters: no name of a file is longer (NAME_MAX of Linux)


def is_text(data: Any) -> bool:
    """Return whether `data` is text rather than the path, or a list of paths, of a table in parts.

    A string is text if it is empty, has a line break, or more characters than a name may have and is no path that
    exists; a list of strings if any of them neither exists as a file or folder nor has a suffix (``.parquet``).
    """
    if isinstance(data, str):
        return not data or _broken(data) or (len(data) > LONGEST_NAME and not os.path.exists(data))
    return _strings(data) and not all(_named(one) for one in data)


def _strings(data: Any) -> bool:
    return isinstance(data, list | tuple) and len(data) > 0 and all(isinstance(one, str) for one in data)


def _broken(text: str) -> bool:
    return "\n" in text or "\r" in text


def _named(text: str) -> bool:
    return not _broken(text) and (os.path.exists(text) or Path(text).suffix[1:].isalnum())


def spread(data: Any, known: Text | None) -> tuple[pd.DataFrame, Text] | None:
    """Return text as a table of its characters, and what it was; None if it is none.

    Parameters
    ----------
    data : object
    known : {"", "one", "many"} or None
        What the fitted table was; None if none was fitted. One string will do where it was a list.

    Raises
    ------
    InputError
        If a string is empty, or holds halves of characters (lone surrogates); says which.
    SchemaError
        If a list is passed where one string was fitted.
    """
    if known == "" or not (isinstance(data, str) or _strings(data)):
        return None
    texts = [data] if isinstance(data, str) else list(data)
    if known == "one" and not isinstance(data, str):
        raise SchemaError(f"the model was fitted on one text, got a list of {len(data)}; pass them one by one")
    for number, text in enumerate(texts):
        if not text:
            where = "the text" if isinstance(data, str) else f"text {number} (counted from 0) of {len(texts)}"
            raise InputError(f"{where} is empty; leave it out, or write what it begins with")
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise InputError(
                f"text {number}, position {error.start} (counted from 0), holds {text[error.start]!r}, half of one; "
                'read the file in its own encoding, or with errors="replace"'
            ) from None
    frame = pd.DataFrame({CHARACTER: pd.Categorical(list("".join(texts)))})
    if known == "one" or (known is None and isinstance(data, str)):
        return frame, "one"
    lengths = [len(text) for text in texts]
    frame.index = pd.MultiIndex.from_arrays(
        [np.repeat(np.arange(len(texts)), lengths), np.concatenate([np.arange(n) for n in lengths])],
        names=[OUTER, None],
    )
    return frame, "many"


def joined(frame: pd.DataFrame, text: Text) -> str | list[str]:
    """Return rows of characters as text: a string, or a list of them where there are many texts or futures."""
    if text == "one" and frame.index.nlevels == 1:
        return "".join(frame[CHARACTER])
    outer = list(range(frame.index.nlevels - 1))
    return ["".join(some) for _, some in frame[CHARACTER].groupby(level=outer, sort=False, observed=True)]


def refuse_strangers(data: Any, levels: Collection[str]) -> None:
    """Refuse text with characters that were not learned.

    Raises
    ------
    InputError
        Naming the character, its place and what is allowed.
    """
    texts = [data] if isinstance(data, str) else list(data)
    for number, text in enumerate(texts):
        if strange := set(text).difference(levels):
            place = min(map(text.index, strange))
            where = f"position {place}" + (f" of text {number}" if len(texts) > 1 else "")
            raise InputError(
                f"the character {text[place]!r} at {where} (counted from 0) is none that was learned; known are "
                f"{''.join(sorted(levels))!r}. Replace it, or fit on a text that has it (more than a few times, or "
                "with protect=0)"
            )
