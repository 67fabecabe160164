"""Potentials and properties from NPZ archives by command line, from the fit to the audit."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from emt_frames import SMALL_WORDS, molecules

from intertwine.cli import main

SHORT = ("--epochs", "2", "--batch-size", "8")
PROPERTIES = ("--hidden", "4x0e+2x1o", "--layers", "1", "--cutoff", "4")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with an archive of one molecule, as those of rMD17, and one of molecules of several sizes, as QM9's."""
    folder = tmp_path_factory.mktemp("archives")
    frames = molecules(24)
    sizes = [len(atoms) for atoms in frames]
    first = [atoms for atoms in frames if atoms.numbers.tolist() == frames[0].numbers.tolist()] or frames[:1]
    generator = np.random.default_rng(0)
    moved = first[0].positions + 0.05 * generator.normal(size=(20, len(first[0]), 3))
    lengths = np.linalg.norm(moved[:, :1] - moved, axis=2)
    forces = generator.normal(size=moved.shape)
    np.savez(
        folder / "md.npz",
        nuclear_charges=first[0].numbers.astype(np.uint8),
        coords=moved,
        energies=lengths.sum(1),
        forces=forces - forces.mean(1, keepdims=True),
        e_unit="kcal/mol",
    )
    np.savez(
        folder / "small.npz",
        R=np.concatenate([atoms.positions for atoms in frames]),
        Z=np.concatenate([atoms.numbers for atoms in frames]),
        N=np.array(sizes),
        gap=generator.normal(size=len(frames)),
        mu=generator.normal(size=(len(frames), 3)),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield folder


def command(capsys, *words):
    code = main([str(word) for word in words])
    said = capsys.readouterr()
    assert code == 0, said.err
    return " ".join(said.out.split())


def test_a_potential(place, capsys):
    said = command(capsys, "fit", "potential", "md.npz", "--test", "20%", "--output", "potential", *SHORT, *SMALL_WORDS)
    assert "20 frames" in said
    assert "converted from kcal/mol" in said
    command(capsys, "evaluate", "potential/best", "--output", "judged.json")
    assert json.loads((place / "judged.json").read_text())
    command(capsys, "predict", "potential/best", "md.npz", "--output", "predicted.extxyz")
    text = (place / "predicted.extxyz").read_text()
    assert text.count("Properties=") == 20
    command(capsys, "audit", "potential/best", "md.npz", "--samples", "4", "--output", "audited")
    assert (place / "audited" / "audit.json").is_file()


@pytest.mark.parametrize(("target", "columns"), [("gap", 1), ("mu:1o", 3)])
def test_a_property(place, capsys, target, columns):
    run = target[:2]
    said = command(capsys, "fit", "properties", "small.npz", "--target", target, "--output", run, *SHORT, *PROPERTIES)
    assert "24" in said
    command(capsys, "evaluate", f"{run}/best")
    command(capsys, "predict", f"{run}/best", "small.npz", "--output", f"{run}.csv")
    rows = list(csv.reader((place / f"{run}.csv").open()))
    assert len(rows) == 25
    assert all(np.isfinite([float(x) for x in row[-columns:]]).all() for row in rows[1:])
    command(capsys, "audit", f"{run}/best", "--samples", "4")
