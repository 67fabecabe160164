"""Terminal output: aligned lines, tables, progress bars. Colors on a terminal, plain text elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from intertwine._progress import ProgressCallback

if TYPE_CHECKING:
    from rich.console import Console

LABEL_WIDTH = 14


def console() -> Console:
    """A console on standard output without wrapping and automatic highlighting."""
    from rich.console import Console

    return Console(highlight=False, markup=False, emoji=False, soft_wrap=True)


def show_line(screen: Console, label: str, text: str) -> None:
    """Print one line: an aligned label, then a text.

    Args:
        screen: The console.
        label: One word, or a path.
        text: The text.
    """
    from rich.text import Text

    screen.print(Text.assemble((f"{label:<{LABEL_WIDTH - 1}} ", "bold"), text), soft_wrap=True)


def show_table(screen: Console, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table: first column left-aligned, the others right-aligned.

    Args:
        screen: The console.
        columns: Headings.
        rows: Cells as text.
    """
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    for index, row in enumerate([columns, *rows]):
        cells = [cell.rjust(width) for cell, width in zip(row, widths, strict=True)]
        cells[0] = row[0].ljust(widths[0])
        screen.print("  ".join(cells).rstrip(), style="bold" if index == 0 else None, soft_wrap=True)


@contextmanager
def progress(screen: Console, label: str, unit: str = "structures") -> Iterator[ProgressCallback]:
    """Progress bar that disappears at the end; shown on a terminal only.

    Args:
        screen: The console.
        label: One word for what is being done.
        unit: Unit of the count.

    Yields:
        A callback that takes the number done and the total.
    """
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = [TextColumn(f"{label:<{LABEL_WIDTH - 1}}"), BarColumn(), TextColumn(f"{{task.completed:,}} {unit}")]
    with Bar(*columns, TimeRemainingColumn(), console=screen, transient=True, disable=not screen.is_terminal) as bar:
        job = bar.add_task(label, total=None)
        yield lambda done, total: bar.update(job, completed=done, total=total)
