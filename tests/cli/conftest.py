"""Tiny files of molecules whose properties are functions of their positions, and a way to run commands on them."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from intertwine.cli import main

CHARGE = {"H": 0.3, "C": 0.1, "O": -0.6, "Si": 1.0}


def write_molecules(path: Path, n: int = 30, seed: int = 0, elements=("H", "C", "O"), sizes=(2, 6)) -> Path:
    """n random molecules with the scalar `strain`, the vector `dipole` and the symmetric matrix `moment`."""
    random = np.random.default_rng(seed)
    with path.open("w") as file:
        for _ in range(n):
            count = int(random.integers(*sizes))
            symbols = [elements[index] for index in random.integers(0, len(elements), count)]
            x = 1.2 * random.normal(size=(count, 3))
            charges = np.array([CHARGE[symbol] for symbol in symbols])
            centered = x - x.mean(0)
            distances = np.linalg.norm(x[:, None] - x[None], axis=-1)[np.triu_indices(count, 1)]
            values = {
                "strain": [np.exp(-distances).sum() + charges.sum()],
                "dipole": charges @ centered,
                "moment": np.einsum("n,ni,nj->ij", charges**2, centered, centered).ravel(),
            }
            info = " ".join(
                f'{name}="{" ".join(f"{number:.12g}" for number in value)}"' for name, value in values.items()
            )
            file.write(f'{count}\nProperties=species:S:1:pos:R:3 {info} pbc="F F F"\n')
            file.writelines(f"{symbol} {a:.9f} {b:.9f} {c:.9f}\n" for symbol, (a, b, c) in zip(symbols, x, strict=True))
    return path


TINY = ["--hidden", "4x0e+2x1o+2x2e", "--layers", "1", "--epochs", "2", "--batch-size", "8", "--cutoff", "4"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder of its own, with mine.extxyz in it."""
    monkeypatch.chdir(tmp_path)
    write_molecules(tmp_path / "mine.extxyz")
    return tmp_path


@pytest.fixture
def run(capfd):
    """Run a command in this process."""

    def command(*words, code=0):
        capfd.readouterr()
        found = main([str(word) for word in words])
        said = capfd.readouterr()
        assert found == code, f"exit code {found}, not {code}: {said.out}{said.err}"
        return SimpleNamespace(code=found, out=said.out, err=said.err)

    return command


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A folder with mine.extxyz and three runs: one of all targets, the twin of one, and one of dipoles alone."""
    folder = tmp_path_factory.mktemp("trained")
    write_molecules(folder / "mine.extxyz")
    before = os.getcwd()
    os.chdir(folder)
    try:
        every = ["--target", "strain@eV", "--target", "dipole:1o@debye", "--target", "moment:ij=ji"]
        assert main(["fit", "properties", "mine.extxyz", *every, *TINY]) == 0
        assert main(["fit", "properties", "mine.extxyz", *every, *TINY, "--encoder", "message"]) == 0
    finally:
        os.chdir(before)
    return folder


@pytest.fixture
def model(trained, monkeypatch):
    """Inside the folder of `trained`."""
    monkeypatch.chdir(trained)
    return trained / "runs" / "mine-1" / "best"


@pytest.fixture
def tiny():
    """Options of a model that trains in a second."""
    return TINY


@pytest.fixture
def write():
    """`write_molecules`."""
    return write_molecules
