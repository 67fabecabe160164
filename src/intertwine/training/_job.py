"""What a task hands to `fit`, and what it gets back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from torch import Tensor, nn


@runtime_checkable
class Job(Protocol):
    """A model, its data and its loss.

    With several processes the job is pickled once for each of them, so its class must live in an importable module and
    it must hold no open files. Everything random in a batch follows from `seed` and `indices`.

    Attributes:
        task: Name under which the task is registered.
        config: JSON; enough for the task to rebuild the model and the handling of data.
        model: Every parameter that is trained.
        split: JSON; written beside the weights.
        monitor: The validation metric that chooses the best epoch; lower is better.
    """

    task: str
    config: dict[str, Any]
    model: nn.Module
    split: dict[str, Any]
    monitor: str

    def train_size(self) -> int:
        """How many structures there are to train on."""
        ...

    def validation_size(self) -> int:
        """How many structures there are to validate on."""
        ...

    def train_batch(self, indices: Tensor, seed: int) -> Any:
        """The training batch of these structures.

        Args:
            indices: Shape (B,), int64, in 0 .. train_size - 1.
            seed: Determines the augmentation and nothing else. It is the same in every process of a step: an
                augmentation that follows from (seed, index), as `normal_draws` gives it, makes the run the same
                function of the seed however many processes share it.
        """
        ...

    def validation_batch(self, indices: Tensor) -> Any:
        """The validation batch of these structures, indices in 0 .. validation_size - 1."""
        ...

    def loss(self, batch: Any) -> tuple[Tensor, int]:
        """The sum of the losses of the structures, a scalar with a gradient, and how many structures there are."""
        ...

    def metrics(self, batch: Any) -> dict[str, tuple[Tensor, int]]:
        """Sums and counts, such as ``{"mae": (sum of absolute errors, how many)}``."""
        ...


@dataclass(frozen=True)
class Outcome:
    """How a fit ended.

    Attributes:
        best: The checkpoint folder with the lowest monitored metric (`last` while nothing has been validated).
        last: The checkpoint folder to resume from.
        history: One row an epoch: epoch, step, learning_rate, train_loss, the validation metrics, seconds.
        interrupted: Whether Ctrl-C or SIGTERM ended it. `last` then holds the step that was running.
        reason: One line: why it ended.
    """

    best: Path
    last: Path
    history: list[dict[str, float]]
    interrupted: bool
    reason: str = ""
