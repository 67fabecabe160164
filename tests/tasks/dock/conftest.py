"""Made proteins: a bundle of ideal helices with side chains, cut into two."""

from __future__ import annotations

import numpy as np
import pytest

from intertwine.tasks.dock import Structure

BACKBONE = {"N": (1.55, -28.0, -0.9), "CA": (2.3, 0.0, 0.0), "C": (1.65, 27.0, 1.1), "O": (1.9, 22.0, 2.3)}
"""Radius, angle in degrees, and height of the atoms of an ideal helix, of residue 0."""

SIDE_CHAINS = {
    "LEU": {"CB": (3.3, -18.0, -0.4), "CG": (4.5, -12.0, 0.4), "CD1": (5.3, 3.0, 1.2), "CD2": (5.4, -26.0, 0.5)},
    "LYS": {"CB": (3.3, -18.0, -0.4), "CG": (4.6, -16.0, 0.5), "CD": (5.9, -13.0, 0.2), "NZ": (7.1, -15.0, 0.9)},
    "ASP": {"CB": (3.3, -18.0, -0.4), "CG": (4.6, -16.0, 0.3), "OD1": (5.2, -8.0, 1.1), "OD2": (5.3, -24.0, -0.3)},
    "SER": {"CB": (3.3, -18.0, -0.4), "OG": (4.3, -10.0, 0.5)},
    "GLY": {},
}


def helix(residues: list[str], center: tuple[float, float], turn: float, chain: str, rise: float = 1.5) -> Structure:
    """An ideal alpha helix along z."""
    names, xyz, owner = [], [], []
    for k, residue in enumerate(residues):
        for name, (radius, angle, height) in {**BACKBONE, **SIDE_CHAINS[residue]}.items():
            phi = np.radians(angle + 100.0 * k + turn)
            xyz.append((center[0] + radius * np.cos(phi), center[1] + radius * np.sin(phi), height + rise * k))
            names.append(name)
            owner.append(k)
    n = len(residues)
    numbers = np.arange(1, n + 1)
    return Structure(
        f"helix {chain}", np.array(xyz), np.array(names), np.array(owner), np.array(residues), np.full(n, chain),
        numbers,
        np.full(n, ""),
    )  # fmt: skip


def joined(first: Structure, second: Structure) -> Structure:
    """Two structures as one."""
    return Structure(
        first.name,
        np.vstack([first.coordinates, second.coordinates]),
        np.concatenate([first.atom_names, second.atom_names]),
        np.concatenate([first.residue_of_atom, second.residue_of_atom + first.residues]),
        np.concatenate([first.residue_names, second.residue_names]),
        np.concatenate([first.chains, second.chains]),
        np.concatenate([first.numbers, second.numbers]),
        np.concatenate([first.insertion_codes, second.insertion_codes]),
    )


def random_residues(count: int, seed: int) -> list[str]:
    """Residue names drawn at random."""
    return np.random.default_rng(seed).choice(list(SIDE_CHAINS), count).tolist()


@pytest.fixture(scope="session")
def bundle() -> tuple[Structure, Structure]:
    """A ligand of one helix in the groove of a receptor of two."""
    length = 14
    ligand = helix(random_residues(length, 1), (0.0, 8.4), 40.0, "L")
    receptor = joined(
        helix(random_residues(length + 6, 2), (-4.9, 0.0), 0.0, "A"),
        helix(random_residues(length + 4, 3), (4.9, 0.0), 170.0, "B"),
    )
    return ligand, receptor


@pytest.fixture(scope="session")
def cut_ball() -> tuple[Structure, Structure]:
    """A ball of atoms, as dense as proteins, cut in two by a wavy surface; each atom a residue, some of them CA."""
    rng = np.random.default_rng(0)
    lattice = np.stack(np.meshgrid(*[np.arange(-5, 6)] * 3, indexing="ij"), -1).reshape(-1, 3)
    points = 2.6 * lattice + rng.uniform(-0.4, 0.4, lattice.shape)
    names = np.where((lattice % 2 == 0).all(1), "CA", "CB")
    inside = np.linalg.norm(points, axis=1) < 11.5
    upper = points[:, 2] > 1 + 2.5 * np.sin(points[:, 0] / 3 + 1) + 2.5 * np.cos(points[:, 1] / 2.5)
    return _atoms(points, names, inside & upper, "L"), _atoms(points, names, inside & ~upper, "R")


def _atoms(points: np.ndarray, names: np.ndarray, chosen: np.ndarray, chain: str) -> Structure:
    points, names, n = points[chosen], names[chosen], int(chosen.sum())
    chains, codes = np.full(n, chain), np.full(n, "")
    return Structure(chain, points, names, np.arange(n), np.full(n, "ALA"), chains, np.arange(1, n + 1), codes)


def _random_motion(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    Q, R = np.linalg.qr(rng.normal(size=(3, 3)))
    Q = Q * np.sign(np.diag(R))
    Q[:, 0] *= np.linalg.det(Q)
    return Q, 30 * rng.normal(size=3)


@pytest.fixture(scope="session")
def random_motion():
    """A function of a seed: a rotation of the Haar measure and a translation."""
    return _random_motion
