"""Distances of docking at their bounds, and the chemistry of every kind of heavy atom."""

import numpy as np
import pytest

from intertwine.tasks.dock import _measures as measures
from intertwine.tasks.dock._atom_types import ATOM_TYPES, _atom_type


def row(*x):
    return np.array([[value, 0.0, 0.0] for value in x])


def test_clashes_and_interfaces_at_their_distances():
    assert measures.count_clashes(row(0.0), row(2.999, 3.001)) == 1
    assert measures.count_clashes(row(0.0, 1.0), row(2.5, 3.5)) == 3
    near, far = measures.interface_residues(row(0.0, -5.0), row(7.999, 20.0))
    assert (near.tolist(), far.tolist()) == ([0], [0])
    near, far = measures.interface_residues(row(0.0), row(8.001))
    assert (near.tolist(), far.tolist()) == ([], [])
    assert measures.interface_residues(row(0.0), row(8.001), 9.0)[0].tolist() == [0]


def test_alpha_carbons_by_hand():
    true_ligand = np.array([[0.0, 0, 0], [0, 3, 0], [0, 0, 5], [-30, 0, 0]])
    true_receptor = np.array([[6.0, 0, 0], [6, 3, 0], [6, 0, 5], [40, 0, 0]])
    whole, interface, ligand = measures.measure_alpha_carbons(
        true_ligand + np.array([1.0, 2, 2]), true_receptor, true_ligand, true_receptor
    )
    assert ligand == pytest.approx(3.0)
    assert 0 < interface <= 1.5  # two rigid halves, apart by three: superposed they share the gap
    assert 0 < whole <= 1.5
    gone = measures.measure_alpha_carbons(true_ligand - 100, true_receptor, true_ligand - 100, true_receptor)
    assert np.isnan(gone[1])
    assert gone[0] == pytest.approx(0, abs=1e-6)
    for ligand, receptor in ((true_ligand[:3], true_receptor), (true_ligand, true_receptor[:3])):
        with pytest.raises(ValueError, match="the same residues in prediction and truth, got ligands"):
            measures.measure_alpha_carbons(ligand, receptor, true_ligand, true_receptor)


def test_superpositions_are_never_reflections():
    points = np.random.default_rng(0).normal(size=(5, 3))
    rotation, _ = measures.superposition(points, points * [1, 1, -1])
    assert np.linalg.det(rotation) == pytest.approx(1)
    assert measures.superposed_rmsd(points, points + 7) == pytest.approx(0, abs=1e-12)
    assert measures._rms(np.array([[3.0, 4, 0], [0, 0, 0]])) == pytest.approx((25 / 2) ** 0.5)


@pytest.mark.parametrize(
    ("atoms", "kind"),
    [
        ("ALA N|GLY N|PRO N", "backbone N"),
        ("ALA CA|PRO CA", "CA"),
        ("GLY CA", "CA of Gly"),
        ("ALA C", "backbone C"),
        ("ALA O", "backbone O"),
        ("ALA OXT|ASP OD1|GLU OE2", "carboxylate O"),
        ("SER CB|ALA CB|LYS CB", "CB, polar"),
        ("VAL CB|PHE CB|CYS CB|VAL CG1|ILE CD1|LEU CG|MET CE", "C, hydrophobic"),
        ("LYS NZ", "N of Lys"),
        ("ARG NH1|ARG NE", "N of Arg"),
        ("ASN ND2|GLN NE2", "amide N"),
        ("ASN OD1|GLN OE1", "amide O"),
        ("SER OG|THR OG1", "hydroxyl O"),
        ("TYR OH", "O of Tyr"),
        ("HIS ND1|TRP NE1", "ring N"),
        ("PHE CG|TRP CH2|TYR CZ", "aromatic C"),
        ("HIS CG|HIS CE1", "C of His ring"),
        ("LYS CG|GLU CG|THR CG2|PRO CG|ARG CD", "C, polar side chain"),
        ("ASP CG|GLU CD|ASN CG|GLN CD|ARG CZ", "C of C=O or Arg"),
        ("CYS SG|MET SD", "S"),
    ],
)
def test_types_of_atoms(atoms, kind):
    assert kind in ATOM_TYPES
    for atom in atoms.split("|"):
        assert _atom_type(*atom.split()) == kind, atom
