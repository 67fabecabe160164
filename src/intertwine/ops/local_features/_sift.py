"""The scale-invariant feature transform: keypoints, their orientations and descriptors."""

from __future__ import annotations

import torch
from torch import Tensor

from intertwine._errors import UsageError
from intertwine.ops.local_features._descriptor import BINS, CELLS, describe
from intertwine.ops.local_features._extrema import find_extrema
from intertwine.ops.local_features._keypoints import Keypoints
from intertwine.ops.local_features._orientation import gradients, orientations
from intertwine.ops.local_features._scale_space import Octave, scale_space


@torch.no_grad()
def sift(
    image: Tensor,
    max_keypoints: int | None = None,
    *,
    intervals: int = 3,
    sigma: float = 1.6,
    contrast_threshold: float = 0.04 / 3,
    edge_threshold: float = 10.0,
) -> Keypoints:
    """The SIFT keypoints of a gray image: local canonicalization by position, scale and orientation.

        D(x, s) = (G_ks - G_s) * I,   keypoints: extrema of D over position and scale

    An image patch is brought to the frame (position, scale, angle) of its keypoint; there it is described.

    Args:
        image: ``(height, width)``, floating point within 0 .. 1.
        max_keypoints: The most keypoints, those with the largest responses; all if None.
        intervals: Scales in an octave.
        sigma: Blur of the first level of each octave, in its pixels.
        contrast_threshold: The least absolute value of D. The reference has 0.03, OpenCV 0.04 / 3.
        edge_threshold: The largest ratio of the principal curvatures of D.

    Returns:
        Keypoints, sorted by response; one for each orientation.

    Raises:
        UsageError: The image is not of that shape and type, or has values that are not finite.

    Law: for a similarity T x = c R(a) x + t, the keypoint (x, s, angle) of I is (T x, c s, angle + a) of the image
    I o T^-1, with the same descriptor. Exact for rotations by 90 degrees, for others up to the sampling of the image.

    Cost: linear in the pixels; about 40 convolutions with one-dimensional kernels of the image doubled. No gradient
    passes.

    Reference: Lowe, IJCV 60 (2004) 91.

    Example:
        >>> y, x = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
        >>> blob = torch.exp(-((x - 30) ** 2 + (y - 24) ** 2) / 32)
        >>> sift(blob).positions[0].round().tolist()
        [30.0, 24.0]
    """
    _check(image)
    found = [
        _octave(octave, sigma, intervals, contrast_threshold, edge_threshold)
        for octave in scale_space(image, sigma, intervals)
    ]
    empty = Keypoints(*(image.new_zeros(0, *size) for size in ((2,), (), (), (), (CELLS * CELLS * BINS,))))
    every = Keypoints(*(torch.cat(values) for values in zip(empty, *found, strict=True)))
    order = every.responses.argsort(descending=True, stable=True)
    return every.select(order[:max_keypoints])


def _octave(
    octave: Octave, sigma: float, intervals: int, contrast_threshold: float, edge_threshold: float
) -> Keypoints:
    """Keypoints of one octave, in pixels of the image."""
    extrema = find_extrema(octave.levels, contrast_threshold, edge_threshold)
    levels = extrema.levels.round().to(torch.int64).clamp(1, intervals)
    scales = sigma * 2 ** (extrema.levels / intervals)
    gradient = gradients(octave.levels[1 : intervals + 1])  # those that keypoints are on
    index, angles = orientations(gradient, extrema.positions, levels - 1, scales)
    positions, levels, scales = extrema.positions[index], levels[index], scales[index]
    descriptors = describe(gradient, positions, levels - 1, scales, angles)
    positions = octave.origin + octave.step * positions
    return Keypoints(positions, octave.step * scales, angles, extrema.responses[index], descriptors)


def _check(image: Tensor) -> None:
    if image.ndim != 2 or 0 in image.shape or not image.dtype.is_floating_point:
        raise UsageError(
            f"expected a gray image (height, width) of floating point, got {image.dtype} {tuple(image.shape)};"
            " take the mean over colors and divide bytes by 255"
        )
    if not bool(torch.isfinite(image).all()):
        raise UsageError("expected an image of finite values, got infinite or missing ones")
