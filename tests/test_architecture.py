"""The house plan, kept: who stands on which floor, who never imports whom, which door each library comes in by.

`violations` reads a package with `ast`, imports nothing, and returns one line for each break; the second half of this
file breaks every rule once and checks that the line appears.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "tsgan"

# A room imports only from floors below its own, and from itself.
FLOORS = {
    "errors": 0,
    "arrays": 0,
    "version": 0,
    "layout": 1,
    "panel": 1,
    "bundle": 1,
    "datasets": 1,
    "tables": 2,
    "constraints": 2,
    "encoding": 3,
    "model": 3,
    "evaluation": 4,
    "estimator": 5,
    "cli": 6,
    "__init__": 6,
    "__main__": 7,
}

# Room -> what it never imports, in no place of its files: rooms of tsgan or libraries.
NEVER = {
    "layout": {"pandas"},
    "panel": {"pandas"},
    "model": {"pandas", "encoding", "evaluation"},
    "encoding": {"model"},
    "evaluation": {"estimator", "model"},
}

# Library -> the only modules, or folders, that may import it.
REPORT = "evaluation.report.report"
PAINTERS = tuple(f"evaluation.report.{name}" for name in ("page", "pictures", "galleries", "by_column", "by_table"))
DOORS = {
    "torch": ("model", "evaluation"),
    "torch.distributed": ("model.runtime",),
    "torch.multiprocessing": ("model.runtime",),
    "multiprocessing": ("model.runtime",),
    "tqdm": ("model.callbacks",),
    "safetensors": ("bundle",),
    "matplotlib": (REPORT,),
    "jinja2": (REPORT,),
    "markupsafe": (REPORT,),
    "pyarrow": ("tables",),
    "narwhals": ("tables.frames",),
}
OPTIONAL = {"matplotlib", "jinja2", "markupsafe", "pyarrow", "narwhals"}  # imported inside functions only
# Behind a door: they may use what the door lets in, and are themselves imported inside functions only.
BEHIND = {"tables.appending": "tables.files", **dict.fromkeys(PAINTERS, REPORT)}

# Folder and table that may be read from the folder's `__init__`; all else names the defining file.
TABLES = {
    ("encoding.columns", "COLUMNS"),
    ("constraints", "CONSTRAINTS"),
    ("evaluation.metrics", "METRICS"),
}

BANNED = {"pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve", "random"}
BANNED_USES = {"torch.load", "torch.save", "torch.manual_seed", "numpy.random.seed", "np.random.seed"}
NAMELESS = {"utils", "util", "helpers", "helper", "common", "misc", "tools"}
LINES = 550


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


def _behind(module: str) -> str | None:
    """Return the door that a module lies behind."""
    return next((door for room, door in BEHIND.items() if module == room or module.startswith(room + ".")), None)


def _within(module: str, door: str) -> bool:
    return module == door or module.startswith(door + ".") or _behind(module) == door


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
            if (target in folders or not target) and (target, entry.name) not in TABLES:
                folder = target or "tsgan"
                yield f"{entry.line}: imports {entry.name} from the folder {folder}; name the defining file"
        if _behind(target) not in (None, _behind(module)) and not entry.lazy:
            yield f"{entry.line}: {target} is imported only inside a function"
        yield from _inside(room, entry, target.split(".")[0])
    yield from _uses(module, room, tree)
    yield from _reaches(tree)


def _inside(room: str, entry: Import, other: str) -> Iterator[str]:
    if other == room or not other:
        return
    if other not in FLOORS:
        yield f"{entry.line}: imports {other}, which has no floor"
        return
    if other in NEVER.get(room, set()):
        yield f"{entry.line}: {room} never imports {other}"
    if FLOORS[other] >= FLOORS[room]:
        yield f"{entry.line}: floor {FLOORS[room]} imports {other} from floor {FLOORS[other]}"


def _outside(module: str, room: str, entry: Import, full: str) -> Iterator[str]:
    library = full.split(".")[0]
    if library in BANNED:
        yield f"{entry.line}: {library} is not allowed in the package"
    if library in NEVER.get(room, set()):
        yield f"{entry.line}: {room} never imports {library}"
    for door, owners in DOORS.items():
        if _within(full, door) and not any(_within(module, owner) for owner in owners):
            yield f"{entry.line}: {door} comes in by {' and '.join(owners)} only"
    if library in OPTIONAL and not entry.lazy and _behind(module) is None:
        yield f"{entry.line}: {library} is imported only inside a function"


def _reaches(tree: ast.Module) -> Iterator[str]:
    """Private parts of what another file defines."""
    nodes = list(ast.walk(tree))
    own = {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
    own |= {node.target.id for node in nodes if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)}
    own |= {node.attr for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)}
    for node in nodes:
        if not isinstance(node, ast.Attribute) or not node.attr.startswith("_") or node.attr.startswith("__"):
            continue
        if not (isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")) and node.attr not in own:
            yield f"{node.lineno}: reaches into {ast.unparse(node)}"


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
            for door, owners in DOORS.items():
                if dotted == door and not any(_within(module, owner) for owner in owners):
                    yield f"{node.lineno}: {door} comes in by {' and '.join(owners)} only"


def circle(root: Path) -> list[str]:
    """Return files that import one another in a circle, imports for types and inside functions among them."""
    modules = _modules(root)
    graph: dict[str, set[str]] = {}
    for module, path in modules.items():
        tree = ast.parse(path.read_text())
        named = {
            found.module + "." + found.name if f"{found.module}.{found.name}" in modules else found.module
            for found in imports(module, path.name == "__init__.py", tree)
            if found.inner
        }
        graph[module] = {name for name in named if name in modules and name != module}
    try:
        list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        return list(error.args[1])
    return []


def test_the_house_stands_as_planned():
    assert violations(PACKAGE) == []
    assert circle(PACKAGE) == []


def test_a_circle_is_found(tmp_path):
    (tmp_path / "room").mkdir()
    for name, text in (
        ("one", "def f():\n    from .two import g"),
        ("two", "from . import one"),
        ("three", "from .two import g"),
    ):
        (tmp_path / "room" / f"{name}.py").write_text(text)
    assert set(circle(tmp_path)) == {"room.one", "room.two"}


def test_few_lines_are_hidden_from_the_type_checker():
    hidden = [
        path.name
        for path in _modules(PACKAGE).values()
        for line in path.read_text().splitlines()
        if "type: ignore" in line
    ]
    assert len(hidden) <= 10, hidden


def test_every_room_of_the_plan_exists():
    rooms = {module.split(".")[0] for module in _modules(PACKAGE)}
    assert set(FLOORS) == rooms
    assert {name for names in NEVER.values() for name in names} <= rooms | {"pandas"}
    assert {owner.split(".")[0] for owners in DOORS.values() for owner in owners} <= rooms


BREAKS = [
    ("panel.py", "import torch", "panel:1: torch comes in by model and evaluation only"),
    ("panel.py", "import pandas", "panel:1: panel never imports pandas"),
    ("encoding/schema.py", "def f():\n    from torch import nn", "encoding.schema:2: torch comes in by model and"),
    ("encoding/schema.py", "from ..model.base import X", "encoding.schema:1: encoding never imports model"),
    ("encoding/schema.py", "from ..model.base import X", "encoding.schema:1: floor 3 imports model from floor 3"),
    ("model/lstm.py", "import pandas as pd", "model.lstm:1: model never imports pandas"),
    ("model/lstm.py", "from ..encoding.cells import X", "model.lstm:1: model never imports encoding"),
    ("model/lstm.py", "def f():\n    from ..evaluation import judge", "model.lstm:2: model never imports evaluation"),
    (
        "model/lstm.py",
        "if TYPE_CHECKING:\n    from ..estimator import X",
        "model.lstm:2: floor 3 imports estimator from floor 5",
    ),
    ("evaluation/evaluate.py", "from ..model.base import X", "evaluation.evaluate:1: evaluation never imports model"),
    (
        "evaluation/evaluate.py",
        "from ..estimator import X",
        "evaluation.evaluate:1: evaluation never imports estimator",
    ),
    ("errors.py", "from .panel import Panel", "errors:1: floor 0 imports panel from floor 1"),
    ("model/lstm.py", "from ..panel import Panel\nimport torch", None),
    ("model/lstm.py", "def f(x):\n    return x._hidden", "model.lstm:2: reaches into x._hidden"),
    ("model/lstm.py", "class A:\n    def _h(self):\n        pass\n\ndef f(x):\n    return x._h()", None),
    ("model/lstm.py", "from .base import X", None),
    (
        "estimator/base.py",
        "def f():\n    import torch",
        "estimator.base:2: torch comes in by model and evaluation only",
    ),
    ("estimator/drawing.py", "import tsgan", "estimator.drawing:1: imports tsgan by name; use a relative import"),
    (
        "estimator/drawing.py",
        "from tsgan.errors import X",
        "estimator.drawing:1: imports tsgan by name; use a relative import",
    ),
    ("estimator/base.py", "from ..version import __version__", None),
    (
        "estimator/base.py",
        "from .. import RecurrentGAN",
        "estimator.base:1: imports RecurrentGAN from the folder tsgan;",
    ),
    (
        "estimator/drawing.py",
        "from ..model import X",
        "estimator.drawing:1: imports X from the folder model; name the defining file",
    ),
    ("estimator/drawing.py", "from ..constraints import CONSTRAINTS", None),
    ("estimator/drawing.py", "from ..model import base", None),
    ("model/gan.py", "from . import X", "model.gan:1: imports X from the folder model; name the defining file"),
    ("estimator/drawing.py", "from ..laws.process import X", "estimator.drawing:1: imports laws, which has no floor"),
    (
        "estimator/base.py",
        "from safetensors.numpy import save",
        "estimator.base:1: safetensors comes in by bundle only",
    ),
    ("bundle.py", "from safetensors.numpy import save", None),
    ("model/gan.py", "def f():\n    from tqdm import tqdm", "model.gan:2: tqdm comes in by model.callbacks only"),
    ("model/gan.py", "import torch\ntorch.distributed.barrier()", "model.gan:2: torch.distributed comes in by"),
    ("model/gan.py", "from torch import distributed", "model.gan:1: torch.distributed comes in by model.runtime only"),
    (
        "evaluation/evaluate.py",
        "def f():\n    import jinja2",
        "evaluation.evaluate:2: jinja2 comes in by evaluation.report.report",
    ),
    ("evaluation/report/report.py", "def f():\n    import jinja2", None),
    (
        "evaluation/report/report.py",
        "import matplotlib",
        "evaluation.report.report:1: matplotlib is imported only inside a function",
    ),
    ("evaluation/report/page.py", "import jinja2", None),
    (
        "evaluation/report/report.py",
        "from .page import x",
        "evaluation.report.report:1: evaluation.report.page is imported only",
    ),
    ("evaluation/report/report.py", "def f():\n    from .page import x", None),
    ("tables/files.py", "import pyarrow", "tables.files:1: pyarrow is imported only inside a function"),
    ("tables/files.py", "def f():\n    import narwhals", "tables.files:2: narwhals comes in by tables.frames only"),
    ("bundle.py", "import pickle", "bundle:1: pickle is not allowed in the package"),
    ("bundle.py", "def f():\n    from joblib import dump", "bundle:2: joblib is not allowed in the package"),
    ("bundle.py", "import torch\ntorch.load('x')", "bundle:2: torch.load is not allowed in the package"),
    ("bundle.py", "np.load('x', allow_pickle=True)", "bundle:1: allow_pickle is not allowed in the package"),
    (
        "model/runtime.py",
        "import torch\ntorch.manual_seed(0)",
        "model.runtime:2: torch.manual_seed is not allowed in the package",
    ),
    ("model/runtime.py", "print(1)", "model.runtime:1: print belongs in cli"),
    ("cli/commands.py", "print(1)", None),
    ("model/runtime.py", "__import__('pickle')", "model.runtime:1: __import__ is not allowed in the package"),
    ("model/runtime.py", "importlib.import_module('x')", "model.runtime:1: importlib.import_module hides an import"),
    ("encoding/utils.py", "", "encoding.utils:1: a file is named by its role, not utils, helpers or common"),
    ("attic.py", "", "attic:1: has no floor; add 'attic' to FLOORS"),
    ("model/runtime.py", "\n" * 551, "model.runtime:1: 551 lines, more than 550"),
]


@pytest.mark.parametrize(("file", "source", "line"), BREAKS)
def test_each_rule_notices_its_break(tmp_path, file, source, line):
    rooms = ["errors", "panel", "estimator/base", "model/base", "evaluation/evaluate", "evaluation/report/page"]
    folders = ["__init__.py", "model/__init__.py", "constraints/__init__.py"]
    for name in [*(f"{room}.py" for room in rooms), *folders, file]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(source if name == file else "")
    found = violations(tmp_path)
    if line is None:
        assert found == []
    else:
        assert any(text.startswith(line) for text in found), found
