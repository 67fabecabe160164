"""The command `intertwine dock`: files read and written, and bad input."""

import csv
import json
import re

import numpy as np
import pytest

from intertwine.cli import main
from intertwine.tasks.dock import complex_pdb, read_structure

pytest.importorskip("gemmi")
QUICK = ["--level", "1", "--refined", "20", "--models", "3"]


def pdb(structure):
    """A file of one protein: the first half of a complex with a copy of it."""
    lines = complex_pdb(structure, structure).splitlines()
    first = [line for line in lines if line.startswith("ATOM")][: len(structure.atom_names)]
    return "\n".join([*first, "END", ""])


@pytest.fixture
def files(bundle, tmp_path):
    paths = []
    for name, structure in zip(("ligand.pdb", "receptor.pdb"), bundle, strict=True):
        (tmp_path / name).write_text(pdb(structure))
        paths.append(str(tmp_path / name))
    return paths


def test_complexes_scores_and_a_page_are_written(files, tmp_path, capsys, bundle):
    out = tmp_path / "out"
    assert main(["dock", *files, *QUICK, "--output", str(out)]) == 0
    assert "docked" in capsys.readouterr().out
    rows = list(csv.DictReader((out / "scores.csv").open()))
    models = json.loads((out / "scores.json").read_text())["models"]
    assert [int(row["model"]) for row in rows] == list(range(1, len(models) + 1))
    both = read_structure(out / "model-1.pdb").structure
    assert both.residues == sum(structure.residues for structure in bundle)
    atoms = len(bundle[1].atom_names)
    assert np.allclose(both.coordinates[:atoms], bundle[1].coordinates, atol=1e-3)
    R, t = (np.array(models[0][key]) for key in ("rotation", "translation"))
    assert np.allclose(both.coordinates[atoms:], bundle[0].coordinates @ R.T + t, atol=2e-3)
    page = (out / "complexes.html").read_text()
    assert "canvas" in page
    assert not re.search(r"https?://", page)


def test_mmcif_is_read_as_pdb_is(files, tmp_path):
    import gemmi

    gemmi.read_structure(files[0]).make_mmcif_document().write_file(str(tmp_path / "a.cif"))
    one, other = read_structure(files[0]).structure, read_structure(tmp_path / "a.cif").structure
    assert np.allclose(one.coordinates, other.coordinates)
    assert one.atom_names.tolist() == other.atom_names.tolist()


def test_chains_with_one_name_are_renamed(bundle):
    text = complex_pdb(bundle[0], bundle[0])
    chains = {line[21] for line in text.splitlines() if line.startswith("ATOM")}
    assert len(chains) == 2


def written(tmp_path, text):
    (tmp_path / "x.pdb").write_text(text)
    return read_structure(tmp_path / "x.pdb")


def atoms(files):
    return [line for line in open(files[0]).read().splitlines() if line.startswith("ATOM")]


def test_first_of_many_models(files, tmp_path):
    body = "\n".join(atoms(files))
    found = written(tmp_path, f"MODEL        1\n{body}\nENDMDL\nMODEL        2\n{body}\nENDMDL\nEND\n")
    assert len(found.structure.atom_names) == len(atoms(files))
    assert any("models" in remark for remark in found.remarks)


def test_alternate_locations_and_hydrogens(files, tmp_path):
    lines = atoms(files)
    low = lines[1][:16] + "A" + lines[1][17:30] + "   0.000   0.000   0.000  0.30" + lines[1][60:]
    high = lines[1][:16] + "B" + lines[1][17:54] + "  0.70" + lines[1][60:]
    hydrogen = lines[2][:12] + " HA " + lines[2][16:76] + " H"
    found = written(tmp_path, "\n".join([lines[0], low, high, hydrogen, *lines[2:], "END", ""]))
    assert len(found.structure.atom_names) == len(lines)
    assert np.allclose(found.structure.coordinates[1], [float(lines[1][k : k + 8]) for k in (30, 38, 46)])
    assert any("alternate" in remark for remark in found.remarks)


def renamed(lines, name, code=" ", chain=None):
    """Atoms of the backbone as those of another residue, insertion code or chain."""
    kept = [line for line in lines if line[12:16].strip() in ("N", "CA", "C", "O")]
    return [line[:17] + name + " " + (chain or line[21]) + line[22:26] + code + line[27:] for line in kept]


def test_of_two_residues_at_one_place_the_first_is_kept(files, tmp_path):
    lines = atoms(files)
    fifth = [line for line in lines if int(line[22:26]) == 5]
    rest = lines[lines.index(fifth[-1]) + 1 :]
    other = "THR" if fifth[0][17:20] != "THR" else "VAL"
    found = written(tmp_path, "\n".join([*lines[: -len(rest)], *renamed(fifth, other), *rest, "END", ""]))
    assert len(found.structure.atom_names) == len(lines)
    assert found.structure.residue_names[4] == fifth[0][17:20]
    assert any("1 alternate" in remark for remark in found.remarks)


@pytest.mark.parametrize("change", [{"code": "A"}, {"chain": "Z"}])
def test_residues_of_another_insertion_code_or_chain_are_others(files, tmp_path, change):
    lines = atoms(files)
    last = [line for line in lines if line[22:26] == lines[-1][22:26]]
    found = written(tmp_path, "\n".join([*lines, *renamed(last, "GLY", **change), "END", ""]))
    assert len(found.structure.atom_names) == len(lines) + 4
    assert found.structure.residue_names[-1] == "GLY"
    assert not any("alternate" in remark for remark in found.remarks)


def test_atoms_that_are_no_protein(files, tmp_path):
    hetero = "HETATM 9999  O   HOH X   1       0.000   0.000   0.000  1.00  0.00           O"
    heme = "HETATM 9998 FE   HEM X   2       9.000   0.000   0.000  1.00  0.00          FE"
    found = written(tmp_path, "\n".join([*atoms(files), hetero, heme, "END", ""]))
    assert len(found.structure.atom_names) == len(atoms(files))
    assert any("no amino acids" in remark for remark in found.remarks)


def test_missing_residues_are_said(files, tmp_path):
    kept = [line for line in atoms(files) if int(line[22:26]) not in (5, 6, 7)]
    assert any("gap in chains" in remark for remark in written(tmp_path, "\n".join([*kept, "END", ""])).remarks)


@pytest.mark.parametrize("factor", [0.001, 0.1, 10.0, 1000.0])
def test_other_units_are_scaled_and_said(files, tmp_path, factor, bundle):
    import gemmi

    document = gemmi.read_structure(files[0])
    for row in document[0].all():
        row.atom.pos = gemmi.Position(*(factor * np.array(row.atom.pos.tolist())))
    document.make_mmcif_document().write_file(str(tmp_path / "scaled.cif"))
    found = read_structure(tmp_path / "scaled.cif")
    assert any("multiplied" in remark for remark in found.remarks)
    assert np.allclose(found.structure.coordinates, bundle[0].coordinates, atol=0.7 if factor < 0.01 else 0.02)


def test_distances_of_no_unit_are_refused(files, tmp_path, capsys):
    lines = [f"{x[:30]}{3 * float(x[30:38]):8.3f}{3 * float(x[38:46]):8.3f}{x[46:]}" for x in atoms(files)]
    (tmp_path / "x.pdb").write_text("\n".join([*lines, "END", ""]))
    assert main(["dock", str(tmp_path / "x.pdb"), files[1]]) == 2
    assert "unit" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no model|no atom"),
        ("nonsense\n", "no model|no atom|cannot be read"),
        ("HETATM    1  O   HOH A   1       0.000   0.000   0.000  1.00  0.00           O\nEND\n", "no atom"),
        ("ATOM      1  CA  GLY A   1         nan     nan     nan  1.00  0.00           C\nEND\n", "not finite|cannot"),
    ],
)
def test_files_without_a_protein(files, tmp_path, capsys, text, message):
    (tmp_path / "bad.pdb").write_text(text)
    assert main(["dock", str(tmp_path / "bad.pdb"), files[1]]) == 2
    error = capsys.readouterr().err.strip()
    assert re.search(message, error)
    assert len(error.splitlines()) == 1


def test_an_atom_far_away_is_refused(files, tmp_path, capsys):
    lines = atoms(files)
    lines[-1] = f"{lines[-1][:30]}{9000.0:8.3f}{lines[-1][38:]}"
    (tmp_path / "far.pdb").write_text("\n".join([*lines, "END", ""]))
    assert main(["dock", str(tmp_path / "far.pdb"), files[1]]) == 2
    assert "angstrom wide; expected a protein of at most 2,000 angstrom" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["missing.pdb", "ligand.txt", ""])
def test_missing_files_and_other_suffixes(files, tmp_path, capsys, name):
    (tmp_path / "ligand.txt").write_text("x")
    assert main(["dock", str(tmp_path / name), files[1]]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_an_existing_folder_is_kept(files, tmp_path, capsys):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("x")
    assert main(["dock", *files, *QUICK, "--output", str(tmp_path / "out")]) == 2
    assert "something in it" in capsys.readouterr().err
