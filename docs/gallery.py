"""The gallery: a page for each example, from its text and from what `make examples` kept of its run.

A page has the script's docstring, its lines, what it printed, and the pictures, animations and sounds that it wrote.
"""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

ROOT = Path(__file__).parents[1]
EXAMPLES, RUNS, STATIC = ROOT / "examples", ROOT / "out" / "examples", ROOT / "docs" / "_static" / "gallery"
PICTURES, SOUNDS = (".png", ".gif", ".svg"), (".wav",)
FENCES = {".py": "python", ".sh": "bash"}
COMMANDS = ("fit", "tune", "sample", "evaluate", "suggest", "info", "card", "demo")


@dataclass(frozen=True)
class Example:
    """A script, its text apart, and the folder that it was run in."""

    path: Path

    @property
    def name(self) -> str:
        """The file's name without its ending."""
        return self.path.stem

    @property
    def run(self) -> Path:
        """Where it was run."""
        return RUNS / self.name

    def parts(self) -> tuple[str, str, str]:
        """Return the title, the text below it, and the code; what a title explains after a colon is text."""
        source = self.path.read_text()
        if self.path.suffix == ".py":
            text = ast.get_docstring(ast.parse(source)) or ""
            code = source.split('"""', 2)[2].lstrip("\n")
        else:
            lines = source.splitlines()[1:]
            count = next(i for i, line in enumerate(lines) if not line.startswith("#"))
            text, code = "\n".join(line.lstrip("# ") for line in lines[:count]), "\n".join(lines[count:])
        first, _, rest = text.partition("\n\n")
        title, _, lead = " ".join(first.split()).partition(":")
        lead = lead.strip()
        return title.rstrip("."), f"{lead[:1].upper()}{lead[1:]}\n\n{rest}".strip(), code

    def files(self, endings: tuple[str, ...]) -> list[Path]:
        """Return what it wrote, by their endings."""
        return sorted(path for path in self.run.iterdir() if path.suffix in endings)

    def page(self, files: Path) -> str:
        """Return the page; what was written is copied to `files`."""
        title, text, code = self.parts()
        shown = []
        for path in self.files(PICTURES):
            _copy(path, files / self.name)
            shown.append(f"```{{image}} files/{self.name}/{path.name}\n:alt: {path.stem.replace('_', ' ')}\n```")
        for path in self.files(SOUNDS):
            _copy(path, STATIC / self.name)
            place = f"../_static/gallery/{self.name}/{path.name}"
            shown.append(f'<p>{path.stem.replace("_", " ")}<br><audio controls src="{place}"></audio></p>')
        printed = (self.run / "output.txt").read_text().rstrip()
        lines = [f"# {title}", text, *shown]
        if printed:
            lines += ["It prints:", f"````text\n{printed}\n````", "## The script"]
        lines.append(f"````{FENCES[self.path.suffix]}\n{code.rstrip()}\n````")
        return (
            "\n\n".join([*lines, f"Download: {{download}}`{self.path.name} <../../examples/{self.path.name}>`"]) + "\n"
        )

    def card(self) -> str:
        """Return its card on the gallery's page."""
        pictures = self.files(PICTURES)
        top = f":img-top: files/{self.name}/{pictures[0].name}\n" if pictures else ""
        return f":::{{grid-item-card}} {self.parts()[0]}\n:link: {self.name}\n:link-type: doc\n{top}:::"


def _copy(path: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(path, folder / path.name)


def examples() -> list[Example]:
    """Return the examples in their order.

    Raises
    ------
    ExtensionError
        If one was not run, or is newer than its run.
    """
    found = [Example(path) for path in sorted(EXAMPLES.glob("[0-9]*")) if path.suffix in FENCES]
    late = [
        one.name
        for one in found
        if not (one.run / "output.txt").exists() or (one.run / "output.txt").stat().st_mtime < one.path.stat().st_mtime
    ]
    if late:
        raise ExtensionError(f"run the examples first (make examples); these were not run as they are: {late}")
    return found


def write(home: Path) -> None:
    """Write the gallery's pages, and what each command says of itself."""
    folder = home / "gallery"
    for old in (folder, STATIC):
        shutil.rmtree(old, ignore_errors=True)
    folder.mkdir()
    found = examples()
    for one in found:
        (folder / f"{one.name}.md").write_text(one.page(folder / "files"))
    found.sort(key=lambda one: not one.files(PICTURES))
    cards, names = "\n\n".join(one.card() for one in found), "\n".join(one.name for one in found)
    (folder / "index.md").write_text(
        "# Gallery\n\nEach example is a script of the repository, run whenever it changes; its page shows what it "
        f"printed and drew.\n\n::::{{grid}} 1 2 3 3\n:gutter: 3\n\n{cards}\n::::\n\n"
        f"```{{toctree}}\n:hidden:\n\n{names}\n```\n"
    )
    help_of = home / "howto" / "help"
    help_of.mkdir(exist_ok=True)
    for command in COMMANDS:
        told = subprocess.run(
            [sys.executable, "-m", "tsgan", command, "--help"],
            capture_output=True,
            text=True,
            check=True,
            env={"COLUMNS": "90"},
        )
        (help_of / f"{command}.txt").write_text(told.stdout)


def setup(app: Sphinx) -> dict[str, bool]:
    """Write before the pages are read."""
    app.connect("builder-inited", lambda app: write(Path(app.srcdir)))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
