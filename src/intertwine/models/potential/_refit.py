"""Ridge regression of the last linear readout of a potential, and a committee of readouts by bootstrap."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor

from intertwine._errors import UsageError
from intertwine.models.potential._potential import Potential, edge_vectors, forces_of


class LabeledStructures(NamedTuple):
    """A batch of structures with energies and forces.

    Attributes:
        numbers: ``(N,)`` atomic numbers.
        positions: ``(N, 3)`` in A.
        edges: ``(2, E)``, source row over target row.
        shifts: ``(E, 3)`` in A, or None.
        structures: ``(N,)`` the structure of each atom.
        energy: ``(B,)`` float64 in eV; NaN where it is not known.
        forces: ``(N, 3)`` in eV/A, NaN where they are not known; None if none are.
    """

    numbers: Tensor
    positions: Tensor
    edges: Tensor
    shifts: Tensor | None
    structures: Tensor
    energy: Tensor
    forces: Tensor | None = None


class _Equations(NamedTuple):
    """Weighted rows of a linear system.

    Attributes:
        rows: ``(R, F + Z)`` of the unknowns: the readout and a change of the reference energies.
        targets: ``(R,)``.
        structures: ``(R,)`` the structure that each row is of.
    """

    rows: Tensor
    targets: Tensor
    structures: Tensor


def refit_readout(
    potential: Potential,
    batches: Iterable[LabeledStructures],
    *,
    energy_weight: float = 1.0,
    forces_weight: float = 1.0,
    ridge: float = 1e-8,
    references: bool = True,
    seed: int = 0,
) -> None:
    """Set the readout and the reference energies to the minimum of a quadratic loss, solved for in float64.

        w_E sum_s (E_s - E(x_s))^2 / N_s + w_F sum_s |F_s - F(x_s)|^2 / (3 N_s) + ridge

    Energies and forces are linear in the last readout w: its best value, for the features that are learned, needs no
    iteration. The ridge keeps w near to what it was, for each unknown ``ridge`` times the sum of squares of its column.
    Each member of the committee is solved for on structures that are drawn with replacement (Poisson's bootstrap).

    Args:
        potential: Its ``readout``, ``reference`` and ``committee`` are replaced.
        batches: The training structures.
        energy_weight: w_E, in 1/eV^2.
        forces_weight: w_F, in A^2/eV^2.
        ridge: Of the ridge.
        references: Whether the reference energies are free; they stay as they are otherwise.
        seed: Of the bootstrap.

    Raises:
        UsageError: There is no structure with an energy.

    Cost: one backward pass for each feature and batch, and ``members`` times the square of the number of features for
    each equation.
    """
    device, width = potential.readout.device, potential.readout.numel()
    free = len(potential.elements) if references else 0
    start = torch.cat([potential.readout.detach().double(), potential.reference.new_zeros(free)])
    total = start.numel()
    members = 1 + len(potential.committee)
    squares, sides = start.new_zeros(members, total, total), start.new_zeros(members, total)
    generator, known = torch.Generator().manual_seed(seed), 0
    for batch in batches:
        equations = _equations(potential, batch, energy_weight, forces_weight)
        known += int(torch.isfinite(batch.energy).sum())
        draws = torch.poisson(torch.ones(members, len(batch.energy)), generator=generator).double().to(device)
        draws[0] = 1
        rows = equations.rows[:, :total]
        errors = equations.targets - rows @ start
        for member in range(members):
            weighted = rows * draws[member].index_select(0, equations.structures)[:, None]
            squares[member].addmm_(weighted.T, rows)
            sides[member].addmv_(weighted.T, errors)
    if not known:
        raise UsageError("no structure has an energy: there is nothing to refit the readout on")
    scale = torch.diagonal(squares, dim1=1, dim2=2).clamp_min(torch.finfo(torch.float64).tiny)
    damped = squares + torch.diag_embed(ridge * scale)
    change = torch.linalg.solve(damped[0], sides[0])
    with torch.no_grad():
        potential.readout.add_(change[:width])
        if references:
            potential.reference.add_(change[width:])
        if members > 1:  # of the same reference energies
            others = sides[1:, :width] - damped[1:, :width, width:] @ change[width:]
            found = start[:width] + torch.linalg.solve(damped[1:, :width, :width], others)
            potential.committee.copy_(found)


def _equations(
    potential: Potential, batch: LabeledStructures, energy_weight: float, forces_weight: float
) -> _Equations:
    """The rows of a batch: one for each energy and each component of a force that is known."""
    forces = batch.forces
    asked = forces is not None and bool(torch.isfinite(forces).any())
    vectors = edge_vectors(batch.positions.detach(), batch.edges, batch.shifts).requires_grad_(asked)
    with torch.set_grad_enabled(asked):
        features = potential.readout_features(batch.numbers, vectors, batch.edges, frozen=True)
    size = features.new_zeros(len(batch.energy)).index_add(0, batch.structures, torch.ones_like(features[:, 0]))
    size = size.clamp_min(1).double()
    elements = potential.element_indices(batch.numbers)
    counts = torch.nn.functional.one_hot(elements, len(potential.elements)).double()
    of_atoms = torch.cat([features.detach().double() * potential.energy_scale, counts], 1)
    rows = of_atoms.new_zeros(len(size), of_atoms.shape[1]).index_add(0, batch.structures, of_atoms)
    offsets = rows.new_zeros(len(size)).index_add(0, batch.structures, potential.reference_energies_of(batch.numbers))
    finite = torch.isfinite(batch.energy)
    weight = (energy_weight / size).sqrt()[finite]
    found = [rows[finite] * weight[:, None]]
    targets, owners = [(batch.energy.double() - offsets)[finite] * weight], [finite.nonzero()[:, 0]]
    if asked and forces is not None:
        slopes = _force_rows(features, vectors, batch) * potential.energy_scale
        finite = torch.isfinite(forces).flatten()
        owner = batch.structures.repeat_interleave(3)[finite]
        weight = (forces_weight / (3 * size)).sqrt().index_select(0, owner)
        none = slopes.new_zeros(len(owner), counts.shape[1])
        found.append(torch.cat([slopes[finite], none], 1) * weight[:, None])
        targets.append(forces.flatten()[finite].double() * weight)
        owners.append(owner)
    return _Equations(torch.cat(found), torch.cat(targets), torch.cat(owners))


def _force_rows(features: Tensor, vectors: Tensor, batch: LabeledStructures) -> Tensor:
    """``(3 N, F)``, the forces that each feature alone would give."""
    columns = []
    for feature in features.sum(0):
        (slopes,) = torch.autograd.grad(feature, vectors, retain_graph=True, allow_unused=True, materialize_grads=True)
        columns.append(forces_of(slopes, batch.edges, batch.positions).flatten().double())
    return torch.stack(columns, 1)
