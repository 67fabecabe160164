"""Reading and writing of image files, with pillow."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from intertwine._atomic import atomic_file
from intertwine._errors import UsageError

FORMATS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".bmp": "BMP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
}
"""Formats that images are written in, by file name extension."""

_MAX_PIXELS = 40_000_000
_HIGH_BIT_DEPTH_MODES = ("I", "F")


def read_image(path: str | os.PathLike[str]) -> Tensor:
    """The colors of an image file, ``(3, height, width)``, float32, 0 .. 1; its first frame, transparency over white.

    Raises:
        UsageError: If the file is missing, no image, damaged or too large.
    """
    pillow = _pillow()
    from PIL import ImageOps

    if os.path.exists(path) and not os.path.isdir(path) and not os.path.isfile(path):
        raise UsageError(f"{path} is a pipe or a device, expected a picture")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with pillow.open(path) as file:
                if file.width * file.height > _MAX_PIXELS:
                    raise UsageError(
                        f"{path} has {file.width} x {file.height} pixels; at most {_MAX_PIXELS:,} are read: shrink it"
                    )
                image = ImageOps.exif_transpose(file)
                image.load()
    except FileNotFoundError as error:
        raise UsageError(f"{path}: no such file") from error
    except IsADirectoryError as error:
        raise UsageError(f"{path} is a folder, expected a picture") from error
    except pillow.UnidentifiedImageError as error:
        raise UsageError(f"{path} is no picture that can be read: PNG, JPEG, WebP, TIFF and the like are") from error
    except (OSError, SyntaxError, ValueError, EOFError, pillow.DecompressionBombError) as error:
        if isinstance(error, UsageError):
            raise
        raise UsageError(f"{path} cannot be read: {str(error) or type(error).__name__}") from error
    return _colors(image, pillow)


def _colors(image: Any, pillow: Any) -> Tensor:
    if image.mode.split(";")[0] in _HIGH_BIT_DEPTH_MODES:
        deep = torch.from_numpy(np.asarray(image).astype(np.float32))
        low, high = float(deep.min()), float(deep.max())
        return ((deep - low) / max(high - low, 1e-30)).expand(3, *deep.shape)
    if "A" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        white = pillow.new("RGBA", image.size, "white")
        image = pillow.alpha_composite(white, image)
    return torch.from_numpy(np.asarray(image.convert("RGB")).astype(np.float32) / 255).permute(2, 0, 1)


def check_writable(path: str | os.PathLike[str]) -> Path:
    """The path of an image file to write, checked before any work is done.

    Raises:
        UsageError: If the extension is unknown, or the folder does not exist.
    """
    target = Path(path)
    if target.suffix.lower() not in FORMATS:
        raise UsageError(f'pictures end in {", ".join(FORMATS)}; got "{target.name}"')
    if target.is_dir():
        raise UsageError(f"{target} is a folder, expected the name of a picture")
    if not target.parent.is_dir():
        raise UsageError(f"{target.parent} is no folder: make it first, or write the picture elsewhere")
    _pillow()
    return target


def write_image(path: str | os.PathLike[str], image: Tensor) -> None:
    """Write colors ``(3, height, width)``, 0 .. 1, to an image file, atomically.

    Raises:
        UsageError: If the file cannot be written.
    """
    target = check_writable(path)
    pixels = (image.clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy()
    try:
        kind = FORMATS[target.suffix.lower()]
        quality = {"quality": 95} if kind in ("JPEG", "WEBP") else {}
        with atomic_file(target) as part:
            _pillow().fromarray(pixels).save(part, format=kind, **quality)
    except OSError as error:
        raise UsageError(f"{target} cannot be written: {error.strerror or error}") from error


def _pillow() -> Any:
    try:
        from PIL import Image
    except ModuleNotFoundError as error:
        raise UsageError(
            'pictures need the package pillow, which is not installed; pip install "intertwine[patterns]"'
        ) from error
    return Image
