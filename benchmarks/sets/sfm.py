"""Structure from motion on real scenes: errors before and after bundle adjustment, with wrong observations added.

    python benchmarks/sets/sfm.py FOLDER                 every scene of the folder, 0, 10 and 30 % wrong observations
    python benchmarks/sets/sfm.py FOLDER --start network --steps 2000

A scene is a COLMAP model (a folder) or an archive .npz with K, R, t. "COLMAP" is COLMAP's own reconstruction, where the
archive holds it (R_colmap, t_colmap), or the model itself. Its reprojection error is measured on the observations that
both keep.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch

from intertwine.data.tracks import CameraPoses, read_tracks, scene_names, with_outliers
from intertwine.ops.cameras import reprojection_residuals
from intertwine.tasks.sfm import NetworkStart, Reconstruction, pose_errors, structure_from_motion

COLUMNS = (
    "scene", "wrong", "cameras", "kept", "start px", "px", "px, common", "COLMAP px", "rotation", "largest", "COLMAP",
    "position", "COLMAP", "seconds",
)  # fmt: skip


def colmap_result(path, tracks):
    """COLMAP's poses and the reprojection error of each observation, NaN where it was rejected."""
    if path.suffix != ".npz":
        return tracks.poses, None
    with np.load(path) as archive:
        if "R_colmap" not in archive:
            return None, None
        poses = CameraPoses(*(torch.from_numpy(archive[name]).double() for name in ("R_colmap", "t_colmap")))
        points = torch.from_numpy(archive["X_colmap"]).double()
        point = torch.from_numpy(archive["colmap_point"]).long()
    kept = point >= 0
    residuals, _ = reprojection_residuals(
        *poses, points, tracks.camera[kept], point[kept], tracks.normalized()[kept], tracks.focal()[kept]
    )
    errors = torch.full((len(tracks.camera),), torch.nan, dtype=torch.float64)
    errors[kept] = residuals.norm(dim=1)
    return poses, errors


def errors_of(part):
    errors = torch.full((len(part.tracks.camera),), torch.nan, dtype=torch.float64)
    errors[part.inliers] = part.errors()
    return errors


def text(value, digits=3):
    return "-" if value is None or value != value else f"{value:.{digits}f}"


def row(path, share, start):
    tracks = read_tracks(path)
    poses, theirs = colmap_result(path, tracks)
    wrong = with_outliers(tracks, share) if share else tracks
    begin = time.perf_counter()
    scene = structure_from_motion(wrong, network=start)
    seconds = time.perf_counter() - begin
    part, ours = scene.parts[0], errors_of(scene.parts[0])
    errors = pose_errors(part, tracks.poses)
    other = None
    if poses is not None and poses is not tracks.poses:
        blank = torch.zeros(0, 3, dtype=torch.float64)
        other = pose_errors(Reconstruction(tracks, *poses, blank, part.inliers), tracks.poses)
    common = None if theirs is None else theirs.isfinite() & ours.isfinite()
    return (
        path.name, f"{100 * share:.0f} %", f"{int(part.registered.sum())}/{tracks.num_cameras}",
        f"{int(part.inliers.sum())}/{len(tracks.camera)}", text(part.start_error),
        text(part.reprojection_error), text(None if common is None else float(ours[common].mean())),
        text(None if common is None or share else float(theirs[common].mean())),
        text(float(errors.rotation.mean()), 4), text(float(errors.rotation.max()), 4),
        text(other and float(other.rotation.mean()), 4), text(float(errors.position.mean()), 4),
        text(other and float(other.position.mean()), 4), f"{seconds:.1f}",
    )  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--wrong", type=float, nargs="*", default=[0.0, 0.1, 0.3])
    parser.add_argument("--start", choices=("geometry", "network"), default="geometry")
    parser.add_argument("--steps", type=int, default=2000)
    arguments = parser.parse_args()
    start = NetworkStart(steps=arguments.steps) if arguments.start == "network" else None
    print("| " + " | ".join(COLUMNS) + " |")
    print("|---" * len(COLUMNS) + "|")
    for path in scene_names(arguments.folder):
        for share in arguments.wrong:
            print("| " + " | ".join(row(path, share, start)) + " |", flush=True)


if __name__ == "__main__":
    main()
