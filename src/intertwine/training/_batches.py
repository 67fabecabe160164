"""Indices of each optimizer step and their distribution over processes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.data import Dataset

from intertwine.training._random import derive_seed, seed_generators


class StepIndices(NamedTuple):
    """The examples of one process in one step.

    Attributes:
        indices: Of the examples, int64.
        seed: Of the step, the same in every process.
        is_padding: Whether the step has fewer examples than there are processes and this one has none: it then computes
            on an example of another process, because all processes must take part in the step, and its loss has
            weight zero.
    """

    indices: Tensor
    seed: int
    is_padding: bool


class StepBatch(NamedTuple):
    """The batch of a step, with its indices."""

    step: StepIndices
    batch: Any


def steps_per_epoch(examples: int, batch_size: int) -> int:
    """The number of batches in an epoch.

    >>> steps_per_epoch(33, 32), steps_per_epoch(64, 32)
    (2, 2)
    """
    return -(-examples // batch_size)


def train_steps(examples: int, steps: int, seed: int, epoch: int, rank: int, world_size: int) -> list[StepIndices]:
    """The steps of a training epoch for one process.

    A permutation that depends on (seed, epoch) alone is cut into `steps` batches whose sizes differ by at most one, so
    that no small last batch has a noisy gradient. Process r takes elements r, r + world_size, ... of each batch: the
    joined batches of all processes do not depend on their number.
    """
    generator = torch.Generator().manual_seed(derive_seed(seed, epoch))
    batches = torch.tensor_split(torch.randperm(examples, generator=generator), steps)
    return [_of_rank(batch, derive_seed(seed, epoch, step), rank, world_size) for step, batch in enumerate(batches)]


def validation_steps(examples: int, steps: int, seed: int, rank: int, world_size: int) -> list[StepIndices]:
    """The steps of a validation epoch for one process, in the order of the data."""
    batches = torch.tensor_split(torch.arange(examples), steps)
    return [_of_rank(batch, derive_seed(seed, step), rank, world_size) for step, batch in enumerate(batches)]


class StepDataset(Dataset[StepBatch]):
    """The batches of a list of steps, each made when it is asked for.

    The global generators are seeded before each step, differently in each process, so that dropout has no state to be
    saved for resuming.
    """

    def __init__(self, steps: list[StepIndices], make_batch: Callable[[StepIndices], Any], rank: int) -> None:
        self.steps = steps
        self.make_batch = make_batch
        self.rank = rank

    def __len__(self) -> int:
        return len(self.steps)

    def __getitem__(self, index: int) -> StepBatch:
        step = self.steps[index]
        seed_generators(derive_seed(step.seed, self.rank))
        return StepBatch(step, self.make_batch(step))


def to_device(batch: Any, device: torch.device) -> Any:
    """A batch on another device: anything with ``.to``, and dataclasses, mappings and sequences of such things."""
    if hasattr(batch, "to"):
        return batch.to(device)
    if dataclasses.is_dataclass(batch) and not isinstance(batch, type):
        moved = {field.name: to_device(getattr(batch, field.name), device) for field in dataclasses.fields(batch)}
        return dataclasses.replace(batch, **moved)
    if isinstance(batch, Mapping):
        return {key: to_device(value, device) for key, value in batch.items()}
    if isinstance(batch, tuple) and hasattr(batch, "_fields"):
        return type(batch)(*(to_device(value, device) for value in batch))
    if isinstance(batch, list | tuple):
        return type(batch)(to_device(value, device) for value in batch)
    return batch


def _of_rank(batch: Tensor, seed: int, rank: int, world_size: int) -> StepIndices:
    part = batch[rank::world_size]
    return StepIndices(part, seed, False) if len(part) else StepIndices(batch[:1], seed, True)
