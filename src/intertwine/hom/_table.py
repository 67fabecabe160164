"""Table of the intertwiners of two representations: their number, names and matrices, in text and figures."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from torch import Tensor

from intertwine._bounds import shorten, show_count
from intertwine._errors import UsageError
from intertwine.hom._basis import intertwiners
from intertwine.hom._exchangeable import exchangeable_maps
from intertwine.hom._named_basis import name_map, named_basis
from intertwine.hom._regular import regular_count
from intertwine.hom.characters import Count, character_count, merged_terms, total_count
from intertwine.reps import Rep, TensorProduct
from intertwine.reps.solve import factors

MOST_ENTRIES = 2**17
"""The most entries of one map in a table."""
MOST_NUMBERS = 2**22
"""The most entries of all maps between two terms in a table."""
LARGEST_GROUP = 24
"""The largest n of a Lie group of n x n matrices in a table."""
MOST_NAMED = 256
"""The most maps between two terms that are looked at for a name."""
_MOST_PRODUCTS = 2**28
"""The most multiplications of the singular value decomposition by which other bases are found."""
_MOST_FACTORS, _LARGEST_FACTOR = 20, 64
"""Products that are counted although they are too large for a table."""
_WIDEST = 12
_VISIBLE = 5e-4


@dataclass(frozen=True, eq=False)
class MapRow:
    """One basis map between two terms of the sums."""

    name: str | None
    rep_in: Rep
    rep_out: Rep
    copies: int
    """How often it occurs: copies of the input's term times copies of the output's."""
    matrix: Tensor
    """``(dim_out, dim_in)``, float64, of Frobenius norm one."""

    @property
    def title(self) -> str:
        """The name, or "a map", and from where to where."""
        return f"{self.name or 'a map'}: {_words(self.rep_in)} -> {_words(self.rep_out)}"

    def scaled(self) -> tuple[Tensor, float]:
        """The matrix divided by a factor that makes its entries whole numbers, where there is one, and the factor."""
        sizes = self.matrix.abs()
        smallest = float(sizes[sizes > 1e-9].min())
        whole = self.matrix / smallest
        if float((whole - whole.round()).abs().max()) < 1e-8 and float(whole.abs().max()) <= 99.5:
            return whole.round(), smallest
        return self.matrix, 1.0

    def lines(self) -> list[str]:
        """The map as a small table, or, where it is not small, as formulas."""
        matrix, factor = self.scaled()
        times = "" if factor == 1.0 else f"   ({factor:.4g} times)"
        copies = "" if self.copies == 1 else f"   {self.copies} copies"
        head = f"{self.title}{times}{copies}"
        small = max(matrix.shape) <= _WIDEST
        return [head, *(_grid(matrix, self) if small else _formulas(matrix, self))]


@dataclass(frozen=True, eq=False)
class MapTable:
    """All maps between two spaces; made by ``tabulate``."""

    rep_in: Rep
    rep_out: Rep
    rows: tuple[MapRow, ...]
    count: Count | None
    """The dimension by characters, None where there are none."""

    @property
    def dimension(self) -> int:
        """How many maps commute."""
        return sum(row.copies for row in self.rows)

    @property
    def dense(self) -> int:
        """How many numbers a map has that need not commute."""
        return self.rep_in.dim * self.rep_out.dim

    @property
    def agrees(self) -> bool:
        """Whether the characters, where there are any, give the same dimension."""
        return self.count is None or self.count.dimension == self.dimension

    def verdict(self) -> str:
        """What the characters say."""
        if self.count is None:
            return "no characters to check with: the rank is that of the constraints"
        if not self.agrees:
            return f"CHARACTERS DISAGREE: they count {self.count.dimension}"
        return "counted as orbits" if self.count.method == "orbits" else "characters agree"

    def summary(self) -> str:
        """One line: how many maps of how many, their names, and what the characters say."""
        names: Counter[str] = Counter()
        for row in self.rows:
            names[row.name or ""] += row.copies
        listed = [f"{number} x {name}" if number > 1 else name for name, number in names.items() if name]
        if names[""]:
            listed.append(f"{names['']} without a name" if listed else "none with a name")
        maps = "1 map" if self.dimension == 1 else f"{self.dimension:,} maps"
        which = f": {', '.join(listed)}" if listed else ""
        return f"{maps} (of {self.dense:,} dense){which};  {self.verdict()}"

    def to_json(self) -> dict[str, Any]:
        """Everything, as JSON has it."""
        return {
            "group": str(self.rep_in.group),
            "in": {"rep": str(self.rep_in), "dim": self.rep_in.dim},
            "out": {"rep": str(self.rep_out), "dim": self.rep_out.dim},
            "dimension": self.dimension,
            "dense": self.dense,
            "characters": None if self.count is None else {**self.count._asdict(), "agree": self.agrees},
            "maps": [
                {
                    "name": row.name,
                    "in": str(row.rep_in),
                    "out": str(row.rep_out),
                    "copies": row.copies,
                    "matrix": row.matrix.tolist(),
                }
                for row in self.rows
            ],
        }


def tabulate(rep_in: Rep, rep_out: Rep, *, folder: str | Path | None = None) -> MapTable:
    """All maps between two spaces, pair of terms by pair of terms, with their names and the count by characters.

    Args:
        rep_in: How the group acts on the inputs.
        rep_out: How it acts on the outputs; of the same group.
        folder: Where bases are kept from one program to the next; see ``intertwiners``.

    Raises:
        ValueError: If the groups differ, or the maps are too large for a table; ``intertwiners`` takes larger ones.
        ArithmeticError: If the constraints and the characters disagree.

    Example:
        >>> from intertwine.groups import SO3
        >>> G = SO3()
        >>> tabulate(G.vector * G.vector, G.rep("0 + 1 + 2")).summary()
        '3 maps (of 81 dense): trace, cross product, traceless symmetric part;  characters agree'
    """
    count = _check_cost(rep_in, rep_out)
    rows: list[MapRow] = []
    for (copies_in, term_in), (copies_out, term_out) in product(merged_terms(rep_in), merged_terms(rep_out)):
        rows += _pair_rows(term_in, term_out, copies_in * copies_out, folder)
    return MapTable(rep_in, rep_out, tuple(rows), count)


def _check_cost(rep_in: Rep, rep_out: Rep) -> Count | None:
    """The count by characters, if there is one; refuse a table that takes more than a few seconds.

    Raises:
        UsageError: If the maps between two terms, or the Lie algebra, are too large.
    """
    group, shown = rep_in.group, shorten(f"{rep_in} -> {rep_out}")
    advice = "take smaller representations, or one irrep at a time"
    pairs = list(product(merged_terms(rep_in), merged_terms(rep_out)))
    for (_, term_in), (_, term_out) in pairs:
        entries = term_in.dim * term_out.dim
        if entries > MOST_ENTRIES:
            number = _quick_count(term_in, term_out)
            counted = "" if number is None else f"{number:,} maps commute, by characters; "
            raise UsageError(
                f"{counted}a map of {shown} has {show_count(entries)} entries, more than the"
                f" {show_count(MOST_ENTRIES)} of a table: {advice}"
            )
    if group.order is None and group.dimension > LARGEST_GROUP:
        raise UsageError(
            f"the generators of {group} are {group.dimension} x {group.dimension} matrices, larger than the"
            f" {LARGEST_GROUP} x {LARGEST_GROUP} of a table: take a smaller group"
        )
    counts: list[tuple[int, Count | None]] = []
    for (copies_in, term_in), (copies_out, term_out) in pairs:
        pair = character_count(term_in, term_out)
        counts.append((copies_in * copies_out, pair))
        numbers = 0 if pair is None else pair.dimension * term_in.dim * term_out.dim
        if pair is not None and numbers > MOST_NUMBERS:
            raise UsageError(
                f"{pair.dimension:,} maps {shorten(f'{term_in} -> {term_out}')} commute, by characters; they have"
                f" {show_count(numbers)} entries, more than the {show_count(MOST_NUMBERS)} of a table: {advice}"
            )
    known = [(copies, pair) for copies, pair in counts if pair is not None]
    usual = "characters" if group.order is not None else "weights"
    return total_count(known, usual) if len(known) == len(counts) else None


def _quick_count(rep_in: Rep, rep_out: Rep) -> int | None:
    """The count for reps that are too large for a table; None where it would take long."""
    known = regular_count(rep_in, rep_out)
    if known is not None:
        return known
    parts = [*factors(rep_in), *factors(rep_out)]
    if len(parts) > _MOST_FACTORS or any(part.dim > _LARGEST_FACTOR for part in parts):
        return None
    try:
        count = character_count(rep_in, rep_out)
    except ArithmeticError:
        return None
    return None if count is None else count.dimension


def _pair_rows(rep_in: Rep, rep_out: Rep, copies: int, folder: str | Path | None) -> list[MapRow]:
    """The maps between two terms, in the basis in which most of them have a name; many maps have none."""
    basis = intertwiners(rep_in, rep_out, folder=folder)
    means = exchangeable_maps(rep_in, rep_out)
    if len(means) == len(basis):
        return [MapRow(name, rep_in, rep_out, copies, matrix) for name, matrix in means.items()]
    if len(basis) > MOST_NAMED:
        return [MapRow(None, rep_in, rep_out, copies, matrix) for matrix in basis]
    names = [name_map(rep_in, rep_out, matrix) for matrix in basis]
    if None in names and len(basis) > 1 and len(basis) * basis.numel() <= _MOST_PRODUCTS:
        other = named_basis(rep_in, rep_out, basis)
        found = [name_map(rep_in, rep_out, matrix) for matrix in other]
        if found.count(None) < names.count(None):
            basis, names = other, found
    return [MapRow(name, rep_in, rep_out, copies, matrix) for name, matrix in zip(names, basis, strict=True)]


def _words(rep: Rep) -> str:
    """A rep as the question writes it: products with a cross."""
    return str(rep).replace(" * ", " x ")


def axis_labels(rep: Rep) -> list[str]:
    """Names of the coordinates: x, y, z of vectors, numbers from 1 elsewhere, put together in products."""
    if isinstance(rep, TensorProduct):
        parts = [axis_labels(factor) for factor in rep.factors]
        separator = "," if any(len(label) > 1 for part in parts for label in part) else ""
        return [separator.join(labels) for labels in product(*parts)]
    group = rep.group
    if group.orthogonal and rep.dim == group.dimension <= 3 and rep == group.vector and group.dimension > 1:
        return list("xyz"[: rep.dim])
    return [str(k + 1) for k in range(rep.dim)]


def _cell(value: float, whole: bool) -> str:
    if abs(value) < _VISIBLE:
        return "."
    return f"{value:.0f}" if whole else f"{value:.3f}"


def _grid(matrix: Tensor, row: MapRow) -> list[str]:
    """Rows and columns with their coordinates; a dot is a zero."""
    whole = bool((matrix == matrix.round()).all())
    cells = [["", *axis_labels(row.rep_in)]]
    for label, values in zip(axis_labels(row.rep_out), matrix.tolist(), strict=True):
        cells.append([label, *(_cell(value, whole) for value in values)])
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  " + "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in cells]


def _formulas(matrix: Tensor, row: MapRow) -> list[str]:
    """One formula for each of the first coordinates of the output that are not zero."""
    inputs, outputs = axis_labels(row.rep_in), axis_labels(row.rep_out)
    whole = bool((matrix == matrix.round()).all())
    live = (matrix.abs() >= _VISIBLE).any(1).nonzero().flatten().tolist()
    lines = []
    for k in live[:_WIDEST]:
        label, values = outputs[k], matrix[k]
        places = (values.abs() >= _VISIBLE).nonzero().flatten().tolist()
        terms = [_term(float(values[j]), inputs[j], whole) for j in places[:_WIDEST]]
        more = f" + .. ({len(places) - _WIDEST} more)" if len(places) > _WIDEST else ""
        lines.append(f"  y[{label}] = {' '.join(terms).removeprefix('+ ')}{more}")
    if len(live) > _WIDEST:
        lines.append(f"  .. ({len(live) - _WIDEST} more)")
    if len(live) < len(outputs):
        lines.append("  all others 0")
    return lines


def _term(value: float, label: str, whole: bool) -> str:
    size = "" if whole and abs(value) == 1 else (f"{abs(value):.0f} " if whole else f"{abs(value):.3f} ")
    return f"{'-' if value < 0 else '+'} {size}x[{label}]"


def draw(table: MapTable, limit: int = 24) -> Any:
    """A figure with one heat map for each map: blue is negative, red positive, white zero.

    Args:
        table: The maps.
        limit: The most that are drawn.

    Returns:
        A ``matplotlib.figure.Figure``.
    """
    from matplotlib.figure import Figure

    rows = table.rows[:limit]
    widest = max((row.rep_in.dim for row in rows), default=1)
    columns = max(1, min(len(rows), 5, 45 // max(widest, 1)))
    lines = [rows[start : start + columns] for start in range(0, len(rows), columns)]
    heights = [max(row.rep_out.dim for row in line) for line in lines] or [1]
    cell = min(0.32, 12 / (widest * columns), 14 / sum(heights))
    width = max(4.5, columns * max(1.9, cell * widest + 0.5))
    figure = Figure(figsize=(width, 0.8 + cell * sum(heights) + 0.85 * len(heights)), layout="constrained")
    number = "1 map" if table.dimension == 1 else f"{table.dimension:,} maps"
    drawn = f", {len(rows)} of them drawn" if len(rows) < len(table.rows) else ""
    question = f"{table.rep_in.group}: {_words(table.rep_in)} -> {_words(table.rep_out)}"
    figure.suptitle(
        f"{question}\n{number} (of {table.dense:,} dense){drawn};  {table.verdict()}", fontsize=9, wrap=True
    )
    grid = figure.add_gridspec(len(heights), columns, height_ratios=heights)
    for place, row in enumerate(rows):
        axes = figure.add_subplot(grid[place // columns, place % columns])
        extent = 1.3 * float(row.matrix.abs().max())  # the outermost colors are too dark for a page
        axes.imshow(row.matrix.numpy(), cmap="RdBu_r", vmin=-extent, vmax=extent, interpolation="nearest")
        axes.set_title(f"{row.name or 'a map'}\n{_words(row.rep_in)} -> {_words(row.rep_out)}", fontsize=8)
        _ticks(axes, row)
    return figure


def _ticks(axes: Any, row: MapRow) -> None:
    """Names of coordinates and lines between them, where there is room for either."""
    for rep, axis in ((row.rep_in, axes.xaxis), (row.rep_out, axes.yaxis)):
        small = rep.dim <= _WIDEST + 4
        axis.set_ticks(range(rep.dim) if small else [], axis_labels(rep) if small else [], fontsize=6)
    if row.matrix.numel() <= 400:
        right, bottom = row.rep_in.dim - 0.5, row.rep_out.dim - 0.5
        axes.hlines([k + 0.5 for k in range(row.rep_out.dim - 1)], -0.5, right, color="0.85", linewidth=0.6)
        axes.vlines([k + 0.5 for k in range(row.rep_in.dim - 1)], -0.5, bottom, color="0.85", linewidth=0.6)
    if row.rep_in.dim > 9:
        axes.tick_params(axis="x", rotation=90)
    axes.tick_params(length=0)
