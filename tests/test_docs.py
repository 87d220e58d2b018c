"""The lines of Python on the site's pages run as they stand, page by page."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
MADE = {"_build", "gallery", "api", "help"}  # folders that the build writes
PAGES = {str(page.relative_to(DOCS)): page for page in sorted(DOCS.rglob("*.md")) if not MADE & set(page.parts)}
BLOCK = re.compile(r"^(<!-- not run: .*?-->\n+)?```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def blocks(page: Path) -> list[tuple[int, str]]:
    """Return the blocks that are to run, and the line that each begins at."""
    text = page.read_text()
    return [(text[: found.start(2)].count("\n"), found[2]) for found in BLOCK.finditer(text) if not found[1]]


@pytest.mark.filterwarnings("default::tsgan.errors.TsganWarning")  # what a reader would see, too
@pytest.mark.parametrize("name", [name for name, page in PAGES.items() if blocks(page)])
def test_the_blocks_of_a_page_run_one_after_the_other(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    space = {"__name__": "__main__"}
    for line, block in blocks(PAGES[name]):
        exec(compile("\n" * line + block, name, "exec"), space)


def test_every_how_to_has_lines_that_run_a_picture_of_it_and_its_place_in_the_reference():
    pages = {name: page for name, page in PAGES.items() if name.startswith("howto/") and page.stem != "index"}
    listed = re.findall(r"^[a-z-]+$", (DOCS / "howto" / "index.md").read_text(), re.MULTILINE)
    assert sorted(page.stem for page in pages.values()) == sorted(listed)
    for name, page in pages.items():
        text = page.read_text()
        assert blocks(page) or page.stem == "commands", f"{name} has no example"
        assert "](../gallery/" in text, f"{name} leads to no example that was run"
        assert "{py:" in text or page.stem == "commands", f"{name} leads to no part of the reference"


def test_few_blocks_are_not_run():
    kept_out = [name for name, page in PAGES.items() for found in BLOCK.finditer(page.read_text()) if found[1]]
    assert len(kept_out) <= 4, kept_out
