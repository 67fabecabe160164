"""What happens around the steps: the clock, the log, the checkpoints, and the reasons to stop."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from intertwine._errors import UsageError
from intertwine.training._average import snapshot
from intertwine.training._checkpoint import checkpoint_files
from intertwine.training._display import Display
from intertwine.training._log import LOG, append_log
from intertwine.training._state import State
from intertwine.training._stopping import Interrupted, StopRequest
from intertwine.training._storage import replace_folder
from intertwine.training._training_module import TrainingModule


class RunCallback(Callback):
    """Keeps a run: every process counts, the first one also writes and shows.

    At the end of an epoch best/ is written, then the row of the log, then last/. Whenever the process dies, the run
    goes on from last/ and comes by the same way to the same best/ and the same rows.

    Args:
        trainee: What is trained.
        stop: Whether somebody wants it to stop.
        display: Where to show it; the first process alone has one.
    """

    def __init__(self, trainee: TrainingModule, stop: StopRequest, display: Display | None) -> None:
        self.trainee = trainee
        self.settings = trainee.settings
        self.progress = trainee.state.progress
        self.folder = trainee.folder
        self.stop = stop
        self.display = display
        self.reason = ""
        self._seconds_before = self.progress.seconds
        self._begun = time.monotonic()
        self._saved = self._begun
        self._validation_begun = self._begun
        self._validation_took = 0.0

    def on_train_start(self, trainer: Trainer, module: LightningModule) -> None:
        """Take the signals back from Lightning; save before the first step, so that there is something to resume."""
        self.stop.listen()
        self.trainee.state = State(self.progress)
        if trainer.is_global_zero and self.progress.step == 0:
            self._save("last", {})
        if self.display is not None:
            self.display.start()

    def on_train_batch_end(self, trainer: Trainer, module: LightningModule, *_: Any) -> None:
        """Count, average, and stop or save when it is time."""
        progress = self.progress
        progress.step += 1
        progress.position += 1
        if self.trainee.average is not None:
            self.trainee.average.update(self.trainee.model)
        asked = self._agree(trainer)
        if self.display is not None:
            self.display.step()
        if progress.position == progress.length:
            return
        if asked:
            self._save_within(trainer)
            trainer.strategy.barrier()
            raise Interrupted
        if self._time_is_up():
            trainer.should_stop = True
        elif time.monotonic() - self._saved > 60 * self.settings.save_minutes:
            self._save_within(trainer)

    def on_validation_start(self, trainer: Trainer, module: LightningModule) -> None:
        """Look at the clock."""
        self._validation_begun = time.monotonic()

    def on_validation_batch_end(self, trainer: Trainer, module: LightningModule, *_: Any) -> None:
        """Show that something is happening."""
        if self.display is not None:
            self.display.validation(self.stop.asked)

    def on_validation_end(self, trainer: Trainer, module: LightningModule) -> None:
        """Remember how long it takes: a time budget sets as much aside."""
        self._validation_took = max(self._validation_took, time.monotonic() - self._validation_begun)

    def on_train_epoch_end(self, trainer: Trainer, module: LightningModule) -> None:
        """Judge the epoch, write it down, save."""
        metrics = self.trainee.validation_metrics()
        asked = self._agree(trainer)
        progress = self.progress
        row = {
            "epoch": float(progress.epoch + 1),
            "step": float(progress.step),
            "learning_rate": self.trainee.current_rate(),
            "train_loss": progress.loss_sum / max(1, progress.loss_count),
            **metrics,
            "seconds": progress.seconds,
        }
        progress.history.append(row)
        if progress.position == progress.length:
            progress.epoch += 1
            progress.begin_epoch()
        better = progress.best is None or metrics[self.trainee.job.monitor] < progress.best
        progress.stale = 0 if better else progress.stale + 1
        if better:
            progress.best, progress.best_epoch = metrics[self.trainee.job.monitor], int(row["epoch"])
        if trainer.is_global_zero:
            if better:
                self._save("best", metrics)
            self._write(self.folder / LOG, lambda path: append_log(path, row))
            self._save("last", metrics)
        trainer.strategy.barrier()
        if self.display is not None:
            self.display.epoch(row)
        self.reason = self._why_to_stop()
        if self.reason:
            trainer.should_stop = True
        elif asked:
            raise Interrupted

    def _why_to_stop(self) -> str:
        ended = self.progress.ended(self.settings)
        if ended is None and self._time_is_up():
            return f"the time budget of {self.settings.minutes:g} min is used up"
        return ended or ""

    def _time_is_up(self) -> bool:
        return self.settings.minutes is not None and self.trainee.seconds_used >= 60 * self.settings.minutes

    def _agree(self, trainer: Trainer) -> bool:
        """Whether to stop, and the clock: those of the first process, so that all decide alike."""
        seconds, asked = self._seconds_before + time.monotonic() - self._begun, self.stop.asked
        reserve = self._validation_took
        if trainer.world_size > 1:
            values = torch.tensor([seconds, reserve, float(asked)], dtype=torch.float64, device=self.trainee.device)
            torch.distributed.broadcast(values, 0)
            seconds, reserve, asked = *values[:2].tolist(), bool(values[2])
        self.progress.seconds, self.trainee.seconds_used = seconds, seconds + reserve
        return asked

    def _save_within(self, trainer: Trainer) -> None:
        """Save within an epoch: these weights have not been validated."""
        if trainer.is_global_zero:
            self._save("last", {})

    def _save(self, name: str, metrics: Mapping[str, float]) -> None:
        trainee = self.trainee
        resume = trainee.current_state().encode() if name == "last" else None
        weights = snapshot(trainee.model, trainee.average)
        files = checkpoint_files(trainee.job, weights, self.progress, metrics, resume)
        self._write(self.folder / name, lambda path: replace_folder(path, files))
        self._saved = time.monotonic()

    def _write(self, path: Path, write: Callable[[Path], None]) -> None:
        try:
            write(path)
        except OSError as error:
            raise UsageError(
                f"cannot save {path}: {error.strerror or error}; what was saved before is kept: when that is mended, "
                f"go on with: intertwine fit --resume {self.folder}"
            ) from error
