"""Refit of the readout of a trained potential by ridge regression, kept if the validation loss does not grow."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from intertwine.models import LabeledStructures, Potential, refit_readout
from intertwine.tasks.potential._dataset import FrameDataset
from intertwine.tasks.potential._loss import LossWeights
from intertwine.training import Refit

_BATCH = 16
_EQUATIONS = 20
"""Force components for each unknown: each frame with forces costs a backward pass for each unknown."""
_FEWEST = 16
"""Frames whose forces are used at least, where there are as many."""
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

    The energies of all frames take part, and the forces of some, drawn by the seed, whose weight grows accordingly. The
    features are in the precision of the model, the equations and their solution in float64.

    Args:
        model: Changed: its committee always, its readout and references if the validation loss is then lower.
        frames: The training frames, with labels.
        weights: Of the loss; stresses take no part.
        validate: Computes the validation metrics, among them "loss".
        references: Whether the reference energies are free.
        seed: Which frames' forces are used, and of the committee's resampling.
    """
    before = validate()
    kept = model.readout.detach().clone(), model.reference.clone()
    chosen, growth = _frames_with_forces(frames, len(model.readout) + len(model.elements), seed)
    chosen = chosen if weights.forces else torch.zeros_like(chosen)
    refit_readout(
        model,
        _batches(frames, chosen, model.readout.dtype),
        energy_weight=weights.energy,
        forces_weight=weights.forces * growth,
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
        f"readout by ridge regression on {len(frames):,} frames, {int(chosen.sum()):,} of them with forces: validation "
        f"loss {before['loss']:.4g} -> {after['loss']:.4g}, {verdict}"
    )
    return Refit(after if better else before, text)


def _frames_with_forces(frames: FrameDataset, unknowns: int, seed: int) -> tuple[Tensor, float]:
    """Which frames' forces are used, ``(S,)`` bool, and the number of all that have forces over that of these."""
    known = frames.frames.cloud_fields["has_forces"][:, 0]
    order = torch.randperm(len(known), generator=torch.Generator().manual_seed(seed))
    order = order[known[order]]
    components = (3 * frames.frames.counts[order]).cumsum(0)
    enough = int((components < _EQUATIONS * unknowns).sum()) + 1
    used = order[: max(enough, _FEWEST)]
    chosen = torch.zeros_like(known)
    chosen[used] = True
    return chosen, len(order) / max(1, len(used))


def _batches(frames: FrameDataset, chosen: Tensor, dtype: torch.dtype) -> Iterator[LabeledStructures]:
    """All frames with the labels that they have, those with forces together."""
    some = frames.frames
    for part in (chosen, ~chosen):
        for indices in torch.split(part.nonzero()[:, 0], _BATCH):
            if not len(indices):
                continue
            graphs, labels = frames.batch(indices, dtype), some.select(indices)
            energy = labels.cloud_fields["energy"][:, 0]
            energy = torch.where(labels.cloud_fields["has_energy"][:, 0], energy, torch.nan)
            forces = labels.point_fields["forces"] if part is chosen else None
            yield LabeledStructures(*graphs[:5], energy, forces)
