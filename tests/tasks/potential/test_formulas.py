"""Weights of the loss, reference energies and checks of units, against their formulas and at their bounds."""

import math

import pytest
import torch

from intertwine.data import PointCloudSet
from intertwine.tasks.potential._loss import LossWeights
from intertwine.tasks.potential._plan import _scale
from intertwine.tasks.potential.frames._reference import add_isolated, reference_energies
from intertwine.tasks.potential.frames._units import unit_warnings


def test_the_energy_weight_grows_geometrically_along_half_a_cosine():
    weights = LossWeights(100.0, 2.0, 3.0)
    for completed in (-1.0, 0.0, 0.2, 0.5, 0.9, 1.0, 2.0):
        share = (1 - math.cos(math.pi * min(max(completed, 0), 1))) / 2
        found = weights.at(completed)
        assert math.log10(found.energy) == pytest.approx(2 * share, abs=1e-12)
        assert (found.forces, found.stress) == (2.0, 3.0)


def test_reference_energies_weigh_each_structure_by_its_atoms():
    """min sum ((E - n e) / N)^2 for one element: the mean of E / N, not sum E / sum N."""
    counts, energies = torch.tensor([[1.0], [9.0]]), torch.tensor([2.0, 9.0], dtype=torch.float64)
    assert reference_energies(counts, energies, [6], {}, "").values[0] == pytest.approx(1.5)
    found = reference_energies(counts, energies, [6], {6: 7.0}, "a.xyz")
    assert found.values == (7.0,)
    assert found.source == "isolated atoms (a.xyz)"
    assert not found.fitted
    assert found(torch.tensor([[3]])).tolist() == [21.0]
    none = reference_energies(counts[:0], energies[:0], [6], {}, "")
    assert none.values == (0.0,)
    assert none.source == "least squares over the training frames"


def test_too_few_compositions_are_said_and_leave_the_sum_right():
    counts = torch.tensor([[1.0, 2.0], [2.0, 4.0]])
    energies = counts.double() @ torch.tensor([-3.0, -5.0], dtype=torch.float64)
    found = reference_energies(counts, energies, [8, 1], {}, "")
    assert found.source.endswith("for other compositions pass --isolated-atoms)")
    assert found.fitted
    assert found(counts).tolist() == pytest.approx(energies.tolist())
    whole = torch.cat([counts, torch.tensor([[1.0, 1.0]])])
    energies = whole.double() @ torch.tensor([-3.0, -5.0], dtype=torch.float64)
    assert "few" not in reference_energies(whole, energies, [8, 1], {}, "").source
    with pytest.warns(UserWarning, match="there is no isolated atom of H: its reference energy is fitted"):
        found = reference_energies(whole, energies, [8, 1], {8: -3.0}, "a.xyz")
    assert found.values == pytest.approx((-3.0, -5.0))
    assert found.source == "isolated atoms (a.xyz); H by least squares"
    assert not found.fitted


def test_isolated_atoms_agree_to_rounding():
    known: dict[int, float] = {}
    add_isolated(known, 8, -2000.0, "a")
    add_isolated(known, 8, -2000.0 - 1.9e-3, "b")  # 1e-6 of 2,000
    assert known == {8: -2000.0}
    with pytest.raises(ValueError, match=r"c: the isolated atom of O has -2000.0021 eV here and -2000 eV before"):
        add_isolated(known, 8, -2000.0 - 2.1e-3, "c")
    add_isolated(known, 1, 0.0, "a")
    add_isolated(known, 1, 0.9e-6, "b")
    with pytest.raises(ValueError, match="the isolated atom of H has"):
        add_isolated(known, 1, 1.1e-6, "c")
    with pytest.raises(ValueError, match=r"d: this isolated atom \(Fe\) has no energy; give it one, or leave it out"):
        add_isolated(known, 26, None, "d")


def frames(numbers, counts, energy, forces=0.0, stress=0.0, has_energy=True):
    size, atoms = len(counts), sum(counts)
    return PointCloudSet(
        positions=torch.arange(3.0 * atoms, dtype=torch.float64).reshape(atoms, 3),
        offsets=torch.tensor([0, *counts]).cumsum(0),
        point_fields={
            "numbers": torch.tensor(numbers),
            "forces": torch.full((atoms, 3), float(forces), dtype=torch.float64),
        },
        cloud_fields={
            "energy": torch.tensor(energy, dtype=torch.float64)[:, None],
            "has_energy": torch.full((size, 1), has_energy),
            "has_forces": torch.ones(size, 1, dtype=torch.bool),
            "stress": torch.full((size, 9), float(stress), dtype=torch.float64),
            "has_stress": torch.ones(size, 1, dtype=torch.bool),
            "cell": torch.zeros(size, 9, dtype=torch.float64),
        },
        vectors={"cell", "forces"},
    )


@pytest.mark.parametrize(
    ("ratio", "word"),
    [
        *((0.39, ""), (0.41, "hartree"), (1.29, "hartree"), (1.31, "")),
        *((27.2, ""), (299, ""), (301, "kcal/mol"), (799, "kcal/mol"), (801, "")),
    ],
)
def test_energies_are_compared_with_those_of_thomas_and_fermi(ratio, word):
    """-0.7687 Z^(7/3) hartree an atom."""
    energy = -ratio * 0.7687 * (8 ** (7 / 3) + 2)
    lines = [line for line in unit_warnings(frames([8, 1, 1], [3], [energy])) if line.startswith("energies look like")]
    assert len(lines) == (word != "")
    assert all(f"look like {word}" in line for line in lines)
    assert not unit_warnings(frames([8, 1, 1], [3], [energy], has_energy=False))


def test_forces_and_stresses_are_rarely_so_large():
    quiet = frames([8, 1, 1], [3], [-2000.0], forces=11.9, stress=1.9)
    assert unit_warnings(quiet) == []
    forces, stress = unit_warnings(frames([8, 1, 1], [3], [-2000.0], forces=12.1, stress=2.1))
    assert forces.startswith("forces of 12.1 eV/A (root mean square) look like kcal/mol/A: multiply them by 0.0433641")
    assert stress.startswith("stresses of 2.1 eV/A^3 (root mean square) look like GPa or kbar: 1 eV/A^3 is 160.2 GPa")


def test_energies_per_atom_follow_fractions():
    """Three molecules of other sizes and shares of elements, with energies in all or by the atom."""
    numbers, counts = [8, 1, 1] + [8, 8, 1, 1] + [8] * 4 + [1] * 5, [3, 4, 9]
    total = [-2000.0 * oxygen - 13.6 * hydrogen for oxygen, hydrogen in ((1, 2), (2, 2), (4, 5))]
    per_atom = [energy / size for energy, size in zip(total, counts, strict=True)]
    assert not [line for line in unit_warnings(frames(numbers, counts, total)) if "per atom" in line]
    lines = [line for line in unit_warnings(frames(numbers, counts, per_atom)) if "per atom" in line]
    assert lines == ["energies look like energies per atom: a potential learns total energies; multiply by the atoms"]


def test_energies_per_atom_are_seen_in_spite_of_noise():
    """Twelve frames of 8 or 16 atoms of two elements, energies of 0.2 to 0.5 eV an atom, a tenth of it noise."""
    noise = torch.randn(12, generator=torch.Generator().manual_seed(0)).tolist()
    counts = [8, 16] * 6
    numbers = [29 if atom < 2 + frame % 5 else 13 for frame, size in enumerate(counts) for atom in range(size)]
    per_atom = [0.35 + 0.01 * (frame % 5) + 0.03 * one for frame, one in enumerate(noise)]
    total = [energy * size for energy, size in zip(per_atom, counts, strict=True)]
    assert not [line for line in unit_warnings(frames(numbers, counts, total)) if "per atom" in line]
    assert [line for line in unit_warnings(frames(numbers, counts, per_atom)) if "per atom" in line]


def test_atoms_that_nearly_coincide_are_named():
    some = frames([8, 1, 1] * 3, [3, 3, 3], [-2000.0] * 3)
    assert not unit_warnings(some)
    some.positions[5] = some.positions[4] + torch.tensor([0.0, 0.29, 0.0])
    some.positions[8] = some.positions[6]
    (line,) = unit_warnings(some)
    assert line.startswith("atoms 2 and 3 of 2 are 0.29 A apart, and some of 1 more frame: leave them out")


def test_a_scale_where_all_forces_vanish():
    """Crystals in their places: no forces, and energies that differ by 2 eV in frames of 4 atoms from the reference."""
    still = frames([29] * 8, [4, 4], [1.0, 5.0], forces=0.0)
    assert _scale(still, torch.tensor([3.0, 3.0])) == pytest.approx(1.0)
    assert _scale(frames([29] * 8, [4, 4], [1.0, 5.0], forces=0.5), torch.tensor([3.0, 3.0])) == pytest.approx(0.5)
    assert _scale(still, torch.tensor([1.0, 5.0])) == pytest.approx(1e-3)
