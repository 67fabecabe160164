"""Matplotlib figures as inline SVG for HTML pages, in the colors of the page; matplotlib is imported on first use."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any

INK = "#123456"  # becomes currentColor: the figure follows the page, light or dark
BLUE, ORANGE, GREEN, GRAY, RED = "#4878d0", "#d98c3f", "#5a9e6f", "#8a8f98", "#d1495b"

_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "intertwine",
    "font.family": "sans-serif",
    "font.size": 9.5,
    "text.parse_math": False,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "legend.frameon": False,
}


def figure(draw: Callable[[Any], None], width: float, height: float) -> Any:
    """A matplotlib figure in the style of the pages.

    Args:
        draw: Fills an empty matplotlib figure.
        width: Inches.
        height: Inches.

    Raises:
        ValueError: If matplotlib is not installed.
    """
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ValueError('plots need matplotlib, which is not installed: pip install "intertwine[report]"') from error
    with mpl.rc_context(_STYLE):
        drawing = Figure(figsize=(width, height), layout="constrained")
        draw(drawing)
    return drawing


def svg(drawing: Any, label: str) -> str:
    """The figure as inline SVG without ids of its own, so that many fit on one page.

    Args:
        drawing: A result of :func:`figure`.
        label: What a screen reader says.
    """
    import matplotlib as mpl

    page = io.StringIO()
    with mpl.rc_context({**_STYLE, "svg.hashsalt": label}):
        drawing.savefig(page, format="svg", metadata={"Date": None})
    text = page.getvalue()
    text = text[text.index("<svg") :].replace(INK, "currentColor")
    text = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", text, flags=re.DOTALL)
    text = re.sub(r'<g id="[^"]*">', "<g>", text)
    text = re.sub(r"font-family: [^;]*; ?", "", text)
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"| height="[^"]*pt"', r"\1", text, count=2)
    return text.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)
