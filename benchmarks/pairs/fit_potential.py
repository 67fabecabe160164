"""The recipe of the potential for docking, from training complexes of Docking Benchmark 5.5 alone.

    python benchmarks/pairs/fit_potential.py DB55                 # all rounds, then potential.json of the package

Round 0 searches with a potential of shape alone, later rounds with the fit of the rounds before. Each round takes other
complexes, turns both proteins at random, and keeps statistics of refined poses: those near the true one and decoys that
the search found. From all rounds so far come the energies of pairs of atom types (native contacts against those of
decoys) and the weights of shape and energies in the score. The soft potential of the search has the same energies; its
three other numbers were chosen by the rank of grid poses near the true one. Statistics are kept in build/dock/sums and
not made again. Nothing is read but the training split. The ranking score is that of `fit_ranking.py`.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from db55 import DB55, random_motion
from scipy.spatial.transform import Rotation
from torch import Tensor

from intertwine.ops import (
    RigidMotion,
    motion_distances,
    refine_correlation,
    rotation_grid,
    search_correlation,
    suppress_motions,
)
from intertwine.tasks.dock import (
    ATOM_TYPES,
    DockingPotential,
    PairPotential,
    PoseSums,
    RankingScore,
    Structure,
    contact_energies,
    fit_pair_potential,
    pair_sums,
)

ROOT = Path(__file__).parents[2]
SUMS = ROOT / "build" / "dock" / "sums"
PACKAGED = ROOT / "src" / "intertwine" / "tasks" / "dock" / "potential.json"
WIDTHS = torch.tensor([0.9, 1.2, 1.6, 2.1, 2.8], dtype=torch.float64)
CONTACT = 3
"""The index of the width whose sums count as contacts."""
SOFT_WIDTHS = torch.tensor([1.6, 2.8], dtype=torch.float64)
SOFT_SHAPE = torch.tensor([-9.0, 1.0], dtype=torch.float64)
SOFT_CONTACT = torch.tensor([0.0, 1.0], dtype=torch.float64)
SHAPE = torch.tensor([-40.0, -5.0, 0.0, 1.0, 0.0], dtype=torch.float64)
"""Repulsion of near atoms and attraction of those a little farther, the same for all types."""
PAIR_SCORE = RankingScore(1.0, torch.tensor([4.0, 8.0]), torch.zeros(1), torch.zeros(1))
"""Ranking by the pair potential alone; `fit_ranking.py` fits that of the package."""
LARGEST = 5000
"""Complexes of more atoms are left out, to save time."""
ROUNDS, PER_ROUND, DECOYS, OVERLAPS = 2, 20, 40, 29
NEAR, FAR = 2.0, 4.5
"""Poses are near or far by the root mean square distance of the moved protein's atoms from their true places."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="start no complex after so many")
    parser.add_argument("--output", type=Path, default=PACKAGED)
    options = parser.parse_args()
    data, begin = DB55(options.folder), time.perf_counter()
    potential = shape_potential()
    for number, codes in enumerate(rounds(data)):
        (SUMS / str(number)).mkdir(parents=True, exist_ok=True)
        for code in codes:
            path = SUMS / str(number) / f"{code}.npz"
            if path.exists():
                continue
            if time.perf_counter() - begin > options.seconds:
                return
            np.savez(path, **statistics(data, code, potential))
            print(f"round {number} {code} {time.perf_counter() - begin:.0f} s", flush=True)
        potential = fit(data, number)
    replace(potential, ranking=DockingPotential.load().ranking).save(options.output)


def shape_potential() -> DockingPotential:
    """The potential of shape alone."""
    none = torch.zeros(len(ATOM_TYPES), len(ATOM_TYPES))
    soft = PairPotential.of_energies(SOFT_WIDTHS, SOFT_SHAPE, none, SOFT_CONTACT, rank=0)
    return DockingPotential(soft, PairPotential.of_energies(WIDTHS, SHAPE, none, SHAPE, rank=0), PAIR_SCORE)


def rounds(data: DB55) -> list[list[str]]:
    """The training complexes of each round, drawn from those that are not too large."""
    counts = {code: sum(data.atoms(f"{code}_{side}_b") for side in "lr") for code in data.split("train")}
    codes = sorted(code for code, count in counts.items() if count <= LARGEST)
    np.random.default_rng(0).shuffle(codes)
    return [codes[k * PER_ROUND : (k + 1) * PER_ROUND] for k in range(ROUNDS)]


class Pair(NamedTuple):
    """A complex taken apart: the smaller protein, which moves, the larger, and the motion that puts them together."""

    moving: Structure
    fixed: Structure
    truth: RigidMotion


def taken_apart(data: DB55, code: str) -> Pair:
    """Both proteins turned at random."""
    both = [(data.structure(f"{code}_{side}_b"), random_motion(f"{code}{side}0")) for side in "lr"]
    (small, (R1, t1)), (large, (R2, t2)) = sorted(both, key=lambda one: len(one[0].coordinates))
    rotation = R2 @ R1.T
    truth = RigidMotion(torch.tensor(rotation)[None], torch.tensor(t2 - rotation @ t1)[None])
    return Pair(small.moved(R1, t1), large.moved(R2, t2), truth)


def statistics(data: DB55, code: str, potential: DockingPotential) -> dict[str, np.ndarray]:
    """Sums and distances of the poses of one complex: the true one, refined ones, and overlapping ones."""
    pair, rng = taken_apart(data, code), np.random.default_rng(list(code.encode()))
    points = torch.from_numpy(pair.moving.coordinates)
    soft, sharp = potential.search, potential.score
    fields = soft.field(pair.moving), soft.field(pair.fixed)
    rotations = rotation_grid(3).rotations
    found, scores = search_correlation(*fields, soft.kernel, rotations, spacing=2.0, candidates=3000)
    found = rows(found, suppress_motions(found, scores, points, distance=4.0, limit=DECOYS))
    start = joined(perturbed(pair, 2, 4.0, 0.7, rng), found)
    refined, _ = refine_correlation(sharp.field(pair.moving), sharp.field(pair.fixed), sharp.kernel, start, steps=15)
    motions = joined(pair.truth, refined, overlaps(pair, rng))
    truth = RigidMotion(pair.truth.rotation[0], pair.truth.translation[0])
    sums = pair_sums(pair.moving, pair.fixed, motions, WIDTHS).numpy()
    return {"sums": sums, "distances": motion_distances(truth, motions, points).numpy()}


def fit(data: DB55, last: int) -> DockingPotential:
    """Both potentials from the statistics of all rounds so far."""
    native = []
    for code in data.split("train"):
        pair = taken_apart(data, code)
        native.append(pair_sums(pair.moving, pair.fixed, pair.truth, WIDTHS[CONTACT : CONTACT + 1])[0, :, 0])
    complexes, decoys = [], []
    for path in [path for number in range(last + 1) for path in sorted((SUMS / str(number)).glob("*.npz"))]:
        with np.load(path) as arrays:
            sums, distances = torch.from_numpy(arrays["sums"]), torch.from_numpy(arrays["distances"])
        one = PoseSums(sums, distances < NEAR, distances > FAR)
        complexes.append(one)
        docked = one.far & (torch.arange(len(sums)) < len(sums) - OVERLAPS)
        decoys.append(sums[docked][:, :, CONTACT])
    energies = contact_energies(torch.stack(native), torch.cat(decoys))
    print(f"round {last}: fitted to {len(complexes)} complexes", flush=True)
    soft = PairPotential.of_energies(SOFT_WIDTHS, SOFT_SHAPE, energies, SOFT_CONTACT, rank=4)
    return DockingPotential(soft, fit_pair_potential(complexes, WIDTHS, energies), PAIR_SCORE)


def perturbed(pair: Pair, count: int, degrees: float, spread: float, rng: np.random.Generator) -> RigidMotion:
    """Poses near the true one: rotations by up to so many degrees, shifts of so many angstrom along each axis."""
    center = torch.from_numpy(pair.moving.coordinates.mean(0))
    axes = rng.normal(size=(count, 3))
    angles = np.radians(degrees) * rng.uniform(size=(count, 1)) ** (1 / 3)
    turns = Rotation.from_rotvec(angles * axes / np.linalg.norm(axes, axis=1, keepdims=True)).as_matrix()
    R, t = pair.truth.rotation[0], pair.truth.translation[0]
    rotations = torch.tensor(turns) @ R
    return RigidMotion(rotations, R @ center + t - rotations @ center + torch.tensor(rng.normal(0, spread, (count, 3))))


def overlaps(pair: Pair, rng: np.random.Generator) -> RigidMotion:
    """Poses deep inside the other protein: the true one pushed inwards, and others at random."""
    center, inside = (torch.from_numpy(s.coordinates.mean(0)) for s in (pair.moving, pair.fixed))
    R, t = pair.truth.rotation[0], pair.truth.translation[0]
    inwards = torch.nn.functional.normalize(inside - R @ center - t, dim=0)
    pushed = t + torch.tensor([2.5, 4.0, 6.0, 8.0, 12.0])[:, None] * inwards
    rotations = torch.tensor(Rotation.from_quat(rng.normal(size=(24, 4))).as_matrix())
    places = torch.from_numpy(pair.fixed.coordinates[rng.integers(len(pair.fixed.coordinates), size=24)])
    places = places + torch.tensor(rng.normal(0, 5, (24, 3)))
    return joined(RigidMotion(R.expand(5, 3, 3), pushed), RigidMotion(rotations, places - rotations @ center))


def joined(*motions: RigidMotion) -> RigidMotion:
    """Motions one after the other."""
    return RigidMotion(torch.cat([m.rotation for m in motions]), torch.cat([m.translation for m in motions]))


def rows(motions: RigidMotion, chosen: Tensor | slice) -> RigidMotion:
    """Some of the motions."""
    return RigidMotion(motions.rotation[chosen], motions.translation[chosen])


if __name__ == "__main__":
    main()
