"""Structures for the tests of potentials: random molecules and a crystal, with their neighbors."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from intertwine.models import Potential
from intertwine.ops import radius_graph

CUTOFF = 3.0
ELEMENTS = (1, 6, 8)


class Structure(NamedTuple):
    """Arguments of a potential.

    Attributes:
        numbers: ``(N,)``.
        positions: ``(N, 3)`` float64.
        edges: ``(2, E)``.
        shifts: ``(E, 3)``, or None.
        cells: ``(1, 3, 3)``, or None.
    """

    numbers: Tensor
    positions: Tensor
    edges: Tensor
    shifts: Tensor | None = None
    cells: Tensor | None = None

    def moved(self, positions: Tensor) -> "Structure":
        """The same with other positions, and the same edges."""
        return self._replace(positions=positions)


def molecule(atoms: int = 7, seed: int = 0) -> Structure:
    """Atoms at random, at least 0.8 apart."""
    generator = torch.Generator().manual_seed(seed)
    chosen: list[Tensor] = []
    while len(chosen) < atoms:
        point = 1.5 * torch.randn(3, dtype=torch.float64, generator=generator)
        if all(float((point - other).norm()) > 0.8 for other in chosen):
            chosen.append(point)
    positions = torch.stack(chosen)
    numbers = torch.tensor(ELEMENTS)[torch.randint(3, (atoms,), generator=generator)]
    return Structure(numbers, positions, radius_graph(positions, CUTOFF))


def crystal(copies: int = 1, strain: Tensor | None = None) -> Structure:
    """Three atoms in a skew cell that is smaller than the cutoff, or several of these cells along the first vector."""
    cell = torch.tensor([[2.6, 0.0, 0.1], [0.4, 2.8, 0.0], [0.0, 0.3, 3.1]], dtype=torch.float64)
    inner = torch.tensor([[0.1, 0.2, 0.1], [0.5, 0.6, 0.2], [0.3, 0.1, 0.7]], dtype=torch.float64) @ cell
    positions = torch.cat([inner + copy * cell[0] for copy in range(copies)])
    whole = cell.clone()
    whole[0] *= copies
    if strain is not None:
        move = torch.eye(3, dtype=torch.float64) + strain
        positions, whole = positions @ move, whole @ move
    edges, steps = radius_graph(positions, CUTOFF, cell=whole)
    numbers = torch.tensor([1, 8, 6] * copies)
    return Structure(numbers, positions, edges, steps.double() @ whole, whole[None])


def potential(**options: Any) -> Potential:
    """A small potential in float64, in evaluation mode."""
    torch.manual_seed(0)
    defaults: dict[str, Any] = {
        "hidden": "4x0e + 4x1o",
        "lmax": 2,
        "cutoff": CUTOFF,
        "radial_hidden": (8,),
        "radial_functions": 4,
        "average_neighbors": 4.0,
        "reference_energies": (-13.6, -1027.0, -2038.0),
        "energy_scale": 0.7,
    }
    return Potential(ELEMENTS, **{**defaults, **options}).double().eval()
