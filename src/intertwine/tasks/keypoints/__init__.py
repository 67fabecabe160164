"""Keypoints of images: matches of two images, their geometry, and pictures of them.

Importing this package loads no torch; its names are loaded when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from intertwine.tasks.keypoints._draw import draw_keypoints, draw_matches
    from intertwine.tasks.keypoints._geometry import GEOMETRIES, TwoViewGeometry, has_opencv, two_view_geometry
    from intertwine.tasks.keypoints._match_images import ImageMatches, match_images
    from intertwine.tasks.keypoints._writing import write_matches

__all__ = [
    "GEOMETRIES",
    "ImageMatches",
    "TwoViewGeometry",
    "draw_keypoints",
    "draw_matches",
    "has_opencv",
    "match_images",
    "two_view_geometry",
    "write_matches",
]

_HOMES = {
    "GEOMETRIES": "_geometry",
    "ImageMatches": "_match_images",
    "TwoViewGeometry": "_geometry",
    "draw_keypoints": "_draw",
    "draw_matches": "_draw",
    "has_opencv": "_geometry",
    "match_images": "_match_images",
    "two_view_geometry": "_geometry",
    "write_matches": "_writing",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
