"""Uncertainty of a potential: the deviation among a committee of its last linear readouts."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from intertwine._errors import UsageError
from intertwine.models.potential._potential import Potential, edge_vectors, forces_of


class CommitteeDeviation(NamedTuple):
    """Standard deviations over a committee.

    Attributes:
        energy: ``(B,)`` float64, of the energy of each structure in eV.
        energies: ``(N,)`` float64, of that of each atom.
        forces: ``(N, 3)`` of each component of the forces in eV/A.
    """

    energy: Tensor
    energies: Tensor
    forces: Tensor


def committee_deviation(
    potential: Potential,
    numbers: Tensor,
    positions: Tensor,
    edges: Tensor,
    shifts: Tensor | None = None,
    structures: Tensor | None = None,
    num_structures: int = 1,
) -> CommitteeDeviation:
    """How far the members of a potential's committee are apart, see :func:`refit_readout`.

    Args:
        potential: With a committee of two or more.
        numbers: As for the potential.
        positions: Likewise.
        edges: Likewise.
        shifts: Likewise.
        structures: Likewise.
        num_structures: Likewise.

    Raises:
        UsageError: There is no committee.

    Cost: the features once, and one backward pass for each member.
    """
    members = potential.committee
    if len(members) < 2:
        raise UsageError(f"a deviation needs a committee of 2 or more, this potential has {len(members)}")
    structures = torch.zeros_like(numbers) if structures is None else structures
    with torch.enable_grad():
        vectors = edge_vectors(positions.detach(), edges, shifts).requires_grad_()
        features = potential.readout_features(numbers, vectors, edges, frozen=True)
        energies = (features @ members.T) * potential.energy_scale
        forces = []
        for energy in energies.sum(0):
            (slopes,) = torch.autograd.grad(
                energy, vectors, retain_graph=True, allow_unused=True, materialize_grads=True
            )
            forces.append(forces_of(slopes, edges, positions))
    of_atoms = energies.detach().double()
    total = of_atoms.new_zeros(num_structures, len(members)).index_add(0, structures, of_atoms)
    return CommitteeDeviation(total.std(1), of_atoms.std(1), torch.stack(forces).std(0))
