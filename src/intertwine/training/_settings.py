"""How to train: the numbers of a run, checked when they are given."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from intertwine._errors import UsageError


@dataclass(frozen=True)
class Settings:
    """The numbers of a run; every one has a default that trains.

    The optimizer is AdamW. Its learning rate rises linearly over the first `warmup` of the run and falls along a cosine
    to 1 % of `learning_rate` at the end. Where a run stands is steps done over steps planned; with `minutes` it is the
    larger of that and the share of the budget used, so that the learning rate has come down when the time is up.
    A run without `minutes` is a function of its seed: interrupted and resumed it gives the same weights. With
    `minutes` it follows the clock, and is not.

    Attributes:
        epochs: Passes over the training set.
        batch_size: Structures per optimizer step, over all processes together. An epoch is cut into batches whose sizes
            differ by one at most, none larger than this.
        learning_rate: The peak.
        weight_decay: Decoupled, as in AdamW.
        warmup: Share of the run, 0 to 1, over which the learning rate rises.
        clip: Largest norm of the gradient; None does not clip.
        ema: Decay of the moving average of the weights, the ones that are validated and saved; None keeps no average.
        patience: Stop after so many epochs without a better monitored metric; None never does.
        minutes: Time budget of the whole run, validation and earlier legs of a resumed run included.
        seed: Order of the data, augmentation, dropout. (The initial weights are the job's.)
        devices: Processes on this machine.
        nodes: Machines; more than one is Lightning's own "ddp" strategy, launched as Lightning documents.
        accelerator: "auto" (a GPU where there is one), "cpu" or "gpu".
        save_minutes: Save also within an epoch when the last checkpoint is older than this.
    """

    epochs: int = 60
    batch_size: int = 32
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    warmup: float = 0.02
    clip: float | None = 10.0
    ema: float | None = 0.999
    patience: int | None = None
    minutes: float | None = None
    seed: int = 0
    devices: int = 1
    nodes: int = 1
    accelerator: str = "auto"
    save_minutes: float = 10.0

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "devices", "nodes", "patience"):
            value = getattr(self, name)
            if value is None and name == "patience":
                continue
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise UsageError(f"{name} must be a whole number, at least 1, got {value!r}")
        for name in ("learning_rate", "clip", "minutes", "save_minutes"):
            value = getattr(self, name)
            if value is None and name in ("clip", "minutes"):
                continue
            if not _is_number(value) or value <= 0:
                raise UsageError(f"{name} must be a positive number, got {value!r}")
        if not _is_number(self.weight_decay) or self.weight_decay < 0:
            raise UsageError(f"weight_decay must not be negative, got {self.weight_decay!r}")
        if not _is_number(self.warmup) or not 0 <= self.warmup <= 1:
            raise UsageError(f"warmup is a share of the run, 0 to 1, got {self.warmup!r}")
        if self.ema is not None and not (_is_number(self.ema) and 0 < self.ema < 1):
            raise UsageError(f"ema is a decay between 0 and 1, such as 0.999, got {self.ema!r}")
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or not 0 <= self.seed < 2**63:
            raise UsageError(f"seed must be a whole number from 0 to 2^63 - 1, got {self.seed!r}")
        if self.accelerator not in ("auto", "cpu", "gpu"):
            raise UsageError(f'accelerator must be "auto", "cpu" or "gpu", got {self.accelerator!r}')

    def to_json(self) -> dict[str, Any]:
        """The settings as JSON; `from_json` is its inverse.

        >>> Settings.from_json(Settings(epochs=3).to_json()) == Settings(epochs=3)
        True
        """
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Settings:
        """The settings that `to_json` wrote.

        Raises:
            UsageError: A name is unknown or a value is out of range.
        """
        known = [field.name for field in fields(cls)]
        for name in values:
            if name not in known:
                raise UsageError(f"no setting {name!r}; known: {', '.join(known)}")
        return cls(**values)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
