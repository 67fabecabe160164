"""Imports go down: from floor to floor, never in a circle, never into another package's private modules."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path

import pytest

import intertwine


def _load_import_graph():
    spec = importlib.util.spec_from_file_location("import_graph", Path(__file__).parent / "import_graph.py")
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


graph = _load_import_graph()
SOURCE = Path(intertwine.__file__).parent

ORDER = (
    ("groups",),
    ("reps",),
    ("patterns", "hom", "ops"),
    ("actions",),
    ("nn", "data"),
    ("models", "auditing"),
    ("training", "export"),
    ("tasks",),
    ("testing", "ase", "cli"),
)
FLOORS = {name: level for level, names in enumerate(ORDER) for name in names}
OPS = {
    "functions": 0,
    "graph": 1,
    "points": 2,
    "steerable": 3,
    "so2": 4,
    "vector_neurons": 4,
    "grids": 5,
    "filters": 6,
    "local_features": 6,
}


def _violations(source: Path) -> dict[str, list[str]]:
    imports = graph.read_imports(source)
    inside = [
        edge._replace(importer=edge.importer[len("intertwine.") :], imported=edge.imported[len("intertwine.") :])
        for edge in imports
        if edge.importer.startswith("intertwine.ops.") and edge.imported.startswith("intertwine.ops.")
    ]
    return {
        "upward": [*map(str, graph.upward(imports, FLOORS)), *map(str, graph.upward(inside, OPS))],
        "private": [*map(str, graph.private(imports))],
        "circles": [" <-> ".join(circle) for circle in graph.circles(imports)],
    }


@pytest.fixture(scope="module")
def violations() -> dict[str, list[str]]:
    return _violations(SOURCE)


def test_every_package_has_its_floor():
    packages = {path.parent.name for path in SOURCE.glob("*/__init__.py")}
    assert packages <= FLOORS.keys(), f"give them a floor in {Path(__file__).name}: {packages - FLOORS.keys()}"


@pytest.mark.parametrize("kind", ["upward", "private", "circles"])
def test_imports(violations, kind):
    assert violations[kind] == [], "\n".join(violations[kind])


@pytest.mark.parametrize(
    ("kind", "file", "line"),
    [
        ("upward", "groups/_group.py", "from intertwine.nn import Linear"),
        ("upward", "reps/_composite.py", "def late():\n    from intertwine.models import PointEncoder"),
        ("upward", "ops/graph/__init__.py", "from intertwine.ops.so2 import SO2Coupling"),
        ("upward", "nn/_linear.py", "from importlib import import_module\nimport_module('intertwine.tasks')"),
        ("private", "nn/_linear.py", "from intertwine.reps._composite import DirectSum"),
        ("private", "ops/so2/__init__.py", "import intertwine.ops.graph._segments"),
        ("private", "tasks/_task.py", "from intertwine.training import _fit"),
        (
            "circles",
            "reps/_powers.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import intertwine.reps",
        ),
    ],
)
def test_a_planted_import_is_found(tmp_path, violations, kind, file, line):
    copy = tmp_path / "intertwine"
    shutil.copytree(SOURCE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    with (copy / file).open("a", encoding="utf-8") as content:
        content.write(f"\n{line}\n")
    assert len(_violations(copy)[kind]) > len(violations[kind])
