"""What the site's pages show runs as it stands, page by page: Python, and the commands of the page on commands."""

import re
import shlex
from pathlib import Path

import pytest

from tsgan.cli.commands import main

DOCS = Path(__file__).parents[1] / "docs"
MADE = {"_build", "gallery", "api", "help"}  # folders that the build writes
PAGES = {str(page.relative_to(DOCS)): page for page in sorted(DOCS.rglob("*.md")) if not MADE & set(page.parts)}
BLOCK = re.compile(r"^(<!-- not run: .*?-->\n+)?```(python|sh)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
COMMANDS = "howto/commands.md"


def blocks(name: str) -> list[tuple[int, str, str]]:
    """Return the blocks of a page that are to run: the line each begins at, its language, its text."""
    text = PAGES[name].read_text()
    found = [(text[: one.start(3)].count("\n"), one[2], one[3]) for one in BLOCK.finditer(text) if not one[1]]
    return [one for one in found if one[1] == "python" or name == COMMANDS]


@pytest.mark.filterwarnings("default::tsgan.errors.TsganWarning")  # what a reader would be told, too
@pytest.mark.parametrize("name", [name for name in PAGES if blocks(name)])
def test_the_blocks_of_a_page_run_one_after_the_other(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    space = {"__name__": "__main__"}
    for line, language, text in blocks(name):
        if language == "python":
            exec(compile("\n" * line + text, name, "exec"), space)
        else:
            for command in text.splitlines():
                program, *words = shlex.split(command)
                assert program == "tsgan"
                assert main(words) == 0, command


def test_every_how_to_has_lines_that_run_an_example_and_its_place_in_the_reference():
    pages = {name: page for name, page in PAGES.items() if name.startswith("howto/") and page.stem != "index"}
    listed = re.findall(r"^[a-z-]+$", (DOCS / "howto" / "index.md").read_text(), re.MULTILINE)
    assert sorted(page.stem for page in pages.values()) == sorted(listed)
    for name, page in pages.items():
        assert blocks(name), f"{name} has no example"
        assert "](../gallery/" in page.read_text(), f"{name} leads to no example that was run"
        assert "{py:" in page.read_text(), f"{name} leads to no part of the reference"


def test_few_blocks_are_not_run():
    found = [(name, one[1]) for name, page in PAGES.items() for one in BLOCK.finditer(page.read_text())]
    assert len([why for _, why in found if why]) <= 4, found
