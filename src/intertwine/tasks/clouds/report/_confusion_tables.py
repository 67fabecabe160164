"""Confusion matrices as HTML tables."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import torch
from torch import Tensor

from intertwine import _figures as figures
from intertwine.tasks.clouds._evaluation import percent

STYLE = """\
.confusion { border-collapse: collapse; font-size: 0.8rem; font-variant-numeric: tabular-nums; }
.confusion th { font-weight: 400; padding: 0 0.5rem; text-align: right; white-space: nowrap; }
.confusion thead th { writing-mode: vertical-rl; transform: rotate(180deg); padding: 0.4rem 0; text-align: left; }
.confusion th[scope=row] { position: sticky; left: 0; background: light-dark(#fcfcfa, #16181b); }
.confusion td { min-width: 1.9rem; height: 1.7rem; padding: 0 0.3rem; box-sizing: border-box; text-align: center;
  border: 1px solid color-mix(in srgb, currentColor 10%, transparent); }
.pair { display: flex; flex-wrap: wrap; gap: 1rem 2.5rem; }
.pair > div { min-width: 0; }
.pair h3 { font-size: 0.95rem; font-weight: 600; margin: 0 0 0.4rem; }
"""


def confusion_tables(given: Sequence[Sequence[int]], rotated: Sequence[Sequence[int]], names: Sequence[str]) -> str:
    """Confusion matrices of clouds as given and rotated at random: side by side where there is room, once if equal."""
    by_title = {"as given": given, "rotated at random": rotated}
    if given == rotated:
        by_title = {"as given, and the same rotated at random": given}
    tables = (
        f"<div><h3>{title}</h3>{confusion_table(torch.tensor(counts), names)}</div>"
        for title, counts in by_title.items()
    )
    return f'<div class="pair">{"".join(tables)}</div>'


def confusion_table(confusion: Tensor, names: Sequence[str]) -> str:
    """A confusion matrix, true labels by rows; shares of a row as shades."""
    shares = confusion / confusion.sum(1, keepdim=True).clamp_min(1)
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    lines = []
    for row, name in enumerate(names):
        cells = "".join(
            f'<td style="background:{_shade(share, row == k)}"{_hint(name, names[k], number, share)}>'
            f"{f'{number:,}' if number else ''}</td>"
            for k, (number, share) in enumerate(zip(confusion[row].tolist(), shares[row].tolist(), strict=True))
        )
        lines.append(f'<tr><th scope="row">{escape(name)}</th>{cells}</tr>')
    body = f"<thead><tr><td style='border:0'></td>{head}</tr></thead><tbody>{''.join(lines)}</tbody>"
    return f'<div class="scroll"><table class="confusion">{body}</table></div>'


def _hint(truth: str, predicted: str, number: int, share: float) -> str:
    """The tooltip of a cell."""
    if not number:
        return ""
    return f' title="{escape(truth)}, taken for {escape(predicted)}: {number:,}, {percent(share)}"'


def _shade(share: float, right: bool) -> str:
    if share == 0:
        return "none"
    return f"color-mix(in srgb, {figures.BLUE if right else figures.RED} {15 + 60 * share:.0f}%, transparent)"
