"""Run the first Python block of the README, as a reader would, in an empty folder."""

import contextlib
import re
import tempfile
from pathlib import Path

text = (Path(__file__).parents[1] / "README.md").read_text()
block = re.search(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
assert block, "README.md has no Python block"
with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
    exec(compile(block[1], "README.md", "exec"), {"__name__": "__main__"})
    print("made:", *sorted(path.name for path in Path().iterdir()))
