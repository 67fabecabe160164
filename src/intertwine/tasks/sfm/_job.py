"""The training job of structure from motion: parts of scenes, the reprojection loss, and metrics."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from intertwine.data import Split
from intertwine.data.tracks import CameraPoses, Tracks
from intertwine.models import CamerasAndPoints, TracksNetwork
from intertwine.nn import ObservedEntries
from intertwine.ops import nearest_rotation
from intertwine.ops.cameras import projection_loss
from intertwine.tasks.sfm._scene_set import SceneSet
from intertwine.tasks.sfm.mapping import NetworkInput, network_input

_LEAST_OF_CAMERA = 20


class SceneExample:
    """A part of a scene as the network reads it, and the known poses of its cameras.

    Attributes:
        given: What the network reads.
        truth: ``(m, 3, 3)`` rotations, or None.
        focal: The mean focal length, pixels.
    """

    def __init__(self, given: NetworkInput, poses: CameraPoses | None, focal: float) -> None:
        self.given, self.focal = given, focal
        self.truth = None if poses is None else poses.rotations[given.cameras]


class SfmJob:
    """Scenes, the network, and the mean reprojection loss.

    A scene of a training step is some of its cameras, drawn at random, with the points that most of them see. In
    validation a scene is taken with all its cameras; "pixels" is the mean loss in pixels, "rotation" the mean error of
    the rotations in degrees where they are known.
    """

    task = "sfm"
    monitor = "loss"

    def __init__(self, config: dict[str, Any], split: dict[str, Any], scenes: SceneSet) -> None:
        self.config, self.split = config, split
        subsets = Split.from_json(split)
        self._train, self._validation = scenes.select(subsets.train), scenes.select(subsets.validation)
        self._whole = [example(scene, config["points"]) for scene in self._validation.scenes]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config["seed"])
            self.model: nn.Module = make_network(config)

    def train_size(self) -> int:
        """How many scenes there are to train on."""
        return len(self._train)

    def validation_size(self) -> int:
        """How many scenes there are to validate on."""
        return len(self._validation)

    def train_batch(self, indices: Tensor, seed: int) -> list[SceneExample]:
        """Parts of these training scenes."""
        return [
            example(part_of_scene(self._train.scenes[i], self.config["views"], seed, i), self.config["points"])
            for i in indices.tolist()
        ]

    def validation_batch(self, indices: Tensor) -> list[SceneExample]:
        """These validation scenes."""
        return [self._whole[i] for i in indices.tolist()]

    def loss(self, batch: list[SceneExample]) -> tuple[Tensor, int]:
        """The sum over scenes of the mean reprojection losses, and how many there are."""
        losses = [scene_loss(self.model, each)[0] for each in batch]
        return torch.stack(losses).sum(), len(batch)

    def metrics(self, batch: list[SceneExample]) -> dict[str, tuple[Tensor, int]]:
        """Sums and counts: the loss, the same in pixels, and the rotation error of scenes with known poses."""
        losses, pixels, rotations = [], [], []
        for each in batch:
            loss, found = scene_loss(self.model, each)
            losses.append(loss.double())
            pixels.append(loss.double() * each.focal)
            if each.truth is not None:
                rotations.append(rotation_error(found.projections, each.truth.to(loss.device)))
        result = {"loss": (torch.stack(losses).sum(), len(batch)), "pixels": (torch.stack(pixels).sum(), len(batch))}
        if rotations:
            result["rotation"] = (torch.stack(rotations).sum(), len(rotations))
        return result


def make_network(config: dict[str, Any]) -> TracksNetwork:
    """The network that a configuration describes."""
    return TracksNetwork(config["network"]["hidden"], config["network"]["layers"])


def example(scene: Tracks, points: int) -> SceneExample:
    """A scene as the network reads it, with its best points."""
    rows = torch.arange(len(scene.camera))
    given = network_input(scene, rows, points, _LEAST_OF_CAMERA)
    return SceneExample(given, scene.poses, float(scene.focal().mean()))


def part_of_scene(scene: Tracks, views: tuple[int, int], seed: int, index: int) -> Tracks:
    """Some cameras, each of which shares points with one before: a number within `views`, or all there are."""
    random = torch.Generator().manual_seed((seed * 1_000_003 + index) % 2**63)
    count = int(torch.randint(views[0], views[1] + 1, (), generator=random))
    if count >= scene.num_cameras:
        return scene
    seen = torch.zeros(scene.num_cameras, scene.num_points, dtype=torch.bool)
    seen[scene.camera, scene.point] = True
    chosen = torch.zeros(scene.num_cameras, dtype=torch.bool)
    useful = (seen & (seen.sum(0) >= 2)).any(1)
    chosen[torch.multinomial(useful.double(), 1, generator=random)] = True
    for _ in range(count - 1):
        shared = (seen & seen[chosen].any(0)).sum(1).double() * ~chosen
        if not bool(shared.any()):
            break
        chosen[torch.multinomial(shared, 1, generator=random)] = True
    part = scene.select(chosen[scene.camera])
    counts = torch.bincount(part.point, minlength=scene.num_points)
    return part.select(counts[part.point] >= 2)


def scene_loss(model: nn.Module, each: SceneExample) -> tuple[Tensor, CamerasAndPoints]:
    """The reprojection loss of a scene, and what the network gives."""
    parameter = next(model.parameters())
    given = each.given
    entries = given.entries
    if entries.indices.device != parameter.device:
        entries = ObservedEntries.from_index(entries.indices.to(parameter.device), entries.sizes[:2])
    xy = given.xy.to(parameter)
    found: CamerasAndPoints = model(xy, entries)
    camera, point = entries.indices
    return projection_loss(found.projections, found.points, camera, point, xy), found


def rotation_error(projections: Tensor, truth: Tensor) -> Tensor:
    """The mean angle, in degrees, between rotations and known ones after the best rotation of the world."""
    rotations, known = projections[:, :, :3].double(), truth.double()
    turn = nearest_rotation((known.mT @ rotations).sum(0))
    difference = known @ turn - rotations
    return 2 * torch.asin((difference.flatten(1).norm(dim=1) / 8**0.5).clamp(max=1)).rad2deg().mean()
