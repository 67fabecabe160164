"""Structures that one can turn on a page, with the errors of their forces as arrows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

_BOND = 1.2
"""Atoms closer than this times the sum of their covalent radii are drawn as bonded."""
_LONGEST_ARROW = 1.6
"""Length of the longest arrow, angstrom."""
_MOST_ATOMS = 400

STYLE = """\
.atoms { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(17rem, 100%), 1fr)); gap: 1.5rem 1.25rem;
  margin: 1rem 0; }
.atoms figure { margin: 0; min-width: 0; }
.atoms canvas { width: 100%; aspect-ratio: 1; display: block; touch-action: none; cursor: grab; border-radius: 0.4rem;
  background: color-mix(in srgb, currentColor 4%, transparent); }
.atoms canvas:active { cursor: grabbing; }
.atoms canvas:focus-visible { outline: 2px solid #4878d0; outline-offset: 2px; }
.atoms .file { display: block; opacity: 0.6; font-size: 0.8rem; }
.arrows { font-size: 0.9rem; display: flex; flex-wrap: wrap; gap: 0.25rem 1.25rem; align-items: center; }
.arrows label { cursor: pointer; }
.arrows i { display: inline-block; width: 0.75em; height: 0.75em; border-radius: 50%; margin-right: 0.35em;
  border: 1px solid color-mix(in srgb, currentColor 40%, transparent); }
"""


class Structure(NamedTuple):
    """One structure of the page.

    title: in words; file: its name; numbers (n,); positions (n, 3), angstrom; cell (3, 3), rows of zeros where it is
    not periodic; true, predicted (n, 3): forces, eV/A.
    """

    title: str
    file: str
    numbers: npt.NDArray[np.int64]
    positions: npt.NDArray[np.float64]
    cell: npt.NDArray[np.float64]
    true: npt.NDArray[np.float64]
    predicted: npt.NDArray[np.float64]


def structure_viewer(structures: Sequence[Structure]) -> str:
    """The structures as a fragment of HTML with its own style and script.

    Args:
        structures: What to show, in order.
    """
    from ase.data import chemical_symbols

    data = {"structures": [_content(structure) for structure in structures]}
    content = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    script = files("intertwine.tasks.potential.report").joinpath("viewer.js").read_text(encoding="utf-8")
    elements = sorted({int(number) for structure in structures for number in structure.numbers})
    legend = "".join(f'<span><i style="background:{_color(z)}"></i>{chemical_symbols[z]}</span>' for z in elements)
    return (
        f'<style>\n{STYLE}</style>\n{_controls()}<p class="arrows">{legend}</p>\n'
        f'<div class="atoms">\n{"".join(map(_figure, structures))}</div>\n'
        "<noscript><p>The structures need JavaScript, which is off here; nothing else does.</p></noscript>\n"
        f'<script type="application/json" id="structures">{content}</script>\n<script>\n{script}</script>'
    )


def _controls() -> str:
    choices = (("error", "errors of the forces"), ("predicted", "predicted forces"), ("true", "true forces"))
    inputs = "".join(
        f'<label><input type="radio" name="arrows" value="{value}"{" checked" if value == "error" else ""}> {text}'
        "</label>"
        for value, text in choices
    )
    return f'<p class="arrows">{inputs}</p>'


def _figure(structure: Structure) -> str:
    label = f"{structure.file}: a structure with arrows at its atoms; arrow keys rotate it"
    return (
        f'<figure class="structure"><canvas tabindex="0" role="img" aria-label="{escape(label)}"></canvas>'
        f'<figcaption>{escape(structure.title)}; <span class="longest"></span>'
        f'<span class="file">{escape(structure.file)}</span></figcaption></figure>\n'
    )


def _content(structure: Structure) -> dict[str, Any]:
    from ase.data import covalent_radii

    kept = slice(0, _MOST_ATOMS)
    numbers, positions = structure.numbers[kept], structure.positions[kept]
    center = positions.mean(0) if not structure.cell.any() else (positions.min(0) + positions.max(0)) / 2
    radii = covalent_radii[numbers]
    arrows = {
        "error": structure.predicted[kept] - structure.true[kept],
        "predicted": structure.predicted[kept],
        "true": structure.true[kept],
    }
    return {
        "positions": _rounded(positions - center),
        "radii": _rounded(0.45 * radii),
        "colors": [_color(int(number)) for number in numbers],
        "bonds": _bonds(positions, radii),
        "box": _rounded(_box(structure.cell, center)),
        "arrows": {name: _rounded(values * _arrow_scale(values)) for name, values in arrows.items()},
        "longest": {name: f"{1000 * np.linalg.norm(values, axis=1).max():,.0f}" for name, values in arrows.items()},
    }


def _arrow_scale(values: npt.NDArray[np.float64]) -> float:
    longest = float(np.linalg.norm(values, axis=1).max(initial=0))
    return _LONGEST_ARROW / longest if longest > 0 else 0.0


def _bonds(positions: npt.NDArray[np.float64], radii: npt.NDArray[np.float64]) -> list[list[int]]:
    distances = np.linalg.norm(positions[:, None] - positions, axis=2)
    close = np.triu(distances < _BOND * (radii[:, None] + radii), 1)
    pairs: list[list[int]] = np.argwhere(close).tolist()
    return pairs


def _box(cell: npt.NDArray[np.float64], center: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The edges of the cell as pairs of points, (E, 6); none where it is not periodic in three directions."""
    if not cell.any(axis=1).all():
        return np.zeros((0, 6))
    corners = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)], dtype=np.float64)
    pairs = [(a, b) for a in range(8) for b in range(a) if np.abs(corners[a] - corners[b]).sum() == 1]
    points = corners @ cell - center
    return np.array([[*points[a], *points[b]] for a, b in pairs])


def _rounded(values: npt.NDArray[np.float64]) -> Any:
    return np.round(values, 3).tolist()


def _color(number: int) -> str:
    from ase.data.colors import jmol_colors

    red, green, blue = (round(255 * float(part)) for part in jmol_colors[number])
    return f"#{red:02x}{green:02x}{blue:02x}"
