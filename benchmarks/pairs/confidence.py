"""The confidence of `intertwine register`: statistics of pairs, the logistic model, and its reliability.

    python benchmarks/pairs/confidence.py collect FOLDER --output pairs.jsonl [--count 100] [--first 0]
    python benchmarks/pairs/confidence.py fit TRAIN.jsonl --test TEST.jsonl [OTHER.jsonl]

``collect``: files of shapes; a pair is two views of one shape that are cut by parallel planes, of 0 to 100 % overlap,
or (three in ten) views of two different shapes; 1,000 to 10,000 points of each, noise of 0 to 1 % of the diameter, both
turned at random. A motion is right below 5 degrees and 2 % of the diameter, modulo the symmetry of the shape; nothing
is right where the overlap is below 5 % or the shapes differ. ``fit``: weights of the model by penalized maximum
likelihood, and for other shapes how often motions of each confidence are right. Right and wrong motions have the same
total weight in both, so that a confidence is the probability where half of the motions are right, however hard the
pairs are that it is fitted to.
"""

from __future__ import annotations

import argparse
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from register import Pair, errors, moved

from intertwine.data import read_cloud
from intertwine.ops.registration import Evidence, register

_OTHER_SHAPE, _NO_OVERLAP = 0.3, 0.05


def draw_pair(paths: list[Path], number: int) -> tuple[Pair, bool]:
    """The pair of a number, moved at random, and whether its views overlap."""
    random = np.random.RandomState(number)
    path = paths[number % len(paths)]
    other = paths[random.randint(len(paths))] if random.rand() < _OTHER_SHAPE else path
    clouds = [read_cloud(p, int(10 ** random.uniform(3.3, 4)), 2 * number + k).points
              for k, p in enumerate((path, other))]  # fmt: skip
    clouds = [cloud - cloud.mean(axis=0) for cloud in clouds]
    if other != path:  # of one size, or it would be too easy
        clouds[1] *= np.linalg.norm(clouds[0], axis=1).max() / np.linalg.norm(clouds[1], axis=1).max()
    overlap, axis = random.uniform(0, 1), random.randn(3)
    heights, share = [cloud @ axis for cloud in clouds], 1 / (2 - overlap)
    first = clouds[0][heights[0] <= np.quantile(heights[0], share)]
    second = clouds[1][heights[1] >= np.quantile(heights[1], 1 - share)]
    noise = random.uniform(0, 0.01) * np.linalg.norm(np.ptp(clouds[0], axis=0))
    first, second = (view + noise * random.randn(*view.shape) for view in (first, second))
    pair = Pair(path.stem, overlap, first, second, np.eye(4))
    return moved(pair, number), other == path and overlap >= _NO_OVERLAP


def is_right(found: np.ndarray, pair: Pair, path: Path) -> bool:
    """Whether a motion is right; the symmetry of the shape is sought only where it seems wrong."""
    if max_error(found, pair) < 1:
        return True
    clouds = [read_cloud(path, 10_000, seed).points for seed in (0, 1)]
    center = clouds[0].mean(axis=0)
    whole = register(*(torch.from_numpy(cloud - center) for cloud in clouds))
    frame = moved(Pair("", 0, pair.first, pair.second, np.eye(4), whole.answers.numpy()), int(pair.name))
    return max_error(found, pair._replace(symmetries=frame.symmetries)) < 1


def max_error(found: np.ndarray, pair: Pair) -> float:
    angle, gap = errors(found, pair)
    return max(angle / 5, gap / 0.02)


def collect(folder: Path, output: Path, first: int, count: int) -> None:
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".off", ".obj", ".ply", ".stl"))
    with output.open("a", encoding="utf-8") as file:
        for number in range(first, first + count):
            try:
                pair, overlaps = draw_pair(paths, number)
            except ValueError as error:
                print(f"{paths[number % len(paths)].name}: {error}")
                continue
            found = register(torch.from_numpy(pair.first), torch.from_numpy(pair.second))
            if found.evidence is None:
                continue
            right = overlaps and is_right(found.matrix.numpy(), pair._replace(name=str(number)),
                                          paths[number % len(paths)])  # fmt: skip
            row = {"shape": pair.name, "true_overlap": pair.overlap if overlaps else 0.0, "right": bool(right),
                   **found.evidence._asdict()}  # fmt: skip
            file.write(json.dumps(row) + "\n")
            file.flush()


def read_rows(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features ``(N, F + 1)`` with a constant, whether each is right, and the true overlap."""
    rows: list[dict[str, Any]] = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    evidence = [Evidence(*(row[name] for name in Evidence._fields)) for row in rows]
    features = np.array([[1.0, *each.features] for each in evidence])
    return features, np.array([row["right"] for row in rows], float), np.array([row["true_overlap"] for row in rows])


def balance(right: np.ndarray) -> np.ndarray:
    """Weights of pairs, such that right and wrong ones have the same total."""
    return len(right) * np.where(right > 0, 0.5 / max(right.sum(), 1), 0.5 / max((1 - right).sum(), 1))


def fit(features: np.ndarray, right: np.ndarray, penalty: float = 0.03) -> np.ndarray:
    """Weights by Newton's method, with a penalty on all but the constant."""
    share = balance(right)
    weights = np.zeros(features.shape[1])
    ridge = penalty * np.diag([0.0] + [1.0] * (len(weights) - 1))
    for _ in range(50):
        chance = 1 / (1 + np.exp(-features @ weights))
        hessian = (features * (share * chance * (1 - chance))[:, None]).T @ features + ridge
        weights -= np.linalg.solve(hessian, features.T @ (share * (chance - right)) + ridge @ weights)
    return weights


def reliability(name: str, chance: np.ndarray, right: np.ndarray, overlaps: np.ndarray) -> None:
    """Print how often motions of each confidence are right, by weight, and the confidence without overlap."""
    share = balance(right)
    brier = np.average((chance - right) ** 2, weights=share)
    print(f"{name}: {len(right)} pairs, {int(right.sum())} right, Brier {brier:.3f}")
    for low, high in itertools.pairwise([0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0001]):
        inside = (chance >= low) & (chance < high)
        if inside.any():
            mean, rate = (np.average(x[inside], weights=share[inside]) for x in (chance, right))
            print(f"  confidence {low:.1f} to {high:.1f}: {inside.sum():4d} pairs, {int(right[inside].sum())} right; "
                  f"by weight: mean {mean:.2f}, right {rate:.2f}")  # fmt: skip
    empty = overlaps == 0
    if empty.any():
        print(f"  no overlap: {empty.sum()} pairs, {100 * np.mean(chance[empty] < 0.5):.0f} % below 0.5, "
              f"mean {chance[empty].mean():.2f}")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    kinds = parser.add_subparsers(dest="kind", required=True)
    collecting = kinds.add_parser("collect")
    collecting.add_argument("folder", type=Path)
    collecting.add_argument("--output", type=Path, required=True)
    collecting.add_argument("--first", type=int, default=0)
    collecting.add_argument("--count", type=int, default=100)
    fitting = kinds.add_parser("fit")
    fitting.add_argument("train", type=Path)
    fitting.add_argument("--test", type=Path, nargs="*", default=[])
    options = parser.parse_args()
    if options.kind == "collect":
        collect(options.folder, options.output, options.first, options.count)
        return
    features, right, overlaps = read_rows(options.train)
    weights = fit(features, right)
    print("weights", ", ".join(f"{weight:.4g}" for weight in weights))
    reliability("train", 1 / (1 + np.exp(-features @ weights)), right, overlaps)
    for path in options.test:
        features, right, overlaps = read_rows(path)
        reliability(path.stem, 1 / (1 + np.exp(-features @ weights)), right, overlaps)


if __name__ == "__main__":
    main()
