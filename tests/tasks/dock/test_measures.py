"""Measures of docking against slow and obvious ones."""

import numpy as np
import pytest

from intertwine.tasks.dock import (
    count_clashes,
    interface_residues,
    measure_alpha_carbons,
    measure_docking,
    residue_contacts,
    superposed_rmsd,
    superposition,
)


def test_the_truth_scores_perfectly_wherever_it_is(bundle, random_motion):
    ligand, receptor = bundle
    R, t = random_motion(1)
    measures = measure_docking(ligand.moved(R, t), receptor.moved(R, t), ligand, receptor)
    assert measures.complex_rmsd == pytest.approx(0, abs=1e-9)
    assert measures.interface_rmsd == pytest.approx(0, abs=1e-9)
    assert measures.ligand_rmsd == pytest.approx(0, abs=1e-9)
    assert measures.native_contacts == 1
    assert measures.dockq == pytest.approx(1)
    assert measures.clashes == 0


def test_a_ligand_shifted_by_two_angstrom(bundle):
    ligand, receptor = bundle
    measures = measure_docking(ligand.moved(np.eye(3), np.array([0.0, 2.0, 0.0])), receptor, ligand, receptor)
    assert measures.ligand_rmsd == pytest.approx(2)
    assert 0 < measures.complex_rmsd < 2
    assert 0.23 < measures.dockq < 1


def test_a_ligand_far_away_scores_nothing(bundle):
    ligand, receptor = bundle
    measures = measure_docking(ligand.moved(np.eye(3), np.array([0.0, 200.0, 0.0])), receptor, ligand, receptor)
    assert measures.native_contacts == 0
    assert measures.dockq < 0.05


def test_a_ligand_inside_the_receptor_clashes(bundle):
    ligand, receptor = bundle
    shift = receptor.coordinates.mean(0) - ligand.coordinates.mean(0) + [4.9, 0, 0]
    assert measure_docking(ligand.moved(np.eye(3), shift), receptor, ligand, receptor).clashes > 5


def test_counts_equal_those_over_all_pairs(bundle):
    ligand, receptor = bundle
    a, b = ligand.alpha_carbon_coordinates, receptor.alpha_carbon_coordinates
    distances = np.linalg.norm(a[:, None] - b, axis=2)
    assert count_clashes(a, b, 9.0) == (distances < 9.0).sum()
    i, j = interface_residues(a, b, 9.0)
    assert i.tolist() == np.flatnonzero((distances < 9).any(1)).tolist()
    assert j.tolist() == np.flatnonzero((distances < 9).any(0)).tolist()
    atoms = np.linalg.norm(ligand.coordinates[:, None] - receptor.coordinates, axis=2)
    rows, columns = np.nonzero(atoms < 5)
    expected = set(zip(ligand.residue_of_atom[rows].tolist(), receptor.residue_of_atom[columns].tolist(), strict=True))
    assert residue_contacts(ligand, receptor) == expected


def test_superpositions(random_motion):
    points = np.random.default_rng(0).normal(size=(20, 3))
    R, t = random_motion(2)
    rotation, translation = superposition(points, points @ R.T + t)
    assert np.allclose(rotation, R)
    assert np.allclose(translation, t)
    mirrored = points * [1, 1, -1]
    assert np.linalg.det(superposition(points, mirrored)[0]) == pytest.approx(1)
    assert superposed_rmsd(points, mirrored) > 0.1


def test_other_residues_are_refused(bundle):
    a, b = (s.alpha_carbon_coordinates for s in bundle)
    with pytest.raises(ValueError, match="same residues"):
        measure_alpha_carbons(a[1:], b, a, b)
