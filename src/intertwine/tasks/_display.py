"""What a fit shows while it prepares and trains; by default nothing."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from intertwine._progress import ProgressCallback, no_progress

if TYPE_CHECKING:
    from rich.console import Console


class FitDisplay:
    """Takes lines and progress and shows nothing; the command line has one that does."""

    @property
    def console(self) -> Console:
        """Where training shows its epochs."""
        from rich.console import Console

        return Console(quiet=True)

    def line(self, label: str, text: str) -> None:
        """One line: a label, then what there is to say."""

    def progress(self, label: str, unit: str) -> AbstractContextManager[ProgressCallback]:
        """The progress of one piece of work, as a callback.

        Args:
            label: What is being done, in a word.
            unit: What is being counted.
        """
        return nullcontext(no_progress)
