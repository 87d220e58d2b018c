"""The house plan, kept: who stands on which floor, who never imports whom, which door each library comes in by.

`violations` reads a package with `ast`, imports nothing, and returns one line for each break; the second half of this
file breaks every rule once and checks that the line appears.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "tsgan"

# A room imports only from floors below its own, and from itself.
FLOORS = {
    "errors": 1,
    "datasets": 1,
    "visits": 1,
    "flags": 1,
    "constraints": 2,
    "laws": 2,
    "requests": 2,
    "losses": 2,
    "layout": 2,
    "panel": 2,
    "bundle": 2,
    "runtime": 2,
    "tables": 2,
    "pieces": 2,
    "parts": 2,
    "encoding": 3,
    "networks": 3,
    "training": 3,
    "sampling": 3,
    "synthesizer": 4,
    "estimator": 4,
    "gaussian_copula": 4,
    "drawing": 4,
    "fans": 4,
    "persistence": 4,
    "trainers": 4,
    "history": 3,
    "arguments": 4,
    "evaluation": 4,
    "cli": 5,
    "__init__": 5,
    "__main__": 6,
}
# Open to every room of these floors and above: the two halves meet in layout and panel.
OPEN = {"errors": 1, "layout": 2, "panel": 2}

# Of one floor, and yet one uses the other.
NEIGHBOURS = {
    ("datasets", "visits"),
    ("sampling", "networks"),
    ("tables", "pieces"),
    ("parts", "tables"),
    ("requests", "constraints"),
    ("estimator", "synthesizer"),
    ("estimator", "arguments"),
    ("gaussian_copula", "synthesizer"),
    ("synthesizer", "drawing"),
    ("estimator", "drawing"),
    ("estimator", "trainers"),
    ("synthesizer", "persistence"),
    ("fans", "evaluation"),
}

# Room -> what it never imports, in no place of its files: rooms of tsgan or libraries.
NEVER = {
    "encoding": {"torch", "networks", "losses", "training", "sampling"},
    "layout": {"torch", "pandas"},
    "panel": {"torch", "pandas"},
    "drawing": {"torch"},
    "fans": {"torch"},
    "history": {"torch", "pandas"},
    "laws": {"torch", "pandas"},
    "errors": {"torch", "pandas"},
    "datasets": {"torch"},
    "visits": {"torch"},
    "tables": {"torch"},
    "constraints": {"torch"},
    "pieces": {"torch"},
    "requests": {"torch"},
    "parts": {"torch"},
    "networks": {"pandas", "encoding"},
    "losses": {"pandas", "encoding", "networks"},
    "training": {"pandas", "encoding", "networks"},
    "sampling": {"pandas", "encoding"},
    "evaluation": {"estimator", "synthesizer", "networks", "losses", "training", "sampling"},
}
ONLY_BY = {"estimator": {"cli", "__init__"}, "synthesizer": {"estimator", "gaussian_copula", "__init__"}}
# Rooms of one floor where one may import the other, inside one function only.
LAZY = {("synthesizer", "evaluation")}
LIGHT = {
    "synthesizer",
    "__init__",
    "__main__",
    "cli",
    "errors",
    "datasets",
    "estimator",
}  # none of them imports torch at module level

# Library -> the one module, or folder, that may import it.
REPORT = "evaluation.writing"
DOORS = {
    "safetensors": "bundle",
    "tqdm": "training.callbacks",
    "torch.distributed": "runtime",
    "torch.multiprocessing": "runtime",
    "multiprocessing": "runtime",
    "matplotlib": REPORT,
    "jinja2": REPORT,
    "markupsafe": REPORT,
    "pyarrow": "tables",
    "narwhals": "encoding.frames",
}
OPTIONAL = {"matplotlib", "jinja2", "markupsafe", "pyarrow", "narwhals"}  # imported inside functions only
# Rooms behind a door: they may use what the door lets in, and are themselves imported inside functions only.
PICTURES = (
    "base",
    "clocks",
    "correlation",
    "fan",
    "galleries",
    "levels",
    "maps",
    "marginals",
    "nearest",
    "paths",
    "rhythm",
)
BEHIND = {
    "pieces": "tables",
    "evaluation.report_page": REPORT,
    **{f"evaluation.pictures.{name}": REPORT for name in PICTURES},
}

# A folder's table, and who may read it from the folder's `__init__`; all else names the defining file.
TABLES = {
    ("", "__version__"): {"cli", "persistence"},
    ("encoding.scalers", "SCALERS"): {"encoding.columns.scaled", "encoding.options"},
    ("encoding.columns", "COLUMNS"): {"encoding.channels"},
    ("constraints", "CONSTRAINTS"): {"constraints.chain"},
    ("losses", "LOSSES"): {"trainers", "arguments"},
    ("networks", "CELLS"): {"estimator", "trainers", "arguments"},
    ("evaluation.metrics", "METRICS"): {
        "evaluation.judge",
        "evaluation.findings",
        "evaluation.report_page",
        "evaluation.thresholds",
    },
}

BANNED = {"pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve", "random"}
BANNED_USES = {"torch.load", "torch.save", "torch.manual_seed", "numpy.random.seed", "np.random.seed"}
NAMELESS = {"utils", "util", "helpers", "helper", "common", "misc", "tools"}
LINES = 400


@dataclass(frozen=True)
class Import:
    """One imported name: `module` is dotted, without `tsgan.` for an inner one."""

    line: int
    module: str
    name: str
    inner: bool
    lazy: bool
    absolute: bool


def imports(module: str, is_folder: bool, tree: ast.Module) -> Iterator[Import]:
    """Yield every import of a file, those inside functions too."""
    lazy = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for node in ast.walk(function)
    }
    lazy |= {
        id(node)
        for guard in ast.walk(tree)
        if isinstance(guard, ast.If) and "TYPE_CHECKING" in ast.unparse(guard.test)
        for node in ast.walk(guard)
    }
    here = module.split(".") if module != "__init__" else []
    folder = here if is_folder else here[:-1]
    for node in ast.walk(tree):
        late = id(node) in lazy
        if isinstance(node, ast.Import):
            for alias in node.names:
                inner = alias.name.split(".")[0] == "tsgan"
                yield Import(node.lineno, alias.name.removeprefix("tsgan."), "", inner, late, inner)
        elif isinstance(node, ast.ImportFrom):
            base = folder[: len(folder) + 1 - node.level] if node.level else []
            dotted = ".".join([*base, *((node.module or "").split(".") if node.module else [])])
            absolute = not node.level and dotted.split(".")[0] == "tsgan"
            for alias in node.names:
                target = dotted.removeprefix("tsgan").removeprefix(".") if absolute else dotted
                yield Import(node.lineno, target, alias.name, bool(node.level) or absolute, late, absolute)


def _modules(root: Path) -> dict[str, Path]:
    found = {}
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        if parts[-1] == "__init__" and len(parts) > 1:
            parts = parts[:-1]
        found[".".join(parts)] = path
    return found


def _within(module: str, door: str) -> bool:
    return module == door or module.startswith(door + ".") or BEHIND.get(module) == door


def violations(root: Path) -> list[str]:
    """Return one line for each break of the plan in the package at `root`."""
    modules = _modules(root)
    folders = {module for module, path in modules.items() if path.name == "__init__.py"}
    lines: list[str] = []
    for module, path in modules.items():
        source = path.read_text()
        lines += [f"{module}:{text}" for text in _file(module, path, source, set(modules), folders)]
    return lines


def _file(module: str, path: Path, source: str, modules: set[str], folders: set[str]) -> Iterator[str]:
    room = module.split(".")[0]
    if room not in FLOORS:
        yield f"1: has no floor; add {room!r} to FLOORS"
        return
    if source.count("\n") > LINES:
        yield f"1: {source.count(chr(10))} lines, more than {LINES}"
    if NAMELESS & set(module.split(".")):
        yield "1: a file is named by its role, not utils, helpers or common"
    tree = ast.parse(source)
    lazy_rooms: dict[str, int] = {}
    for entry in imports(module, path.name == "__init__.py", tree):
        if not entry.inner:
            full = f"{entry.module}.{entry.name}" if entry.name else entry.module
            yield from _outside(module, room, entry, full)
            continue
        if entry.absolute:
            yield f"{entry.line}: imports tsgan by name; use a relative import"
        target = f"{entry.module}.{entry.name}".strip(".") if entry.name else entry.module
        if target not in modules:
            target = entry.module
            if target in folders or not target:
                yield from _init(module, entry, target)
        if target in BEHIND and module not in BEHIND and not entry.lazy:
            yield f"{entry.line}: {target} is imported only inside a function"
        yield from _inside(room, entry, target.split(".")[0], lazy_rooms)
    yield from (
        f"1: imports {other} in {count} places; one is allowed" for other, count in lazy_rooms.items() if count > 1
    )
    yield from _uses(module, room, tree)


def _init(module: str, entry: Import, folder: str) -> Iterator[str]:
    readers = TABLES.get((folder, entry.name))
    if readers is None:
        yield f"{entry.line}: imports {entry.name} from the folder {folder or 'tsgan'}; name the defining file"
    elif module not in readers:
        yield f"{entry.line}: reads the table {entry.name}; only {sorted(readers)} may"


def _inside(room: str, entry: Import, other: str, lazy_rooms: dict[str, int]) -> Iterator[str]:
    if other == room or not other:
        return
    if other not in FLOORS:
        yield f"{entry.line}: imports {other}, which has no floor"
        return
    if other in NEVER.get(room, set()):
        yield f"{entry.line}: {room} never imports {other}"
    if other in ONLY_BY and room not in ONLY_BY[other]:
        yield f"{entry.line}: only {sorted(ONLY_BY[other])} may import {other}"
    if (room, other) in LAZY:
        lazy_rooms[other] = lazy_rooms.get(other, 0) + 1
        if not entry.lazy:
            yield f"{entry.line}: {room} imports {other} only inside a function"
    elif FLOORS[other] >= FLOORS[room] and FLOORS[room] < OPEN.get(other, 9) and (room, other) not in NEIGHBOURS:
        yield f"{entry.line}: floor {FLOORS[room]} imports {other} from floor {FLOORS[other]}"


def _outside(module: str, room: str, entry: Import, full: str) -> Iterator[str]:
    library = full.split(".")[0]
    if library in BANNED:
        yield f"{entry.line}: {library} is not allowed in the package"
    if library in NEVER.get(room, set()):
        yield f"{entry.line}: {room} never imports {library}"
    if library == "torch" and room in LIGHT and not entry.lazy:
        yield f"{entry.line}: {room} imports torch only inside a function"
    for door, owner in DOORS.items():
        if _within(full, door) and not _within(module, owner):
            yield f"{entry.line}: {door} comes in by {owner} only"
    if library in OPTIONAL and not entry.lazy and module not in BEHIND:
        yield f"{entry.line}: {library} is imported only inside a function"


def _uses(module: str, room: str, tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id == "print" and room != "cli":
                yield f"{node.lineno}: print belongs in cli"
            if node.func.id in ("eval", "exec", "__import__"):
                yield f"{node.lineno}: {node.func.id} is not allowed in the package"
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            yield f"{node.value.lineno}: allow_pickle is not allowed in the package"
        if isinstance(node, ast.Attribute):
            dotted = ast.unparse(node)
            if dotted in BANNED_USES:
                yield f"{node.lineno}: {dotted} is not allowed in the package"
            if dotted == "importlib.import_module" and room != "__init__":
                yield f"{node.lineno}: importlib.import_module hides an import"
            for door, owner in DOORS.items():
                if dotted == door and not _within(module, owner):
                    yield f"{node.lineno}: {door} comes in by {owner} only"


def test_the_house_stands_as_planned():
    assert violations(PACKAGE) == []


def test_every_room_of_the_plan_is_on_one_floor():
    assert set(NEVER) <= set(FLOORS)
    assert {name for names in NEVER.values() for name in names} <= set(FLOORS) | {"torch", "pandas"}
    assert {owner.split(".")[0] for owner in DOORS.values()} <= set(FLOORS)


BREAKS = [
    ("panel.py", "import torch", "panel:1: panel never imports torch"),
    ("encoding/schema.py", "def f():\n    from torch import nn", "encoding.schema:2: encoding never imports torch"),
    ("networks/lstm.py", "import pandas as pd", "networks.lstm:1: networks never imports pandas"),
    ("losses/gan.py", "from ..networks.base import Cell", "losses.gan:1: losses never imports networks"),
    ("losses/gan.py", "from ..networks.base import Cell", "losses.gan:1: floor 2 imports networks from floor 3"),
    ("training/loop.py", "from ..networks.base import Cell", "training.loop:1: training never imports networks"),
    ("evaluation/judge.py", "from ..losses.base import Loss", "evaluation.judge:1: evaluation never imports losses"),
    ("sampling.py", "from .estimator import X", "sampling:1: only ['__init__', 'cli'] may import estimator"),
    ("laws/process.py", "from ..bundle import X", "laws.process:1: floor 2 imports bundle from floor 2"),
    ("errors.py", "from .panel import Panel", "errors:1: floor 1 imports panel from floor 2"),
    ("laws/process.py", "from ..panel import Panel", None),
    ("sampling.py", "from .networks.base import Cell", None),
    ("networks/lstm.py", "from ..sampling import draw", "networks.lstm:1: floor 3 imports sampling from floor 3"),
    (
        "synthesizer.py",
        "from .evaluation.judge import x",
        "synthesizer:1: synthesizer imports evaluation only inside a function",
    ),
    ("synthesizer.py", "def f():\n    from .evaluation.judge import x", None),
    (
        "synthesizer.py",
        "def f():\n    from .evaluation.judge import x\ndef g():\n    from .evaluation.judge import x",
        "synthesizer:1: imports evaluation in 2 places; one is allowed",
    ),
    ("synthesizer.py", "import torch", "synthesizer:1: synthesizer imports torch only inside a function"),
    ("estimator.py", "def f():\n    import torch", None),
    ("runtime.py", "import tsgan", "runtime:1: imports tsgan by name; use a relative import"),
    ("runtime.py", "from tsgan.errors import X", "runtime:1: imports tsgan by name; use a relative import"),
    ("sampling.py", "from . import __version__", "sampling:1: reads the table __version__; only"),
    ("sampling.py", "from .losses import Loss", "sampling:1: imports Loss from the folder losses; name the defining"),
    (
        "sampling.py",
        "from .losses import LOSSES",
        "sampling:1: reads the table LOSSES; only ['arguments', 'trainers'] may",
    ),
    ("trainers.py", "from .losses import LOSSES", None),
    ("trainers.py", "from .losses import base", None),
    ("losses/gan.py", "from . import Loss", "losses.gan:1: imports Loss from the folder losses; name the defining"),
    ("losses/gan.py", "from .base import Loss", None),
    ("estimator.py", "from safetensors.numpy import save", "estimator:1: safetensors comes in by bundle only"),
    ("bundle.py", "from safetensors.numpy import save", None),
    ("training/loop.py", "def f():\n    from tqdm import tqdm", "training.loop:2: tqdm comes in by training.callbacks"),
    ("training/loop.py", "import torch\ntorch.distributed.barrier()", "training.loop:2: torch.distributed comes in by"),
    (
        "training/loop.py",
        "from torch import distributed",
        "training.loop:1: torch.distributed comes in by runtime only",
    ),
    ("evaluation/judge.py", "def f():\n    import jinja2", "evaluation.judge:2: jinja2 comes in by evaluation.writing"),
    ("evaluation/writing.py", "def f():\n    import jinja2", None),
    (
        "evaluation/writing.py",
        "import matplotlib",
        "evaluation.writing:1: matplotlib is imported only inside a function",
    ),
    ("evaluation/report_page.py", "import jinja2", None),
    (
        "evaluation/writing.py",
        "from .report_page import x",
        "evaluation.writing:1: evaluation.report_page is imported only",
    ),
    ("evaluation/writing.py", "def f():\n    from .report_page import x", None),
    ("tables.py", "import pyarrow", "tables:1: pyarrow is imported only inside a function"),
    ("tables.py", "def f():\n    import narwhals", "tables:2: narwhals comes in by encoding.frames only"),
    ("bundle.py", "import pickle", "bundle:1: pickle is not allowed in the package"),
    ("bundle.py", "def f():\n    from joblib import dump", "bundle:2: joblib is not allowed in the package"),
    ("bundle.py", "import torch\ntorch.load('x')", "bundle:2: torch.load is not allowed in the package"),
    ("bundle.py", "np.load('x', allow_pickle=True)", "bundle:1: allow_pickle is not allowed in the package"),
    ("runtime.py", "import torch\ntorch.manual_seed(0)", "runtime:2: torch.manual_seed is not allowed in the package"),
    ("runtime.py", "print(1)", "runtime:1: print belongs in cli"),
    ("cli.py", "print(1)", None),
    ("runtime.py", "__import__('pickle')", "runtime:1: __import__ is not allowed in the package"),
    ("runtime.py", "importlib.import_module('x')", "runtime:1: importlib.import_module hides an import"),
    ("encoding/utils.py", "", "encoding.utils:1: a file is named by its role, not utils, helpers or common"),
    ("attic.py", "", "attic:1: has no floor; add 'attic' to FLOORS"),
    ("runtime.py", "\n" * 401, "runtime:1: 401 lines, more than 400"),
]


@pytest.mark.parametrize(("file", "source", "line"), BREAKS)
def test_each_rule_notices_its_break(tmp_path, file, source, line):
    rooms = [
        "errors",
        "panel",
        "bundle",
        "estimator",
        "losses/base",
        "networks/base",
        "evaluation/judge",
        "evaluation/report_page",
    ]
    for name in [*(f"{room}.py" for room in rooms), "__init__.py", "losses/__init__.py", "networks/__init__.py", file]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(source if name == file else "")
    found = violations(tmp_path)
    if line is None:
        assert found == []
    else:
        assert any(text.startswith(line) for text in found), found
