"""Structures of NPZ archives: the layouts of rMD17, sGDML and QM9, and what is refused in one line."""

from __future__ import annotations

import re

import numpy as np
import pytest

from intertwine._errors import UsageError
from intertwine.data import find_targets, iter_atoms, read_structures
from intertwine.groups import O3

SCALAR, VECTOR = O3().rep("1x0e"), O3().rep("1x1o")
RANDOM = np.random.default_rng(0)
COORDS, FORCES = RANDOM.normal(size=(5, 4, 3)), RANDOM.normal(size=(5, 4, 3))
ENERGIES = np.arange(5.0)
RMD17 = {
    "nuclear_charges": np.array([6, 1, 1, 1], dtype=np.uint8),
    "coords": COORDS,
    "energies": ENERGIES,
    "forces": FORCES,
    "old_energies": ENERGIES + 7,
    "old_forces": 2 * FORCES,
    "old_indices": np.arange(5),
}
SGDML = {
    "z": RMD17["nuclear_charges"], "R": COORDS, "E": ENERGIES[:, None], "F": FORCES, "name": "methyl",
    "r_unit": "Ang", "e_unit": "kcal/mol", "dipole": COORDS[:, 0], "q": COORDS[..., 0],
}  # fmt: skip
COUNTS = np.array([1, 2, 3])
QM9 = {
    "R": COORDS.reshape(-1, 3)[:6], "Z": [2, 1, 9, 8, 1, 1], "N": COUNTS, "gap": [1.0, 2, 3], "q": np.arange(6.0),
    "mu": COORDS[:3, 0],
}  # fmt: skip


@pytest.fixture
def save(tmp_path):
    def make(arrays, **more):
        np.savez(tmp_path / "a.npz", **{name: value for name, value in {**arrays, **more}.items() if value is not None})
        return tmp_path / "a.npz"

    return make


@pytest.mark.parametrize(("arrays", "name"), [(RMD17, "energies"), (SGDML, "E"), (SGDML, "energy")])
def test_frames_of_one_molecule(save, arrays, name):
    found = read_structures(save(arrays), {name: SCALAR}, atom_targets={"forces": VECTOR})
    assert np.array_equal(found.positions.numpy(), COORDS.reshape(-1, 3))
    assert found.point_fields["numbers"].tolist() == [6, 1, 1, 1] * 5
    assert found.cloud_fields[name].flatten().tolist() == ENERGIES.tolist()
    assert np.array_equal(found.point_fields["forces"].numpy(), FORCES.reshape(-1, 3))
    assert found.names[4] == "a.npz:5"
    assert "cell" not in found.cloud_fields


def test_frames_one_after_another_and_filled_up_with_zeros(save):
    filled = np.zeros((3, 3, 3)), np.zeros((3, 3), dtype=np.int64), np.full((3, 3), 7.0)
    for frame, (end, count) in enumerate(zip(np.cumsum(COUNTS), COUNTS, strict=True)):
        part = slice(end - count, end)
        for target, values in zip(filled, (QM9["R"], np.array(QM9["Z"]), QM9["q"]), strict=True):
            target[frame, :count] = values[part]
    whole = read_structures(save(QM9), {"gap": SCALAR, "mu": VECTOR}, atom_targets={"q": SCALAR})
    assert whole.counts.tolist() == [1, 2, 3]
    assert whole.point_fields["numbers"].tolist() == QM9["Z"]
    assert whole.point_fields["q"].flatten().tolist() == QM9["q"].tolist()
    assert np.array_equal(whole.cloud_fields["mu"].numpy(), QM9["mu"])
    arrays = {"positions": filled[0], "charges": filled[1], "num_atoms": COUNTS, "gap": QM9["gap"]}
    again = read_structures(save(arrays, q=filled[2][..., None]), {"gap": SCALAR}, atom_targets={"q": SCALAR})
    for name in ("numbers", "q"):
        assert again.point_fields[name].tolist() == whole.point_fields[name].tolist()
    assert again.positions.tolist() == whole.positions.tolist()
    assert again.cloud_fields["gap"].flatten().tolist() == [1, 2, 3]


def test_what_the_first_frame_says_of_a_name(save):
    layouts = find_targets(save(SGDML), ["E", "dipole", "q", "F", "name"])
    assert {name: (layout.per_atom, layout.size) for name, layout in layouts.items()} == {
        "E": (False, 1), "dipole": (False, 3), "q": (True, 1), "F": (True, 3),
    }  # fmt: skip


def test_earlier_labels_are_left_out_and_progress_ends_with_the_size(save):
    path, seen = save(RMD17), []
    atoms = [checked.atoms for checked in iter_atoms(path, progress=lambda done, total: seen.append((done, total)))]
    assert not any(name.startswith("old_") for one in atoms for name in (*one.info, *one.arrays))
    size = path.stat().st_size
    assert seen[-1] == (size, size)
    assert [done for done, _ in seen[:5]] == [size * k // 5 for k in range(1, 6)]


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {"coords": None},
            "a.npz: no array of coordinates (coords, coordinates, positions, pos, R); it has energies, fo",
        ),
        ({"nuclear_charges": None}, "a.npz: no array of atomic numbers (nuclear_charges, "),
        (
            {"coords": COORDS[..., :2]},
            'a.npz: the array "coords" is float64 (5, 4, 2); expected (frames, atoms, 3), or',
        ),
        ({"coords": COORDS[0, 0]}, 'a.npz: the array "coords" is float64 (3,); expected (frames, atoms, 3)'),
        ({"coords": COORDS[0]}, "a.npz: no array of the numbers of atoms of the frames (N, num_atoms)"),
        ({"nuclear_charges": [6, 1, 1]}, 'a.npz: the array "nuclear_charges" is int64 (3,); expected (4,) or (5, 4)'),
        (
            {"nuclear_charges": [6, 1, 1, 1.5]},
            'a.npz: the array "nuclear_charges" holds atomic numbers that are not who',
        ),
        ({"nuclear_charges": [6, 1, 1, 200]}, 'a.npz, frame 1: unknown element "200" (atom 4)'),
        ({"energies": ENERGIES[:4]}, 'a.npz: the array "energies" is float64 (4,); expected (5,), one for each frame'),
        (
            {"forces": FORCES[:4]},
            'a.npz: the array "forces" is float64 (4, 4, 3); expected three numbers for each atom',
        ),
        ({"coords": COORDS[:0], "energies": None, "forces": None}, "a.npz holds no structures: it is blank"),
        ({"coords": np.where(COORDS.max() == COORDS, np.nan, COORDS)}, " are not finite: "),
        ({"r_unit": "Bohr"}, "a.npz: coordinates in Bohr (r_unit); expected Ang: convert them, and the forces"),
        ({"lattice": np.eye(3)}, 'a.npz: "lattice" makes it periodic; periodic structures are read from extended XYZ'),
    ],
)
def test_what_is_refused(save, changes, line):
    with pytest.raises(UsageError, match=re.escape(line)) as caught:
        read_structures(save(RMD17, **changes))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"N": [1, 2, 4]}, "a.npz: the frames have 7 atoms together, the coordinates 6 rows"),
        ({"N": [-1, 4, 3]}, 'a.npz: the array "N" is int64 (3,); expected whole numbers (frames,)'),
        ({"N": [1.0, 2, 3]}, 'a.npz: the array "N" is float64 (3,); expected whole numbers (frames,)'),
        ({"Z": [1, 2, 3]}, 'a.npz: the array "Z" is int64 (3,); expected (6,), one for each atom'),
        ({"N": [0, 3, 3]}, "a.npz, frame 1: a structure needs at least one atom, this one has none"),
    ],
)
def test_what_is_refused_of_atoms_one_after_another(save, changes, line):
    with pytest.raises(UsageError, match=re.escape(line)):
        read_structures(save(QM9, **changes))


def test_objects_are_never_unpickled_and_damage_is_one_line(save):
    assert len(read_structures(save(RMD17, notes=np.array([{}, None], dtype=object)))) == 5
    path = save(RMD17)
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], b"PK\3\4nothing", whole[:200].replace(b"(", b"9") + whole[200:]):
        path.write_bytes(content)
        with pytest.raises(UsageError, match=r"a\.npz: cannot be read as NPZ \(") as caught:
            read_structures(path)
        assert "\n" not in str(caught.value)
    path.write_bytes(b"")
    with pytest.raises(UsageError, match=r"a\.npz holds no structures: it is empty"):
        read_structures(path)
