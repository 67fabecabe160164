"""Learning across scenes: a network trained on other scenes, alone, fine-tuned, and from scratch; and a plain network.

Each scene of --tests is left out in turn. The permutation-equivariant network is trained for --minutes on parts of the
other scenes of the folder and of --synthetic synthetic ones (5 to 12 cameras in a step, the observations that agree
with relative poses of pairs), by the mean reprojection loss; so is a perceptron that reads a table of cameras and
points row by row. Printed for the scene that was left out are errors of the cameras that a network gives, and of the
reconstruction that starts from them:

- inference: the trained network alone; fine-tuned: after --tuning steps on the scene; from scratch: a new network after
  --steps steps on the scene; geometry: no network;
- change by permutation: the mean angle between the network's rotations and those for cameras and points in another
  order, up to a rotation of the world (the command puts tracks into one order first, for which nothing can change);
- start: what the reconstruction began with after all, geometry where the cameras of the network did not agree.

castle_p19 and castle_p30 are one place and are never on both sides.

    python benchmarks/sets/sfm_learning.py FOLDER --minutes 1.5
"""

import argparse
import math
import time
from copy import deepcopy
from pathlib import Path

import torch
from torch import nn

from intertwine.data.tracks import read_tracks, scene_names, synthetic_tracks
from intertwine.models import CamerasAndPoints, TracksNetwork
from intertwine.nn import ObservedEntries
from intertwine.ops import nearest_rotation
from intertwine.ops.cameras import matrix_from_quaternion, projection_loss
from intertwine.tasks.sfm import NetworkStart, Reconstruction, pose_errors, structure_from_motion
from intertwine.tasks.sfm.mapping import camera_pairs, clean, network_input, network_poses, optimize, verified_rows

CAMERAS, POINTS, VIEWS = 12, 400, (5, 12)
COLUMNS = (
    "scene, cameras from", "rotation of the network", "change by permutation", "px before", "start", "px", "rotation",
    "seconds",
)  # fmt: skip


class PlainNetwork(nn.Module):
    """A perceptron on the table (cameras, points, 3) of x, y and whether seen, row by row."""

    def __init__(self, hidden=512):
        super().__init__()
        self.network = nn.Sequential(
            nn.Linear(CAMERAS * POINTS * 3, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(),
            nn.Linear(hidden, CAMERAS * 7 + POINTS * 3),
        )  # fmt: skip

    def forward(self, xy, entries):
        cameras, points = entries.sizes[:2]
        if cameras > CAMERAS or points > POINTS:
            raise ValueError(f"the table has room for {CAMERAS} cameras and {POINTS} points")
        table = xy.new_zeros(CAMERAS, POINTS, 3)
        table[entries.indices[0], entries.indices[1]] = torch.cat([xy, torch.ones_like(xy[:, :1])], 1)
        found = self.network(table.flatten())
        poses = found[: CAMERAS * 7].view(CAMERAS, 7)[:cameras]
        rotations = matrix_from_quaternion(poses[:, :4])
        matrices = torch.cat([rotations, poses[:, 4:, None]], 2)
        return CamerasAndPoints(matrices, found[CAMERAS * 7 :].view(POINTS, 3)[:points])


def verified(tracks):
    """The observations that agree with pairs."""
    pairs = camera_pairs(tracks)
    return tracks.select(verified_rows(tracks, pairs, torch.ones(tracks.num_cameras, dtype=torch.bool)))


def part(tracks, generator):
    """Some cameras, each of which shares points with one before."""
    count = int(torch.randint(VIEWS[0], VIEWS[1] + 1, (), generator=generator))
    seen = torch.zeros(tracks.num_cameras, tracks.num_points, dtype=torch.bool)
    seen[tracks.camera, tracks.point] = True
    chosen = torch.zeros(tracks.num_cameras, dtype=torch.bool)
    chosen[torch.randint(tracks.num_cameras, (), generator=generator)] = True
    while int(chosen.sum()) < count:
        shared = (seen & seen[chosen].any(0)).sum(1).double() * ~chosen
        if not bool(shared.any()):
            break
        chosen[torch.multinomial(shared, 1, generator=generator)] = True
    rows = chosen[tracks.camera].nonzero()[:, 0]
    return network_input(tracks, rows, 200, 10)


def train(network, scenes, minutes, seed=0, batch=4):
    """Adam on a cosine schedule over the minutes; returns the number of steps."""
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    begin, steps = time.monotonic(), 0
    while (spent := (time.monotonic() - begin) / (60 * minutes)) < 1:
        optimizer.param_groups[0]["lr"] = 1e-3 * (1 + math.cos(math.pi * spent)) / 2
        optimizer.zero_grad()
        for number in torch.randint(len(scenes), (batch,), generator=generator).tolist():
            given = part(scenes[number], generator)
            found = network(given.xy, given.entries)
            (projection_loss(*found, *given.entries.indices, given.xy) / batch).backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        steps += 1
    return steps


def permuted(given, network, rotations):
    """The mean change of rotations, in degrees and up to one of the world, where cameras and points are reordered."""
    sizes = given.entries.sizes[:2]
    orders = [torch.randperm(size, generator=torch.Generator().manual_seed(0)) for size in sizes]
    index = torch.stack([order[row] for order, row in zip(orders, given.entries.indices, strict=True)])
    moved = given._replace(entries=ObservedEntries.from_index(index, sizes))
    again = network_poses(moved, network, 0)[0][orders[0]]
    again = again @ nearest_rotation((again.mT @ rotations).sum(0))
    sine = (again - rotations).flatten(1).norm(dim=1) / 8**0.5
    return float((2 * sine.clamp(max=1).asin()).rad2deg().mean())


def errors_of(tracks, network, steps):
    """The network after steps on a scene; its rotation error, and how much that depends on the order."""
    canonical = clean(tracks)
    allowed = torch.ones(tracks.num_cameras, dtype=torch.bool)
    rows = verified_rows(canonical.tracks, camera_pairs(canonical.tracks), allowed)
    given = network_input(canonical.tracks, rows)
    network = deepcopy(network)
    optimize(network, given, steps)
    rotations, translations = network_poses(given, network, 0)
    poses = [torch.full((tracks.num_cameras, *shape), torch.nan).double() for shape in ((3, 3), (3,))]
    for whole, found in zip(poses, (rotations, translations), strict=True):
        whole[canonical.cameras[given.cameras]] = found
    blank = torch.zeros(0, 3, dtype=torch.float64)
    errors = pose_errors(Reconstruction(tracks, *poses, blank, torch.zeros(0)), tracks.poses)
    return network, float(errors.rotation.mean()), permuted(given, network, rotations)


def row(title, tracks, network, steps):
    begin = time.perf_counter()
    before, change, pixels, start = "-", "-", "-", None
    if network is not None:
        network, error, moved = errors_of(tracks, network, steps)
        before, change, start = f"{error:.1f}", f"{moved:.2g}", NetworkStart(network, 0)
    found = structure_from_motion(tracks, network=start).parts[0]
    if (start is None) == (found.method == "geometry"):
        pixels = f"{found.start_error:.1f}"
    rotation = float(pose_errors(found, tracks.poses).rotation.mean())
    print(
        f"| {title} | {before} | {change} | {pixels} | {found.method} | {found.reprojection_error:.3f} | "
        f"{rotation:.3f} | {time.perf_counter() - begin:.0f} |", flush=True,
    )  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tests", nargs="+", default=["entry_p10.npz", "lund_door"])
    parser.add_argument("--minutes", type=float, default=1.5)
    parser.add_argument("--synthetic", type=int, default=16)
    parser.add_argument("--tuning", type=int, default=500)
    parser.add_argument("--steps", type=int, default=2000)
    options = parser.parse_args()
    paths = {path.name: path for path in scene_names(options.folder)}
    made = [synthetic_tracks(12, 250, visible=0.6, seed=100 + k)[0] for k in range(options.synthetic)]
    real = {name: verified(read_tracks(path)) for name, path in paths.items()}
    print("| " + " | ".join(COLUMNS) + " |")
    print("|---" * len(COLUMNS) + "|")
    for name in options.tests:
        tracks = read_tracks(paths[name])
        scenes = [scene for other, scene in real.items() if other != name] + made
        for title, kind in (("equivariant", TracksNetwork), ("plain", PlainNetwork)):
            torch.manual_seed(0)
            network = kind(128) if kind is TracksNetwork else kind()
            count = train(network, scenes, options.minutes)
            row(f"{name}, {title}, {count} steps, inference", tracks, network, 0)
            row(f"{name}, {title}, fine-tuned", tracks, network, options.tuning)
        torch.manual_seed(0)
        row(f"{name}, equivariant, from scratch", tracks, TracksNetwork(128), options.steps)
        row(f"{name}, geometry", tracks, None, 0)


if __name__ == "__main__":
    main()
