"""HTML of a report: a page, or a section of a larger page."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from intertwine._page import heading, page, paragraph, table
from intertwine.auditing._results import AuditResult, LayerError
from intertwine.auditing._text import cells, distinct, notes, shown, verdict

_SECTION = """\
.audit .verdict { font-size: 1.05rem; font-variant-numeric: tabular-nums; margin: 0.5rem 0 1.5rem; }
.audit .mark { font-weight: 600; font-size: 0.85em; letter-spacing: 0.04em; padding: 0.1em 0.6em; margin-right: 0.4em;
  border-radius: 0.3em; color: #fff; background: #2f7d4f; }
.audit .fail .mark { background: #bf3b4e; }
.audit .note { opacity: 0.75; margin: 0.2rem 0; }
.audit figure { margin: 2rem 0; }
.audit figure svg { width: 100%; height: auto; display: block; }
.audit svg * { stroke-linejoin: round; stroke-linecap: butt; }
.audit figcaption { font-size: 0.875rem; opacity: 0.75; margin-top: 0.4rem; }
.audit .scroll { overflow-x: auto; }
.audit table { border-collapse: collapse; width: 100%; font-size: 0.875rem; font-variant-numeric: tabular-nums; }
.audit th { text-align: left; font-weight: 600; border-bottom: 1px solid currentColor; }
.audit th, .audit td { padding: 0.3rem 1rem 0.3rem 0; vertical-align: baseline; white-space: nowrap; }
.audit td { border-bottom: 1px solid color-mix(in srgb, currentColor 14%, transparent); }
.audit td:last-child { white-space: normal; }
.audit tr.whole td:first-child { font-weight: 600; }
.audit tr.bad td:nth-child(3) { color: #d1495b; font-weight: 600; }
"""


def html_section(report: AuditResult) -> str:
    """The report as an HTML fragment with its own style and inline SVG, to embed in a larger page.

    Text and lines take the color of the page, light or dark.

    Args:
        report: The report.

    Returns:
        One ``<section class="audit">``.

    Raises:
        ValueError: If matplotlib is not installed.
    """
    from intertwine.auditing._plots import figures

    mark, _, said = verdict(report).partition("  ")
    body = [
        f'<p class="verdict {mark.lower()}"><span class="mark">{mark}</span> {escape(said)}</p>',
        *(f'<p class="note">{escape(line.removeprefix("note  ").capitalize())}.</p>' for line in notes(report)),
        *(f"<figure>{svg}<figcaption>{escape(caption)}</figcaption></figure>" for caption, svg in figures(report)),
        _table(report),
    ]
    return f'<section class="audit">\n<style>\n{_SECTION}</style>\n' + "\n".join(body) + "\n</section>\n"


def html_page(report: AuditResult, origin: Sequence[tuple[str, str]] = ()) -> str:
    """The report as one self-contained HTML page.

    Args:
        report: The report.
        origin: Rows of a table at the end about where the report comes from.

    Returns:
        The page.

    Raises:
        ValueError: If matplotlib is not installed.
    """
    title = f"Equivariance of {report.name}"
    lead = f"Under {report.symbols['all']}: {report.samples} random elements, seed {report.seed}."
    rest = [heading("Run"), table(("", ""), origin)] if origin else []
    return page(title, [paragraph(lead), html_section(report), *rest])


def _table(report: AuditResult) -> str:
    rows = shown(report)
    header, *lines = cells(report, rows)
    head = "".join(f"<th>{cell}</th>" for cell in header)
    layers = len(rows) - len(distinct(report.output, report))
    numbered = enumerate(zip(rows, lines, strict=True))
    body = "\n".join(_line(report, row, line, place >= layers) for place, (row, line) in numbered)
    return f'<div class="scroll"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>'


def _line(report: AuditResult, row: LayerError, line: tuple[str, ...], whole: bool) -> str:
    classes = " ".join(filter(None, ["whole" if whole else "", "" if row.max_error <= report.tolerance else "bad"]))
    return f'<tr class="{classes}">' + "".join(f"<td>{escape(cell)}</td>" for cell in line) + "</tr>"
