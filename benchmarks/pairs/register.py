"""Registration beside Open3D (FPFH, RANSAC, ICP), kiss-matcher and small-gicp: success, errors and time.

    python benchmarks/pairs/register.py scans SCANS.npz PAIRS.csv [--output results.json]
    python benchmarks/pairs/register.py meshes FOLDER [FOLDER] --overlap 0.4 0.5 0.6 0.7 0.8 [--count 40] [--seed 0]

``scans``: an archive with ``NAME`` (N, 3) and ``pose/NAME`` (4, 4), and a table with the columns a, b, overlap_a,
overlap_b. ``meshes``: OFF and OBJ files, ``--count`` of each folder drawn at random; two crops of each, sampled
independently, that share a part of the surface, in the frame of the mesh, so that the identity is right. The first
run takes the clouds as they are; the second turns and moves both of each pair at random, and the success by overlap is
its. Whether turning matters is seen by a Kolmogorov-Smirnov test of the rotation errors. Success is a rotation error
below 5 degrees and a displacement of the center below 2 % of the diameter. ``--checkpoint``: also with a trained
network (``intertwine fit register``). Peers that are not installed are left out: pip install open3d kiss-matcher
small-gicp.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation
from scipy.stats import ks_2samp

from intertwine.data import read_cloud
from intertwine.ops.registration import register
from intertwine.tasks import load

Method = Callable[[np.ndarray, np.ndarray, float], np.ndarray]


class Pair(NamedTuple):
    """Two clouds, the true motion ``(4, 4)`` of the first onto the second, and the symmetries of the object.

    ``whole``: two samples of the object in the frame of the first cloud, by which other symmetries are recognized.
    """

    name: str
    overlap: float
    first: np.ndarray
    second: np.ndarray
    motion: np.ndarray
    symmetries: np.ndarray = np.eye(4)[None]
    whole: tuple[np.ndarray, np.ndarray] | None = None


def random_motion(random: np.random.RandomState, size: float) -> np.ndarray:
    motion = np.eye(4)
    motion[:3, :3] = Rotation.random(random_state=random).as_matrix()
    motion[:3, 3] = size * random.randn(3)
    return motion


def move(points: np.ndarray, motion: np.ndarray) -> np.ndarray:
    return points @ motion[:3, :3].T + motion[:3, 3]


def moved(pair: Pair, seed: int) -> Pair:
    """Both clouds moved at random."""
    random = np.random.RandomState(seed)
    size = float(np.ptp(pair.second, axis=0).max())
    g, h = random_motion(random, size), random_motion(random, size)
    true = h @ pair.motion @ np.linalg.inv(g)
    symmetries = g @ pair.symmetries @ np.linalg.inv(g)
    whole = None if pair.whole is None else (move(pair.whole[0], g), move(pair.whole[1], g))
    clouds = move(pair.first, g), move(pair.second, h)
    return Pair(pair.name, pair.overlap, *clouds, true, symmetries, whole)


def scan_pairs(archive: Path, table: Path) -> Iterator[Pair]:
    scans = np.load(archive)
    with table.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            a, b = row["a"], row["b"]
            motion = np.linalg.inv(scans[f"pose/{b}"].astype(float)) @ scans[f"pose/{a}"].astype(float)
            overlap = (float(row["overlap_a"]) + float(row["overlap_b"])) / 2
            yield Pair(f"{a} {b}", overlap, scans[a].astype(float), scans[b].astype(float), motion)


def mesh_pairs(
    folder: Path,
    overlaps: list[float],
    count: int,
    noise: float,
    skip: int = 0,
    exclude: Sequence[str] = (),
    seed: int = 0,
) -> Iterator[Pair]:
    """Two crops by parallel planes of independent samples; the shared slab is the wanted share of each crop."""
    files = sorted(path for path in folder.rglob("*") if path.suffix in (".off", ".obj"))
    order = np.random.RandomState(seed).permutation(len(files))
    kept = 0
    for number, path in enumerate(files[k] for k in order):
        if kept == skip + count:
            return
        if path.stem in exclude:
            continue
        try:
            clouds = [read_cloud(path, 20_000, seed).points for seed in (0, 1)]
        except ValueError:
            continue
        if np.linalg.matrix_rank(clouds[0] - clouds[0].mean(0), tol=1e-3 * np.ptp(clouds[0])) < 3:
            continue
        kept += 1
        if kept <= skip:
            continue
        random = np.random.RandomState(number)
        whole = register(*(torch.from_numpy(cloud) for cloud in clouds))
        symmetries = np.concatenate([np.eye(4)[None], whole.answers.numpy()])
        for overlap in overlaps:
            axis = random.randn(3)
            heights = [cloud @ axis for cloud in clouds]
            share = 1 / (2 - overlap)
            first = clouds[0][heights[0] <= np.quantile(heights[0], share)]
            second = clouds[1][heights[1] >= np.quantile(heights[1], 1 - share)]
            scale = noise * np.linalg.norm(np.ptp(clouds[0], axis=0))
            first, second = (x + scale * random.randn(*x.shape) for x in (first, second))
            yield Pair(path.stem, overlap, first, second, np.eye(4), symmetries, (clouds[0], clouds[1]))


def ours(first: np.ndarray, second: np.ndarray, _: float) -> np.ndarray:
    return register(torch.from_numpy(first), torch.from_numpy(second)).matrix.numpy()


def trained(checkpoint: str) -> Method:
    """With the matches of a trained network."""
    predictor = load(checkpoint)
    return lambda first, second, _: predictor.register(torch.from_numpy(first), torch.from_numpy(second)).matrix.numpy()


def open3d_global() -> Callable[..., Any]:
    """Both clouds as Open3D has them, and the motion of FPFH and RANSAC."""
    import open3d

    registration = open3d.pipelines.registration

    def run(first: np.ndarray, second: np.ndarray, voxel: float) -> tuple[list[Any], np.ndarray]:
        open3d.utility.random.seed(0)
        clouds, features = [], []
        for points in (first, second):
            cloud = open3d.geometry.PointCloud(open3d.utility.Vector3dVector(points)).voxel_down_sample(voxel)
            cloud.estimate_normals(open3d.geometry.KDTreeSearchParamHybrid(radius=2 * voxel, max_nn=30))
            cloud.orient_normals_consistent_tangent_plane(15)
            near = open3d.geometry.KDTreeSearchParamHybrid(radius=5 * voxel, max_nn=100)
            clouds.append(cloud)
            features.append(registration.compute_fpfh_feature(cloud, near))
        found = registration.registration_ransac_based_on_feature_matching(
            *clouds,
            *features,
            True,
            1.5 * voxel,
            registration.TransformationEstimationPointToPoint(False),
            3,
            [
                registration.CorrespondenceCheckerBasedOnEdgeLength(0.9),
                registration.CorrespondenceCheckerBasedOnDistance(1.5 * voxel),
            ],
            registration.RANSACConvergenceCriteria(100_000, 0.999),
        )
        return clouds, found.transformation

    return run


def open3d_method() -> Method:
    import open3d

    registration, start = open3d.pipelines.registration, open3d_global()

    def run(first: np.ndarray, second: np.ndarray, voxel: float) -> np.ndarray:
        clouds, motion = start(first, second, voxel)
        plane = registration.TransformationEstimationPointToPlane()
        return registration.registration_icp(*clouds, voxel, motion, plane).transformation

    return run


def fpfh_gicp_method() -> Method:
    import small_gicp

    start = open3d_global()
    return lambda first, second, voxel: gicp(small_gicp, first, second, voxel, start(first, second, voxel)[1])


_KISS_VOXEL = 1.1
"""In the units of scaled clouds: kiss-matcher refuses voxels that are not larger than 1."""


def kiss_method() -> Method:
    import kiss_matcher
    import small_gicp

    def run(first: np.ndarray, second: np.ndarray, voxel: float) -> np.ndarray:
        matcher = kiss_matcher.KISSMatcher(kiss_matcher.KISSMatcherConfig(voxel_size=_KISS_VOXEL))
        factor = _KISS_VOXEL / voxel
        found = matcher.estimate((factor * first).astype(np.float32), (factor * second).astype(np.float32))
        start = np.eye(4)
        start[:3, :3], start[:3, 3] = found.rotation, np.ravel(found.translation) / factor
        return gicp(small_gicp, first, second, voxel, start)

    return run


def gicp_method() -> Method:
    import small_gicp

    return lambda first, second, voxel: gicp(small_gicp, first, second, voxel, np.eye(4))


def gicp(library: Any, first: np.ndarray, second: np.ndarray, voxel: float, start: np.ndarray) -> np.ndarray:
    center = second.mean(axis=0)  # its voxel grid ends near the origin
    shift = np.eye(4)
    shift[:3, 3] = -center
    found = library.align(
        (second - center) / voxel,
        (first - center) / voxel,
        _scaled(shift @ start @ np.linalg.inv(shift), 1 / voxel),
        downsampling_resolution=1.0,
        max_correspondence_distance=2.0,
        max_iterations=50,
    )
    return np.linalg.inv(shift) @ _scaled(found.T_target_source, voxel) @ shift


def _scaled(motion: np.ndarray, factor: float) -> np.ndarray:
    result = motion.copy()
    result[:3, 3] *= factor
    return result


PEERS = {
    "open3d fpfh ransac icp": open3d_method,
    "open3d fpfh small-gicp": fpfh_gicp_method,
    "kiss-matcher small-gicp": kiss_method,
    "small-gicp": gicp_method,
}


def errors(found: np.ndarray, pair: Pair) -> tuple[float, float]:
    """Degrees, and the displacement of the center over the diameter, modulo the symmetry of the object."""
    center, size = pair.first.mean(axis=0), np.linalg.norm(np.ptp(pair.first, axis=0))
    best = _least_errors(found, pair.motion @ pair.symmetries, center, size)
    if pair.whole is not None and max(best[0] / 5, best[1] / 0.02) >= 1:
        own = np.linalg.inv(pair.motion) @ found
        symmetry = nearest_symmetry(own, *pair.whole)
        if symmetry is not None:
            best = _least_errors(found, (pair.motion @ symmetry)[None], center, size)
    return best


def nearest_symmetry(motion: np.ndarray, cloud: np.ndarray, other: np.ndarray) -> np.ndarray | None:
    """The motion of an object onto itself near a given one; None if it does not lie on itself as without a motion.

    Symmetries of surfaces of revolution are more than a list holds. The motion is improved by iterated closest points
    between two samples, and is a symmetry if the mean distance is then at most 3 % above that without a motion.
    """
    tree, cloud = cKDTree(other), cloud[::4]
    still = tree.query(cloud)[0].mean()
    for _ in range(20):
        moved = move(cloud, motion)
        targets = other[tree.query(moved)[1]]
        centers = moved.mean(axis=0), targets.mean(axis=0)
        turn = Rotation.align_vectors(targets - centers[1], moved - centers[0])[0].as_matrix()
        step = np.eye(4)
        step[:3, :3], step[:3, 3] = turn, centers[1] - turn @ centers[0]
        motion = step @ motion
    return motion if tree.query(move(cloud, motion))[0].mean() <= 1.03 * still else None


def _least_errors(found: np.ndarray, motions: np.ndarray, center: np.ndarray, size: float) -> tuple[float, float]:
    best = (180.0, np.inf)
    for true in motions:
        cosine = (np.trace(found[:3, :3].T @ true[:3, :3]) - 1) / 2
        angle = float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))
        gap = float(np.linalg.norm(move(center, found) - move(center, true)) / size)
        best = min(best, (angle, gap), key=lambda error: max(error[0] / 5, error[1] / 0.02))
    return best


def measure(method: Method, pairs: list[Pair]) -> list[dict[str, Any]]:
    rows = []
    for pair in pairs:
        voxel = float(np.linalg.norm(np.ptp(pair.second, axis=0))) / 50
        start = time.perf_counter()
        found = method(pair.first, pair.second, voxel)
        seconds = time.perf_counter() - start
        angle, gap = errors(found, pair)
        rows.append({"pair": pair.name, "overlap": pair.overlap, "degrees": angle, "gap": gap, "seconds": seconds})
    return rows


def show(name: str, runs: list[list[dict[str, Any]]], bins: list[tuple[float, float]]) -> None:
    rows = [row for run in runs[1:] or runs for row in run]
    cells = []
    for low, high in bins:
        inside = [_success(row) for row in rows if low <= row["overlap"] < high]
        cells.append(f"{100 * np.mean(inside):5.0f} %" if inside else "      -")
    seconds = np.median([row["seconds"] for row in rows])
    same = ks_2samp(*([row["degrees"] for row in run] for run in runs[:2])).pvalue if len(runs) > 1 else float("nan")
    turns = ", ".join(f"{100 * np.mean([_success(row) for row in run]):.0f} %" for run in runs)
    print(
        f"{name:26}{' '.join(cells)}   median {seconds:.2f} s   as given, turned: {turns}, KS p {same:.2f}", flush=True
    )


def _success(row: dict[str, Any]) -> bool:
    return row["degrees"] < 5 and row["gap"] < 0.02


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=("scans", "meshes"))
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--overlap", nargs="+", type=float, default=[0.4, 0.5, 0.6, 0.7, 0.8])
    parser.add_argument("--least", type=float, default=0.1, help="least overlap of scans")
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0, help="of the random order of meshes")
    parser.add_argument("--skip", type=int, default=0, help="meshes of the random order to leave out first")
    parser.add_argument("--exclude", nargs="*", default=[], help="names of meshes to leave out altogether")
    parser.add_argument("--noise", type=float, default=0.0, help="standard deviation, share of the diameter")
    parser.add_argument("--runs", type=int, default=2, help="motions of each pair")
    parser.add_argument("--methods", nargs="+", default=["intertwine", *PEERS])
    parser.add_argument("--checkpoint", help="a run of intertwine fit register, also measured")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    if options.kind == "scans":
        pairs = [pair for pair in scan_pairs(*options.paths) if pair.overlap >= options.least]
        edges = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.01]
    else:
        drawn = options.count, options.noise, options.skip, options.exclude, options.seed
        pairs = [pair for folder in options.paths for pair in mesh_pairs(folder, options.overlap, *drawn)]
        edges = [*(x - 1e-6 for x in options.overlap), 1.01]
    bins = list(itertools.pairwise(edges))
    print(f"{len(pairs)} pairs, overlap " + " ".join(f"{100 * low:.0f}+" for low, _ in bins))
    results, methods = {}, {"intertwine": lambda: ours, **PEERS}
    if options.checkpoint:
        methods = {"intertwine, trained": lambda: trained(options.checkpoint), **methods}
        options.methods.insert(0, "intertwine, trained")
    for name in options.methods:
        try:
            method = methods[name]()
        except ImportError as error:
            print(f"{name}: {error}")
            continue
        runs = [
            measure(method, [moved(p, 1000 * run + k) if run else p for k, p in enumerate(pairs)])
            for run in range(options.runs)
        ]
        show(name, runs, bins)
        results[name] = runs
    if options.output:
        options.output.write_text(json.dumps(results, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
