"""The import graph of a source tree, read without running it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple


class Import(NamedTuple):
    """One import of a module of the tree by another, and where it stands."""

    importer: str
    imported: str
    name: str
    line: int

    def __str__(self) -> str:
        return f"{self.importer}:{self.line} imports {self.imported}" + (f" ({self.name})" if self.name else "")


def read_modules(root: Path) -> dict[str, Path]:
    """Every module below a package folder, by its dotted name; a package stands for its `__init__.py`."""
    modules = {}
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root.parent).with_suffix("").parts
        modules[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return modules


def read_imports(root: Path) -> list[Import]:
    """Every import between modules of the tree: inside functions and for type checkers as well, and by literal name."""
    modules = read_modules(root)
    found = []
    for module, path in modules.items():
        package = module if path.name == "__init__.py" else module.rpartition(".")[0]
        for target, name, line in _imports_in(path.read_text(encoding="utf-8"), package):
            if f"{target}.{name}" in modules:
                found.append(Import(module, f"{target}.{name}", "", line))
            elif target in modules:
                found.append(Import(module, target, name, line))
    return found


@cache
def _imports_in(text: str, package: str) -> tuple[tuple[str, str, int], ...]:
    return tuple(_imports_of(ast.parse(text), package))


def _imports_of(tree: ast.AST, package: str) -> Iterator[tuple[str, str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "", node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*parents, *([node.module] if node.module else [])])
            yield from ((base, alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.Call) and _is_import_module(node.func) and isinstance(node.args[0], ast.Constant):
            yield str(node.args[0].value), "", node.lineno


def _is_import_module(function: ast.expr) -> bool:
    return getattr(function, "id", getattr(function, "attr", "")) == "import_module"


def upward(imports: list[Import], floors: dict[str, int]) -> list[Import]:
    """The imports that go from a floor to a higher one, where a module's floor is the second part of its name."""

    def floor(module: str) -> int | None:
        return floors.get(module.split(".")[1]) if "." in module else None

    both = ((edge, floor(edge.importer), floor(edge.imported)) for edge in imports)
    return [edge for edge, here, there in both if here is not None and there is not None and there > here]


def private(imports: list[Import]) -> list[Import]:
    """The imports of a private module, or of a private name, of a package in which the importer does not stand."""
    found = []
    for edge in imports:
        parts = edge.imported.split(".")
        hidden = next((i for i, part in enumerate(parts) if part.startswith("_")), None)
        if hidden is None and edge.name.startswith("_") and not edge.name.startswith("__"):
            hidden = len(parts)
        owner = ".".join(parts[:hidden])
        if hidden is not None and not f"{edge.importer}.".startswith(f"{owner}."):
            found.append(edge)
    return found


def circles(imports: list[Import]) -> list[list[str]]:
    """The sets of two or more modules that import each other in a loop (Tarjan's strongly connected components)."""
    after: dict[str, list[str]] = {}
    for edge in imports:
        after.setdefault(edge.importer, []).append(edge.imported)
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(module: str) -> None:
        index[module] = low[module] = len(index)
        stack.append(module)
        for other in after.get(module, []):
            if other not in index:
                visit(other)
            if other in stack:
                low[module] = min(low[module], low[other])
        if low[module] == index[module]:
            place = stack.index(module)
            component, stack[place:] = stack[place:], []
            if len(component) > 1:
                found.append(sorted(component))

    for module in after:
        if module not in index:
            visit(module)
    return found
