"""Layout of the images of one set: one square size and one number of channels for all of them."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

LARGEST_DEFAULT = 128
"""Images are not stored larger than this unless a size is asked for."""

_LUMA = (0.299, 0.587, 0.114)


@dataclass(frozen=True)
class ImageLayout:
    """The size and the number of channels that images are brought to.

    Attributes:
        size: Height and width.
        channels: 1 for gray, 3 for colors.
    """

    size: int
    channels: int

    @classmethod
    def of_images(
        cls, shapes: Sequence[tuple[int, int, int]], size: int | None = None, channels: int | None = None
    ) -> tuple[ImageLayout, tuple[str, ...]]:
        """The layout of images, and what will be done to them, in words.

        Square images of one size stay as they are, others of one size are padded to a square, and images of mixed
        sizes are scaled to fit into a square, the median of their longer sides, and padded.

        Args:
            shapes: (height, width, channels) of each.
            size: The size that was asked for.
            channels: The number of channels that was asked for.

        >>> ImageLayout.of_images([(28, 28, 1), (28, 28, 3)])
        (ImageLayout(size=28, channels=3), ('gray images repeated as colors',))
        """
        sizes, depths = {(height, width) for height, width, _ in shapes}, {depth for _, _, depth in shapes}
        natural = max(1, round(statistics.median(max(height, width) for height, width, _ in shapes)))
        chosen = min(natural, LARGEST_DEFAULT) if size is None else size
        remarks = []
        if len(sizes) > 1:
            low, high = min(sizes), max(sizes)
            remarks.append(
                f"images of mixed sizes, {low[0]} x {low[1]} to {high[0]} x {high[1]}, each scaled to fit "
                f"{chosen} x {chosen} and padded"
            )
        elif sizes != {(chosen, chosen)}:
            height, width = next(iter(sizes))
            scaled = "padded" if max(height, width) == chosen else "scaled" if height == width else "scaled and padded"
            remarks.append(f"images {height} x {width} {scaled} to {chosen} x {chosen}")
        if size is None and natural > LARGEST_DEFAULT:
            remarks.append("--size keeps more")
        depth = max(depths) if channels is None else channels
        if depth == 3 and 1 in depths:
            remarks.append("gray images repeated as colors")
        if depth == 1 and 3 in depths:
            remarks.append("colors reduced to gray")
        return cls(chosen, depth), tuple(remarks)

    def apply(self, pixels: Tensor) -> Tensor:
        """An image (C, H, W) in this layout, of the same dtype."""
        return fit_to_square(with_channels(pixels, self.channels), self.size)


def to_float(pixels: Tensor) -> Tensor:
    """uint8 over 255 as float32; floating-point numbers as they are.

    >>> to_float(torch.tensor([0, 255], dtype=torch.uint8)).tolist()
    [0.0, 1.0]
    """
    return pixels.to(torch.float32) / 255 if pixels.dtype == torch.uint8 else pixels


def like(values: Tensor, pixels: Tensor) -> Tensor:
    """Numbers in 0 .. 1 in the dtype of other pixels: rounded to 0 .. 255 for uint8."""
    return (255 * values).round().clamp(0, 255).to(torch.uint8) if pixels.dtype == torch.uint8 else values


def with_channels(pixels: Tensor, channels: int) -> Tensor:
    """Gray repeated as colors, or colors reduced to their luma, where the number of channels differs.

    Args:
        pixels: (C, H, W), C = 1 or 3.
        channels: 1 or 3.
    """
    if len(pixels) == channels:
        return pixels
    if channels == 3:
        return pixels.expand(3, -1, -1)
    weights = torch.tensor(_LUMA).reshape(3, 1, 1)
    return like((weights * to_float(pixels)).sum(0, keepdim=True), pixels)


def fit_to_square(pixels: Tensor, size: int) -> Tensor:
    """An image scaled to fit into a square (bilinear, antialiased), in its middle; padded by the median of its border.

    Args:
        pixels: (C, H, W), uint8 or float32.
        size: Side of the square.
    """
    height, width = pixels.shape[-2:]
    if (height, width) == (size, size):
        return pixels
    scaled = to_float(pixels)
    if max(height, width) != size:
        fitted = _fitted(height, width, size)
        scaled = functional.interpolate(scaled[None], fitted, mode="bilinear", antialias=True)[0].clamp(0, 1)
    canvas = border_color(scaled)[:, None, None].repeat(1, size, size)
    top, left = ((size - side) // 2 for side in scaled.shape[-2:])
    canvas[:, top : top + scaled.shape[-2], left : left + scaled.shape[-1]] = scaled
    return like(canvas, pixels)


def fit_mask(mask: Tensor, size: int, ignored: int) -> Tensor:
    """Class indices (H, W) as `fit_to_square` moves the pixels, by the nearest pixel; padded by `ignored`."""
    height, width = mask.shape
    if (height, width) == (size, size):
        return mask
    scaled = mask
    if max(height, width) != size:
        fitted = _fitted(height, width, size)
        scaled = functional.interpolate(mask[None, None].float(), fitted, mode="nearest-exact")[0, 0].to(mask.dtype)
    canvas = torch.full((size, size), ignored, dtype=mask.dtype)
    top, left = ((size - side) // 2 for side in scaled.shape)
    canvas[top : top + scaled.shape[0], left : left + scaled.shape[1]] = scaled
    return canvas


def unfit_mask(mask: Tensor, height: int, width: int) -> Tensor:
    """The inverse of `fit_mask`: the classes of a square as those of the image that was fitted into it."""
    size = mask.shape[-1]
    if (height, width) == (size, size):
        return mask
    rows, columns = _fitted(height, width, size) if max(height, width) != size else (height, width)
    top, left = (size - rows) // 2, (size - columns) // 2
    inner = mask[None, None, top : top + rows, left : left + columns].float()
    return functional.interpolate(inner, (height, width), mode="nearest-exact")[0, 0].to(mask.dtype)


def border_color(pixels: Tensor) -> Tensor:
    """The median of the pixels at the border, for each channel: (..., C, H, W) to (..., C).

    >>> border_color(torch.eye(3)[None]).tolist()
    [0.0]
    """
    edges = (pixels[..., 0, :], pixels[..., -1, :], pixels[..., 1:-1, 0], pixels[..., 1:-1, -1])
    return torch.cat(edges, -1).median(-1).values


def _fitted(height: int, width: int, size: int) -> tuple[int, int]:
    """The size of an image scaled so that its longer side is `size`."""
    scale = size / max(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))
