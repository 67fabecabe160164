"""Lightning module of a job: data loaders, optimizer, training step and validation."""

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
from intertwine.nn.norm import without_rows
from intertwine.training._average import MovingAverage, snapshot
from intertwine.training._batches import (
    StepBatch,
    StepDataset,
    StepIndices,
    steps_per_epoch,
    to_device,
    train_steps,
    validation_steps,
)
from intertwine.training._job import Job, ScheduledJob
from intertwine.training._muon import Muon
from intertwine.training._settings import Settings
from intertwine.training.checkpoints import ResumeState, completed_share, copy_weights, learning_rate

OPTIMIZERS = {"adamw": torch.optim.AdamW, "muon": Muon}


class TrainingModule(lightning.LightningModule):
    """A job with its settings and its training state.

    Args:
        job: What to train.
        settings: How to train.
        resume_state: Where to start.
        folder: The run folder, for messages.
    """

    job: Job

    def __init__(self, job: Job, settings: Settings, resume_state: ResumeState, folder: Path) -> None:
        super().__init__()
        self.__dict__["job"] = (
            job  # not by Module.__setattr__, which would register a job that is a module a second time
        )
        self.model = job.model
        # DDP is told to look for parameters that a step does not use, and warns if there are none.
        self.unused_parameter = torch.nn.Parameter(torch.zeros(()))
        self.settings = settings
        self.resume_state = resume_state
        self.state = resume_state.state
        self.folder = folder
        self.average: MovingAverage | None = None
        self.seconds_used = self.state.seconds
        self.sums: dict[str, list[float]] = {}
        if resume_state.weights is not None:
            copy_weights(resume_state.weights, self.model, folder / "last")
        self.state.set_steps_per_epoch(steps_per_epoch(job.train_size(), settings.batch_size))

    # data

    def train_dataloader(self) -> DataLoader[StepBatch]:
        """The remaining steps of the epoch."""
        job, state = self.job, self.state
        rank, world_size = self.global_rank, self.trainer.world_size
        steps = train_steps(job.train_size(), state.steps_per_epoch, self.settings.seed, state.epoch, rank, world_size)

        def make_batch(step: StepIndices) -> Any:
            return job.train_batch(step.indices, step.seed)

        return DataLoader(StepDataset(steps[state.step_in_epoch :], make_batch, rank), batch_size=None)

    def val_dataloader(self) -> DataLoader[StepBatch]:
        """The steps of the validation set."""
        job, size, rank = self.job, self.job.validation_size(), self.global_rank
        count = steps_per_epoch(size, self.settings.batch_size)
        steps = validation_steps(size, count, self.settings.seed, rank, self.trainer.world_size)

        def make_batch(step: StepIndices) -> Any:
            return job.validation_batch(step.indices)

        return DataLoader(StepDataset(steps, make_batch, rank), batch_size=None)

    def transfer_batch_to_device(self, batch: StepBatch, device: torch.device, dataloader_idx: int) -> StepBatch:
        """Move a batch of the job, of any type."""
        return batch if device.type == "cpu" else StepBatch(batch.step, to_device(batch.batch, device))

    # training

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """The optimizer of the settings, with its state from before resuming."""
        weights = [weight for weight in self.model.parameters() if weight.requires_grad]
        kind: Any = OPTIMIZERS[self.settings.optimizer]
        optimizer: torch.optim.Optimizer = kind(
            weights, self.settings.learning_rate, weight_decay=self.settings.weight_decay
        )
        if self.resume_state.optimizer is not None:
            saved, current = (
                state["param_groups"][0] for state in (self.resume_state.optimizer, optimizer.state_dict())
            )
            if ("momentum" in saved) != ("momentum" in current):
                raise UsageError(f"cannot resume {self.folder}: it was started with another optimizer")
            optimizer.load_state_dict(self.resume_state.optimizer)
            for group in optimizer.param_groups:
                group["weight_decay"] = self.settings.weight_decay
        return optimizer

    def on_fit_start(self) -> None:
        """Start or resume the moving average, on the device of the model."""
        if self.settings.ema is not None:
            start = self.resume_state
            self.average = MovingAverage(self.model, self.settings.ema, start.average, start.average_updates)

    def on_train_batch_start(self, batch: StepBatch, batch_idx: int) -> None:
        """Set the learning rate of the step, and the loss of a job that has a schedule."""
        if isinstance(self.job, ScheduledJob):
            self.job.schedule(completed_share(self.settings, self.state, self.seconds_used))
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate(self.settings, self.state, self.seconds_used)

    def training_step(self, batch: StepBatch, batch_idx: int) -> Tensor:
        """The loss of this process, scaled so that the mean over processes is the mean over the joined batch.

        ``loss_r = (sum over the examples of rank r) * world_size / (number of examples of all ranks)``
        """
        state, world_size = self.state, self.trainer.world_size
        if batch.step.is_padding:
            with without_rows():
                loss, count = 0 * self.job.loss(batch.batch)[0], 0
        else:
            loss, count = self.job.loss(batch.batch)
        total, counted = self._over_processes(loss.detach(), count)
        if not math.isfinite(total):
            raise self.diverged("loss", total)
        if counted < 1:
            raise ValueError(f"Job.loss must return the number of examples it has summed over; it returned {counted:g}")
        state.loss_sum += total
        state.loss_count += int(counted)
        scale: float = world_size / counted
        return loss * scale

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip the norm of the gradient; a gradient that is not finite is an error."""
        max_norm = self.settings.clip if self.settings.clip is not None else math.inf
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), max_norm)
        if not bool(torch.isfinite(norm)):
            raise self.diverged("gradient", float(norm))

    def diverged(self, what: str, value: float) -> UsageError:
        """The error for a loss, gradient or metric that is not finite."""
        state = self.state
        return UsageError(
            f"the {what} is not finite ({value}) in epoch {state.epoch + 1}, step {state.global_step + 1}: try a "
            f"learning rate below {self.settings.learning_rate:g}, or look for extreme targets; the last good "
            f"checkpoint is {self.folder / 'last'}"
        )

    # validation

    def on_validation_start(self) -> None:
        """Put the moving average into the model, to validate it."""
        self.sums = defaultdict(lambda: [0.0, 0.0])
        if self.average is not None:
            self.average.swap(self.model)

    def validation_step(self, batch: StepBatch, batch_idx: int) -> None:
        """Add the metrics of a batch to their sums."""
        metrics = self.job.metrics(batch.batch)
        if not batch.step.is_padding:
            for name, (total, count) in metrics.items():
                self.sums[name][0] += float(total)
                self.sums[name][1] += count

    def on_validation_end(self) -> None:
        """Put the weights back into the model."""
        if self.average is not None:
            self.average.swap(self.model)

    def validation_metrics(self) -> dict[str, float]:
        """The means over all examples of all processes."""
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

    # saving

    def current_rate(self) -> float:
        """The learning rate of the last step."""
        return float(self._optimizer.param_groups[0]["lr"])

    def current_resume_state(self) -> ResumeState:
        """Everything that is needed to resume from here."""
        average = self.average
        return ResumeState(
            state=self.state,
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
