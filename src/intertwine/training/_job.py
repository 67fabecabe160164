"""Training job: the protocol that a task implements, and the result of `fit`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

if TYPE_CHECKING:
    from torch import Tensor, nn


@runtime_checkable
class Job(Protocol):
    """A training job: a model with its data, loss and validation metrics.

    It holds what a ``LightningModule`` and a ``LightningDataModule`` hold together, without the training loop, the
    optimizer and the hardware, which are `fit`'s. `train_batch` and `validation_batch` collate examples, `loss` is the
    training step and `metrics` the validation step.

    With several processes the job is pickled once for each of them, so its class must be importable by name and it must
    hold no open files. All randomness in a batch must be a function of `seed` and `indices`.

    Attributes:
        task: Name under which the task is registered.
        config: JSON; enough to build the model and to process data in the same way again.
        model: The module whose parameters are trained.
        split: JSON; the split of the data, written next to the weights.
        monitor: The validation metric that selects the best epoch; lower is better.
    """

    task: str
    config: dict[str, Any]
    model: nn.Module
    split: dict[str, Any]
    monitor: str

    def train_size(self) -> int:
        """The number of training examples."""
        ...

    def validation_size(self) -> int:
        """The number of validation examples."""
        ...

    def train_batch(self, indices: Tensor, seed: int) -> Any:
        """The training batch of some examples.

        Args:
            indices: Shape (B,), int64, in 0 .. train_size - 1.
            seed: Of the augmentation, and of nothing else. It is the same in all processes of a step: an augmentation
                that is a function of (seed, index), as `normal_per_example` gives it, makes the run the same function
                of the seed for any number of processes.
        """
        ...

    def validation_batch(self, indices: Tensor) -> Any:
        """The validation batch of some examples, indices in 0 .. validation_size - 1."""
        ...

    def loss(self, batch: Any) -> tuple[Tensor, int]:
        """The sum of the losses of the examples, a scalar with a gradient, and the number of examples."""
        ...

    def metrics(self, batch: Any) -> dict[str, tuple[Tensor, int]]:
        """Sums and counts of the validation metrics, such as ``{"mae": (sum of absolute errors, their number)}``."""
        ...


@runtime_checkable
class ScheduledJob(Job, Protocol):
    """A job whose loss changes during the run, as the learning rate does."""

    def schedule(self, completed: float) -> None:
        """Called before each training step with the completed share of the run, 0 to 1."""
        ...


class Refit(NamedTuple):
    """What a job made of the best weights when training had ended.

    Attributes:
        metrics: The validation metrics of the model as it is now.
        text: One line about it.
    """

    metrics: dict[str, float]
    text: str


@runtime_checkable
class RefitJob(Job, Protocol):
    """A job that changes the best weights once more when training has ended, as a linear last layer can be solved for.

    The model has the best weights when `refit` is called, and what `refit` leaves in it replaces the checkpoint `best`.
    The checkpoint `last`, from which a run is resumed, is not changed.
    """

    def refit(self) -> Refit | None:
        """Change the model's weights such that the monitored metric does not grow; None where there is nothing to do.

        It must be a function of the weights and of the config.
        """
        ...

    def refit_seconds(self) -> float:
        """About how long `refit` will take: so much of a time budget is left to it."""
        ...


@dataclass(frozen=True)
class FitResult:
    """The result of `fit`.

    Attributes:
        best: The checkpoint folder with the lowest monitored metric (`last`, if nothing has been validated).
        last: The checkpoint folder to resume from.
        history: One row per epoch: epoch, step, learning_rate, train_loss, the validation metrics, seconds.
        interrupted: Whether SIGINT or SIGTERM ended it; `last` then holds the step that was running.
        reason: One line: why it ended.
        refit: One line about what the job made of the best weights at the end, see `RefitJob`; empty for most jobs.
    """

    best: Path
    last: Path
    history: list[dict[str, float]]
    interrupted: bool
    reason: str = ""
    refit: str = ""
