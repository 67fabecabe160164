"""Training settings: optimizer, schedule, stopping, hardware; checked on construction."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from importlib.util import find_spec
from typing import Any

from intertwine._errors import UsageError

OPTIMIZER_NAMES = ("adamw", "muon")


@dataclass(frozen=True)
class Settings:
    """The training settings of a run; the defaults work.

    The optimizer has a linear warmup and cosine decay of the learning rate to 1 % of its peak. The schedule
    follows the completed fraction of the run: steps over planned steps or, with `minutes`, the larger of that and the
    used fraction of the time budget, so that the learning rate has decayed when the time is up. Without `minutes` a run
    is a function of its seed: interrupted and resumed, it gives the same weights. With `minutes` it depends on the
    clock.

    Attributes:
        epochs: Passes over the training set.
        batch_size: Examples per optimizer step, summed over all processes. An epoch is divided into batches whose sizes
            differ by at most one, none larger than this.
        optimizer: "adamw", or "muon": orthogonalized momentum for weights that are matrices and AdamW for the others.
        learning_rate: Peak learning rate.
        weight_decay: Decoupled weight decay.
        warmup: Fraction of the run, 0 to 1, over which the learning rate rises.
        clip: Maximum norm of the gradient; None for no clipping.
        ema: Decay of the exponential moving average of the weights, which is what is validated and saved; None for no
            average.
        patience: Early stopping: the number of epochs without improvement of the monitored metric after which training
            stops; None for no early stopping.
        minutes: Time budget of the whole run, including validation and the time before resuming.
        seed: Seed of the data order, the augmentation and dropout. (The initial weights are the job's.)
        devices: Processes on this machine.
        nodes: Machines; more than one uses Lightning's "ddp" strategy, launched as Lightning documents.
        accelerator: "auto" (a GPU if there is one), "cpu" or "gpu".
        save_minutes: Save a checkpoint within an epoch, too, when the last one is older than this.
        tensorboard: Write the metrics of each epoch for TensorBoard, too, into the folder ``tensorboard`` of the run.
    """

    epochs: int = 60
    batch_size: int = 32
    optimizer: str = "adamw"
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
    tensorboard: bool = False

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
            raise UsageError(f"warmup is a fraction of the run, 0 to 1, got {self.warmup!r}")
        if self.ema is not None and not (_is_number(self.ema) and 0 < self.ema < 1):
            raise UsageError(f"ema is a decay between 0 and 1, such as 0.999, got {self.ema!r}")
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or not 0 <= self.seed < 2**63:
            raise UsageError(f"seed must be a whole number from 0 to 2^63 - 1, got {self.seed!r}")
        if not isinstance(self.tensorboard, bool):
            raise UsageError(f"tensorboard must be true or false, got {self.tensorboard!r}")
        if self.optimizer not in OPTIMIZER_NAMES:
            raise UsageError(f'optimizer must be "adamw" or "muon", got {self.optimizer!r}')
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


def check_tensorboard() -> None:
    """Raise if TensorBoard is not installed.

    Raises:
        UsageError: The line says how to install it.
    """
    if find_spec("tensorboard") is None:
        raise UsageError("--tensorboard needs the Python package tensorboard: pip install tensorboard")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
