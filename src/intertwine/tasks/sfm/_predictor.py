"""Trained networks of structure from motion in use: poses of the cameras of scenes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from intertwine._errors import UsageError
from intertwine._progress import ProgressCallback, no_progress
from intertwine.actions import Action, Array, TupleAction
from intertwine.data.tracks import Tracks
from intertwine.models import TracksModel
from intertwine.nn import ObservedEntries
from intertwine.ops.cameras import quaternion_from_matrix
from intertwine.tasks._predictor import Predictor
from intertwine.tasks._results import Evaluation, PredictionChunk, PredictionWriter
from intertwine.tasks._source import resolve
from intertwine.tasks.sfm._camera_writer import CameraWriter
from intertwine.tasks.sfm._evaluation import pose_errors
from intertwine.tasks.sfm._job import make_network
from intertwine.tasks.sfm._network_start import NetworkStart
from intertwine.tasks.sfm._options import PROTOCOLS
from intertwine.tasks.sfm._projective_reconstruction import ProjectiveReconstruction
from intertwine.tasks.sfm._projective_structure_from_motion import projective_structure_from_motion
from intertwine.tasks.sfm._reconstruction import Reconstruction
from intertwine.tasks.sfm._scene_set import SceneSet, for_cameras, read_again, read_scenes
from intertwine.tasks.sfm._structure_from_motion import structure_from_motion
from intertwine.tasks.sfm.mapping import NetworkInput, network_input, network_poses, network_projections

_AUDIT_CAMERAS, _AUDIT_POINTS = 6, 40


class SfmPredictor(Predictor[TracksModel, SceneSet]):
    """A network on scenes in use; arguments as those of `Predictor`.

    It predicts the arrays "quaternion" (N, 4) and "translation" (N, 3) of all cameras of all scenes, or "projection"
    (N, 3, 4) of projective ones to homogeneous pixels, before bundle adjustment, each scene in its own frame.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".csv",)
    batch_size: ClassVar[int] = 1
    audit_batch_size: ClassVar[int] = 1
    kind: ClassVar[str] = "scenes"
    public: ClassVar[tuple[str, ...]] = ()
    protocols: ClassVar[tuple[str, ...]] = PROTOCOLS

    @classmethod
    def build_model(cls, config: dict[str, Any]) -> TracksModel:
        """The network that a configuration describes."""
        return make_network(config)

    def read(self, source: str | None, progress: ProgressCallback) -> SceneSet:
        """The scenes of a folder, or those of the run."""
        if source is None:
            return read_again(self.config, progress)
        return read_scenes([source], progress, cameras=self.model.cameras)

    def measure(
        self,
        examples: SceneSet,
        name: str,
        *,
        batch_size: int | None = None,
        seed: int = 0,
        progress: ProgressCallback = no_progress,
        protocols: Sequence[str] = (),
    ) -> Evaluation:
        """Reprojection, rotation and position errors of each scene after bundle adjustment, for each protocol."""
        wanted = [protocol for protocol in PROTOCOLS if not protocols or protocol in protocols]
        rows, content = [], []
        for number, (title, scene) in enumerate(zip(examples.names, examples.scenes, strict=True), 1):
            for protocol in wanted:
                figures = self._figures(scene, protocol)
                content.append({"scene": title, "protocol": protocol, **figures})
                cells = (f"{value:.4g}" if isinstance(value, float) else str(value) for value in figures.values())
                rows.append((f"{title}, {protocol}", *cells))
            progress(number, len(examples))
        columns = ("scene", *_TITLES)
        note = f"{len(examples)} scenes ({name}), each after bundle adjustment"
        return Evaluation(columns, tuple(rows), {"data": name, "scenes": content}, (note,))

    def _figures(self, scene: Tracks, protocol: str) -> dict[str, float | int | str]:
        begin = perf_counter()
        start = None
        if protocol != "geometry":
            start = NetworkStart(self.model, self.config["tuning"] if protocol == "fine-tuned" else 0)
        part: Reconstruction | ProjectiveReconstruction
        try:
            if self.model.cameras == "projective":
                part = projective_structure_from_motion(scene, network=start).parts[0]
            else:
                part = structure_from_motion(scene, network=start).parts[0]
        except UsageError:
            return {**dict.fromkeys(_TITLES.values(), float("nan")), "start": "none"}
        rotation = position = float("nan")
        if scene.poses is not None and isinstance(part, Reconstruction):
            errors = pose_errors(part, scene.poses)
            rotation, position = float(errors.rotation.mean()), float(errors.position.mean())
        return {
            "cameras": int(part.registered.sum()),
            "observations": int(part.inliers.sum()),
            "pixels": part.reprojection_error,
            "rotation": rotation,
            "position": position,
            "seconds": perf_counter() - begin,
            "start": part.method,
        }

    def audit_inputs(self, examples: SceneSet, name: str) -> list[Tensor]:
        """A few cameras and points of each scene as a dense array (cameras, points, 3): x, y and whether seen."""
        return [_dense(scene) for scene in examples.scenes]

    @property
    def audited_module(self) -> nn.Module:
        """The network on dense arrays."""
        return DenseTracks(self.model)

    def stream(self, data: str, batch_size: int, *, strict: bool) -> Iterator[SceneSet]:
        """The scenes of a folder, one at a time."""
        scenes = read_scenes([resolve(data)], cameras=self.model.cameras)
        for number in range(len(scenes)):
            yield scenes.select([number])

    def from_memory(self, data: Any, batch_size: int, **fields: Any) -> Iterator[SceneSet]:
        """Tracks that the caller holds.

        Args:
            data: `Tracks`, or a list of them.
            batch_size: Not used: scenes go one at a time.
            fields: None that is known.
        """
        scenes = data if isinstance(data, list | tuple) else [data]
        if fields or not scenes or not all(isinstance(scene, Tracks) for scene in scenes):
            raise UsageError("expected intertwine.data.tracks.Tracks or a list of them")
        for number, scene in enumerate(scenes, 1):
            yield SceneSet((str(number),), (for_cameras(scene, self.model.cameras),))

    def predict_chunk(self, chunk: SceneSet, name: str, batch_size: int) -> PredictionChunk:
        """The cameras of one scene."""
        (scene,) = chunk.scenes
        given = network_input(scene, torch.arange(len(scene.camera)))
        arrays = self._arrays(scene, given)
        return PredictionChunk([f"{chunk.names[0]}/{scene.names[i]}" for i in given.cameras.tolist()], arrays, {}, None)

    def _arrays(self, scene: Tracks, given: NetworkInput) -> dict[str, np.ndarray]:
        if self.model.cameras == "projective":
            matrices = scene.intrinsics[given.cameras] @ network_projections(given, self.model, 0)
            return {"projection": (matrices / matrices[:, 2:, :3].norm(dim=2, keepdim=True)).numpy()}
        rotations, translations = network_poses(given, self.model, 0)
        return {"quaternion": quaternion_from_matrix(rotations).numpy(), "translation": translations.numpy()}

    @contextmanager
    def open_writer(self, path: Path, suffix: str) -> Iterator[PredictionWriter]:
        """A table."""
        with path.open("w", encoding="utf-8", newline="") as file:
            yield CameraWriter(file)


_TITLES = {
    "cameras": "cameras",
    "observations": "observations",
    "reprojection error, px": "pixels",
    "rotation error, degrees": "rotation",
    "position error": "position",
    "seconds": "seconds",
    "start": "start",
}


class DenseTracks(nn.Module):
    """A network of tracks as a function of a dense array: ``(cameras, points, 3)``, x, y, and 1 where a point is seen.

    Args:
        network: The network.
    """

    measured_whole = True

    def __init__(self, network: TracksModel) -> None:
        super().__init__()
        self.network = network

    @property
    def action_in(self) -> Action:
        """Permutations of cameras and points."""
        return Array("cameras points .", None, (3,))

    @property
    def action_out(self) -> Action:
        """Permutations of cameras and of points."""
        return TupleAction(Array("cameras . .", None, (3, 4)), Array("points .", None, (3,)))

    def forward(self, array: Tensor) -> tuple[Tensor, Tensor]:
        """Projections (cameras, 3, 4) and points (points, 3)."""
        index = (array[..., 2] > 0.5).nonzero().T
        entries = ObservedEntries.from_index(index, array.shape[:2])
        projections, points = self.network(array[index[0], index[1], :2], entries)
        return projections, points


def _dense(scene: Tracks) -> Tensor:
    given = network_input(scene, torch.arange(len(scene.camera)), _AUDIT_POINTS, 0)
    array = torch.zeros(*given.entries.sizes[:2], 3, dtype=torch.float64)
    camera, point = given.entries.indices
    array[camera, point] = torch.cat([given.xy.double(), torch.ones(len(given.xy), 1)], 1)
    return array[:_AUDIT_CAMERAS]
