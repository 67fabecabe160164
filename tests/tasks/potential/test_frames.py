"""Labels of frames: which keys, which values, isolated atoms, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from ase.io import write
from emt_frames import crystals, molecules, plain

from ase import Atoms
from intertwine._errors import UsageError
from intertwine.tasks.potential.frames import (
    read_frames,
    read_isolated_atoms,
    reference_energies,
    stream_frames,
    unit_warnings,
    work_slope,
)

NONE = {"energy": None, "forces": None, "stress": None}


def read(folder, frames, **keys):
    write(folder / "frames.extxyz", frames, format="extxyz")
    return read_frames([str(folder / "frames.extxyz")], {**NONE, **keys})


def water(**labels):
    atoms = molecules(1)[0]
    values = {"energy": -5.0, "forces": np.arange(9.0).reshape(3, 3) / 10}
    return plain(atoms, **{labels.get(name, name): value for name, value in values.items()})


def test_results_of_calculators_are_found(tmp_path):
    frames = [*molecules(3), *crystals(2)]
    found = read(tmp_path, frames)
    fields = found.frames.cloud_fields
    energies = torch.tensor([atoms.get_potential_energy() for atoms in frames], dtype=torch.float64)
    assert torch.allclose(fields["energy"][:, 0], energies, atol=1e-8)
    forces = torch.from_numpy(np.concatenate([atoms.get_forces() for atoms in frames]))
    assert torch.allclose(found.frames.point_fields["forces"], forces, atol=1e-8)
    assert fields["has_stress"][:, 0].tolist() == [False] * 3 + [True] * 2
    stress = torch.from_numpy(frames[3].get_stress(voigt=False)).flatten()
    assert torch.allclose(fields["stress"][3], stress, atol=1e-8)
    assert found.frames.label_names["config_type"] == ("water", "methanol", "bulk")
    assert found.keys == {"energy": {"energy": 5}, "forces": {"forces": 5}, "stress": {"stress": 2}}
    assert not bool(fields["pbc"][:3].any())
    assert torch.allclose(fields["cell"][3], torch.from_numpy(frames[3].cell[:]).flatten())


@pytest.mark.parametrize(
    ("energy", "forces"),
    [("REF_energy", "REF_forces"), ("dft_energy", "dft_force"), ("energy", "forces"), ("free_energy", "mp2_forces")],
)
def test_keys_are_found(tmp_path, energy, forces):
    found = read(tmp_path, [water(energy=energy, forces=forces)])
    assert found.keys == {"energy": {energy: 1}, "forces": {forces: 1}, "stress": {}}
    assert found.frames.cloud_fields["energy"].item() == -5.0
    assert torch.allclose(found.frames.point_fields["forces"].flatten(), torch.arange(9.0).double() / 10)


def test_two_keys_with_different_values_are_asked_about(tmp_path):
    atoms = water()
    atoms.info["REF_energy"] = -7.0
    with pytest.raises(UsageError, match=r'"energy" and "REF_energy" both look like the energy .* --energy-key'):
        read(tmp_path, [atoms])
    assert read(tmp_path, [atoms], energy="REF_energy").frames.cloud_fields["energy"].item() == -7.0


def test_two_keys_with_equal_values_are_one(tmp_path):
    atoms = water()
    atoms.info["free_energy"] = -5.0
    assert read(tmp_path, [atoms]).keys["energy"] == {"energy": 1}


def test_stress_of_six_numbers_is_in_the_order_of_ase_and_virials_are_divided_by_the_volume(tmp_path):
    atoms = crystals(1)[0]
    full = atoms.get_stress(voigt=False)
    labels = {"energy": 1.0, "forces": atoms.get_forces()}
    expected = torch.from_numpy(full).flatten()
    six = plain(atoms, dft_stress=atoms.get_stress(), **labels)
    virial = plain(atoms, REF_virial=-full * atoms.get_volume(), **labels)
    for one in (six, virial):
        assert torch.allclose(read(tmp_path, [one]).frames.cloud_fields["stress"][0], expected, atol=1e-9)
    wrong = plain(atoms, dft_stress=np.arange(9.0).reshape(3, 3), **labels)
    with pytest.raises(UsageError, match="not symmetric"):
        read(tmp_path, [wrong])


def test_frames_without_some_labels(tmp_path):
    bare, energy_only, forces_only = (plain(atoms) for atoms in molecules(3))
    energy_only.info["energy"] = -3.0
    forces_only.arrays["forces"] = np.ones((len(forces_only), 3))
    with pytest.warns(UserWarning, match="frame 1: no energy or forces; .* left out"):
        found = read(tmp_path, [bare, energy_only, forces_only])
    fields = found.frames.cloud_fields
    assert fields["has_energy"][:, 0].tolist() == [True, False]
    assert fields["has_forces"][:, 0].tolist() == [False, True]
    with pytest.raises(UsageError, match="no energy or forces; it has config_type; name them with"):
        read(tmp_path, [bare])


def test_isolated_atoms_are_references(tmp_path):
    oxygen, hydrogen = (plain(Atoms(symbol), energy=energy) for symbol, energy in (("O", -400.0), ("H", -13.0)))
    found = read(tmp_path, [oxygen, *molecules(2), hydrogen])
    assert found.isolated == {8: -400.0, 1: -13.0}
    assert len(found.frames) == 2
    write(tmp_path / "atoms.extxyz", [oxygen, hydrogen], format="extxyz")
    assert read_isolated_atoms(str(tmp_path / "atoms.extxyz"), None) == found.isolated
    with pytest.raises(UsageError, match="isolated atom of O has -399 eV here and -400 eV before"):
        read(tmp_path, [oxygen, plain(Atoms("O"), energy=-399.0), *molecules(1)])
    with pytest.raises(UsageError, match="only isolated atoms"):
        read(tmp_path, [oxygen])


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"energy": float("nan")}, '"energy" is not finite'),
        ({"forces": np.full((3, 3), np.inf)}, '"forces" of atom 1 is not finite'),
        ({"energy": [1.0, 2.0]}, "must be one number"),
    ],
)
def test_bad_labels(tmp_path, change, line):
    atoms = water()
    for key, value in change.items():
        (atoms.arrays if key == "forces" else atoms.info)[key] = value
    with pytest.raises(UsageError, match=line) as caught:
        read(tmp_path, [atoms])
    assert "frame 1" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "empty"),
        ("2\nenergy=1.0\nH 0 0 1\nH 0 0 1\n", "atoms 1 and 2 are at the same place"),
        ('1\nenergy=1.0 pbc="T T T"\nH 0 0 0\n', "it is periodic, and has no cell"),
        ('1\nLattice="1 0 0 2 0 0 0 0 1" energy=1.0 pbc="T T T"\nH 0 0 0\n', "not independent"),
        ("2\nenergy=1.0\nH 0 0 0\nH 0 0 nan\n", "not finite"),
    ],
)
def test_bad_files(tmp_path, text, line):
    (tmp_path / "frames.extxyz").write_text(text)
    with pytest.raises(UsageError, match=line):
        read_frames([str(tmp_path / "frames.extxyz")], NONE)


def test_mixed_periodicity_keeps_the_periodic_directions(tmp_path):
    atoms = crystals(1)[0]
    atoms.pbc = (True, False, True)
    cell = read(tmp_path, [atoms]).frames.lattice[0]
    assert cell.any(1).tolist() == [True, False, True]


def test_streaming_gives_the_same_structures(tmp_path):
    frames = [*molecules(4), *crystals(1)]
    whole = read(tmp_path, frames).frames
    parts = [structures for structures, _ in stream_frames(str(tmp_path / "frames.extxyz"), 2)]
    assert [len(part) for part in parts] == [2, 2, 1]
    assert torch.equal(torch.cat([part.positions for part in parts]), whole.positions)
    assert torch.equal(torch.cat([part.cloud_fields["cell"] for part in parts]), whole.cloud_fields["cell"])


def test_reference_energies_by_least_squares_and_isolated_atoms():
    counts = torch.tensor([[2.0, 1], [4, 1], [3, 2], [1, 0]])
    true = torch.tensor([-13.0, -2041.0], dtype=torch.float64)
    energies = counts.double() @ true
    fitted = reference_energies(counts, energies, [1, 8], {}, "")
    assert torch.allclose(torch.tensor(fitted.values, dtype=torch.float64), true, atol=1e-8)
    with pytest.warns(UserWarning, match="no isolated atom of O"):
        mixed = reference_energies(counts, energies, [1, 8], {1: -13.0}, "atoms.xyz")
    assert mixed.values[0] == -13.0
    assert abs(mixed.values[1] + 2041) < 1e-8
    single = reference_energies(torch.tensor([[2.0, 1.0]] * 3), energies[:1].expand(3), [1, 8], {}, "")
    assert abs(float(single(torch.tensor([[2.0, 1.0]]))) - float(energies[0])) < 1e-8
    assert "too few compositions" in single.source


def test_units_are_checked(tmp_path):
    frames = molecules(80)
    assert unit_warnings(read(tmp_path, frames).frames) == []
    each = [plain(a, energy=a.get_potential_energy() / len(a), forces=a.get_forces()) for a in frames]
    assert any("per atom" in line for line in unit_warnings(read(tmp_path, each).frames))
    strong = [plain(a, energy=a.get_potential_energy(), forces=100 * a.get_forces()) for a in frames]
    assert any("kcal/mol/A" in line for line in unit_warnings(read(tmp_path, strong).frames))
    hartree = [plain(a, energy=-76.4 if len(a) == 3 else -115.7, forces=a.get_forces()) for a in frames]
    assert any("hartree" in line for line in unit_warnings(read(tmp_path, hartree).frames))


def test_work_of_forces_is_the_change_of_energy(tmp_path):
    near = [atoms for atoms in molecules(80) if len(atoms) == 3]
    slope = work_slope(read(tmp_path, near).frames)
    assert slope is not None
    assert 0.8 < slope < 1.3
    scaled = [plain(a, energy=a.get_potential_energy() * 23.06, forces=a.get_forces()) for a in near]
    assert work_slope(read(tmp_path, scaled).frames) == pytest.approx(23.06 * slope, rel=1e-6)
    assert work_slope(read(tmp_path, near[:5]).frames) is None
