"""Learning across scenes: a network trained on random scenes, alone, fine-tuned, and from scratch; and a plain network.

    python benchmarks/sets/sfm_learning.py train equivariant.pt --minutes 6
    python benchmarks/sets/sfm_learning.py train plain.pt --kind plain --minutes 6
    python benchmarks/sets/sfm_learning.py test FOLDER equivariant.pt plain.pt --reconstruct

The networks are trained on random scenes, made anew for each step (`random_scene`), by the loss of `fit sfm`: of
poses and, with a tenth of the weight, of reprojection. No scene of the folder is ever trained on. The plain network is
a perceptron that reads a table of cameras and points row by row; it has no row for more than 12 cameras. Printed for
each scene are errors of the cameras that a network gives, and of the reconstruction that starts from them:

- one pose: all cameras have the same rotation, the error that a network has to beat;
- inference: the trained network alone; fine-tuned: after --tuning steps on the scene, by reprojection; from scratch: a
  new network after --steps steps on the scene; geometry: no network;
- change by permutation: the mean angle between the network's rotations and those for cameras and points in another
  order, up to a rotation of the world (the command puts tracks into one order first, for which nothing can change);
- start: what the reconstruction began with after all, geometry where the cameras of the network did not agree.
"""

import argparse
import math
import time
from copy import deepcopy
from pathlib import Path

import torch
from torch import nn

from intertwine.data.tracks import read_tracks, scene_names
from intertwine.models import CamerasAndPoints, ResidualTracksNetwork, TracksNetwork
from intertwine.models.tracks._residual_tracks_network import _OF_RAYS as OF_RAYS
from intertwine.models.tracks._residual_tracks_network import calibrated_cameras, mean_ray_turns, turned
from intertwine.nn import ObservedEntries
from intertwine.ops import nearest_rotation
from intertwine.ops.cameras import matrix_from_quaternion, projection_loss
from intertwine.tasks.sfm import NetworkStart, structure_from_motion
from intertwine.tasks.sfm._job import _OF_REPROJECTION as OF_REPROJECTION
from intertwine.tasks.sfm._job import example, random_scene_of, rotation_error, scene_loss
from intertwine.tasks.sfm._pose_loss import pose_loss
from intertwine.tasks.sfm.mapping import camera_pairs, clean, network_input, network_poses, optimize, verified_rows

CAMERAS, POINTS, VIEWS = 12, 220, (4, 12)
COLUMNS = (
    "scene, cameras from", "rotation of the network", "change by permutation", "px before", "start", "px", "rotation",
    "seconds",
)  # fmt: skip


class PlainNetwork(nn.Module):
    """A perceptron on the table (cameras, points, 3) of x, y and whether seen, row by row."""

    cameras = "calibrated"

    def __init__(self, hidden=256):
        super().__init__()
        self.network = nn.Sequential(
            nn.Linear(CAMERAS * POINTS * 3, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(),
            nn.Linear(hidden, CAMERAS * 7 + POINTS * 3),
        )  # fmt: skip

    def forward(self, xy, entries):
        cameras, points = entries.sizes[:2]
        table = xy.new_zeros(CAMERAS, POINTS, 3)
        table[entries.indices[0], entries.indices[1]] = torch.cat([xy, torch.ones_like(xy[:, :1])], 1)
        found = self.network(table.flatten())
        poses = found[: CAMERAS * 7].view(CAMERAS, 7)[:cameras]
        rotations = matrix_from_quaternion(poses[:, :4])
        matrices = torch.cat([rotations, poses[:, 4:, None]], 2)
        return CamerasAndPoints(matrices, found[CAMERAS * 7 :].view(POINTS, 3)[:points])


def make(kind):
    torch.manual_seed(0)
    return ResidualTracksNetwork() if kind == "equivariant" else PlainNetwork()


def dense_batch(examples):
    """Scenes as one array (scenes, cameras, points, 2), and which entries are seen."""
    sizes = [max(each.given.entries.sizes[axis] for each in examples) for axis in (0, 1)]
    xy = torch.zeros(len(examples), *sizes, 2)
    seen = torch.zeros(len(examples), *sizes, dtype=torch.bool)
    for number, each in enumerate(examples):
        camera, point = each.given.entries.indices
        xy[number, camera, point], seen[number, camera, point] = each.given.xy, True
    return xy, seen


def equivariant_losses(network, examples):
    """The losses of a batch: the network on a masked array, which is faster than scene by scene."""
    xy, seen = dense_batch(examples)
    for number, each in enumerate(examples):
        camera, point = each.given.entries.indices
        turns = mean_ray_turns(each.given.xy, camera, each.given.entries.sizes[0])
        xy[number, camera, point] = OF_RAYS * turned(each.given.xy, turns[camera])
    camera, point = network.pool(nn.functional.gelu(network.body(xy, mask=seen)), mask=seen)
    there = seen.any(2)
    for layer in network.among_cameras:
        camera = layer(camera, there)
    outputs, points = network.camera_head(camera), network.point_head(point)
    losses, errors = [], []
    for each, found, places in zip(examples, outputs, points, strict=True):
        turns = mean_ray_turns(each.given.xy, each.given.entries.indices[0], each.given.entries.sizes[0])
        poses = turns.mT @ calibrated_cameras(found[: len(turns)])
        reprojection = projection_loss(poses, places, *each.given.entries.indices, each.given.xy)
        losses.append(pose_loss(poses, *each.truth) + OF_REPROJECTION * reprojection)
        errors.append(float(rotation_error(poses.detach(), each.truth.rotations)))
    return losses, errors


def plain_losses(network, examples):
    found = [scene_loss(network, each) for each in examples]
    poses = [each.projections.detach() for each in found]
    errors = [float(rotation_error(p, each.truth.rotations)) for p, each in zip(poses, examples, strict=True)]
    return [each.loss for each in found], errors


def train(kind, minutes, points=80, batch=8, rate=2e-3):
    """AdamW on a cosine schedule over the minutes; returns the network and the number of steps."""
    network = make(kind)
    losses_of = equivariant_losses if kind == "equivariant" else plain_losses
    optimizer = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=0.01, betas=(0.9, 0.98))
    begin, steps, errors = time.monotonic(), 0, []
    while (spent := (time.monotonic() - begin) / (60 * minutes)) < 1:
        optimizer.param_groups[0]["lr"] = rate * min(1, (steps + 1) / 100) * (1 + math.cos(math.pi * spent)) / 2
        optimizer.zero_grad()
        seeds = range(steps * batch, (steps + 1) * batch)
        losses, found = losses_of(network, [example(random_scene_of(VIEWS, seed), points) for seed in seeds])
        torch.stack(losses).mean().backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        steps, errors = steps + 1, errors + found
        if steps % 100 == 0:
            mean = sum(errors) / len(errors)
            print(f"step {steps}, {60 * minutes * spent:.0f} s: rotations {mean:.1f} degrees off", flush=True)
            errors = []
    return network, steps


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


def verified(tracks):
    """What a network reads of a scene, and the known rotations."""
    canonical = clean(tracks)
    allowed = torch.ones(tracks.num_cameras, dtype=torch.bool)
    rows = verified_rows(canonical.tracks, camera_pairs(canonical.tracks), allowed)
    given = network_input(canonical.tracks, rows)
    return given, tracks.poses.rotations[canonical.cameras[given.cameras]]


def row(title, tracks, given, truth, network, steps, *, reconstruct):
    begin = time.perf_counter()
    before, change, pixels, start = "-", "-", "-", None
    if network is not None:
        network = deepcopy(network)
        optimize(network, given, steps)
        rotations, _ = network_poses(given, network, 0)
        before = f"{float(rotation_error(rotations, truth)):.1f}"
        change, start = f"{permuted(given, network, rotations):.2g}", NetworkStart(network, 0)
    if not reconstruct:
        print(f"| {title} | {before} | {change} | - | - | - | - | {time.perf_counter() - begin:.0f} |", flush=True)
        return
    found = structure_from_motion(tracks, network=start).parts[0]
    if (start is None) == (found.method == "geometry"):
        pixels = f"{found.start_error:.1f}"
    keep = found.registered
    turns = rotation_error(found.rotations[keep], tracks.poses.rotations[keep])
    print(
        f"| {title} | {before} | {change} | {pixels} | {found.method} | {found.reprojection_error:.3f} | "
        f"{float(turns):.3f} | {time.perf_counter() - begin:.0f} |", flush=True,
    )  # fmt: skip


def random_scenes(networks, count=200):
    """Mean rotation errors over random scenes that no network was trained on, and with points in another order."""
    errors = {"one pose": [], **{kind: [] for kind in networks}}
    changes = {kind: [] for kind in networks}
    for seed in range(2**40, 2**40 + count):
        each = example(random_scene_of(VIEWS, seed), 80)
        same = torch.eye(3, dtype=torch.float64).expand_as(each.truth.rotations)
        errors["one pose"].append(float(rotation_error(same, each.truth.rotations)))
        for kind, network in networks.items():
            rotations, _ = network_poses(each.given, network, 0)
            errors[kind].append(float(rotation_error(rotations, each.truth.rotations)))
            changes[kind].append(permuted(each.given, network, rotations))
    for kind, found in errors.items():
        moved = f", {sum(changes[kind]) / count:.2g} by another order" if kind in changes else ""
        print(f"{count} random scenes, {kind}: {sum(found) / count:.1f} degrees{moved}", flush=True)


def test(options):
    networks = {}
    for path in options.networks:
        saved = torch.load(path, weights_only=True)
        networks[saved["kind"]] = make(saved["kind"])
        networks[saved["kind"]].load_state_dict(saved["weights"])
        print(f"{saved['kind']}: {saved['steps']} steps in {saved['minutes']} minutes")
    random_scenes(networks)
    print("| " + " | ".join(COLUMNS) + " |")
    print("|---" * len(COLUMNS) + "|")
    for path in scene_names(options.folder):
        tracks = read_tracks(path)
        given, truth = verified(tracks)
        scene = tracks, given, truth
        same = torch.eye(3, dtype=torch.float64).expand(len(truth), 3, 3)
        print(f"| {path.name}, one pose | {float(rotation_error(same, truth)):.1f} | - | - | - | - | - | - |")
        for kind, network in networks.items():
            if kind == "plain" and given.entries.sizes[0] > CAMERAS:
                continue
            row(f"{path.name}, {kind}, inference", *scene, network, 0, reconstruct=options.reconstruct)
            row(f"{path.name}, {kind}, fine-tuned", *scene, network, options.tuning, reconstruct=options.reconstruct)
        torch.manual_seed(0)
        if options.steps:
            row(
                f"{path.name}, from scratch", *scene, TracksNetwork(128), options.steps, reconstruct=options.reconstruct
            )
        if options.reconstruct:
            row(f"{path.name}, geometry", *scene, None, 0, reconstruct=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    training = commands.add_parser("train")
    training.add_argument("file", type=Path)
    training.add_argument("--kind", choices=("equivariant", "plain"), default="equivariant")
    training.add_argument("--minutes", type=float, default=6)
    testing = commands.add_parser("test")
    testing.add_argument("folder", type=Path)
    testing.add_argument("networks", type=Path, nargs="+")
    testing.add_argument("--tuning", type=int, default=500)
    testing.add_argument("--steps", type=int, default=1500, help="0 for no network from scratch")
    testing.add_argument("--reconstruct", action="store_true", help="go on to bundle adjustment (minutes)")
    options = parser.parse_args()
    if options.command == "test":
        return test(options)
    network, steps = train(options.kind, options.minutes)
    saved = {"kind": options.kind, "steps": steps, "minutes": options.minutes, "weights": network.state_dict()}
    torch.save(saved, options.file)
    return None


if __name__ == "__main__":
    main()
