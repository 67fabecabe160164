"""The training job of structure from motion: parts of scenes, the reprojection loss, and metrics."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from intertwine.data import Split
from intertwine.data.tracks import CameraPoses, Tracks, random_scene
from intertwine.models import CamerasAndPoints, ResidualTracksNetwork, TracksModel, TracksNetwork
from intertwine.nn import ObservedEntries
from intertwine.ops import nearest_rotation
from intertwine.ops.cameras import projection_loss
from intertwine.tasks.sfm._pose_loss import pose_loss
from intertwine.tasks.sfm._scene_set import SceneSet, cameras_of, for_cameras
from intertwine.tasks.sfm.mapping import NetworkInput, network_input

_LEAST_OF_CAMERA = 20
_OF_REPROJECTION = 0.1


class SceneExample:
    """A part of a scene as the network reads it, and the known poses of its cameras.

    Attributes:
        given: What the network reads.
        truth: Known poses, or None.
        focal: The mean focal length, pixels.
    """

    def __init__(self, given: NetworkInput, poses: CameraPoses | None, focal: float) -> None:
        self.given, self.focal = given, focal
        self.truth = None if poses is None else CameraPoses(*(known[given.cameras] for known in poses))


class SfmJob:
    """Scenes, the network, and the loss: of poses where they are known, and of reprojection.

    A scene of a training step is some of its cameras, drawn at random, with the points that most of them see. Random
    scenes, made anew in each epoch, stand after those that were given. In validation a given scene is taken with all
    its cameras; "pixels" is the mean reprojection loss in pixels, "rotation" the mean error of the rotations in degrees
    where they are known.
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
        """How many scenes there are to train on, random ones included."""
        return len(self._train) + int(self.config.get("synthetic", 0))

    def validation_size(self) -> int:
        """How many scenes there are to validate on."""
        return len(self._validation)

    def train_batch(self, indices: Tensor, seed: int) -> list[SceneExample]:
        """Parts of these training scenes."""
        views, points = self.config["views"], self.config["points"]
        return [example(part_of_scene(self._scene(i, seed), views, seed, i), points) for i in indices.tolist()]

    def _scene(self, number: int, seed: int) -> Tracks:
        if number < len(self._train):
            return self._train.scenes[number]
        most = max(self.config["views"][1], 4)
        return for_cameras(random_scene(most, seed=mixed_seed(seed, number)), cameras_of(self.config))

    def validation_batch(self, indices: Tensor) -> list[SceneExample]:
        """These validation scenes."""
        return [self._whole[i] for i in indices.tolist()]

    def loss(self, batch: list[SceneExample]) -> tuple[Tensor, int]:
        """The sum over scenes of their losses, and how many there are."""
        losses = [scene_loss(self.model, each).loss for each in batch]
        return torch.stack(losses).sum(), len(batch)

    def metrics(self, batch: list[SceneExample]) -> dict[str, tuple[Tensor, int]]:
        """Sums and counts: the loss, reprojection in pixels, and the rotation error of scenes with known poses."""
        losses, pixels, rotations = [], [], []
        for each in batch:
            found = scene_loss(self.model, each)
            losses.append(found.loss.double())
            pixels.append(found.reprojection.double() * each.focal)
            if each.truth is not None:
                rotations.append(rotation_error(found.projections, each.truth.rotations.to(found.loss.device)))
        result = {"loss": (torch.stack(losses).sum(), len(batch)), "pixels": (torch.stack(pixels).sum(), len(batch))}
        if rotations:
            result["rotation"] = (torch.stack(rotations).sum(), len(rotations))
        return result


def make_network(config: dict[str, Any]) -> TracksModel:
    """The network that a configuration describes; one that says no architecture is of an earlier version."""
    network = config["network"]
    kind = ResidualTracksNetwork if network.get("architecture") == "residual" else TracksNetwork
    return kind(network["hidden"], network["layers"], cameras_of(config))


def example(scene: Tracks, points: int) -> SceneExample:
    """A scene as the network reads it, with its best points."""
    rows = torch.arange(len(scene.camera))
    given = network_input(scene, rows, points, _LEAST_OF_CAMERA)
    return SceneExample(given, scene.poses, float(scene.focal().mean()))


def part_of_scene(scene: Tracks, views: tuple[int, int], seed: int, index: int) -> Tracks:
    """Some cameras, each of which shares points with one before: a number within `views`, or all there are."""
    random = torch.Generator().manual_seed(mixed_seed(seed, index))
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


def mixed_seed(seed: int, index: int) -> int:
    """The seed of one scene of a step."""
    return (seed * 1_000_003 + index) % 2**63


class SceneLoss(NamedTuple):
    """Of one scene: the loss, its part of reprojection in normalized coordinates, and the predicted cameras."""

    loss: Tensor
    reprojection: Tensor
    projections: Tensor


def scene_loss(model: nn.Module, each: SceneExample) -> SceneLoss:
    """The losses of a scene, and the cameras that the network gives."""
    parameter = next(model.parameters())
    given = each.given
    entries = given.entries
    if entries.indices.device != parameter.device:
        entries = ObservedEntries.from_index(entries.indices.to(parameter.device), entries.sizes[:2])
    xy = given.xy.to(parameter)
    found: CamerasAndPoints = model(xy, entries)
    camera, point = entries.indices
    reprojection = projection_loss(found.projections, found.points, camera, point, xy)
    if each.truth is None:
        return SceneLoss(reprojection, reprojection, found.projections)
    loss = pose_loss(found.projections, *each.truth) + _OF_REPROJECTION * reprojection
    return SceneLoss(loss, reprojection, found.projections)


def rotation_error(projections: Tensor, truth: Tensor) -> Tensor:
    """The mean angle, in degrees, between rotations and known ones after the best rotation of the world."""
    rotations, known = projections[:, :, :3].double(), truth.double()
    turn = nearest_rotation((known.mT @ rotations).sum(0))
    difference = known @ turn - rotations
    return 2 * torch.asin((difference.flatten(1).norm(dim=1) / 8**0.5).clamp(max=1)).rad2deg().mean()
