"""The task `images`: the class of an image, a number, or the class of each pixel.

Importing this package costs nothing; its names that need torch are loaded when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from intertwine.tasks.images._options import ImageOptions
from intertwine.tasks.images._task import Images

if TYPE_CHECKING:
    from intertwine.tasks.images._augment import Augmentation
    from intertwine.tasks.images._job import ImageJob
    from intertwine.tasks.images._memory import as_pixels
    from intertwine.tasks.images._network import ImageNetwork, PixelSymmetries
    from intertwine.tasks.images._predictor import ImagePredictor

__all__ = [
    "Augmentation",
    "ImageJob",
    "ImageNetwork",
    "ImageOptions",
    "ImagePredictor",
    "Images",
    "PixelSymmetries",
    "as_pixels",
]

_HOMES = {
    "Augmentation": "_augment",
    "ImageJob": "_job",
    "ImageNetwork": "_network",
    "ImagePredictor": "_predictor",
    "PixelSymmetries": "_network",
    "as_pixels": "_memory",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
