"""Characters of the point groups and of the continuous ones beside spgrep's and escnn's."""

import numpy as np
import pytest
import torch

from intertwine.groups import (
    O2,
    O3,
    SO2,
    SO3,
    FiniteMatrixGroup,
    FullOctahedral,
    FullTetrahedral,
    Octahedral,
    Pyritohedral,
    Tetrahedral,
)
from intertwine.patterns.crystal import CRYSTAL_CLASSES, crystal_class
from intertwine.reps import character_table


def rows(characters: np.ndarray) -> set[tuple[complex, ...]]:
    """A character table without an order of its rows."""
    return {tuple(np.round(row, 8) + 0) for row in characters}


@pytest.mark.parametrize(
    "group", [Tetrahedral(), Pyritohedral(), FullTetrahedral(), Octahedral(), FullOctahedral()], ids=str
)
def test_point_groups_have_the_characters_of_spgrep(group) -> None:
    spgrep = pytest.importorskip("spgrep")
    rotations = group.elements.round().to(torch.int64).numpy()
    theirs = spgrep.get_crystallographic_pointgroup_irreps_from_symmetry(rotations)
    table = character_table(group)
    representatives = [int(members[0]) for members in group.conjugacy_classes]
    found = np.array([[np.trace(irrep[k]) for k in representatives] for irrep in theirs])
    assert len(found) == len(table.characters)
    assert rows(found) == rows(table.characters.numpy())
    assert rows(found[:, ::-1]) != rows(table.characters.numpy())


def point_groups():
    pointgroup = pytest.importorskip("spgrep.symmetry.pointgroup")
    return {name: np.array(settings[0]) for name, settings in pointgroup.pg_dataset.items()}


def test_all_32_crystal_classes_are_known_to_spgrep() -> None:
    found = {name: crystal_class(rotations.tolist()) for name, rotations in point_groups().items()}
    assert len(found) == 32
    assert found == {name: name for name in CRYSTAL_CLASSES[3]}


@pytest.mark.parametrize("name", CRYSTAL_CLASSES[3])
def test_all_32_point_groups_have_the_irreps_of_spgrep(name: str) -> None:
    spgrep = pytest.importorskip("spgrep")
    rotations = point_groups()[name]
    group = FiniteMatrixGroup(torch.tensor(rotations, dtype=torch.float64))  # in the basis of a lattice, not orthogonal
    assert group.order == len(rotations)
    theirs = [
        np.array([np.trace(matrix) for matrix in irrep])
        for irrep in spgrep.get_crystallographic_pointgroup_irreps_from_symmetry(rotations)
    ]
    place = group.index(torch.tensor(rotations, dtype=torch.float64))
    table = character_table(group)
    assert rows(np.array(theirs)) == rows(table.characters[:, group.class_of[place]].numpy())
    # Over the reals two conjugate complex characters make one irrep, a quaternionic one is taken twice.
    expected, kinds = set(), {}
    for chi in theirs:
        indicator = round(float(np.mean([chi[int((place == k).nonzero())] for k in squares(group, place)]).real))
        real = chi.real * (1 if indicator == 1 else 2)
        kind = {1: "real", 0: "complex", -1: "quaternionic"}[indicator]
        expected.add(tuple(np.round(real, 8) + 0))
        kinds[tuple(np.round(real, 8) + 0)] = kind
    g = torch.tensor(rotations, dtype=torch.float64)
    ours = {tuple(np.round(irrep.character(g).numpy(), 8) + 0): irrep.kind for irrep in group.irreps()}
    assert ours == kinds
    assert set(ours) == expected


def squares(group, place):
    """The indices of the squares of the elements, in the order of spgrep."""
    return [int(group.multiplication_table[k, k]) for k in place.tolist()]


@pytest.mark.parametrize("name", ["so2_group", "o2_group", "so3_group", "o3_group"])
def test_continuous_groups_have_the_characters_of_escnn(name: str) -> None:
    escnn = pytest.importorskip("escnn.group")
    theirs = getattr(escnn, name)(4)
    ours = {"so2_group": SO2, "o2_group": O2, "so3_group": SO3, "o3_group": O3}[name]()
    vector = {
        "so2_group": lambda: theirs.irrep(1),
        "o2_group": lambda: theirs.irrep(1, 1),
        "so3_group": lambda: theirs.irrep(1),
        "o3_group": lambda: theirs.irrep(1, 1),
    }[name]()
    elements = [theirs.sample() for _ in range(12)]
    matrices = torch.stack([torch.as_tensor(vector(g), dtype=torch.float64) for g in elements])
    for degree in range(1, 4):
        expected = [float(np.trace(_irrep(theirs, name, degree)(g))) for g in elements]
        irrep = ours.irrep(degree, (-1) ** degree) if name == "o3_group" else ours.irrep(degree)
        torch.testing.assert_close(irrep.character(matrices).tolist(), expected, rtol=1e-9, atol=1e-9)


def _irrep(group, name: str, degree: int):
    if name == "o2_group":
        return group.irrep(1, degree)
    return group.irrep(degree % 2, degree) if name == "o3_group" else group.irrep(degree)
