"""Configuration of a run on scenes from its options."""

from __future__ import annotations

from functools import partial
from typing import Any

from intertwine._errors import UsageError
from intertwine._progress import ProgressCallback
from intertwine.data import make_split
from intertwine.tasks._example_split import split_examples
from intertwine.tasks.sfm._options import SfmOptions, parse_views
from intertwine.tasks.sfm._scene_set import SceneSet, has_common_points, read_scenes, scenes_digest


def plan(options: SfmOptions, progress: ProgressCallback) -> tuple[dict[str, Any], dict[str, Any], SceneSet]:
    """Read the scenes, split them, and fill in the configuration.

    Raises:
        UsageError: The scenes or the options are not what was expected.
    """
    sources = options.resolved
    given = " ".join([options.data, *options.more])
    scenes = read_scenes([sources["data"], *sources["more"]], progress, cameras=options.cameras)
    if len(scenes) < 2:
        raise UsageError(f"{given}: one scene only; expected some to learn from and some to validate on")
    for name, scene in zip(scenes.names, scenes.scenes, strict=True):
        if not has_common_points(scene):
            raise UsageError(f"{name}: no point is seen by two cameras: nothing to learn from; leave this scene out")
    split = split_examples(options, scenes.names, partial(make_split, len(scenes)))
    if not len(split.train) or not len(split.validation):
        raise UsageError(f"{given}: {len(scenes)} scenes leave none to validate on; give more of them")
    config: dict[str, Any] = {
        "data": {
            "given": given,
            "source": sources["data"],
            "more": sources["more"],
            "scenes": len(scenes),
            "names_sha256": scenes_digest(scenes),
        },
        "network": {
            "architecture": "residual",
            "hidden": options.hidden,
            "layers": options.layers,
            "cameras": options.cameras,
        },
        "views": list(parse_views(options.views)),
        "points": options.points,
        "synthetic": options.synthetic,
        "tuning": options.tuning,
        "seed": options.seed,
    }
    return config, split.to_json(), scenes
