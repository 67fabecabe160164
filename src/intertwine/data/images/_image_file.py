"""Image files, read and written with Pillow."""

from __future__ import annotations

import io
import os
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from intertwine._errors import UsageError
from intertwine._regular_files import read_regular_file
from intertwine.data.images._layout import with_channels

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".gif", ".pgm", ".ppm")
"""The suffixes of image files, in lower case."""

_MAX_PIXELS = 100_000_000
_DEEP_MODES = ("I", "F")
_TRANSPOSING = (5, 6, 7, 8)
_ORIENTATION = 0x0112


class ImageFile(NamedTuple):
    """The pixels of a file.

    pixels: (C, H, W) uint8, C = 1 or 3; float32 in 0 .. 1 where the file has more than 8 bits; remarks: what was done
    to get them, such as "16 bit".
    """

    pixels: Tensor
    remarks: tuple[str, ...] = ()


class ImageHeader(NamedTuple):
    """The size of an image, upright, and its number of channels, 1 or 3."""

    height: int
    width: int
    channels: int


def image_files(folder: str | os.PathLike[str]) -> list[Path]:
    """All image files of a folder and the folders in it, sorted; hidden ones are left out."""
    found: list[Path] = []
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        names = (name for name in files if name.lower().endswith(IMAGE_SUFFIXES) and not name.startswith("."))
        found += [Path(parent) / name for name in names]
    return sorted(found)


def read_image(path: str | os.PathLike[str], *, channels: int | None = None) -> ImageFile:
    """The pixels of an image file: upright as its EXIF tag says, palettes as colors, transparency over black.

    Of several frames the first is read. 16 bits and floating-point numbers become float32 in 0 .. 1: 16 bits over
    65535, other numbers outside of 0 .. 1 by their own range.

    Args:
        path: The file.
        channels: 1 for gray (luma of ITU-R 601), 3 for colors; None for what the file has.

    Raises:
        UsageError: The file is missing, no image, damaged, truncated, too large, or has a pixel that is not finite.
    """
    image, oriented = _open(Path(path))
    pixels, remarks = _pixels(image, Path(path))
    if oriented:
        remarks = (*remarks, "turned upright as EXIF says")
    return ImageFile(pixels if channels is None else with_channels(pixels, channels), remarks)


def read_header(path: Path) -> ImageHeader:
    """What can be told of an image without decoding it.

    Raises:
        UsageError: As `read_image`.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with _pillow().open(io.BytesIO(read_regular_file(path))) as file:
                width, height = file.size
                if file.getexif().get(_ORIENTATION) in _TRANSPOSING:
                    width, height = height, width
                return ImageHeader(height, width, 1 if _is_gray(file) else 3)
    except Exception as error:  # Pillow raises nearly everything on damaged files
        raise _unreadable(path, error) from error


def read_mask(path: str | os.PathLike[str]) -> Tensor:
    """The class of each pixel, ``(H, W)`` uint8: palette indices or gray values as they are.

    Raises:
        UsageError: As `read_image`; or it has colors or more than 8 bits.
    """
    image, _ = _open(Path(path))
    if image.mode not in ("P", "L", "1"):
        raise UsageError(
            f"{path}: a mask has one class index a pixel, as a gray or palette image of 8 bits; "
            f"this one is of kind {image.mode}"
        )
    values = np.array(image)
    return torch.from_numpy(values.astype(np.uint8))


def write_mask(path: str | os.PathLike[str], mask: Tensor, colors: list[tuple[int, int, int]]) -> None:
    """Write class indices ``(H, W)`` as a PNG file with a palette.

    Args:
        path: The file.
        mask: uint8, the class of each pixel.
        colors: Red, green and blue, 0 to 255, of class 0, 1, ...
    """
    image = _pillow().fromarray(mask.numpy())
    entries = [value for color in colors for value in color]
    image.putpalette(entries + [0] * (768 - len(entries)))
    image.save(path, format="PNG")


def _open(path: Path) -> tuple[Any, bool]:
    """The decoded image, upright, and whether it had to be turned."""
    pillow = _pillow()
    from PIL import ImageOps

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with pillow.open(io.BytesIO(read_regular_file(path))) as file:
                if file.width * file.height > _MAX_PIXELS:
                    raise UsageError(f"it has {file.width} x {file.height} pixels, at most {_MAX_PIXELS:,} are read")
                file.load()
                oriented = file.getexif().get(_ORIENTATION, 1) not in (0, 1)
                return (ImageOps.exif_transpose(file) if oriented else file.copy()), oriented
    except Exception as error:  # Pillow raises nearly everything on damaged files
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> UsageError:
    """The error of use for a file that Pillow refused."""
    if isinstance(error, FileNotFoundError):
        return UsageError(f"{path}: no such file")
    if type(error).__name__ == "UnidentifiedImageError":
        return UsageError(f"{path}: no image that can be read")
    if isinstance(error, UsageError) and "pip install" in str(error):
        return error
    words = " ".join(str(getattr(error, "strerror", None) or error).split()) or type(error).__name__
    return UsageError(f"{path}: cannot be read ({words})")


def _is_gray(image: Any) -> bool:
    if image.mode.split(";")[0] in ("1", "L", "LA", "La", *_DEEP_MODES):
        return True
    if image.mode in ("P", "PA"):
        colors = np.array(image.getpalette("RGB") or [0, 0, 0]).reshape(-1, 3)
        return bool((colors == colors[:, :1]).all())
    return False


def _pixels(image: Any, path: Path) -> tuple[Tensor, tuple[str, ...]]:
    if image.mode.split(";")[0] in _DEEP_MODES:
        return _deep_pixels(np.array(image).astype(np.float64), path)
    gray = _is_gray(image)
    remarks: tuple[str, ...] = ()
    if "A" in image.getbands() or "a" in image.getbands() or "transparency" in image.info:
        rgba = np.array(image.convert("RGBA")).astype(np.float64)
        colors = np.round(rgba[..., :3] * rgba[..., 3:] / 255).astype(np.uint8)
        remarks = ("alpha blended over black",)
        values: npt.NDArray[np.uint8] = colors[..., :1] if gray else colors
    else:
        values = np.array(image.convert("L" if gray else "RGB"))
        values = values[..., None] if gray else values
    return torch.from_numpy(np.ascontiguousarray(values.transpose(2, 0, 1))), remarks


def _deep_pixels(values: npt.NDArray[np.float64], path: Path) -> tuple[Tensor, tuple[str, ...]]:
    """float32 in 0 .. 1 of 16 bits, or of any numbers."""
    if not np.isfinite(values).all():
        raise UsageError(f"{path}: a pixel is not a finite number")
    low, high = float(values.min()), float(values.max())
    if low >= 0 and 1 < high <= 65535 and (values == np.round(values)).all():
        values, remark = values / 65535, "16 bit"
    elif low < 0 or high > 1:
        values, remark = (values - low) / max(high - low, 1e-30), "numbers scaled by their own range"
    else:
        remark = "floating-point numbers"
    return torch.from_numpy(values[None].astype(np.float32)), (remark,)


def _pillow() -> Any:
    try:
        from PIL import Image
    except ModuleNotFoundError as error:
        raise UsageError('images need Pillow, which is not installed: pip install "intertwine[images]"') from error
    return Image
