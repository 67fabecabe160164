"""Self-contained HTML pages for reports: page, paragraph, heading, table, figure."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape

_STYLE = """\
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
  max-width: 54rem; margin: 0 auto; padding: 3rem 1.25rem; background: #fcfcfa; color: #1c1d20; }
@media (prefers-color-scheme: dark) { body { background: #16181b; color: #dcdddf; } }
@media print { body { padding: 0; background: none; } }
h1 { font-size: 1.6rem; font-weight: 600; letter-spacing: -0.01em; margin: 0 0 0.25rem; }
h2 { font-size: 1.15rem; font-weight: 600; margin: 3rem 0 0.5rem; }
figure { margin: 1.5rem 0; }
figure svg { width: 100%; height: auto; display: block; }
figcaption { font-size: 0.875rem; opacity: 0.75; margin-top: 0.4rem; }
.scroll { overflow-x: auto; }
table.figures { border-collapse: collapse; width: 100%; font-size: 0.9rem; font-variant-numeric: tabular-nums; }
table.figures th { font-weight: 600; border-bottom: 1px solid currentColor; }
.figures th, .figures td { padding: 0.3rem 0 0.3rem 1.25rem; text-align: right; white-space: nowrap; }
.figures th:first-child, .figures td:first-child { padding-left: 0; text-align: left; }
.figures td { border-bottom: 1px solid color-mix(in srgb, currentColor 14%, transparent); }
code { font-size: 0.9em; }
.beside { display: grid; gap: 0 1.5rem; grid-template-columns: repeat(auto-fit, minmax(min(16rem, 100%), 1fr)); }
"""


def page(title: str, body: Sequence[str]) -> str:
    """A whole page.

    Args:
        title: Heading and name of the window, plain text.
        body: Fragments of HTML, one under the other.
    """
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{_STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{escape(title)}</h1>\n" + "\n".join(body) + "\n</body>\n</html>\n"
    )


def paragraph(text: str) -> str:
    """A paragraph of plain text."""
    return f"<p>{escape(text)}</p>"


def heading(text: str) -> str:
    """The heading of a section."""
    return f"<h2>{escape(text)}</h2>"


def illustration(svg: str, caption: str) -> str:
    """A figure with its caption."""
    return f"<figure>{svg}<figcaption>{escape(caption)}</figcaption></figure>"


def png_address(content: bytes) -> str:
    """A PNG file as an address that holds all of it."""
    return "data:image/png;base64," + base64.b64encode(content).decode("ascii")


def picture(content: bytes, caption: str) -> str:
    """A PNG file as a figure with its caption."""
    image = f'<img src="{png_address(content)}" alt="{escape(caption)}" style="width: 100%; height: auto">'
    return f"<figure>{image}<figcaption>{escape(caption)}</figcaption></figure>"


def side_by_side(fragments: Iterable[str]) -> str:
    """Fragments in columns where there is room, else one under the other."""
    return f'<div class="beside">{"".join(fragments)}</div>'


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of plain text, the first column to the left and figures to the right."""
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    lines = "\n".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    body = f"<thead><tr>{head}</tr></thead>\n<tbody>\n{lines}\n</tbody>"
    return f'<div class="scroll"><table class="figures">\n{body}</table></div>'
