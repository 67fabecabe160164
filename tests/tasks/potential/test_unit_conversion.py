"""Units of energy that a file states, or that `--units` says."""

from __future__ import annotations

import re

import emt_frames
import numpy as np
import pytest
from ase.io import write

from intertwine._errors import UsageError
from intertwine.tasks.potential import PotentialOptions
from intertwine.tasks.potential._describe import labels_text
from intertwine.tasks.potential.frames import read_frames, read_isolated_atoms

KEYS = {"energy": None, "forces": None, "stress": None}
KCAL, KJ = 0.0433641, 0.01036427
COORDS, FORCES = np.random.default_rng(0).normal(size=(2, 6, 3, 3))
ARRAYS = {"nuclear_charges": [8, 1, 1], "coords": COORDS, "energies": -47000.0 - np.arange(6), "forces": FORCES}


@pytest.fixture
def save(tmp_path):
    def make(**more):
        np.savez(tmp_path / "md.npz", **ARRAYS, **more)
        return str(tmp_path / "md.npz")

    return make


@pytest.mark.parametrize(
    ("stated", "units", "factor", "converted"),
    [
        (None, None, 1.0, ()),
        (None, "kcal/mol", KCAL, ("kcal/mol",)),
        (None, "kJ/mol", KJ, ("kJ/mol",)),
        ("KCAL/MOL", None, KCAL, ("kcal/mol",)),
        ("kcal/mol", "eV", 1.0, ()),
        ("hartree", "kJ/mol", KJ, ("kJ/mol",)),
    ],
)
def test_energies_and_forces_become_electron_volts(save, stated, units, factor, converted):
    found = read_frames([save(**({} if stated is None else {"e_unit": stated}))], KEYS, units=units)
    assert found.converted == converted
    assert found.keys == {"energy": {"energy": 6}, "forces": {"forces": 6}, "stress": {}}
    energies = found.frames.cloud_fields["energy"].flatten().numpy()
    assert energies == pytest.approx(factor * ARRAYS["energies"], rel=2e-6)
    assert np.allclose(found.frames.point_fields["forces"].numpy(), factor * FORCES.reshape(-1, 3), rtol=2e-6)


def test_a_unit_that_is_not_known(save):
    line = (
        'md.npz, frame 1: the file states its energies in "hartree" (e_unit); expected eV, kcal/mol, kJ/mol: say which'
    )
    with pytest.raises(UsageError, match=re.escape(line)):
        read_frames([save(e_unit="hartree")], KEYS)
    with pytest.raises(UsageError, match='no units "cal"'):
        PotentialOptions(data=save(), units="cal").check()
    PotentialOptions(data=save(), units="kcal/mol").check()


def test_stresses_and_isolated_atoms_are_converted_too(tmp_path):
    frames = emt_frames.crystals(2)
    write(tmp_path / "c.extxyz", frames)
    plain, converted = (read_frames([str(tmp_path / "c.extxyz")], KEYS, units=units) for units in (None, "kJ/mol"))
    for name in ("stress", "energy"):
        expected = KJ * plain.frames.cloud_fields[name].numpy()
        assert np.allclose(converted.frames.cloud_fields[name].numpy(), expected, rtol=2e-6)
    (tmp_path / "h.extxyz").write_text("1\nenergy=-300.0\nH 0 0 0\n")
    assert read_isolated_atoms(str(tmp_path / "h.extxyz"), None) == {1: -300.0}
    assert read_isolated_atoms(str(tmp_path / "h.extxyz"), None, "kcal/mol")[1] == pytest.approx(-300 * KCAL, rel=1e-6)


def test_what_the_first_lines_of_a_run_say():
    found = {"energy": {"E": 3}, "forces": {}, "stress": {}}
    assert labels_text(found, 3) == "energy from E (eV), no forces, no stress"
    assert labels_text(found, 3, ["kcal/mol"]).endswith("no stress; converted from kcal/mol")
    assert labels_text(found, 3, ["kcal/mol", "kJ/mol"]).endswith("; converted from kcal/mol and kJ/mol")
