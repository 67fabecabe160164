"""Mutants of a Python file: one small change each, made in its text."""

from __future__ import annotations

import ast
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

COMPARISONS = {
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"),
    ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"),
}
ARITHMETIC = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "/"),
    ast.Div: ("/", "*"),
    ast.FloorDiv: ("//", "/"),
    ast.Mod: ("%", "//"),
    ast.Pow: ("**", "*"),
}
SKIPPED_FUNCTIONS = ("__repr__", "__str__", "extra_repr", "__dir__", "describe_labels")
"""Functions that make text for people, in which a change breaks no law."""
SKIPPED_FILES = ("_colors", "_console", "_draw", "_gallery", "_page", "_pages", "_plots", "_style")
"""Files that make pictures and pages for people."""


class Mutant(NamedTuple):
    """One change of a file: the text between two offsets is replaced."""

    path: str
    line: int
    kind: str
    start: int
    end: int
    before: str
    after: str

    @property
    def key(self) -> str:
        """The place and the change."""
        return f"{self.path}:{self.line} {self.before} -> {self.after}"

    def apply(self, text: str) -> str:
        """The text of the file with the change."""
        assert text[self.start : self.end] == self.before, f"{self.key}: the file has changed"
        return text[: self.start] + self.after + text[self.end :]

    def change(self, text: str) -> str:
        """The file, the line as it is and as it becomes, which name the change wherever the line moves."""
        begin = text.rfind("\n", 0, self.start) + 1
        before, after = (whole[begin:].split("\n", 1)[0].strip() for whole in (text, self.apply(text)))
        return f"{self.path}: {before} => {after}"


def mutants(path: Path, root: Path) -> list[Mutant]:
    """All mutants of a file, in the order of its text.

    Args:
        path: The file.
        root: The folder to which the paths of mutants are relative.
    """
    text = path.read_text(encoding="utf-8")
    return sorted(_Collector(text, str(path.relative_to(root))).collect(), key=lambda mutant: mutant.start)


class _Collector(ast.NodeVisitor):
    """Walks the code that computes: no annotations, messages, texts for people or imports for type checkers."""

    def __init__(self, text: str, path: str) -> None:
        self.text, self.path = text, path
        self.found: list[Mutant] = []
        self.line_offsets = [0]
        for line in text.splitlines(keepends=True):
            self.line_offsets.append(self.line_offsets[-1] + len(line))
        self.lines = text.splitlines(keepends=True)

    def collect(self) -> list[Mutant]:
        self.visit(ast.parse(self.text))
        return self.found

    def offset(self, line: int, column: int) -> int:
        """The offset of a position, whose column counts bytes."""
        return self.line_offsets[line - 1] + len(self.lines[line - 1].encode()[:column].decode())

    def span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        assert node.end_lineno is not None, "a parsed node has an end"
        assert node.end_col_offset is not None, "a parsed node has an end"
        return self.offset(node.lineno, node.col_offset), self.offset(node.end_lineno, node.end_col_offset)

    def add(self, kind: str, start: int, end: int, after: str) -> None:
        line = self.text.count("\n", 0, start) + 1
        self.found.append(Mutant(self.path, line, kind, start, end, self.text[start:end], after))

    def between(self, left: ast.expr, right: ast.expr, operators: tuple[str, str], kind: str) -> None:
        """Replace the operator that stands between two operands."""
        start, end = self.span(left)[1], self.span(right)[0]
        match = re.search(r"\s+".join(map(re.escape, operators[0].split())), self.text[start:end])
        if match and "#" not in self.text[start:end]:
            self.add(kind, start + match.start(), start + match.end(), operators[1])

    def visit_Compare(self, node: ast.Compare) -> None:
        for left, operator, right in zip([node.left, *node.comparators], node.ops, node.comparators, strict=False):
            self.between(left, right, COMPARISONS[type(operator)], "comparison")
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        sides = (node.left, node.right)
        is_text = any(isinstance(side, ast.JoinedStr | ast.Constant) and not _is_number(side) for side in sides)
        if type(node.op) in ARITHMETIC and not is_text:
            self.between(node.left, node.right, ARITHMETIC[type(node.op)], "arithmetic")
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        words = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        for left, right in zip(node.values, node.values[1:], strict=False):
            self.between(left, right, words, "boolean operator")
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        if isinstance(node.op, ast.USub | ast.Not):
            start, length = self.span(node)[0], 1 if isinstance(node.op, ast.USub) else 4
            self.add("sign" if length == 1 else "negation", start, start + length, "")
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, bool):
            self.add("constant", *self.span(node), str(not node.value))
        elif isinstance(node.value, int):
            self.add("constant", *self.span(node), str(node.value + 1))
        elif isinstance(node.value, float):
            self.add("constant", *self.span(node), repr(node.value * 2 if node.value else 1.0))

    def visit_keyword(self, node: ast.keyword) -> None:
        if node.arg != "strict":  # of zip: an assertion about our own lists
            self.generic_visit(node)

    def visit_If(self, node: ast.If) -> None:
        if "TYPE_CHECKING" in ast.unparse(node.test):
            return
        start, end = self.span(node.test)
        self.add("condition", start, end, f"not ({self.text[start:end]})")
        self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Call):
            self.add("dropped call", *self.span(node), "pass")
        if not isinstance(node.value, ast.Constant):
            self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self.add("dropped assignment", *self.span(node), "pass")
        self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> None:
        self.add("dropped raise", *self.span(node), "pass")

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        if node.name not in SKIPPED_FUNCTIONS:
            for statement in node.body:
                self.visit(statement)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for statement in node.body:
            self.visit(statement)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)

    def visit_Assign(self, node: ast.Assign) -> None:
        if not any(isinstance(target, ast.Name) and target.id.startswith("__") for target in node.targets):
            self.visit(node.value)

    def visit_Assert(self, node: ast.Assert) -> None:
        """Assertions are tests already."""

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        """Text for people."""


def _is_number(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, int | float)


def select(root: Path, package: str, count: int, seed: int) -> Iterator[Mutant]:
    """A sample of the mutants of a source tree, each package in proportion to its share; the same for the same seed.

    Args:
        root: The folder of the project; sources stand in ``src/intertwine``.
        package: The folder or file below that, such as "hom" or "hom/_basis.py"; all for "".
        count: Size of the sample.
        seed: Of the draw.
    """
    folder = root / "src" / "intertwine" / package
    files = [folder] if folder.is_file() else sorted(folder.rglob("*.py"))
    paths = (path for path in files if path.stem not in SKIPPED_FILES)
    found = [mutant for path in paths for mutant in mutants(path, root)]
    draw = random.Random(seed)
    step = len(found) / min(count, len(found)) if found else 1.0
    sample = [found[int((position + draw.random()) * step)] for position in range(min(count, len(found)))]
    draw.shuffle(sample)
    yield from sample
