"""Refit of the readout of a trained potential by ridge regression, kept if the validation loss does not grow."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from intertwine.models import LabeledStructures, Potential, refit_readout
from intertwine.tasks.potential._dataset import FrameDataset
from intertwine.tasks.potential._loss import LossWeights
from intertwine.training import Refit

_BATCH = 16
_EQUATIONS = 20
"""Components of forces and stresses for each unknown: each such frame costs a backward pass for each unknown."""
_STRESS = 6
"""Independent components of a stress."""
_FEWEST = 16
"""Frames whose forces and stresses are used at least, where there are as many."""
_RIDGE = 1e-2
"""Large weights that nearly cancel would amplify the rounding of float32."""


def refit_potential(
    model: Potential,
    frames: FrameDataset,
    weights: LossWeights,
    validate: Callable[[], dict[str, float]],
    *,
    references: bool,
    seed: int,
) -> Refit:
    """Refit the readout and the committee of a potential to its training frames, with the loss it was trained with.

    The energies of all frames take part, and the forces and stresses of some, drawn by the seed, whose weights grow
    accordingly. The features are in the precision of the model, the equations and their solution in float64.

    Args:
        model: Changed: its committee always, its readout and references if the validation loss is then lower.
        frames: The training frames, with labels.
        weights: Of the loss.
        validate: Computes the validation metrics, among them "loss".
        references: Whether the reference energies are free.
        seed: Which frames' forces and stresses are used, and of the committee's resampling.
    """
    before = validate()
    kept = model.readout.detach().clone(), model.reference.clone()
    sample = _sample(frames, weights, len(model.readout) + len(model.elements), seed)
    refit_readout(
        model,
        _batches(frames, sample, model.readout.dtype),
        energy_weight=weights.energy,
        forces_weight=weights.forces * sample.forces_growth,
        stress_weight=weights.stress * sample.stress_growth,
        ridge=_RIDGE,
        references=references,
        seed=seed,
    )
    after = validate()
    better = after["loss"] < before["loss"]
    if not better:
        with torch.no_grad():
            model.readout.copy_(kept[0])
            model.reference.copy_(kept[1])
    verdict = "kept" if better else "not kept, the committee is"
    text = (
        f"readout by ridge regression on {len(frames):,} frames, {int(sample.chosen.sum()):,} of them with "
        f"derivatives: validation loss {before['loss']:.4g} -> {after['loss']:.4g}, {verdict}"
    )
    return Refit(after if better else before, text)


def seconds_of_refit(model: Potential, frames: FrameDataset, weights: LossWeights, seed: int) -> float:
    """How long the equations and their solution will take, by a batch with derivatives and one without.

    Args:
        model: Its readout is changed.
        frames: The training frames.
        weights: Of the loss.
        seed: As for :func:`refit_potential`.
    """
    sample = _sample(frames, weights, len(model.readout) + len(model.elements), seed)
    total = 0.0
    for part, few in ((sample.chosen, 2), (~sample.chosen, _BATCH)):
        indices = part.nonzero()[:few, 0]
        if len(indices) == 0:
            continue
        begin = time.monotonic()
        batch = _batch(frames, indices, model.readout.dtype, derivatives=part is sample.chosen)
        batch = batch._replace(energy=torch.nan_to_num(batch.energy))
        refit_readout(model, [batch], stress_weight=1.0, ridge=_RIDGE, references=False)
        total += (time.monotonic() - begin) * int(part.sum()) / len(indices)
    return total


class _Sample(NamedTuple):
    """The frames whose forces and stresses take part.

    Attributes:
        chosen: ``(S,)`` bool.
        forces_growth: The number of all frames that have forces over that of these.
        stress_growth: Likewise of stresses.
    """

    chosen: Tensor
    forces_growth: float
    stress_growth: float


def _sample(frames: FrameDataset, weights: LossWeights, unknowns: int, seed: int) -> _Sample:
    """Frames drawn by the seed, as many as give enough equations."""
    fields = frames.frames.cloud_fields
    forces = fields["has_forces"][:, 0] & bool(weights.forces)
    stress = fields["has_stress"][:, 0] & bool(weights.stress)
    order = torch.randperm(len(forces), generator=torch.Generator().manual_seed(seed))
    order = order[(forces | stress)[order]]
    components = (3 * frames.frames.counts[order] * forces[order] + _STRESS * stress[order]).cumsum(0)
    enough = int((components < _EQUATIONS * unknowns).sum()) + 1
    chosen = torch.zeros_like(forces)
    chosen[order[: max(enough, _FEWEST)]] = True
    growths = (int(known.sum()) / max(1, int((known & chosen).sum())) for known in (forces, stress))
    return _Sample(chosen, *growths)


def _batches(frames: FrameDataset, sample: _Sample, dtype: torch.dtype) -> Iterator[LabeledStructures]:
    """All frames with the labels that they have, those with forces and stresses together."""
    for part in (sample.chosen, ~sample.chosen):
        for indices in torch.split(part.nonzero()[:, 0], _BATCH):
            if len(indices):
                yield _batch(frames, indices, dtype, derivatives=part is sample.chosen)


def _batch(frames: FrameDataset, indices: Tensor, dtype: torch.dtype, *, derivatives: bool) -> LabeledStructures:
    graphs, labels = frames.batch(indices, dtype), frames.frames.select(indices)
    energy, stress = labels.cloud_fields["energy"][:, 0], labels.cloud_fields["stress"]
    energy = torch.where(labels.cloud_fields["has_energy"][:, 0], energy, torch.nan)
    if not derivatives:
        return LabeledStructures(*graphs[:5], energy)
    has_forces = labels.cloud_fields["has_forces"].index_select(0, graphs.structures)
    forces = torch.where(has_forces, labels.point_fields["forces"], torch.nan)
    stress = torch.where(labels.cloud_fields["has_stress"], stress, torch.nan).unflatten(1, (3, 3))
    return LabeledStructures(*graphs[:5], energy, forces, stress, graphs.cells)
