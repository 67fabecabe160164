"""The page about a run, written with the origin of the run at its end."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from intertwine import _page as page
from intertwine.tasks._output import output_file
from intertwine.tasks.runs._record import provenance


def write_run_page(path: Path, title: str, body: Iterable[str]) -> Path:
    """Write the page about a run, whole or not at all.

    Args:
        path: The file, in the folder of the run.
        title: What the page is about.
        body: Fragments of HTML; a table of version, date, seed, command and data follows.

    Returns:
        The file.
    """
    origin = page.heading("Run"), page.table(("", ""), provenance(path.parent))
    with output_file(path, force=True) as part:
        part.write_text(page.page(title, [*body, *origin]), encoding="utf-8")
    return path
