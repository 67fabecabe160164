"""Features that tell bound atoms from free ones."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from intertwine.ops import smooth_cutoff

_REACH = 2.0  # bond lengths at which an atom is free
STEEPNESS = 5.0


class BoundFeatures(nn.Module):
    """For each element a number that is 0 for a free atom of it and nearly 1 for one with a neighbor at bond length.

        phi_iz = [z_i = z] (1 - exp(-5 c_i)),        c_i = sum over j of u(|r_ij| / 2 d_z)

    with the polynomial cutoff u (p = 6) and the bond length d_z. In a linear readout it carries the difference between
    the energies of an atom in a molecule and alone, so that a bond that is stretched beyond training costs energy.

    Args:
        bond_lengths: d_z in A, for each element.
        cutoff: Distance in A from which atoms do not see each other.

    Law: invariant; zero for an atom without neighbors, with two continuous derivatives everywhere.
    """

    reach: Tensor

    def __init__(self, bond_lengths: Sequence[float], cutoff: float) -> None:
        super().__init__()
        reach = _REACH * torch.tensor(bond_lengths, dtype=torch.float32)
        self.register_buffer("reach", reach.clamp(max=cutoff))

    def forward(self, elements: Tensor, distances: Tensor, edges: Tensor) -> Tensor:
        """``(N, elements)`` for elements ``(N,)`` and edges ``(2, E)`` of lengths ``(E,)``."""
        reach = self.reach.index_select(0, elements.index_select(0, edges[1]))
        near = smooth_cutoff(distances / reach, 1.0)
        coordination = near.new_zeros(elements.shape[0]).index_add(0, edges[1], near)
        bound = -torch.expm1(-STEEPNESS * coordination)
        each = torch.arange(len(self.reach), device=elements.device)
        return torch.where(elements[:, None] == each, bound[:, None], 0.0)
