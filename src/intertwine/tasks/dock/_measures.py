"""Measures of a predicted complex against a true one: RMSD of complex, interface and ligand, DockQ, clashes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.spatial import cKDTree

from intertwine._errors import UsageError
from intertwine.tasks.dock._structure import Array, Indices, Structure

CONTACT = 5.0
"""Residues with heavy atoms nearer than this are in contact, in angstrom (DockQ)."""
INTERFACE = 8.0
"""Alpha carbons of both proteins nearer than this are the interface, in angstrom."""
CLASH = 3.0
"""Alpha carbons of both proteins nearer than this clash, in angstrom."""


class DockingMeasures(NamedTuple):
    """How near a predicted complex is to the true one; distances in angstrom."""

    complex_rmsd: float
    interface_rmsd: float
    ligand_rmsd: float
    native_contacts: float
    dockq: float
    clashes: int


def superposed_rmsd(points: Array, targets: Array) -> float:
    """The root mean square distance after the best superposition.

    Args:
        points: ``(n, 3)``.
        targets: ``(n, 3)``.
    """
    rotation, translation = superposition(points, targets)
    return _rms(points @ rotation.T + translation - targets)


def superposition(points: Array, targets: Array) -> tuple[Array, Array]:
    """The rotation and translation that move points nearest to targets.

    Args:
        points: ``(n, 3)``, at least one.
        targets: ``(n, 3)``.

    Returns:
        ``(3, 3)`` of determinant +1, and ``(3,)``.
    """
    center_1, center_2 = points.mean(0), targets.mean(0)
    U, _, Vt = np.linalg.svd((targets - center_2).T @ (points - center_1))
    rotation = U @ np.diag([1.0, 1.0, np.linalg.det(U @ Vt)]) @ Vt
    return rotation, center_2 - rotation @ center_1


def count_clashes(ligand: Array, receptor: Array, distance: float = CLASH) -> int:
    """How many pairs of alpha carbons of both proteins are nearer than a distance.

    Args:
        ligand: ``(n, 3)``.
        receptor: ``(m, 3)``.
        distance: In angstrom.
    """
    return int(cKDTree(ligand).count_neighbors(cKDTree(receptor), distance))


def interface_residues(ligand: Array, receptor: Array, distance: float = INTERFACE) -> tuple[Indices, Indices]:
    """The indices of alpha carbons that have one of the other protein nearer than a distance, each once.

    Args:
        ligand: ``(n, 3)``.
        receptor: ``(m, 3)``.
        distance: In angstrom.
    """
    near_1 = cKDTree(receptor).query(ligand, distance_upper_bound=distance)[0] < distance
    near_2 = cKDTree(ligand).query(receptor, distance_upper_bound=distance)[0] < distance
    return np.flatnonzero(near_1), np.flatnonzero(near_2)


def measure_alpha_carbons(
    ligand: Array, receptor: Array, true_ligand: Array, true_receptor: Array
) -> tuple[float, float, float]:
    """RMSD of the complex, of its interface and of the ligand, from alpha carbons.

    The complex is superposed as a whole; the interface by its own residues, those with an alpha carbon of the other
    protein within 8 angstrom in the truth, each once; the ligand's distance is taken after superposing the receptors.

    Args:
        ligand: ``(n, 3)``, predicted.
        receptor: ``(m, 3)``, predicted.
        true_ligand: ``(n, 3)``.
        true_receptor: ``(m, 3)``.

    Returns:
        Three distances in angstrom; that of the interface is NaN without one.

    Raises:
        UsageError: If the counts do not agree.
    """
    if ligand.shape != true_ligand.shape or receptor.shape != true_receptor.shape:
        raise UsageError(
            "measures expect the same residues in prediction and truth, got "
            f"ligands {len(ligand)} and {len(true_ligand)}, receptors {len(receptor)} and {len(true_receptor)}"
        )
    whole = superposed_rmsd(np.vstack([ligand, receptor]), np.vstack([true_ligand, true_receptor]))
    i, j = interface_residues(true_ligand, true_receptor)
    interface = float("nan")
    if len(i):
        interface = superposed_rmsd(np.vstack([ligand[i], receptor[j]]), np.vstack([true_ligand[i], true_receptor[j]]))
    rotation, translation = superposition(receptor, true_receptor)
    return whole, interface, _rms(ligand @ rotation.T + translation - true_ligand)


def measure_docking(
    ligand: Structure, receptor: Structure, true_ligand: Structure, true_receptor: Structure
) -> DockingMeasures:
    r"""All measures of a predicted complex of rigid structures whose atoms are those of the true one.

    DockQ is the mean of the share of native contacts and of :math:`1 / (1 + (x / d)^2)` for the backbone's interface
    RMSD (within 10 angstrom, d = 1.5) and the ligand RMSD (d = 8.5). From 0.23 a model is acceptable, from 0.49 of
    medium and from 0.8 of high quality.

    Args:
        ligand: Predicted.
        receptor: Predicted.
        true_ligand: The same atoms.
        true_receptor: The same atoms.

    Raises:
        UsageError: If the counts of atoms do not agree.

    References:
        Basu, Wallner, DockQ: a quality measure for protein-protein docking models, 2016, Eq. 1 and 2.
    """
    if len(ligand.coordinates) != len(true_ligand.coordinates):
        raise UsageError("measure_docking expects the same atoms in prediction and truth")
    carbons = [s.alpha_carbon_coordinates for s in (ligand, receptor, true_ligand, true_receptor)]
    whole, interface, _ = measure_alpha_carbons(*carbons)
    native = residue_contacts(true_ligand, true_receptor)
    kept = len(native & residue_contacts(ligand, receptor)) / max(len(native), 1)
    backbone = _backbone_rmsd(ligand, receptor, true_ligand, true_receptor)
    rotation, translation = superposition(receptor.coordinates, true_receptor.coordinates)
    chosen = np.isin(ligand.atom_names, ("N", "CA", "C", "O"))
    moved = ligand.coordinates[chosen] @ rotation.T + translation
    ligand_rmsd = _rms(moved - true_ligand.coordinates[chosen])
    dockq = (kept + 1 / (1 + (backbone / 1.5) ** 2) + 1 / (1 + (ligand_rmsd / 8.5) ** 2)) / 3
    return DockingMeasures(whole, interface, ligand_rmsd, kept, dockq, count_clashes(carbons[0], carbons[1]))


def residue_contacts(ligand: Structure, receptor: Structure, distance: float = CONTACT) -> set[tuple[int, int]]:
    """The pairs of residues, of ligand and receptor, with heavy atoms nearer than a distance.

    Args:
        ligand: A protein.
        receptor: Another.
        distance: In angstrom.
    """
    pairs = cKDTree(ligand.coordinates).sparse_distance_matrix(
        cKDTree(receptor.coordinates), distance, output_type="ndarray"
    )
    first = ligand.residue_of_atom[pairs["i"]].tolist()
    return set(zip(first, receptor.residue_of_atom[pairs["j"]].tolist(), strict=True))


def _backbone_rmsd(ligand: Structure, receptor: Structure, true_ligand: Structure, true_receptor: Structure) -> float:
    """The RMSD of backbone atoms of residues in contact within 10 angstrom in the truth, superposed."""
    contacts = residue_contacts(true_ligand, true_receptor, 10.0)
    if not contacts:
        return float("inf")
    points, targets = [], []
    for side, (structure, truth) in enumerate(((ligand, true_ligand), (receptor, true_receptor))):
        residues = np.array(sorted({pair[side] for pair in contacts}))
        chosen = np.isin(structure.residue_of_atom, residues)
        chosen &= np.isin(structure.atom_names, ("N", "CA", "C", "O"))
        points.append(structure.coordinates[chosen])
        targets.append(truth.coordinates[chosen])
    return superposed_rmsd(np.vstack(points), np.vstack(targets))


def _rms(difference: Array) -> float:
    return float(np.sqrt((difference**2).sum(1).mean()))
