"""Which structures go into which step, and which of them to which process."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.data import Dataset

from intertwine.training._draws import derive, seed_generators


class StepIndices(NamedTuple):
    """The share of one process in one step.

    Attributes:
        indices: Structures.
        seed: Of the step, the same in every process.
        counts: False when the step has fewer structures than there are processes and this one has none: it goes through
            the motions with a structure of another's, so that all processes meet, and contributes nothing.
    """

    indices: Tensor
    seed: int
    counts: bool


class StepBatch(NamedTuple):
    """A draw and the batch made of it."""

    draw: StepIndices
    batch: Any


def steps_in_epoch(structures: int, batch_size: int) -> int:
    """How many batches an epoch is cut into.

    >>> steps_in_epoch(33, 32), steps_in_epoch(64, 32)
    (2, 2)
    """
    return -(-structures // batch_size)


def train_draws(structures: int, steps: int, seed: int, epoch: int, rank: int, world: int) -> list[StepIndices]:
    """One process's draws of an epoch: the joined draws of all processes depend on (seed, epoch) alone.

    A permutation is cut into `steps` batches whose sizes differ by one at most, so that no step is left with a few
    stragglers and their noisy gradient; each process takes every world-th structure of each.
    """
    generator = torch.Generator().manual_seed(derive(seed, epoch))
    batches = torch.tensor_split(torch.randperm(structures, generator=generator), steps)
    return [_share(batch, derive(seed, epoch, step), rank, world) for step, batch in enumerate(batches)]


def validation_draws(structures: int, steps: int, seed: int, rank: int, world: int) -> list[StepIndices]:
    """One process's draws of a validation, in the order of the data."""
    batches = torch.tensor_split(torch.arange(structures), steps)
    return [_share(batch, derive(seed, step), rank, world) for step, batch in enumerate(batches)]


class StepDataset(Dataset[StepBatch]):
    """The batches of a list of draws, made when they are asked for.

    The global generators are seeded before each, differently in each process, so that dropout needs no state of theirs
    to resume.
    """

    def __init__(self, draws: list[StepIndices], batch: Callable[[StepIndices], Any], rank: int) -> None:
        self.draws = draws
        self.batch = batch
        self.rank = rank

    def __len__(self) -> int:
        return len(self.draws)

    def __getitem__(self, step: int) -> StepBatch:
        draw = self.draws[step]
        seed_generators(derive(draw.seed, self.rank))
        return StepBatch(draw, self.batch(draw))


def to_device(batch: Any, device: torch.device) -> Any:
    """A batch on another device: whatever has ``.to``, and dataclasses, mappings and sequences of such things."""
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


def _share(batch: Tensor, seed: int, rank: int, world: int) -> StepIndices:
    own = batch[rank::world]
    return StepIndices(own, seed, True) if len(own) else StepIndices(batch[:1], seed, False)
