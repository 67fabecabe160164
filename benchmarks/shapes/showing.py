"""What the benchmarks of shapes show their results with: tables in markdown and figures of the house."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from intertwine._figures import figure

IMAGES = Path(__file__).parents[2] / "docs" / "images"


def markdown(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table, one string a cell."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def save(draw: Callable[[Any], None], name: str, width: float, height: float) -> None:
    """Draw ``docs/images/NAME.png``; sizes in inches."""
    figure(draw, width, height).savefig(IMAGES / f"{name}.png", dpi=160, facecolor="white")


def legend_below(page: Any, panel: Any, columns: int | None = None) -> None:
    """The legend of one panel, below all of them."""
    lines, labels = panel.get_legend_handles_labels()
    page.legend(lines, labels, loc="outside lower center", ncols=columns or len(labels), fontsize=8.5)
