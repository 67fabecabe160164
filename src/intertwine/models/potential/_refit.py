"""Ridge regression of the last linear readout of a potential, and a committee of readouts by bootstrap."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor

from intertwine._errors import UsageError
from intertwine.models.potential._potential import Potential, edge_vectors, forces_of


class LabeledStructures(NamedTuple):
    """A batch of structures with energies, forces and stresses.

    Attributes:
        numbers: ``(N,)`` atomic numbers.
        positions: ``(N, 3)`` in A.
        edges: ``(2, E)``, source row over target row.
        shifts: ``(E, 3)`` in A, or None.
        structures: ``(N,)`` the structure of each atom.
        energy: ``(B,)`` float64 in eV; NaN where it is not known.
        forces: ``(N, 3)`` in eV/A, NaN where they are not known; None if none are.
        stress: ``(B, 3, 3)`` in eV/A^3, NaN where it is not known; None if none is.
        cells: ``(B, 3, 3)`` lattice vectors in rows, where a stress is known.
    """

    numbers: Tensor
    positions: Tensor
    edges: Tensor
    shifts: Tensor | None
    structures: Tensor
    energy: Tensor
    forces: Tensor | None = None
    stress: Tensor | None = None
    cells: Tensor | None = None


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


class _Weights(NamedTuple):
    energy: float
    forces: float
    stress: float


def refit_readout(
    potential: Potential,
    batches: Iterable[LabeledStructures],
    *,
    energy_weight: float = 1.0,
    forces_weight: float = 1.0,
    stress_weight: float = 0.0,
    ridge: float = 1e-8,
    references: bool = True,
    seed: int = 0,
) -> None:
    """Set the readout and the reference energies to the minimum of a quadratic loss, solved for in float64.

        w_E sum_s (E_s - E(x_s))^2 / N_s + w_F sum_s |F_s - F(x_s)|^2 / (3 N_s)
        + w_S sum_s (V_s / N_s)^2 |S_s - S(x_s)|^2 / 9 + ridge

    Energies, forces F and stresses S are linear in the last readout w: its best value, for the features that are
    learned, needs no iteration. The ridge keeps w near to what it was, for each unknown ``ridge`` times the sum of
    squares of its column.
    Each member of the committee is solved for on structures that are drawn with replacement (Poisson's bootstrap).

    Args:
        potential: Its ``readout``, ``reference`` and ``committee`` are replaced.
        batches: The training structures.
        energy_weight: w_E, in 1/eV^2.
        forces_weight: w_F, in A^2/eV^2.
        stress_weight: w_S, in 1/eV^2: a stress times the volume V of the cell is an energy.
        ridge: Of the ridge.
        references: Whether the reference energies are free; they stay as they are otherwise.
        seed: Of the bootstrap.

    Raises:
        UsageError: There is no structure with an energy, or there are stresses without cells.

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
        equations = _equations(potential, batch, _Weights(energy_weight, forces_weight, stress_weight))
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


def _equations(potential: Potential, batch: LabeledStructures, weights: _Weights) -> _Equations:
    """The rows of a batch: one for each energy and each component of a force and of a stress that is known."""
    derivatives = _has_derivatives(batch, weights)
    vectors = edge_vectors(batch.positions.detach(), batch.edges, batch.shifts).requires_grad_(derivatives)
    with torch.set_grad_enabled(derivatives):
        features = potential.readout_features(batch.numbers, vectors, batch.edges, frozen=True)
    size = features.new_zeros(len(batch.energy)).index_add(0, batch.structures, torch.ones_like(features[:, 0]))
    size = size.clamp_min(1).double()
    elements = potential.element_indices(batch.numbers)
    counts = torch.nn.functional.one_hot(elements, len(potential.elements)).double()
    of_atoms = torch.cat([features.detach().double() * potential.energy_scale, counts], 1)
    rows = of_atoms.new_zeros(len(size), of_atoms.shape[1]).index_add(0, batch.structures, of_atoms)
    offsets = rows.new_zeros(len(size)).index_add(0, batch.structures, potential.reference_energies_of(batch.numbers))
    each = torch.arange(len(size), device=rows.device)
    parts = [_known(rows, batch.energy.double() - offsets, (weights.energy / size).sqrt(), each)]
    if derivatives:
        forces, virials = _derivative_rows(features, vectors, batch)
        none = forces.new_zeros(1, counts.shape[1])
        if batch.forces is not None and weights.forces:
            forces = torch.cat([forces * potential.energy_scale, none.expand(len(forces), -1)], 1)
            owner = batch.structures.repeat_interleave(3)
            parts.append(_known(forces, batch.forces.flatten().double(), (weights.forces / (3 * size)).sqrt(), owner))
        if batch.stress is not None and weights.stress and batch.cells is not None:
            virials = torch.cat([virials * potential.energy_scale, none.expand(len(virials), -1)], 1)
            volume = torch.linalg.det(batch.cells.double()).abs()[:, None, None]
            target = torch.where(volume > 0, batch.stress.double() * volume, torch.nan).flatten()
            parts.append(_known(virials, target, (weights.stress / 9) ** 0.5 / size, each.repeat_interleave(9)))
    return _Equations(*(torch.cat(columns) for columns in zip(*parts, strict=True)))


def _has_derivatives(batch: LabeledStructures, weights: _Weights) -> bool:
    """Whether the forces or the stress of a structure are known and have a weight.

    Raises:
        UsageError: There are stresses without cells.
    """
    if batch.stress is not None and batch.cells is None:
        raise UsageError("a stress is a derivative per volume: give cells (B, 3, 3) with it")
    labels = ((batch.forces, weights.forces), (batch.stress, weights.stress))
    return any(label is not None and bool(weight) and bool(torch.isfinite(label).any()) for label, weight in labels)


def _known(rows: Tensor, targets: Tensor, weight: Tensor, structures: Tensor) -> _Equations:
    """The rows whose targets are known, times the weight of their structure."""
    finite = torch.isfinite(targets)
    owner = structures[finite]
    factor = weight.index_select(0, owner)
    return _Equations(rows[finite] * factor[:, None], targets[finite] * factor, owner)


def _derivative_rows(features: Tensor, vectors: Tensor, batch: LabeledStructures) -> tuple[Tensor, Tensor]:
    """``(3 N, F)`` and ``(9 B, F)``, the forces and the virials that each feature alone would give."""
    forces, virials = [], []
    owner = batch.structures.index_select(0, batch.edges[1])
    for feature in features.sum(0):
        (slopes,) = torch.autograd.grad(feature, vectors, retain_graph=True, allow_unused=True, materialize_grads=True)
        forces.append(forces_of(slopes, batch.edges, batch.positions).flatten().double())
        if batch.stress is not None:
            products = (slopes[:, :, None] * vectors.detach()[:, None]).double()
            virial = products.new_zeros(len(batch.energy), 3, 3).index_add(0, owner, (products + products.mT) / 2)
            virials.append(virial.flatten())
    return torch.stack(forces, 1), torch.stack(virials, 1) if virials else forces[0].new_zeros(0, len(forces))
