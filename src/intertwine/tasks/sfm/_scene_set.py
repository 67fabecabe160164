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


def read_scenes(source: str | Path, progress: ProgressCallback = no_progress) -> SceneSet:
    """The scenes of a folder, or the one scene that a path is.

    Raises:
        UsageError: There is none, or one cannot be read.
    """
    path = Path(source)
    paths = scene_names(path) if path.is_dir() else [path]
    if not paths:
        paths = [path]
    scenes = []
    for number, each in enumerate(paths, 1):
        scenes.append(read_tracks(each))
        progress(number, len(paths))
    return SceneSet(tuple(each.name for each in paths), tuple(scenes))


def read_again(config: dict[str, Any], progress: ProgressCallback = no_progress) -> SceneSet:
    """The scenes that a run was begun with.

    Raises:
        UsageError: They are gone, or no longer what they were.
    """
    recorded = config["data"]
    scenes = read_scenes(recorded["source"], progress)
    if scenes_digest(scenes) != recorded["names_sha256"]:
        raise UsageError(
            f"{recorded['source']} had {recorded['scenes']} scenes when this model was trained and has others now: "
            "the split no longer fits; pass other data"
        )
    return scenes


def scenes_digest(scenes: SceneSet) -> str:
    """A hash of the names and sizes of scenes."""
    pairs = zip(scenes.names, scenes.scenes, strict=True)
    return names_digest([f"{name} {scene.num_cameras} {len(scene.camera)}" for name, scene in pairs])
