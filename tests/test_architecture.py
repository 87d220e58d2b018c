"""The house plan, kept: one table of rooms and their floors, and rows of what is never imported.

`violations` reads a package with `ast`, imports nothing, and returns one line for each break; the second half of this
file breaks every rule once and checks that the line appears. `python tests/test_architecture.py` prints the figures.
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
ROOMS = {
    "errors": 0,
    "arrays": 0,
    "printing": 0,
    "unfinished": 0,
    "version": 0,
    "layout": 1,
    "panel": 1,
    "holders": 1,
    "bundle": 1,
    "datasets": 1,
    "pipeline": 1,
    "tables": 2,
    "constraints": 2,
    "formats": 3,
    "metadata": 3,
    "encoding": 3,
    "model": 3,
    "evaluation": 4,
    "estimator": 5,
    "callbacks": 6,
    "tuning": 7,
    "scale": 7,
    "cli": 8,
    "__init__": 8,
    "__main__": 9,
}


@dataclass(frozen=True)
class Never:
    """What is never imported or used: by these, or, if `by` is empty, by all but those. Dotted, with all below it."""

    what: str
    by: tuple[str, ...] = ()
    but: tuple[str, ...] = ()

    def hits(self, module: str, name: str) -> bool:
        """Return whether `module` breaks this row by importing `name`."""
        return _within(name, self.what) and any(_within(module, one) for one in self.by or self.but) is bool(self.by)

    def __str__(self) -> str:
        if self.by:
            return f"never imports {self.what}"
        return f"{self.what} comes in by {' and '.join(self.but)} only" if self.but else f"{self.what} is banned"


NEVER = (
    Never("pandas", by=("layout", "panel", "model")),
    Never("encoding", by=("model",)),
    Never("model", by=("encoding", "evaluation")),
    Never("evaluation", by=("model",)),
    Never("estimator", by=("evaluation",)),
    Never("torch", but=("model", "evaluation")),
    Never("safetensors", but=("bundle",)),
    Never("tqdm", but=("model.callbacks", "evaluation.evaluate")),
    Never("matplotlib", but=("evaluation.report",)),
    Never("jinja2", but=("evaluation.report",)),
    Never("mlflow", but=("callbacks.mlflow",)),
    Never("optuna", but=("callbacks.optuna",)),
    Never("tensorboard", but=("callbacks.tensorboard",)),
    Never("pyarrow", but=("tables",)),
    Never("narwhals", but=("tables.frames",)),
    Never("darts", but=("tables.formats.darts",)),
    Never("xarray", but=("tables.formats.xarray",)),
    Never("pandera", but=("encoding.schema",)),
    Never("dask", but=("scale.dask",)),
    Never("ray", but=("scale.ray",)),
    Never("pyspark", but=("scale.spark",)),
    Never("joblib", but=("scale.local",)),
    *(Never(name) for name in ("pickle", "cloudpickle", "dill", "marshal", "shelve", "random")),
    *(Never(name) for name in ("torch.load", "torch.save", "torch.manual_seed", "numpy.random.seed", "np.random.seed")),
)

TABLES = {
    ("encoding.columns", "COLUMNS"),
    ("constraints", "CONSTRAINTS"),
    ("tables.formats", "FORMATS"),
    ("evaluation.metrics", "METRICS"),
}
MEANINGLESS = {"utils", "util", "helpers", "helper", "common", "misc", "tools"}
MOST = {"files": 183, "lines": 39_700, "lines of a file": 550, "rooms": 9, "type: ignore": 10}


@dataclass(frozen=True)
class Import:
    """One imported name: `module` is dotted, without `tsgan.` for an inner one."""

    line: int
    module: str
    name: str
    inner: bool
    absolute: bool


def imports(module: str, is_folder: bool, tree: ast.Module) -> Iterator[Import]:
    """Yield every import of a file, those inside functions and for types too."""
    here = module.split(".") if module != "__init__" else []
    folder = here if is_folder else here[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                inner = alias.name.split(".")[0] == "tsgan"
                yield Import(node.lineno, alias.name.removeprefix("tsgan."), "", inner, inner)
        elif isinstance(node, ast.ImportFrom):
            base = folder[: len(folder) + 1 - node.level] if node.level else []
            dotted = ".".join([*base, *((node.module or "").split(".") if node.module else [])])
            absolute = not node.level and dotted.split(".")[0] == "tsgan"
            for alias in node.names:
                target = dotted.removeprefix("tsgan").removeprefix(".") if absolute else dotted
                yield Import(node.lineno, target, alias.name, bool(node.level) or absolute, absolute)


def _modules(root: Path) -> dict[str, Path]:
    found = {}
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        if parts[-1] == "__init__" and len(parts) > 1:
            parts = parts[:-1]
        found[".".join(parts)] = path
    return found


def _within(module: str, door: str) -> bool:
    return module == door or module.startswith(door + ".")


def violations(root: Path) -> list[str]:
    """Return one line for each break of the plan in the package at `root`."""
    modules = _modules(root)
    return [f"{module}:{text}" for module, path in modules.items() for text in _file(module, path, modules)]


def _file(module: str, path: Path, modules: dict[str, Path]) -> Iterator[str]:
    source, room = path.read_text(), module.split(".")[0]
    if room not in ROOMS:
        yield f"1: has no floor; add {room!r} to ROOMS"
        return
    if source.count("\n") > MOST["lines of a file"]:
        yield f"1: {source.count(chr(10))} lines, more than {MOST['lines of a file']}"
    if MEANINGLESS & set(module.split(".")):
        yield "1: a file is named by its role, not utils, helpers or common"
    tree = ast.parse(source)
    for entry in imports(module, path.name == "__init__.py", tree):
        target = f"{entry.module}.{entry.name}".strip(".") if entry.name else entry.module
        yield from (f"{entry.line}: {row}" for row in NEVER if row.hits(module, target))
        if not entry.inner:
            continue
        if entry.absolute:
            yield f"{entry.line}: imports tsgan by name; use a relative import"
        folder = entry.module or "__init__"
        whole = target not in modules and modules.get(folder, path).name == "__init__.py"
        if whole and (entry.module, entry.name) not in TABLES:
            yield f"{entry.line}: imports {entry.name} from the folder {folder}; name the defining file"
        other = target.split(".")[0] if target.split(".")[0] in ROOMS else folder.split(".")[0]
        if other not in ROOMS:
            yield f"{entry.line}: imports {other}, which has no floor"
        elif other != room and ROOMS[other] >= ROOMS[room]:
            yield f"{entry.line}: floor {ROOMS[room]} imports {other} from floor {ROOMS[other]}"
    yield from _reaches(tree)
    yield from _uses(module, tree)


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


def _uses(module: str, tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id == "print" and not _within(module, "cli"):
                yield f"{node.lineno}: print belongs in cli"
            if node.func.id in ("eval", "exec", "__import__"):
                yield f"{node.lineno}: {node.func.id} is banned"
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            yield f"{node.value.lineno}: allow_pickle is banned"
        if isinstance(node, ast.Attribute):
            dotted = ast.unparse(node)
            yield from (f"{node.lineno}: {row}" for row in NEVER if row.what == dotted)
            if dotted == "importlib.import_module" and module not in ("__init__", "scale"):
                yield f"{node.lineno}: importlib.import_module hides an import"


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


def figures(root: Path) -> dict[str, int]:
    """Return how large the house is, and what of it is hidden from tools."""
    modules = _modules(root)
    sources = [path.read_text() for path in modules.values()]
    return {
        "files": len(sources),
        "lines": sum(source.count("\n") for source in sources),
        "lines of a file": max(source.count("\n") for source in sources),
        "rooms": len({path.relative_to(root).parts[0] for path in root.rglob("*/*.py")}),
        "floors": len(set(ROOMS.values()) - {ROOMS["__main__"]}),
        "files in a circle": len(circle(root)),
        "breaks of the plan, private reaches among them": len(violations(root)),
        "type: ignore": sum(source.count("type: ignore") for source in sources),
    }


def test_the_house_is_no_larger_than_it_may_be():
    found = figures(PACKAGE)
    assert {name: found[name] for name, most in MOST.items() if found[name] > most} == {}


def test_every_room_of_the_plan_exists():
    rooms = {module.split(".")[0] for module in _modules(PACKAGE)}
    assert set(ROOMS) == rooms
    assert {name.split(".")[0] for row in NEVER for name in (*row.by, *row.but)} <= rooms


BREAKS = [
    ("panel.py", "import torch", "panel:1: torch comes in by model and evaluation only"),
    ("panel.py", "import pandas", "panel:1: never imports pandas"),
    ("encoding/schema.py", "def f():\n    from torch import nn", "encoding.schema:2: torch comes in by model and"),
    ("encoding/schema.py", "from ..model.base import X", "encoding.schema:1: never imports model"),
    ("encoding/schema.py", "from ..model.base import X", "encoding.schema:1: floor 3 imports model from floor 3"),
    ("model/lstm.py", "import pandas as pd", "model.lstm:1: never imports pandas"),
    ("model/lstm.py", "from ..encoding.cells import X", "model.lstm:1: never imports encoding"),
    ("model/lstm.py", "def f():\n    from ..evaluation import judge", "model.lstm:2: never imports evaluation"),
    (
        "model/lstm.py",
        "if TYPE_CHECKING:\n    from ..estimator import X",
        "model.lstm:2: floor 3 imports estimator from floor 5",
    ),
    ("evaluation/evaluate.py", "from ..model.base import X", "evaluation.evaluate:1: never imports model"),
    (
        "evaluation/evaluate.py",
        "from ..estimator import X",
        "evaluation.evaluate:1: never imports estimator",
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
        "estimator.base:1: imports RecurrentGAN from the folder __init__;",
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
    (
        "model/gan.py",
        "def f():\n    from tqdm import tqdm",
        "model.gan:2: tqdm comes in by model.callbacks and evaluation.evaluate only",
    ),
    (
        "evaluation/evaluate.py",
        "def f():\n    import jinja2",
        "evaluation.evaluate:2: jinja2 comes in by evaluation.report only",
    ),
    ("evaluation/report/page.py", "import jinja2", None),
    ("tables/files.py", "def f():\n    import narwhals", "tables.files:2: narwhals comes in by tables.frames only"),
    ("tuning.py", "def f():\n    import optuna", "tuning:2: optuna comes in by callbacks.optuna only"),
    ("callbacks/mlflow.py", "import mlflow", None),
    ("bundle.py", "import pickle", "bundle:1: pickle is banned"),
    ("bundle.py", "def f():\n    from joblib import dump", "bundle:2: joblib comes in by scale.local only"),
    ("bundle.py", "import torch\ntorch.load('x')", "bundle:2: torch.load is banned"),
    ("bundle.py", "np.load('x', allow_pickle=True)", "bundle:1: allow_pickle is banned"),
    (
        "model/runtime.py",
        "import torch\ntorch.manual_seed(0)",
        "model.runtime:2: torch.manual_seed is banned",
    ),
    ("model/runtime.py", "print(1)", "model.runtime:1: print belongs in cli"),
    ("cli/commands.py", "print(1)", None),
    ("model/runtime.py", "__import__('pickle')", "model.runtime:1: __import__ is banned"),
    ("model/runtime.py", "importlib.import_module('x')", "model.runtime:1: importlib.import_module hides an import"),
    ("encoding/utils.py", "", "encoding.utils:1: a file is named by its role, not utils, helpers or common"),
    ("attic.py", "", "attic:1: has no floor; add 'attic' to ROOMS"),
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


if __name__ == "__main__":
    for name, figure in figures(PACKAGE).items():
        print(f"{figure:7,} {name}")
