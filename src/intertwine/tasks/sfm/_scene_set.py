"""Sets of scenes, to learn across them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from intertwine._errors import UsageError
from intertwine._progress import ProgressCallback, no_progress
from intertwine.data.tracks import Tracks, read_tracks, scene_names
from intertwine.tasks._source import names_digest
from intertwine.tasks.sfm.mapping import of_order_one


@dataclass(frozen=True)
class SceneSet:
    """Scenes with their names.

    Attributes:
        names: Of the scenes.
        scenes: Their tracks.
    """

    names: tuple[str, ...]
    scenes: tuple[Tracks, ...]

    def __len__(self) -> int:
        return len(self.scenes)

    def select(self, indices: Tensor | Sequence[int]) -> SceneSet:
        """These scenes, in this order."""
        numbers = torch.as_tensor(indices).tolist()
        return SceneSet(tuple(self.names[i] for i in numbers), tuple(self.scenes[i] for i in numbers))


def read_scenes(
    sources: Sequence[str], progress: ProgressCallback = no_progress, *, cameras: str = "calibrated"
) -> SceneSet:
    """The scenes of folders, and the scenes that paths are themselves.

    Args:
        sources: Folders of scenes, or scenes.
        progress: Called with the number of scenes read, and all of them.
        cameras: "calibrated", or "projective" for scenes that need no intrinsics.

    Raises:
        UsageError: There is none, one is given twice, or one cannot be read.
    """
    paths = [path for source in sources for path in _scenes_of(Path(source))]
    places = [path.resolve() for path in paths]
    twice = next((path for number, path in enumerate(paths) if places[number] in places[:number]), None)
    if twice is not None:
        raise UsageError(f"{twice} is given twice; name each scene or its folder once")
    scenes = []
    for number, each in enumerate(paths, 1):
        scenes.append(for_cameras(read_tracks(each, calibrated=cameras == "calibrated"), cameras))
        progress(number, len(paths))
    return SceneSet(_distinct_names(paths), tuple(scenes))


def for_cameras(scene: Tracks, cameras: str) -> Tracks:
    """The tracks as they are for calibrated cameras; for projective ones with pixels of order one and without poses."""
    return scene if cameras == "calibrated" else of_order_one(scene)


def _scenes_of(path: Path) -> list[Path]:
    """The scenes of a folder; the path itself where it is a file, or a folder without scenes in it."""
    return (scene_names(path) if path.is_dir() else []) or [path]


def _distinct_names(paths: Sequence[Path]) -> tuple[str, ...]:
    """The last part of each path, with its folder before it where another path ends the same."""
    last = [path.name for path in paths]
    return tuple(f"{path.parent.name}/{path.name}" if last.count(path.name) > 1 else path.name for path in paths)


def read_again(config: dict[str, Any], progress: ProgressCallback = no_progress) -> SceneSet:
    """The scenes that a run was begun with.

    Raises:
        UsageError: They are gone, or no longer what they were.
    """
    recorded = config["data"]
    scenes = read_scenes([recorded["source"], *recorded.get("more", [])], progress, cameras=cameras_of(config))
    if scenes_digest(scenes) != recorded["names_sha256"]:
        raise UsageError(
            f"{recorded['source']} had {recorded['scenes']} scenes when this model was trained and has others now: "
            "the split no longer fits; pass other data"
        )
    return scenes


def cameras_of(config: dict[str, Any]) -> str:
    """The kind of cameras of a configuration; calibrated where it says nothing."""
    kind: str = config["network"].get("cameras", "calibrated")
    return kind


def has_common_points(scene: Tracks) -> bool:
    """Whether a point is seen by two cameras."""
    pairs = (scene.point * scene.num_cameras + scene.camera).unique()
    points = pairs // max(scene.num_cameras, 1)
    return len(points.unique()) < len(points)


def scenes_digest(scenes: SceneSet) -> str:
    """A hash of the names and sizes of scenes."""
    pairs = zip(scenes.names, scenes.scenes, strict=True)
    return names_digest([f"{name} {scene.num_cameras} {len(scene.camera)}" for name, scene in pairs])
