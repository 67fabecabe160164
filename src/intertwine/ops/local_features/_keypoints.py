"""Keypoints with scale, orientation and descriptor."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Keypoints(NamedTuple):
    """Keypoints of one image.

    Attributes:
        positions: ``(N, 2)``, x to the right and y down, in pixels; (0, 0) is the center of the upper left pixel.
        scales: ``(N,)``, the standard deviation of the Gaussian, in pixels; OpenCV's size is twice this.
        angles: ``(N,)``, radians from x toward y: clockwise as one sees it, as OpenCV's angle.
        responses: ``(N,)``, the absolute value of the detector; keypoints are sorted by it, largest first.
        descriptors: ``(N, D)`` of unit norm.
    """

    positions: Tensor
    scales: Tensor
    angles: Tensor
    responses: Tensor
    descriptors: Tensor

    def select(self, index: Tensor | slice) -> Keypoints:
        """The keypoints of an index or mask."""
        return Keypoints(*(values[index] for values in self))
