"""The job as Lightning trains it."""

from __future__ import annotations

import math
from collections import defaultdict
from pathlib import Path
from typing import Any

import lightning.pytorch as lightning
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from intertwine._errors import UsageError
from intertwine.training._average import MovingAverage, snapshot
from intertwine.training._batches import (
    StepBatch,
    StepDataset,
    StepIndices,
    steps_in_epoch,
    to_device,
    train_draws,
    validation_draws,
)
from intertwine.training._checkpoint import copy_weights
from intertwine.training._job import Job
from intertwine.training._settings import Settings
from intertwine.training._state import State, learning_rate


class TrainingModule(lightning.LightningModule):
    """A job, its settings and where it stands.

    Args:
        job: What is trained.
        settings: How.
        state: Where to begin.
        folder: The run folder; here only for messages.
    """

    job: Job

    def __init__(self, job: Job, settings: Settings, state: State, folder: Path) -> None:
        super().__init__()
        self.__dict__["job"] = job  # past Module.__setattr__: a job that is a module shall not be registered twice
        self.model = job.model
        # DDP shall look for parameters that a step does not use, and it complains when there are none.
        self.never_used = torch.nn.Parameter(torch.zeros(()))
        self.settings = settings
        self.state = state
        self.folder = folder
        self.average: MovingAverage | None = None
        self.seconds_used = state.progress.seconds
        self.sums: dict[str, list[float]] = {}
        if state.weights is not None:
            copy_weights(state.weights, self.model, folder / "last")
        state.progress.cut_epochs(steps_in_epoch(job.train_size(), settings.batch_size))

    # data

    def train_dataloader(self) -> DataLoader[StepBatch]:
        """What is left of the epoch."""
        job, progress = self.job, self.state.progress
        rank, world = self.global_rank, self.trainer.world_size
        draws = train_draws(job.train_size(), progress.length, self.settings.seed, progress.epoch, rank, world)

        def batch(draw: StepIndices) -> Any:
            return job.train_batch(draw.indices, draw.seed)

        return DataLoader(StepDataset(draws[progress.position :], batch, rank), batch_size=None)

    def val_dataloader(self) -> DataLoader[StepBatch]:
        """The validation set."""
        job, size = self.job, self.job.validation_size()
        steps = steps_in_epoch(size, self.settings.batch_size)
        draws = validation_draws(size, steps, self.settings.seed, self.global_rank, self.trainer.world_size)

        def batch(draw: StepIndices) -> Any:
            return job.validation_batch(draw.indices)

        return DataLoader(StepDataset(draws, batch, self.global_rank), batch_size=None)

    def transfer_batch_to_device(self, batch: StepBatch, device: torch.device, dataloader_idx: int) -> StepBatch:
        """Move what the job made, whatever it is."""
        return batch if device.type == "cpu" else StepBatch(batch.draw, to_device(batch.batch, device))

    # training

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """AdamW, as it was left."""
        weights = [weight for weight in self.model.parameters() if weight.requires_grad]
        optimizer = torch.optim.AdamW(weights, self.settings.learning_rate, weight_decay=self.settings.weight_decay)
        if self.state.optimizer is not None:
            optimizer.load_state_dict(self.state.optimizer)
            for group in optimizer.param_groups:
                group["weight_decay"] = self.settings.weight_decay
        return optimizer

    def on_fit_start(self) -> None:
        """The average begins where the model is now, on its device."""
        if self.settings.ema is not None:
            state = self.state
            self.average = MovingAverage(self.model, self.settings.ema, state.average, state.average_updates)

    def on_train_batch_start(self, batch: StepBatch, batch_idx: int) -> None:
        """Set the learning rate of the step."""
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate(self.settings, self.state.progress, self.seconds_used)

    def training_step(self, batch: StepBatch, batch_idx: int) -> Tensor:
        """The share of this process, scaled so that the mean over processes is the mean over the joined batch.

        ``loss_r = (sum over the structures of process r) * processes / (structures of all)``
        """
        progress, world = self.state.progress, self.trainer.world_size
        loss, count = self.job.loss(batch.batch)
        if not batch.draw.counts:
            loss, count = 0 * loss, 0
        total, counted = self._over_processes(loss.detach(), count)
        if not math.isfinite(total):
            raise self.diverged("loss", total)
        if counted < 1:
            raise ValueError(f"Job.loss must say how many structures it has summed over; it says {counted:g}")
        progress.loss_sum += total
        progress.loss_count += int(counted)
        scale: float = world / counted
        return loss * scale

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip the norm, and never step along a gradient that is not finite."""
        largest = self.settings.clip if self.settings.clip is not None else math.inf
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), largest)
        if not bool(torch.isfinite(norm)):
            raise self.diverged("gradient", float(norm))

    def diverged(self, what: str, value: float) -> UsageError:
        """The error of a run that has left the numbers."""
        progress = self.state.progress
        return UsageError(
            f"the {what} is not finite ({value}) in epoch {progress.epoch + 1}, step {progress.step + 1}: try a "
            f"learning rate below {self.settings.learning_rate:g}, or look for extreme targets; the last good "
            f"checkpoint is {self.folder / 'last'}"
        )

    # validation

    def on_validation_start(self) -> None:
        """From here the average is validated."""
        self.sums = defaultdict(lambda: [0.0, 0.0])
        if self.average is not None:
            self.average.swap(self.model)

    def validation_step(self, batch: StepBatch, batch_idx: int) -> None:
        """Add to the sums."""
        measured = self.job.metrics(batch.batch)
        if batch.draw.counts:
            for name, (total, count) in measured.items():
                self.sums[name][0] += float(total)
                self.sums[name][1] += count

    def on_validation_end(self) -> None:
        """From here the weights are trained again."""
        if self.average is not None:
            self.average.swap(self.model)

    def validation_metrics(self) -> dict[str, float]:
        """The means over all structures of all processes."""
        parts: list[dict[str, list[float]]] = [dict(self.sums)]
        if self.trainer.world_size > 1:
            parts = [{} for _ in range(self.trainer.world_size)]
            torch.distributed.all_gather_object(parts, dict(self.sums))
        names = list(dict.fromkeys(name for part in parts for name in part))
        sums = {name: [part.get(name, [0.0, 0.0]) for part in parts] for name in names}
        metrics = {
            name: sum(total for total, _ in pairs) / max(1.0, sum(count for _, count in pairs))
            for name, pairs in sums.items()
        }
        if self.job.monitor not in metrics:
            raise ValueError(f'Job.monitor is "{self.job.monitor}"; Job.metrics gives {", ".join(names) or "nothing"}')
        if not math.isfinite(metrics[self.job.monitor]):
            raise self.diverged(f"validation {self.job.monitor}", metrics[self.job.monitor])
        return metrics

    # what is saved

    def current_rate(self) -> float:
        """The learning rate of the last step."""
        return float(self._optimizer.param_groups[0]["lr"])

    def current_state(self) -> State:
        """Everything that the run needs to go on from here."""
        average = self.average
        return State(
            progress=self.state.progress,
            weights=snapshot(self.model),
            average=None if average is None else {name: value.cpu() for name, value in average.values.items()},
            average_updates=0 if average is None else average.updates,
            optimizer=self._optimizer.state_dict(),
        )

    @property
    def _optimizer(self) -> torch.optim.Optimizer:
        return self.trainer.optimizers[0]

    def _over_processes(self, loss: Tensor, count: int) -> tuple[float, float]:
        if self.trainer.world_size == 1:
            return float(loss), float(count)
        totals = torch.tensor([float(loss), float(count)], dtype=torch.float64, device=self.device)
        torch.distributed.all_reduce(totals)
        total, counted = totals.tolist()
        return total, counted
