"""Progress of a run on the console: a progress bar on a terminal, one plain line per epoch elsewhere."""

from __future__ import annotations

import time
from collections.abc import Mapping

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from intertwine.training._settings import Settings
from intertwine.training.checkpoints import TrainingState

_NOT_METRICS = ("epoch", "step", "learning_rate", "train_loss", "seconds")


class Display:
    """The progress of a run on a console.

    Args:
        console: Where to print.
        settings: Of the run.
        state: The counters; read whenever something is shown.
    """

    def __init__(self, console: Console, settings: Settings, state: TrainingState) -> None:
        self.console = console
        self.settings = settings
        self.state = state
        self._bar: Progress | None = None
        self._task = TaskID(0)
        self._metrics = ""
        self._start_time = time.monotonic()
        self._completed_at_start = self._completed()

    def start(self) -> None:
        """Show the bar."""
        if self.state.history:
            self._metrics = _metrics(self.state.history[-1])
        if not self.console.is_terminal:
            return
        epoch, text = (TextColumn(column, markup=False) for column in ("{task.description}", "{task.fields[text]}"))
        self._bar = Progress(epoch, BarColumn(), text, console=self.console, refresh_per_second=4)
        self._task = self._bar.add_task(self._epoch(), total=1.0, text="")
        self._bar.start()

    def step(self) -> None:
        """Update the bar after a training step."""
        self._refresh()

    def validation(self, stopping: bool) -> None:
        """Update the bar after a validation step."""
        self._refresh("stopping when this epoch is validated" if stopping else "validating")

    def epoch(self, row: Mapping[str, float]) -> None:
        """Show the metrics of an epoch."""
        self._metrics = _metrics(row)
        if self._bar is not None:
            self._refresh()
            return
        number = f"epoch {row['epoch']:.0f}/{self.settings.epochs}"
        times = f"{_format_time(row['seconds'])}  ETA {self._eta()}"
        self.print_line(f"{number:<13} loss {row['train_loss']:.4g}  {self._metrics}  {times}")

    def stop(self) -> None:
        """Stop updating the bar and leave it on the screen."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def print_line(self, text: str) -> None:
        """Print a line."""
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _refresh(self, activity: str = "") -> None:
        if self._bar is None:
            return
        state = self.state
        loss = f"loss {state.loss_sum / state.loss_count:.4g}" if state.loss_count else ""
        parts = [part for part in (loss, self._metrics, activity, f"ETA {self._eta()}") if part]
        self._bar.update(self._task, completed=self._completed(), description=self._epoch(), text="  ".join(parts))

    def _epoch(self) -> str:
        return f"epoch {min(self.state.epoch + 1, self.settings.epochs)}/{self.settings.epochs}"

    def _completed(self) -> float:
        """The completed fraction of the run: of the epochs, or of the time budget if that is larger."""
        state = self.state
        completed = (state.epoch + state.step_in_epoch / max(1, state.steps_per_epoch)) / self.settings.epochs
        if self.settings.minutes is not None:
            completed = max(completed, state.seconds / (60 * self.settings.minutes))
        return min(1.0, completed)

    def _eta(self) -> str:
        completed = self._completed()
        if completed <= self._completed_at_start:
            return "--:--"
        elapsed = time.monotonic() - self._start_time
        return _format_time(elapsed / (completed - self._completed_at_start) * (1 - completed))


def _metrics(row: Mapping[str, float]) -> str:
    return "  ".join(f"val {name} {value:.4g}" for name, value in row.items() if name not in _NOT_METRICS)


def _format_time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes:02d}:{rest:02d}"
