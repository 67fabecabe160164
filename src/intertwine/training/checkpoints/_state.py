"""Training state: the counters of a run, and everything that resuming it needs.

No random generator has a state here: batches follow from (seed, epoch), augmentation and dropout from (seed, epoch,
step), and the learning rate from the counters.
"""

from __future__ import annotations

import io
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from intertwine._errors import UsageError
from intertwine.training._settings import Settings
from intertwine.training.checkpoints._upgrade import FORMAT, upgrade_resume_state


@dataclass
class TrainingState:
    """The counters of a run.

    Attributes:
        epoch: Epochs completed.
        step_in_epoch: Steps completed of the current epoch.
        steps_per_epoch: Steps in an epoch.
        global_step: Steps completed in all.
        loss_sum: Sum of the training losses of the current epoch.
        loss_count: Number of examples in that sum.
        best_metric: Lowest value of the monitored metric.
        best_epoch: The epoch that had it.
        epochs_without_improvement: Validations since then.
        seconds: Training time, summed over all resumes.
        history: One row per validation.
    """

    epoch: int = 0
    step_in_epoch: int = 0
    steps_per_epoch: int = 0
    global_step: int = 0
    loss_sum: float = 0.0
    loss_count: int = 0
    best_metric: float | None = None
    best_epoch: int = 0
    epochs_without_improvement: int = 0
    seconds: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)

    def set_steps_per_epoch(self, steps_per_epoch: int) -> None:
        """Set the number of steps in an epoch; if it has changed, the current epoch is started again."""
        if self.steps_per_epoch != steps_per_epoch:
            self.steps_per_epoch = steps_per_epoch
            self.reset_epoch()

    def reset_epoch(self) -> None:
        """Set the counters of the current epoch to zero."""
        self.step_in_epoch, self.loss_sum, self.loss_count = 0, 0.0, 0

    def stop_reason(self, settings: Settings) -> str | None:
        """Why training is complete, for the user; None while it is not."""
        if self.epoch >= settings.epochs:
            return f"all {settings.epochs} epochs done"
        if settings.patience is not None and self.epochs_without_improvement >= settings.patience:
            return f"no improvement for {self.epochs_without_improvement} epochs"
        if settings.minutes is not None and self.seconds >= 60 * settings.minutes:
            return f"the time budget of {settings.minutes:g} min is used up"
        return None


@dataclass
class ResumeState:
    """Counters and tensors that resuming needs; None where training has not started.

    Attributes:
        state: The counters.
        weights: The weights being trained, by their names in the model's state dict.
        average: Their moving average, under the same names.
        average_updates: The steps that the average has seen.
        optimizer: The state dict of the optimizer.
    """

    state: TrainingState = field(default_factory=TrainingState)
    weights: dict[str, Tensor] | None = None
    average: dict[str, Tensor] | None = None
    average_updates: int = 0
    optimizer: dict[str, Any] | None = None

    def encode(self) -> bytes:
        """The bytes of ``resume.pt``: tensors, numbers, strings, lists and dictionaries, no code."""
        content = {"format": FORMAT, **{name: getattr(self, name) for name in self.__dataclass_fields__}}
        content["state"] = asdict(self.state)
        buffer = io.BytesIO()
        torch.save(content, buffer)
        return buffer.getvalue()

    @classmethod
    def decode(cls, content: bytes, path: Path, task: str) -> ResumeState:
        """The inverse of `encode`; the content of an older format is upgraded.

        Args:
            content: The bytes of ``resume.pt``.
            path: Where they come from, for the error.
            task: The task of the run, whose upgrade steps apply.

        Raises:
            UsageError: The bytes are not those of a state.
        """
        try:
            values = torch.load(io.BytesIO(content), weights_only=True, map_location="cpu")
            values = upgrade_resume_state(values, task)
            return cls(**{**values, "state": TrainingState(**values["state"])})
        except Exception as error:
            raise UsageError(f"{path} is damaged or of another intertwine; it cannot be resumed") from error


def completed_share(settings: Settings, state: TrainingState, seconds: float) -> float:
    """The completed share of a run, 0 to 1: of its steps or, with a time budget, of its time if that is more.

    Args:
        settings: Of the run.
        state: The counters.
        seconds: Time used, the next validation included; matters only with a time budget.
    """
    completed = (state.epoch + state.step_in_epoch / state.steps_per_epoch) / settings.epochs
    if settings.minutes is not None:
        completed = max(completed, seconds / (60 * settings.minutes))
    return min(completed, 1.0)


def learning_rate(settings: Settings, state: TrainingState, seconds: float) -> float:
    """The learning rate of the next step: linear warmup and cosine decay.

    ``peak * min(1, (s + 1/n) / warmup) * (0.01 + 0.99 (1 + cos(pi s)) / 2)``, where s in [0, 1] is the completed
    fraction of the run and n the number of planned steps.

    Args:
        settings: Of the run.
        state: The counters.
        seconds: Time used, the next validation included; matters only with a time budget.
    """
    completed = completed_share(settings, state, seconds)
    warmup = 1.0
    if settings.warmup > 0:
        warmup = min(1.0, (completed + 1 / (settings.epochs * state.steps_per_epoch)) / settings.warmup)
    return settings.learning_rate * warmup * (0.01 + 0.99 * (1 + math.cos(math.pi * completed)) / 2)
