"""Files that are being written, beside those that they will be: named so that what a killed process left is known.

The name says which process of which machine writes. What no longer lives is removed by the next one that writes into
that folder; of another machine's processes, what was not touched for a day.
"""

from __future__ import annotations

import contextlib
import os
import platform
import re
import time
import zlib
from pathlib import Path

HOST = f"{zlib.crc32(platform.node().encode()):08x}"
NAME = re.compile(r"\..+\.([0-9a-f]{8})-(\d+)\.part(\.before)?")
DAY = 86_400.0  # seconds


def beside(target: Path) -> Path:
    """Return where a file is written until it is whole, in the folder of its target."""
    return target.with_name(f".{target.name}.{HOST}-{os.getpid()}.part")


def write_text(target: Path, text: str) -> None:
    """Write a file beside and rename it, so that it is never half there."""
    part = beside(target)
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Remove what dead processes left in a folder; what cannot be removed stays."""
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            found = NAME.fullmatch(path.name)
            if found is not None and not _lives(path, found[1], int(found[2])):
                with contextlib.suppress(OSError):  # another one swept it
                    path.unlink()


def _lives(path: Path, host: str, process: int) -> bool:
    """Return whether a file may still be written."""
    if host != HOST or os.name != "posix":  # where no process can be asked for without ending it
        return time.time() - path.stat().st_mtime < DAY
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):  # another user's; no number of a process
        pass
    return True
