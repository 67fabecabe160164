"""Checks of magnitudes: whether energies, forces and stresses look like eV, eV/A and eV/A^3."""

from __future__ import annotations

import math

import torch
from scipy.spatial import cKDTree
from torch import Tensor

from intertwine.data import PointCloudSet

_HARTREE, _KCAL, _BOHR = 27.211386, 0.0433641, 0.529177
_NEAREST = 0.3
"""Atoms that are closer than this, in angstrom, are hardly meant."""
_MIN_PAIRS = 20
_MOST_FRAMES = 400
_SLOPE = 1.6
"""A factor between changes of energy and work of forces beyond which they disagree."""


def unit_warnings(frames: PointCloudSet) -> list[str]:
    """What looks wrong about the units of labels, one line each; nothing is changed.

    - Total energies of all-electron calculations are near the Thomas-Fermi energy of the atoms, -0.77 Z^(7/3) hartree:
      a ratio near one means hartree, one near 627 kcal/mol.
    - Between two similar frames of one composition the energy changes by the work of the forces,
      E_b - E_a = -1/2 (F_a + F_b) (x_b - x_a): the slope of the regression is 1 when the units fit, 1/N for energies
      per atom, 23.06 for kcal/mol beside eV/A.
    - Energies per atom, of frames of several sizes, follow the fractions of the elements better than their counts.
    - Atoms closer than 0.3 A are an error, or positions in nanometers.
    - Forces above 12 eV/A, root mean square, or stresses above 2 eV/A^3 are rare.

    Args:
        frames: With the fields of `read_frames`.

    Returns:
        Lines for warnings.
    """
    checks = (_distances, _total_energies, _work, _composition, _forces, _stress)
    return [line for check in checks if (line := check(frames))]


def _distances(frames: PointCloudSet) -> str:
    """Atoms that are too near each other, within one frame; images are left to the reader, which knows exact ones."""
    near = []
    for name, positions in zip(frames.names, frames.positions.split(frames.counts.tolist()), strict=True):
        tree = cKDTree(positions.double().numpy())
        pairs = tree.query_pairs(_NEAREST, output_type="ndarray")
        if len(pairs):
            first, second = min(map(tuple, pairs.tolist()))
            near.append((name, first, second, float((positions[first] - positions[second]).norm())))
    if not near:
        return ""
    (name, first, second, distance), others = near[0], len(near) - 1
    more = f", and some of {others:,} more frame{'s' * (others > 1)}" if others else ""
    return (
        f"atoms {first + 1} and {second + 1} of {name} are {distance:.2g} A apart{more}: leave them out, or see "
        "whether positions are in angstrom"
    )


def _total_energies(frames: PointCloudSet) -> str:
    known = frames.cloud_fields["has_energy"][:, 0]
    if not bool(known.any()):
        return ""
    charges = frames.point_fields["numbers"].to(torch.float64)
    atoms = torch.zeros(len(frames), dtype=torch.float64).index_add_(0, frames.batch, 0.7687 * charges ** (7 / 3))
    ratio = float((-frames.cloud_fields["energy"][:, 0] / atoms)[known].median())
    if 0.4 < ratio < 1.3:
        return f"energies look like hartree, not eV: multiply them by {_HARTREE} (and forces accordingly)"
    if 300 < ratio < 800:
        return (
            f"energies look like kcal/mol, not eV: multiply them, and the forces, by {_KCAL}, or say --units kcal/mol"
        )
    return ""


def _forces(frames: PointCloudSet) -> str:
    atoms = frames.cloud_fields["has_forces"][:, 0][frames.batch]
    forces = frames.point_fields["forces"][atoms]
    size = float(forces.square().mean().sqrt()) if len(forces) else 0.0
    if size > 12:
        return f"forces of {size:.3g} eV/A (root mean square) look like kcal/mol/A: multiply them by {_KCAL}"
    return ""


def _stress(frames: PointCloudSet) -> str:
    stress = frames.cloud_fields["stress"][frames.cloud_fields["has_stress"][:, 0]]
    size = float(stress.square().mean().sqrt()) if len(stress) else 0.0
    if size > 2:
        return f"stresses of {size:.3g} eV/A^3 (root mean square) look like GPa or kbar: 1 eV/A^3 is 160.2 GPa"
    return ""


def _composition(frames: PointCloudSet) -> str:
    """Whether energies follow fractions of elements, as energies per atom do, rather than their counts."""
    known = frames.cloud_fields["has_energy"][:, 0]
    counts = frames.composition(frames.distinct("numbers"))[known]
    energies = frames.cloud_fields["energy"][known, 0]
    atoms = counts.sum(1)
    if len(energies) <= max(2, counts.shape[1]) or float(atoms.max()) < 1.5 * float(atoms.min()):
        return ""
    fractions = counts / atoms[:, None]
    total, each = _left(fractions, energies / atoms), _left(fractions, energies)
    if each < 0.5 * total:
        return "energies look like energies per atom: a potential learns total energies; multiply by the atoms"
    return ""


def _left(matrix: Tensor, values: Tensor) -> float:
    """The share of values, root mean square, that the least-squares fit leaves."""
    residual = values - matrix @ (torch.linalg.pinv(matrix, rtol=1e-10) @ values)
    return float((residual.square().mean() / values.square().mean().clamp_min(1e-300)).sqrt())


def _work(frames: PointCloudSet) -> str:
    slope = work_slope(frames)
    if slope is None or 1 / _SLOPE < slope < _SLOPE:
        return ""
    known = {
        "energies are per atom": 1 / float(frames.counts.mode().values),
        "energies are in hartree and forces in eV/A": 1 / _HARTREE,
        "energies are in kcal/mol and forces in eV/A": 1 / _KCAL,
        "energies are in eV and forces in kcal/mol/A": _KCAL,
        "energies are in eV and forces in hartree/bohr": _HARTREE / _BOHR,
        "energies and forces are in hartree and bohr": 1 / _BOHR,
    }
    likely = min(known, key=lambda text: abs(math.log(known[text] / slope)))
    fits = abs(math.log(known[likely] / slope)) < math.log(1.4)
    return (
        f"energies and forces do not fit each other: between similar frames the energy changes by {slope:.3g} of the "
        f"work of the forces{f'; probably {likely}' if fits else ''}"
    )


def work_slope(frames: PointCloudSet) -> float | None:
    """The slope of changes of energy against work of forces, between frames of equal atoms and their nearest ones.

    Args:
        frames: With the fields of `read_frames`.

    Returns:
        1 where units fit and forces are the gradient; None where there are too few similar frames to tell.
    """
    usable = frames.cloud_fields["has_energy"][:, 0] & frames.cloud_fields["has_forces"][:, 0]
    indices = usable.nonzero()[:, 0][:_MOST_FRAMES]
    if len(indices) < _MIN_PAIRS:
        return None
    some = frames.select(indices)
    groups: dict[tuple[object, ...], list[int]] = {}
    numbers = some.point_fields["numbers"].split(some.counts.tolist())
    for index, atoms in enumerate(numbers):
        cell = tuple(some.cloud_fields["cell"][index].tolist())
        groups.setdefault((tuple(atoms.tolist()), cell), []).append(index)
    group = max(groups.values(), key=len)
    if len(group) < _MIN_PAIRS:
        return None
    return _slope(some.select(group))


def _slope(frames: PointCloudSet) -> float | None:
    size = len(frames)
    positions = frames.positions.reshape(size, -1, 3).flatten(1)
    forces = frames.point_fields["forces"].reshape(size, -1)
    energies = frames.cloud_fields["energy"][:, 0]
    distances = torch.cdist(positions, positions)
    distances.fill_diagonal_(math.inf)
    distance, nearest = distances.min(1)
    order = distance.argsort()[: max(_MIN_PAIRS, size // 2)]
    first, second = order, nearest[order]
    work = -((forces[first] + forces[second]) / 2 * (positions[second] - positions[first])).sum(1)
    change = energies[second] - energies[first]
    scale = float((work * work).sum() * (change * change).sum()) ** 0.5
    if scale == 0 or float((work * change).sum()) / scale < 0.8:
        return None
    return float((change * change).sum() / (work * change).sum())
