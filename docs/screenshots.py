"""Draw the pictures of the judge's report that its page shows: `python docs/screenshots.py`; it needs Chromium.

The tables and reports are those of the page itself, notebooks/judge.py, whose lines are run here.
"""

import argparse
import subprocess
import tempfile
from pathlib import Path

from PIL import Image

DOCS = Path(__file__).parent
WIDTH = 900
COLOURS = 96  # are plenty for a page of text and bars, and a third of the bytes
QUIET = ("headless", "no-sandbox", "disable-gpu", "no-first-run", "disable-background-networking", "hide-scrollbars")


def picture(chromium: str, page: Path, height: int, target: Path, part: str = "") -> None:
    """Write what a window of this height shows of a page, or of the cards of one of its parts alone."""
    if part:
        style = f"header, main > :not(#{part}, #{part} + .cards) {{display: none}} #{part} {{margin: 0; border: 0}}"
        page.write_text(page.read_text().replace("</head>", f"<style>{style}</style></head>"))
    with tempfile.TemporaryDirectory() as profile:
        window = [f"--{flag}" for flag in QUIET]
        window += [f"--user-data-dir={profile}", f"--window-size={WIDTH},{height}", f"--screenshot={target}"]
        subprocess.run([chromium, *window, page.as_uri()], check=True, capture_output=True)
    with Image.open(target) as drawn:
        drawn.convert("RGB").quantize(COLOURS).save(target, optimize=True)


def main() -> None:
    """Run the page, write its reports, and take their pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chromium", default="chromium", help="the browser's command")
    chromium = parser.parse_args().chromium
    space: dict[str, object] = {"__name__": "__main__"}
    source = DOCS / "notebooks" / "judge.py"
    exec(compile(source.read_text(), source.name, "exec"), space)
    with tempfile.TemporaryDirectory() as folder:
        drawn, copied = Path(folder, "drawn.html"), Path(folder, "copied.html")
        space["report"].to_html(drawn)
        space["copy"].to_html(copied)
        picture(chromium, drawn, 330, DOCS / "_static" / "judge-head.png")
        picture(chromium, copied, 440, DOCS / "_static" / "judge-copy.png")
        picture(chromium, drawn, 332, DOCS / "_static" / "judge-score.png", part="time")


if __name__ == "__main__":
    main()
