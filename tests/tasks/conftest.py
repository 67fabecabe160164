"""Small folders of shapes, and a way to run commands on them."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from intertwine.cli import main

KINDS = ("boxes", "discs", "tubes")


def draw(kind, random, points):
    """Points on a box, a disc or a tube, and the part of each: 0 or 1."""
    if kind == "boxes":
        x = random.uniform(-1, 1, (points, 3))
        axis = random.integers(0, 3, points)
        x[np.arange(points), axis] = random.choice([-1, 1], points)
        return x * [1, 0.7, 0.5] * random.uniform(0.8, 1.2, 3), (axis == 2).astype(int)
    turn = random.uniform(0, 2 * np.pi, points)
    if kind == "tubes":
        height = random.uniform(-1.5, 1.5, points)
        x = np.stack([0.2 * np.cos(turn), 0.2 * np.sin(turn), height], 1)
        return x * random.uniform(0.8, 1.2), (np.abs(height) > 1).astype(int)
    radius = np.sqrt(random.uniform(0, 1, points))
    x = np.stack([radius * np.cos(turn), radius * np.sin(turn), 0.02 * random.normal(size=points)], 1)
    return x * random.uniform(0.8, 1.2), (radius > 0.7).astype(int)


def write_shapes(folder: Path, each: int = 8, points: int = 40, parts: bool = False, kinds=KINDS) -> Path:
    """`each` clouds of each kind as text; with the part of each point as a last column, if wanted."""
    random = np.random.default_rng(0)
    for kind in kinds:
        (folder / kind).mkdir(parents=True, exist_ok=True)
        for number in range(each):
            x, labels = draw(kind, random, points)
            table = np.column_stack([x, labels]) if parts else x
            np.savetxt(folder / kind / f"{number}.xyz", table, fmt="%.6g")
    return folder


SMALL = ["--points", "32", "--epochs", "2", "--batch-size", "8", "--layers", "1", "--neighbors", "6"]
ENCODERS = {
    "steerable": [*SMALL, "--hidden", "4x0e+4x1o+2x2e"],
    "message": [*SMALL, "--encoder", "message", "--hidden", "8x0e", "--width", "8"],
}


@pytest.fixture(scope="session")
def shape_cache(tmp_path_factory):
    """A cache that is nobody's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("INTERTWINE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def trained_shapes(tmp_path_factory, shape_cache):
    """A folder with classes/ and parts/, and a run on each with each encoder: runs/classes-steerable and so on."""
    folder = tmp_path_factory.mktemp("shapes")
    write_shapes(folder / "classes")
    write_shapes(folder / "parts", parts=True)
    before = os.getcwd()
    os.chdir(folder)
    try:
        for name, words in ENCODERS.items():
            for task, data in (("classify", "classes"), ("segment", "parts")):
                augment = ["--augment", "z"] if name == "message" else []
                assert main(["fit", task, data, *words, *augment, "--output", f"runs/{data}-{name}"]) == 0
    finally:
        os.chdir(before)
    return folder


@pytest.fixture
def at_shapes(trained_shapes, monkeypatch):
    """Inside the folder of `trained_shapes`."""
    monkeypatch.chdir(trained_shapes)
    return trained_shapes


@pytest.fixture
def shapes(tmp_path, monkeypatch, shape_cache):
    """A folder of one's own with classes/ in it."""
    monkeypatch.chdir(tmp_path)
    write_shapes(tmp_path / "classes")
    return tmp_path


@pytest.fixture
def small():
    """Options of encoders that train in a second, by name."""
    return ENCODERS


@pytest.fixture
def write():
    """`write_shapes`."""
    return write_shapes


@pytest.fixture
def command(capfd):
    """Run a command in this process."""

    def run(*words, code=0):
        capfd.readouterr()
        found = main([str(word) for word in words])
        said = capfd.readouterr()
        assert found == code, f"exit code {found}, not {code}: {said.out}{said.err}"
        return SimpleNamespace(out=said.out, err=said.err)

    return run
