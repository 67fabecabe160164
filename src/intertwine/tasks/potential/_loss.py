"""Loss of a potential: energies, forces and stresses, with an energy weight that grows during the run."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor

EARLY = 0.01
"""The share of the energy weight with which a run begins."""


class LossWeights(NamedTuple):
    """Weights of the three parts of the loss, at the end of the run."""

    energy: float
    forces: float
    stress: float

    def at(self, completed: float) -> LossWeights:
        """The weights when a share of the run is completed: forces first, energies later.

        The energy weight grows from a hundredth to its whole, geometrically, along half a cosine.

        >>> weights = LossWeights(100.0, 1.0, 1.0)
        >>> round(weights.at(0.0).energy, 6), round(weights.at(0.5).energy, 6), weights.at(1.0).energy
        (1.0, 10.0, 100.0)
        """
        share = (1 - math.cos(math.pi * min(max(completed, 0.0), 1.0))) / 2
        return self._replace(energy=self.energy * EARLY ** (1 - share))


class Errors(NamedTuple):
    """Predicted minus true labels of a batch, and which frames have them.

    energy (B,) eV; forces (N, 3) eV/A; stress (B, 9) eV/A^3; volume (B,) A^3; atoms (B,); has_energy, has_forces,
    has_stress (B,) bool; structures (N,) int64.
    """

    energy: Tensor
    forces: Tensor
    stress: Tensor
    volume: Tensor
    atoms: Tensor
    has_energy: Tensor
    has_forces: Tensor
    has_stress: Tensor
    structures: Tensor


def frame_losses(errors: Errors, weights: LossWeights, scale: float) -> Tensor:
    """The loss of each frame, (B,).

        w_E (dE / sqrt(N))^2 + w_F mean |dF|^2 + w_S (V / N)^2 mean |dstress|^2, all over scale^2

    The volume makes a stress an energy per atom, so that the three parts have comparable sizes.

    Args:
        errors: Of the frames.
        weights: Of the parts.
        scale: The root mean square force of the training frames, eV/A.
    """
    atoms = errors.atoms
    energy = errors.energy.square() / atoms
    squares = errors.forces.square().mean(1)
    forces = torch.zeros_like(energy).index_add(0, errors.structures, squares.to(energy.dtype)) / atoms
    stress = (errors.volume / atoms).square() * errors.stress.square().mean(1)
    parts: list[tuple[float, Tensor, Tensor]] = [
        (weights.energy, energy, errors.has_energy),
        (weights.forces, forces, errors.has_forces),
        (weights.stress, stress, errors.has_stress),
    ]
    total: Any = sum(weight * torch.where(known, value, 0.0) for weight, value, known in parts if weight)
    found: Tensor = total / scale**2
    return found
