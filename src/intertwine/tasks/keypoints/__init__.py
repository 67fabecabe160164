"""The task `keypoints`: a detector and a descriptor learned from photos; matches of two images and their geometry.

Importing this package loads no torch; its names are loaded when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from intertwine.tasks.keypoints._options import KeypointOptions
from intertwine.tasks.keypoints._task import KeypointTask

if TYPE_CHECKING:
    from intertwine.tasks.keypoints._draw import draw_keypoints, draw_matches
    from intertwine.tasks.keypoints._evaluation import PairScore, rotation_curve, score_pair
    from intertwine.tasks.keypoints._geometry import GEOMETRIES, TwoViewGeometry, has_opencv, two_view_geometry
    from intertwine.tasks.keypoints._job import KeypointJob
    from intertwine.tasks.keypoints._match_images import ImageKeypoints, ImageMatches, find_keypoints, match_images
    from intertwine.tasks.keypoints._network import KeypointNetwork
    from intertwine.tasks.keypoints._photos import PhotoSet, read_photos
    from intertwine.tasks.keypoints._predictor import KeypointPredictor
    from intertwine.tasks.keypoints._writing import write_keypoints, write_matches

__all__ = [
    "GEOMETRIES",
    "ImageKeypoints",
    "ImageMatches",
    "KeypointJob",
    "KeypointNetwork",
    "KeypointOptions",
    "KeypointPredictor",
    "KeypointTask",
    "PairScore",
    "PhotoSet",
    "TwoViewGeometry",
    "draw_keypoints",
    "draw_matches",
    "find_keypoints",
    "has_opencv",
    "match_images",
    "read_photos",
    "rotation_curve",
    "score_pair",
    "two_view_geometry",
    "write_keypoints",
    "write_matches",
]

_HOMES = {
    "GEOMETRIES": "_geometry",
    "ImageKeypoints": "_match_images",
    "ImageMatches": "_match_images",
    "KeypointJob": "_job",
    "KeypointNetwork": "_network",
    "KeypointPredictor": "_predictor",
    "PairScore": "_evaluation",
    "PhotoSet": "_photos",
    "TwoViewGeometry": "_geometry",
    "draw_keypoints": "_draw",
    "draw_matches": "_draw",
    "find_keypoints": "_match_images",
    "has_opencv": "_geometry",
    "match_images": "_match_images",
    "read_photos": "_photos",
    "rotation_curve": "_evaluation",
    "score_pair": "_evaluation",
    "two_view_geometry": "_geometry",
    "write_keypoints": "_writing",
    "write_matches": "_writing",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
