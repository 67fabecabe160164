"""Audit of a potential: its equivariance, and forces and stresses against finite differences of its energy."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from intertwine.actions import LinearAction, PointCloud, PointFeatures, Transform, TupleAction
from intertwine.auditing import AuditRun, LayerError
from intertwine.groups import O3
from intertwine.tasks.potential._dataset import FrameGraphs

_STEP = 1e-4
"""Displacement of central differences, angstrom (and strain)."""
_DIRECTIONS = 4


@dataclass(frozen=True)
class FramesAction(PointCloud):
    """The action of O(3), translations and permutations on frames: `PointCloud`, which rotates shifts and cells too.

    Data are (numbers, positions, edges, structures, number of structures, shifts (E, 3), cells (B, 3, 3)).
    """

    def __call__(self, transform: Transform, data: tuple[Any, ...]) -> tuple[Any, ...]:
        """Move the atoms, and rotate what hangs on the lattice."""
        *cloud, shifts, cells = data
        moved = super().__call__(transform, tuple(cloud))
        if transform.linear is None:
            return (*moved, shifts, cells)
        rotation = transform.linear.to(shifts).mT
        return (*moved, shifts @ rotation, cells @ rotation)


class AuditedPotential(nn.Module):
    """A potential as the function that is audited: energies above the references, energies of atoms, forces, stress.

    Law: energies are invariant under O(3), translations and permutations of the atoms, forces are vectors, stress is a
    tensor.

    Args:
        potential: A `Potential`.
        periodic: Whether there is a stress.
    """

    def __init__(self, potential: nn.Module, *, periodic: bool) -> None:
        super().__init__()
        group = O3()
        vector, scalar = group.vector, group.trivial
        self.potential = potential
        self.periodic = periodic
        self.action_in = FramesAction(scalar)
        stress = [LinearAction(vector * vector)] if periodic else []
        self.action_out = TupleAction(LinearAction(scalar), PointFeatures(scalar), PointFeatures(vector), *stress)

    def forward(
        self,
        numbers: Tensor,
        positions: Tensor,
        edges: Tensor,
        structures: Tensor,
        num_structures: int,
        shifts: Tensor,
        cells: Tensor,
    ) -> tuple[Tensor, ...]:
        """Energies (B, 1), energies of atoms (N, 1), forces (N, 3), and, if periodic, stress (B, 9)."""
        potential: Any = self.potential
        with torch.enable_grad():
            out = potential(
                numbers,
                positions,
                edges,
                shifts,
                structures,
                num_structures,
                cells=cells,
                forces=True,
                stress=self.periodic,
            )
        energies = out.energies - potential.reference_energies_of(numbers)
        total = energies.new_zeros(num_structures).index_add(0, structures, energies)
        parts = [total[:, None], energies[:, None], out.forces, *([out.stress.flatten(1)] if self.periodic else [])]
        return tuple(part.detach() for part in parts)


def audit_input(graphs: FrameGraphs) -> tuple[Any, ...]:
    """Frames in the order of `FramesAction`."""
    return (
        graphs.numbers, graphs.positions, graphs.edges, graphs.structures, graphs.num_structures, graphs.shifts,
        graphs.cells,
    )  # fmt: skip


def finite_difference_run(potential: nn.Module, graphs: FrameGraphs, seed: int) -> AuditRun:
    """Forces, and the stress of periodic frames, against central differences of the energy, in float64.

        -dE = F dx along random directions;  dE = V sigma : strain along random symmetric strains

    Args:
        potential: A `Potential`; a copy is cast to float64.
        graphs: Frames, float64.
        seed: Of the directions.

    Returns:
        A run of the report, with the relative error over all directions.
    """
    model = copy.deepcopy(potential).to(torch.float64)
    generator = torch.Generator().manual_seed(seed)
    periodic = bool((torch.linalg.det(graphs.cells).abs() > 0).all())
    errors = {"forces, dE/dx": _force_error(model, graphs, generator)}
    if periodic:
        errors["stress, dE/d(strain)"] = _stress_error(model, graphs, generator)
    rows = tuple(LayerError(name, "all", error, error, "central differences") for name, error in errors.items())
    return AuditRun("float64", rows, (), (), 0.0, execution="finite differences")


def _force_error(model: nn.Module, graphs: FrameGraphs, generator: torch.Generator) -> float:
    forces = _evaluate(model, graphs, forces=True).forces
    found, expected = [], []
    for _ in range(_DIRECTIONS):
        direction = torch.randn(graphs.positions.shape, generator=generator, dtype=torch.float64)
        moved = [graphs._replace(positions=graphs.positions + step * direction) for step in (_STEP, -_STEP)]
        found.append(_difference(model, moved))
        work = -(forces * direction).sum(1)
        expected.append(work.new_zeros(graphs.num_structures).index_add(0, graphs.structures, work))
    return _relative(torch.stack(found), torch.stack(expected))


def _stress_error(model: nn.Module, graphs: FrameGraphs, generator: torch.Generator) -> float:
    stress = _evaluate(model, graphs, stress=True).stress
    volume = torch.linalg.det(graphs.cells).abs()
    found, expected = [], []
    for _ in range(_DIRECTIONS):
        strain = torch.randn(3, 3, generator=generator, dtype=torch.float64)
        strain = (strain + strain.T) / 2
        moved = []
        for step in (_STEP, -_STEP):
            matrix = torch.eye(3, dtype=torch.float64) + step * strain
            parts = (graphs.positions @ matrix, graphs.shifts @ matrix, graphs.cells @ matrix)
            moved.append(graphs._replace(positions=parts[0], shifts=parts[1], cells=parts[2]))
        found.append(_difference(model, moved))
        expected.append(volume * (stress * strain).sum((1, 2)))
    return _relative(torch.stack(found), torch.stack(expected))


def _difference(model: nn.Module, moved: list[FrameGraphs]) -> Tensor:
    forward, backward = (_evaluate(model, graphs).energy for graphs in moved)
    slope: Tensor = (forward - backward) / (2 * _STEP)
    return slope


def _evaluate(model: nn.Module, graphs: FrameGraphs, *, forces: bool = False, stress: bool = False) -> Any:
    with torch.enable_grad():
        return model(*graphs[:6], cells=graphs.cells, forces=forces, stress=stress)


def _relative(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).detach().norm() / expected.detach().norm().clamp_min(1e-12))
