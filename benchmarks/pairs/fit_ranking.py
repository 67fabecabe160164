"""The recipe of the ranking score for docking, from training complexes of Docking Benchmark 5.5 alone.

    python benchmarks/pairs/fit_ranking.py collect DB55    # poses of complexes that have none yet
    python benchmarks/pairs/fit_ranking.py fit DB55        # cross-validation, then the package's potential.json

`collect` docks complexes turned at random with the potential of the package: it keeps the true pose, poses near it and
the best of the search, all refined. `fit` takes their sums over the interface, and says how often a pose near the true
one is first on complexes that the weights were not fitted to: complexes with similar chains are in one part.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from db55 import DB55
from fit_potential import PACKAGED, ROOT, joined, perturbed, rows, taken_apart
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
    DockingPotential,
    InterfacePoses,
    RankingScore,
    fit_ranking,
    interface_sums,
    surface_normals,
)

POSES = ROOT / "build" / "dock" / "poses"
LARGEST, COMPLEXES, LEVEL, DECOYS, PLANTED = 3600, 35, 3, 100, 5
KNOTS = torch.tensor([2.5, 3.5, 4.5, 6.0, 8.0, 10.0], dtype=torch.float64)
NEAR, FAR = 3.0, 6.0
"""Poses are near or far by the root mean square distance of the moved protein's atoms from their true places."""
PARTS = 6
SIMILAR = 0.4
"""Chains are similar if they share this part of the words of five residues of the shorter one."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("collect", "fit"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="start no complex after so many")
    parser.add_argument("--output", type=Path, default=PACKAGED)
    options = parser.parse_args()
    data = DB55(options.folder)
    if options.what == "collect":
        collect(data, options.seconds)
        return
    codes = [code for code in chosen(data) if (POSES / f"{code}.npz").exists()]
    complexes = {code: found for code in codes if (found := poses(data, code)) is not None}
    validate(data, complexes)
    ranking = fit_ranking(list(complexes.values()), KNOTS)
    replace(DockingPotential.load(), ranking=ranking).save(options.output)
    print(f"fitted to {len(complexes)} complexes: {ranking.to_dict()}")


def chosen(data: DB55) -> list[str]:
    """Training complexes drawn from those that are not too large."""
    counts = {code: sum(data.atoms(f"{code}_{side}_b") for side in "lr") for code in data.split("train")}
    codes = sorted(code for code, count in counts.items() if count <= 5500)
    np.random.default_rng(5).shuffle(codes)
    return [code for code in codes if counts[code] <= LARGEST][:COMPLEXES]


def collect(data: DB55, seconds: float) -> None:
    """Refined poses of each complex: the true one, poses near it, and those that the search found."""
    begin, potential = time.perf_counter(), DockingPotential.load()
    soft, sharp = potential.search, potential.score
    POSES.mkdir(parents=True, exist_ok=True)
    for code in chosen(data):
        path = POSES / f"{code}.npz"
        if path.exists():
            continue
        if time.perf_counter() - begin > seconds:
            return
        pair = taken_apart(data, code)
        points, fields = torch.from_numpy(pair.moving.coordinates), (soft.field(pair.moving), soft.field(pair.fixed))
        rotations = rotation_grid(LEVEL).rotations
        found, scores = search_correlation(*fields, soft.kernel, rotations, spacing=2.0, candidates=20 * DECOYS)
        found = rows(found, suppress_motions(found, scores, points, distance=3.0, limit=DECOYS))
        start = joined(pair.truth, perturbed(pair, PLANTED, 6.0, 1.0, np.random.default_rng(0)), found)
        fields = sharp.field(pair.moving), sharp.field(pair.fixed)
        refined, scores = refine_correlation(*fields, sharp.kernel, start, steps=15)
        np.savez(path, R=refined.rotation.numpy(), t=refined.translation.numpy(), s=scores.numpy())
        print(f"{code} {time.perf_counter() - begin:.0f} s", flush=True)


def poses(data: DB55, code: str) -> InterfacePoses | None:
    """The collected poses of a complex with their sums over the interface."""
    pair = taken_apart(data, code)
    with np.load(POSES / f"{code}.npz") as arrays:
        motions = RigidMotion(torch.from_numpy(arrays["R"]), torch.from_numpy(arrays["t"]))
        scores = torch.from_numpy(arrays["s"])
    sums = interface_sums(surface_normals(pair.moving), surface_normals(pair.fixed), motions, KNOTS)
    truth = RigidMotion(pair.truth.rotation[0], pair.truth.translation[0])
    distances = motion_distances(truth, motions, torch.from_numpy(pair.moving.coordinates))
    near, far = distances < NEAR, distances > FAR
    return InterfacePoses(scores, sums, near, far) if near.any() and far.any() else None


def validate(data: DB55, complexes: dict[str, InterfacePoses]) -> None:
    """Prints how often a near pose is first, for complexes left out of the fit."""
    group = groups(data, list(complexes))
    names = sorted(set(group.values()))
    np.random.default_rng(1).shuffle(names)
    part = {code: names.index(group[code]) % PARTS for code in complexes}
    first: dict[str, list[bool]] = {"pair potential": [], "ranking": []}
    found: dict[str, list[bool]] = {"pair potential": [], "ranking": []}
    for k in range(PARTS):
        ranking = fit_ranking([c for code, c in complexes.items() if part[code] != k], KNOTS)
        for code, one in complexes.items():
            if part[code] != k:
                continue
            for name, scores in (("pair potential", one.scores), ("ranking", ranked(ranking, one))):
                first[name].append(leads(scores, one.near, one.far))
                searched = one.near & (torch.arange(len(one.near)) > PLANTED)
                if searched.any():
                    found[name].append(leads(scores, searched, one.far))
    print(f"a near pose is first, % of {len(complexes)} complexes, true poses put among the decoys; % of those found")
    for name in first:
        print(f"{name}: {100 * np.mean(first[name]):.0f}; {100 * np.mean(found[name]):.0f} of {len(found[name])}")


def ranked(ranking: RankingScore, one: InterfacePoses) -> Tensor:
    """The ranking scores of collected poses."""
    weights = torch.stack([ranking.contacts, ranking.normals])
    scores: Tensor = ranking.pair * one.scores + (one.sums * weights).sum((1, 2))
    return scores


def leads(scores: Tensor, near: Tensor, far: Tensor) -> bool:
    """Whether the best near pose is above all decoys."""
    return bool(scores[near].max() > scores[far].max())


def groups(data: DB55, codes: list[str]) -> dict[str, str]:
    """A name for each complex that those with similar chains share."""
    words = {code: [w for side in "lr" for w in chain_words(data, f"{code}_{side}_b")] for code in codes}
    name = {code: code for code in codes}
    for k, one in enumerate(codes):
        for other in codes[:k]:
            if any(len(x & y) > SIMILAR * min(len(x), len(y)) for x in words[one] for y in words[other]):
                old, new = name[one], name[other]
                name = {code: new if n == old else n for code, n in name.items()}
    return name


def chain_words(data: DB55, key: str) -> list[set[tuple[str, ...]]]:
    """The words of five residues of each chain that has one."""
    structure, found = data.structure(key), []
    for chain in np.unique(structure.chains):
        names = structure.residue_names[structure.chains == chain].tolist()
        found.append({tuple(names[k : k + 5]) for k in range(len(names) - 4)})
    return [words for words in found if words]


if __name__ == "__main__":
    main()
