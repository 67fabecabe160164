"""What a run shows while it trains: one bar on a terminal, one plain line an epoch anywhere else."""

from __future__ import annotations

import time
from collections.abc import Mapping

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn
from rich.progress import Progress as Bar

from intertwine.training._settings import Settings
from intertwine.training._state import Progress

_ROW = ("epoch", "step", "learning_rate", "train_loss", "seconds")


class Display:
    """Progress on a console.

    Args:
        console: Where to.
        settings: Of the run.
        progress: Where it stands; followed while it changes.
    """

    def __init__(self, console: Console, settings: Settings, progress: Progress) -> None:
        self.console = console
        self.settings = settings
        self.progress = progress
        self._bar: Bar | None = None
        self._task = TaskID(0)
        self._metrics = ""
        self._begun = time.monotonic()
        self._done_before = self._done()

    def start(self) -> None:
        """Show the bar."""
        if self.progress.history:
            self._metrics = _metrics(self.progress.history[-1])
        if not self.console.is_terminal:
            return
        epoch, text = (TextColumn(what, markup=False) for what in ("{task.description}", "{task.fields[text]}"))
        self._bar = Bar(epoch, BarColumn(), text, console=self.console, refresh_per_second=4)
        self._task = self._bar.add_task(self._epoch(), total=1.0, text="")
        self._bar.start()

    def step(self) -> None:
        """One step is done."""
        self._refresh()

    def validation(self, stopping: bool) -> None:
        """One batch is validated."""
        self._refresh("stopping when this epoch is validated" if stopping else "validating")

    def epoch(self, row: Mapping[str, float]) -> None:
        """An epoch is done."""
        self._metrics = _metrics(row)
        if self._bar is not None:
            self._refresh()
            return
        number = f"epoch {row['epoch']:.0f}/{self.settings.epochs}"
        times = f"{_clock(row['seconds'])}  ETA {self._eta()}"
        self.say(f"{number:<13} loss {row['train_loss']:.4g}  {self._metrics}  {times}")

    def stop(self) -> None:
        """Leave the bar as it is."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def say(self, text: str) -> None:
        """Print a line."""
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _refresh(self, doing: str = "") -> None:
        if self._bar is None:
            return
        progress = self.progress
        loss = f"loss {progress.loss_sum / progress.loss_count:.4g}" if progress.loss_count else ""
        parts = [part for part in (loss, self._metrics, doing, f"ETA {self._eta()}") if part]
        self._bar.update(self._task, completed=self._done(), description=self._epoch(), text="  ".join(parts))

    def _epoch(self) -> str:
        return f"epoch {min(self.progress.epoch + 1, self.settings.epochs)}/{self.settings.epochs}"

    def _done(self) -> float:
        progress = self.progress
        done = (progress.epoch + progress.position / max(1, progress.length)) / self.settings.epochs
        if self.settings.minutes is not None:
            done = max(done, progress.seconds / (60 * self.settings.minutes))
        return min(1.0, done)

    def _eta(self) -> str:
        done = self._done()
        if done <= self._done_before:
            return "--:--"
        left = (time.monotonic() - self._begun) / (done - self._done_before) * (1 - done)
        return _clock(left)


def _metrics(row: Mapping[str, float]) -> str:
    return "  ".join(f"val {name} {value:.4g}" for name, value in row.items() if name not in _ROW)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes:02d}:{rest:02d}"
