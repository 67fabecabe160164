"""Lightning callback of a run: time budget, log, checkpoints and early stopping."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from intertwine._errors import UsageError
from intertwine.training._average import snapshot
from intertwine.training._display import Display
from intertwine.training._job import RefitJob
from intertwine.training._log import EVENTS, LOG, EventLog, append_log
from intertwine.training._stopping import Interrupted, StopRequest
from intertwine.training._training_module import TrainingModule
from intertwine.training.checkpoints import ResumeState, checkpoint_files, replace_folder

_LARGEST_SHARE = 0.5
"""Of the time budget, for a refit at the end."""


class RunCallback(Callback):
    """Updates the counters in every process; the process of rank 0 also writes checkpoints and shows progress.

    At the end of an epoch best/ is written, then the row of the log, then last/. Whenever the process dies, the run
    resumes from last/ and writes the same best/ and the same rows again.

    Args:
        module: The module being trained.
        stop: Whether the user has asked to stop.
        display: The display of progress; only in the process of rank 0.
    """

    _refit_seconds = 0.0

    def __init__(self, module: TrainingModule, stop: StopRequest, display: Display | None) -> None:
        self.module = module
        self.settings = module.settings
        self.state = module.state
        self.folder = module.folder
        self.stop = stop
        self.display = display
        self.reason = ""
        self._events = EventLog(None)
        self._seconds_before = self.state.seconds
        self._start_time = time.monotonic()
        self._last_save_time = self._start_time
        self._validation_start_time = self._start_time
        self._validation_seconds = 0.0

    def on_train_start(self, trainer: Trainer, module: LightningModule) -> None:
        """Install the signal handlers after Lightning's own; save before the first step, so that it can be resumed."""
        self.stop.install_handlers()
        self.module.resume_state = ResumeState(self.state)
        if trainer.is_global_zero and self.settings.tensorboard:
            self._events = EventLog(self.folder)
        if trainer.is_global_zero and self.state.global_step == 0:
            self._save("last", {})
        job = self.module.job
        if trainer.is_global_zero and self.settings.minutes is not None and isinstance(job, RefitJob):
            self._refit_seconds = min(job.refit_seconds(), _LARGEST_SHARE * 60 * self.settings.minutes)
        if self.display is not None:
            self.display.start()

    def on_train_batch_end(self, trainer: Trainer, module: LightningModule, *_: Any) -> None:
        """Update the counters and the moving average; stop or save if it is time."""
        state = self.state
        state.global_step += 1
        state.step_in_epoch += 1
        if self.module.average is not None:
            self.module.average.update(self.module.model)
        requested = self._synchronize(trainer)
        if self.display is not None:
            self.display.step()
        if state.step_in_epoch == state.steps_per_epoch:
            return
        if requested:
            self._save_within_epoch(trainer)
            trainer.strategy.barrier()
            raise Interrupted
        if self._out_of_time():
            trainer.should_stop = True
        elif time.monotonic() - self._last_save_time > 60 * self.settings.save_minutes:
            self._save_within_epoch(trainer)

    def on_validation_start(self, trainer: Trainer, module: LightningModule) -> None:
        """Start the clock of the validation."""
        self._validation_start_time = time.monotonic()

    def on_validation_batch_end(self, trainer: Trainer, module: LightningModule, *_: Any) -> None:
        """Show progress."""
        if self.display is not None:
            self.display.validation(self.stop.requested)

    def on_validation_end(self, trainer: Trainer, module: LightningModule) -> None:
        """Stop the clock of the validation; a time budget reserves as much for the next one."""
        self._validation_seconds = max(self._validation_seconds, time.monotonic() - self._validation_start_time)

    def on_train_epoch_end(self, trainer: Trainer, module: LightningModule) -> None:
        """Compute the validation metrics, log them, save checkpoints, and stop if it is time."""
        metrics = self.module.validation_metrics()
        requested = self._synchronize(trainer)
        state = self.state
        row = {
            "epoch": float(state.epoch + 1),
            "step": float(state.global_step),
            "learning_rate": self.module.current_rate(),
            "train_loss": state.loss_sum / max(1, state.loss_count),
            **metrics,
            "seconds": state.seconds,
        }
        state.history.append(row)
        if state.step_in_epoch == state.steps_per_epoch:
            state.epoch += 1
            state.reset_epoch()
        monitored = metrics[self.module.job.monitor]
        improved = state.best_metric is None or monitored < state.best_metric
        state.epochs_without_improvement = 0 if improved else state.epochs_without_improvement + 1
        if improved:
            state.best_metric, state.best_epoch = monitored, int(row["epoch"])
        if trainer.is_global_zero:
            if improved:
                self._save("best", metrics)
            self._write(self.folder / LOG, lambda path: append_log(path, row))
            self._write(self.folder / EVENTS, lambda path: self._events.write(row))
            self._save("last", metrics)
        trainer.strategy.barrier()
        if self.display is not None:
            self.display.epoch(row)
        self.reason = self._stop_reason()
        if self.reason:
            trainer.should_stop = True
        elif requested:
            raise Interrupted

    def _stop_reason(self) -> str:
        reason = self.state.stop_reason(self.settings)
        if reason is None and self._out_of_time():
            return f"the time budget of {self.settings.minutes:g} min is used up"
        return reason or ""

    def _out_of_time(self) -> bool:
        return self.settings.minutes is not None and self.module.seconds_used >= 60 * self.settings.minutes

    def _synchronize(self, trainer: Trainer) -> bool:
        """Broadcast from rank 0 whether to stop, and the clock, so that all processes decide alike."""
        seconds, requested = self._seconds_before + time.monotonic() - self._start_time, self.stop.requested
        reserve = self._validation_seconds + self._refit_seconds
        if trainer.world_size > 1:
            values = torch.tensor([seconds, reserve, float(requested)], dtype=torch.float64, device=self.module.device)
            torch.distributed.broadcast(values, 0)
            seconds, reserve, requested = *values[:2].tolist(), bool(values[2])
        self.state.seconds, self.module.seconds_used = seconds, seconds + reserve
        return requested

    def _save_within_epoch(self, trainer: Trainer) -> None:
        """Save last/ within an epoch, without metrics: these weights have not been validated."""
        if trainer.is_global_zero:
            self._save("last", {})

    def _save(self, name: str, metrics: Mapping[str, float]) -> None:
        module = self.module
        resume = module.current_resume_state().encode() if name == "last" else None
        weights = snapshot(module.model, module.average)
        files = checkpoint_files(module.job, weights, self.state, metrics, resume)
        self._write(self.folder / name, lambda path: replace_folder(path, files))
        self._last_save_time = time.monotonic()

    def _write(self, path: Path, write: Callable[[Path], None]) -> None:
        try:
            write(path)
        except OSError as error:
            raise UsageError(
                f"cannot save {path}: {error.strerror or error}; what was saved before is kept: when that is mended, "
                f"go on with: intertwine fit --resume {self.folder}"
            ) from error
