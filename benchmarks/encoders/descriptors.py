"""Descriptors of whole shapes by themselves: kernel ridge regression on them, without any network.

    python benchmarks/encoders/descriptors.py                   # furniture: four folds of all but the test split
    python benchmarks/encoders/descriptors.py --estimated       # normals estimated from the points
    python benchmarks/encoders/descriptors.py circuit-parts     # training split to validation split, kinds of parts

Each kind of invariants is standardized and given the same weight; the kernel is Gaussian. The test splits are not
looked at.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch
from scipy.spatial import cKDTree

from intertwine import data
from intertwine.data import PointCloudSet
from intertwine.data.public._furniture import table
from intertwine.ops import (
    knn_graph,
    neighborhood_shape,
    normal_spectrum,
    pair_histogram,
    segment_mean,
    shell_spectrum,
    soft_histogram,
    surface_histogram,
)
from intertwine.ops.registration import estimate_normals

FOLDS, REPEATS, WIDTH, RIDGES = 4, 3, 0.7, (0.03, 0.1)
SURFACE = ("shells with normals", "normals", "pairs", "neighborhoods")
ROWS = {
    "positions alone": ("shells", "shapes"),
    **{name: (name,) for name in SURFACE},
    "all four (surface)": SURFACE,
}


def invariants(clouds: PointCloudSet, estimated: bool) -> dict[str, np.ndarray]:
    """The invariants of each kind, a row for each cloud."""
    found: dict[str, list[torch.Tensor]] = {}
    for number in range(len(clouds)):
        one = clouds.select(torch.tensor([number]))
        x, normals = one.positions, one.point_fields["normals"]
        if estimated:
            points = x.double().numpy()
            normals = torch.from_numpy(estimate_normals(points, cKDTree(points), points, 16)).to(x)
        batch, edges = torch.zeros(len(x), dtype=torch.int64), knn_graph(x, 16)
        shape = neighborhood_shape(x, edges)
        bins = torch.cat([soft_histogram(shape[:, 0], 0, 1 / 3, 12), soft_histogram(shape[:, 1], 0, 0.5, 12)], 1)
        for name, values in {
            "shells": shell_spectrum(x, batch, 1),
            "shapes": segment_mean(bins, batch, 1),
            "shells with normals": shell_spectrum(x, batch, 1, shells=6, normals=normals),
            "normals": normal_spectrum(x, normals, batch, 1),
            "pairs": pair_histogram(x, normals, batch, 1),
            "neighborhoods": surface_histogram(x, normals, edges, batch, 1),
        }.items():
            found.setdefault(name, []).append(values)
    return {name: torch.cat(values).double().numpy() for name, values in found.items()}


def hits(kinds: list[np.ndarray], classes: np.ndarray, train: np.ndarray, test: np.ndarray, ridge: float) -> np.ndarray:
    """Which of the tested shapes have the right class."""
    scaled = [(v - v[train].mean(0)) / (v[train].std(0) + 1e-9) / np.sqrt(v.shape[1]) for v in kinds]
    x = np.concatenate(scaled, 1)
    squared = np.square(x).sum(1)
    distances = (squared[:, None] + squared[train] - 2 * x @ x[train].T).clip(0)
    kernel = np.exp(-WIDTH * distances / np.median(distances[train]))
    targets = np.eye(classes.max() + 1)[classes[train]]
    weights = np.linalg.solve(kernel[train] + ridge * np.eye(len(train)), targets - targets.mean())
    return np.asarray((kernel[test] @ weights).argmax(1) == classes[test])


def folds(classes: np.ndarray, groups: np.ndarray, seed: int) -> np.ndarray:
    """The fold of each shape: equally many of each class, near-duplicates together."""
    random, fold = np.random.RandomState(seed), np.full(len(classes), -1)
    for label in np.unique(classes):
        names = np.unique(groups[classes == label])
        random.shuffle(names)
        sizes = random.rand(FOLDS) * 0.1
        for name in sorted(names, key=lambda each: -int((groups == each).sum())):
            fold[groups == name] = sizes.argmin()
            sizes[sizes.argmin()] += (groups == name).sum()
    return fold


def main() -> None:
    """Print a row for each choice of invariants."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", nargs="?", default="furniture", choices=["furniture", "circuit-parts"])
    parser.add_argument("--points", type=int, default=512)
    parser.add_argument("--estimated", action="store_true", help="estimate normals from the points")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    clouds = (data.furniture if chosen.set == "furniture" else data.circuit_parts)(chosen.points)
    assert clouds.split is not None, "both sets have a split"
    kept = np.sort(torch.cat([clouds.split.train, clouds.split.validation]).numpy())
    classes = clouds.cloud_fields["classes"].numpy()[kept]
    found = invariants(clouds.select(torch.from_numpy(kept)), chosen.estimated)
    if chosen.set == "furniture":
        names = table()
        groups = np.array([names[index].duplicate_group or f"#{index}" for index in kept])
        parts = [fold == part for fold in (folds(classes, groups, s) for s in range(REPEATS)) for part in range(FOLDS)]
    else:
        parts = [np.isin(kept, clouds.split.validation.numpy())]
    for row, kinds in ROWS.items():
        used = [found[kind] for kind in kinds]
        shares = [
            np.concatenate([hits(used, classes, np.flatnonzero(~t), np.flatnonzero(t), ridge) for t in parts]).mean()
            for ridge in RIDGES
        ]
        print(f"| {row} | {sum(v.shape[1] for v in used)} | {100 * max(shares):.1f} |", flush=True)


if __name__ == "__main__":
    main()
