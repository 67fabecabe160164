"""Where a run stands: everything that it needs to go on as if nothing had happened.

No generator has a state here: batches follow from (seed, epoch), augmentation and dropout from (seed, epoch, position),
and the learning rate from where the run stands.
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

FORMAT = 2


@dataclass
class Progress:
    """The counters of a run.

    Attributes:
        epoch: Epochs done.
        position: Steps done of the next one.
        length: Steps in an epoch.
        step: Steps done in all.
        loss_sum: Of the training losses of this epoch so far.
        loss_count: How many they are.
        best: Lowest monitored metric so far.
        best_epoch: When that was.
        stale: Validations since then.
        seconds: Time spent, all legs together.
        history: One row a validation.
    """

    epoch: int = 0
    position: int = 0
    length: int = 0
    step: int = 0
    loss_sum: float = 0.0
    loss_count: int = 0
    best: float | None = None
    best_epoch: int = 0
    stale: int = 0
    seconds: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)

    def cut_epochs(self, length: int) -> None:
        """Say how many steps an epoch has; when that has changed, a half-done epoch begins again."""
        if self.length != length:
            self.length = length
            self.begin_epoch()

    def begin_epoch(self) -> None:
        """Forget the steps of the epoch."""
        self.position, self.loss_sum, self.loss_count = 0, 0.0, 0

    def ended(self, settings: Settings) -> str | None:
        """Why there is nothing left to do, in words; None while there is."""
        if self.epoch >= settings.epochs:
            return f"all {settings.epochs} epochs done"
        if settings.patience is not None and self.stale >= settings.patience:
            return f"nothing better for {self.stale} epochs"
        if settings.minutes is not None and self.seconds >= 60 * settings.minutes:
            return f"the time budget of {settings.minutes:g} min is used up"
        return None


@dataclass
class State:
    """Counters and tensors; None stands for what has not begun yet."""

    progress: Progress = field(default_factory=Progress)
    weights: dict[str, Tensor] | None = None
    average: dict[str, Tensor] | None = None
    average_updates: int = 0
    optimizer: dict[str, Any] | None = None

    def encode(self) -> bytes:
        """The bytes of ``resume.pt``: tensors, numbers, strings, lists and dictionaries, no code."""
        content = {"format": FORMAT, **{name: getattr(self, name) for name in self.__dataclass_fields__}}
        content["progress"] = asdict(self.progress)
        buffer = io.BytesIO()
        torch.save(content, buffer)
        return buffer.getvalue()

    @classmethod
    def decode(cls, content: bytes, path: Path) -> State:
        """The inverse of `encode`.

        Raises:
            UsageError: The bytes are not those of a state.
        """
        try:
            values = torch.load(io.BytesIO(content), weights_only=True, map_location="cpu")
            if values.pop("format") != FORMAT:
                raise ValueError("of another format")
            return cls(**{**values, "progress": Progress(**values["progress"])})
        except Exception as error:
            raise UsageError(f"{path} is damaged or of another intertwine; it cannot be resumed") from error


def learning_rate(settings: Settings, progress: Progress, seconds: float) -> float:
    """The learning rate of the next step.

    ``peak * min(1, (s + 1/n) / warmup) * (0.01 + 0.99 (1 + cos(pi s)) / 2)``, where s is where the run stands, 0 to 1,
    and n the number of steps planned.

    Args:
        settings: Of the run.
        progress: Where it stands.
        seconds: Time used, the next validation included; matters only with a time budget.
    """
    stand = (progress.epoch + progress.position / progress.length) / settings.epochs
    if settings.minutes is not None:
        stand = max(stand, seconds / (60 * settings.minutes))
    stand = min(stand, 1.0)
    rise = 1.0
    if settings.warmup > 0:
        rise = min(1.0, (stand + 1 / (settings.epochs * progress.length)) / settings.warmup)
    return settings.learning_rate * rise * (0.01 + 0.99 * (1 + math.cos(math.pi * stand)) / 2)
