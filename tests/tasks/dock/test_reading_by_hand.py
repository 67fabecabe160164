"""Lengths of bonds, gaps, alternate atoms and extents of read structures, at the limits of each."""

import numpy as np
import pytest

from intertwine.cli import main
from intertwine.tasks.dock import read_structure
from intertwine.tasks.dock._reading import _bond_length, _chain_breaks, _in_angstrom, _incomplete
from intertwine.tasks.dock._structure import Structure

pytest.importorskip("gemmi")


def structure(steps, chains=None, nitrogens=False, bond=1.46) -> Structure:
    """A chain of CA along x with these steps, and perhaps an N above each."""
    x = np.concatenate([[0.0], np.cumsum(steps)])
    count = len(x)
    places = [[value, 0.0, 0.0] for value in x]
    names, owner = ["CA"] * count, list(range(count))
    if nitrogens:
        places = [place for value in x for place in ([value, bond, 0.0], [value, 0.0, 0.0])]
        names, owner = ["N", "CA"] * count, [k for k in range(count) for _ in range(2)]
    chains = chains or ["A"] * count
    return Structure(
        "x",
        np.array(places),
        np.array(names),
        np.array(owner),
        np.array(["GLY"] * count),
        np.array(chains),
        np.arange(count),
        np.array([""] * count),
    )


def test_lengths_of_bonds():
    assert _bond_length(structure([3.8, 4.0, 9.0])) == (4.0, 3.8)
    length, expected = _bond_length(structure([3.8, 4.0, 9.0], nitrogens=True))
    assert length == pytest.approx(1.46)
    assert expected == pytest.approx(1.46, abs=0.02)
    assert _bond_length(structure([])) == (None, 3.8)
    assert _bond_length(structure([5.0])) == (5.0, 3.8)
    partial = structure([3.8] * 3, nitrogens=True)
    names = partial.atom_names.copy()
    names[0] = "X"  # the first residue has no N: the others count
    kept = Structure("x", partial.coordinates, names, partial.residue_of_atom, partial.residue_names, partial.chains,
                     partial.numbers, partial.insertion_codes)  # fmt: skip
    assert _bond_length(kept)[0] == pytest.approx(1.46)


@pytest.mark.parametrize(
    ("factor", "times", "words"),
    [
        (1.0, 1.0, ""),
        (0.71, 1.0, ""),
        (1.39, 1.0, ""),
        (0.1, 10.0, "coordinates look like nanometers: multiplied by 10"),
        (0.071, 10.0, "nanometers"),
        (0.139, 10.0, "nanometers"),
        (1000.0, 0.001, "coordinates look like units of 0.001 angstrom: multiplied by 0.001"),
        (710.0, 0.001, "units of 0.001 angstrom"),
        (10.0, 0.1, "coordinates look like tenths of an angstrom: multiplied by 0.1"),
        (13.9, 0.1, "tenths of an angstrom"),
        (0.001, 1000.0, "coordinates are 1,000 times too small: multiplied by 1000"),
        (0.00071, 1000.0, "1,000 times too small"),
    ],
)
def test_units_of_coordinates(factor, times, words):
    given = structure([3.8 * factor] * 4)
    found, remark = _in_angstrom(given)
    assert words in remark
    assert bool(words) == bool(remark)
    assert np.allclose(found.coordinates, times * given.coordinates)


@pytest.mark.parametrize("factor", [0.69, 1.41, 3.0, 0.0004, 0.01, 100.0, 1e5, 0.069, 0.141, 6.9, 14.1, 690.0, 1410.0])
def test_lengths_of_no_unit(factor):
    with pytest.raises(ValueError, match=r"consecutive CA are .* apart \(median\), expected 3.8 angstrom"):
        _in_angstrom(structure([3.8 * factor] * 4))
    with pytest.raises(ValueError, match="N and CA of a residue are"):
        _in_angstrom(structure([3.8] * 4, nitrogens=True, bond=1.46 * factor))


def test_gaps_in_chains():
    assert _chain_breaks(structure([4.5, 4.51, 9.0])) == 2
    assert _chain_breaks(structure([3.8, 9.0, 9.0], ["A", "A", "B", "B"])) == 1
    whole = structure([3.8] * 3)
    assert _incomplete(whole) == ["most side chains are missing: scores rest on the atoms that are there"]
    both = _incomplete(structure([3.8, 9.0], nitrogens=True))
    assert both[-1] == "1 gaps in chains (residues missing)"
    three = Structure("x", np.zeros((6, 3)), np.array(["N", "CA", "C"] * 2), np.array([0, 0, 0, 1, 1, 1]),
                      np.array(["GLY"] * 2), np.array(["A"] * 2), np.arange(2), np.array([""] * 2))  # fmt: skip
    assert _incomplete(three) == []
    bare = Structure("x", np.zeros((6, 3)), np.array(["N", "CB", "C", "N", "CA", "C"]), np.array([0, 0, 0, 1, 1, 1]),
                     np.array(["GLY"] * 2), np.array(["A"] * 2), np.arange(2), np.array([""] * 2))  # fmt: skip
    assert _incomplete(bare) == ["1 residues have no CA atom"]


def line(number, name, residue, place, x, *, alternate=" ", occupancy=1.0, chain="A", y=0.0) -> str:
    return (
        f"ATOM  {number:5d} {name:^4s}{alternate}{residue} {chain}{place:4d}    {x:8.3f}{y:8.3f}{0.0:8.3f}"
        f"{occupancy:6.2f}{0.0:6.2f}          {name[0]:>2s}\n"
    )


def backbone(place, x, residue="GLY", first=1):
    return [
        line(first, "N", residue, place, x - 1.46),
        line(first + 1, "CA", residue, place, x),
        line(first + 2, "C", residue, place, x + 1.5),
    ]


def read(tmp_path, lines):
    (tmp_path / "x.pdb").write_text("".join(lines) + "END\n")
    return read_structure(tmp_path / "x.pdb")


def test_of_equal_occupancies_the_first_atom_stays(tmp_path):
    rows = [*backbone(1, 0.0), *backbone(2, 3.8, first=4)]
    rows[1:2] = [
        line(2, "CA", "GLY", 1, 0.0, alternate="A", occupancy=0.5),
        line(2, "CA", "GLY", 1, 0.0, alternate="B", occupancy=0.5, y=0.3),
    ]
    found = read(tmp_path, rows)
    assert found.structure.coordinates[1].tolist() == [0, 0, 0]
    assert "1 alternate locations left out" in found.remarks
    assert found.structure.numbers.tolist() == [1, 2]
    assert found.structure.residue_of_atom.tolist() == [0, 0, 0, 1, 1, 1]


@pytest.mark.parametrize(("width", "refused"), [(1990.0, False), (2010.0, True)])
def test_the_widest_complex(tmp_path, width, refused):
    rows = [*backbone(1, 0.0), *backbone(2, 3.8, first=4), *backbone(3, width - 3.0, first=7)]
    if refused:
        with pytest.raises(ValueError, match="angstrom wide; expected a protein of at most 2,000 angstrom"):
            read(tmp_path, rows)
    else:
        assert read(tmp_path, rows).structure.residues == 3


def test_models_and_files_without_one(tmp_path):
    model = "".join(backbone(1, 0.0) + backbone(2, 3.8, first=4))
    (tmp_path / "m.pdb").write_text(f"MODEL        1\n{model}ENDMDL\nMODEL        2\n{model}ENDMDL\nEND\n")
    assert read_structure(tmp_path / "m.pdb").remarks[0] == "first of 2 models"
    assert not any("model" in remark for remark in read(tmp_path, [model]).remarks)
    (tmp_path / "e.pdb").write_text("END\n")
    with pytest.raises(ValueError, match=r"e.pdb has no (model|atom)"):
        read_structure(tmp_path / "e.pdb")
    with pytest.raises(ValueError, match="is not a file; expected a PDB or mmCIF file"):
        read_structure(tmp_path / "none.pdb")
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(ValueError, match="expected a file ending with one of"):
        read_structure(tmp_path / "a.txt")


def test_what_the_command_says_of_models(tmp_path, capsys, bundle):
    from intertwine.tasks.dock import complex_pdb

    lines = [row for row in complex_pdb(bundle[0], bundle[0]).splitlines() if row.startswith("ATOM")]
    for name in ("a.pdb", "b.pdb"):
        (tmp_path / name).write_text("\n".join([*lines[: len(bundle[0].atom_names)], "END", ""]))
    files = [str(tmp_path / name) for name in ("a.pdb", "b.pdb")]
    assert main(["dock", *files, "--level", "0", "--refined", "4", "--models", "2"]) == 0
    out = capsys.readouterr().out
    assert "model 1" in out
    assert "model 0" not in out
    assert f"{bundle[0].residues:,} residues, {len(bundle[0].atom_names):,} atoms, 1 chains" in out


@pytest.mark.parametrize("place", [13, 18], ids=["atom", "residue"])
def test_names_that_are_no_text_are_refused(place, tmp_path):
    row = b"ATOM      1  CA  ALA A   1       1.000   2.000   3.000  1.00  0.00           C\n"
    (tmp_path / "a.pdb").write_bytes(row[:place] + b"\xd6" + row[place + 1 :])
    with pytest.raises(ValueError, match=r"a.pdb cannot be read: a name in it is no text|a.pdb has no atom"):
        read_structure(tmp_path / "a.pdb")
