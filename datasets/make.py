"""Rebuild the shipped tables: three from the packages that carry them, one from tsgan's own simulator.

Run `python datasets/make.py` in an environment with tsgan and pip. The packages are downloaded into a temporary folder
and read as archives; nothing is installed. The result is the same to the byte each time.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from tsgan import datasets

HERE = Path(__file__).parent
VEGA = "vega_datasets==0.9.0"
SKTIME = "sktime==1.2.0"
BROTLI = "Brotli==1.1.0"


def download(requirement: str, folder: Path, kind: str = "whl", *more: str) -> Path:
    """Fetch the archive of `requirement` and return its path."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--dest",
        str(folder),
        *more,
        requirement,
    ]
    subprocess.run(command, check=True)
    (archive,) = folder.glob(f"{requirement.split('=')[0]}-*.{kind}")
    return archive


def write(name: str, text: str) -> None:
    """Write one table; the gzip header carries no time, so that the bytes depend on the text alone."""
    data = text.encode()
    if name.endswith(".gz"):
        data = gzip.compress(data, compresslevel=9, mtime=0)
    (HERE / name).write_bytes(data)
    print(f"{name}: {len(data):,} bytes")


def seattle_weather(folder: Path) -> None:
    """Copy the file as the package carries it."""
    with zipfile.ZipFile(download(VEGA, folder)) as wheel:
        write("seattle_weather.csv", wheel.read("vega_datasets/_data/seattle-weather.csv").decode())


def japanese_vowels(folder: Path) -> None:
    """Write the training and test utterances, in this order, as one long table with the numbers as they are written."""
    rows = ["utterance,step,speaker," + ",".join(f"c{channel}" for channel in range(1, 13))]
    utterance = 0
    with zipfile.ZipFile(download(SKTIME, folder)) as wheel:
        for part in ("TRAIN", "TEST"):
            text = wheel.read(f"sktime/datasets/data/JapaneseVowels/JapaneseVowels_{part}.ts").decode()
            for line in text.split("@data", 1)[1].split():
                *channels, speaker = line.split(":")
                utterance += 1
                steps = zip(*(channel.split(",") for channel in channels), strict=True)
                rows += [f"{utterance},{step},s{speaker}," + ",".join(row) for step, row in enumerate(steps)]
    write("japanese_vowels.csv.gz", "\n".join(rows) + "\n")


def alice(folder: Path) -> None:
    """Write the paragraphs of the twelve chapters, lines joined, without titles and rows of asterisks."""
    with tarfile.open(download(BROTLI, folder, "tar.gz", "--no-binary", ":all:")) as archive:
        found = archive.extractfile("Brotli-1.1.0/tests/testdata/alice29.txt")
        assert found is not None
        text = found.read().decode("ascii").replace("\r", "").rsplit("THE END", 1)[0]
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(["chapter", "text"])
    for number, chapter in enumerate(re.split(r"\n *CHAPTER [IVX]+\n", text)[1:], 1):
        _, *blocks = (" ".join(block.split()) for block in re.split(r"\n\s*\n", chapter.strip()))
        rows.writerows((number, block) for block in blocks if re.search("[A-Za-z]", block))
    write("alice.csv.gz", out.getvalue())


def regime_panel() -> None:
    """Draw the panel of `tsgan.datasets.regimes` with its default arguments."""
    write("regime_panel.csv", datasets.regimes().to_csv(index=False, lineterminator="\n"))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        seattle_weather(Path(scratch))
        japanese_vowels(Path(scratch))
        alice(Path(scratch))
    regime_panel()
