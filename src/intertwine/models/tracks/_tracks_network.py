"""Permutation-equivariant network of structure from motion: from tracks to cameras and points."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from intertwine.models.tracks._tracks_model import (
    CALIBRATED,
    CamerasAndPoints,
    TracksModel,
    check_size,
    perceptron_head,
    projective_cameras,
)
from intertwine.nn import ExchangeableLinear, ObservedEntries
from intertwine.ops.cameras import matrix_from_quaternion


class TracksNetwork(TracksModel):
    r"""The cameras and points of a scene, from where the points are seen.

        F = sigma(norm(L_k ... sigma(norm(L_1 M)))),  (c, p) = L F,  P_i = camera(MLP(c_i)),  X_j = MLP(p_j)

    Each ``L`` is linear and commutes with permutations of cameras and of points, over the observed entries only; the
    norm takes away the mean over all entries, ``sigma`` is the rectifier. A calibrated camera is a unit quaternion and
    a translation. A projective one is a 3 x 4 matrix, scaled to ``P softsign(10^4 det P_{:3}) / |P_{3,:3}|``, so that
    points before the camera have positive depth.

    Args:
        hidden: Channels of each entry.
        layers: How many equivariant layers there are.
        cameras: "calibrated" or "projective".

    Raises:
        UsageError: The kind of cameras is not known, or there is no layer or channel.

    Law: permuted cameras and points permute the outputs.

    Cost: ``entries x hidden^2`` for each layer.

    Reference: Moran et al., Deep Permutation Equivariant Structure from Motion, ICCV 2021, Sections 3 and 4, eq. 4.

    Example:
        >>> net = TracksNetwork(hidden=16)
        >>> entries = ObservedEntries.from_index(torch.tensor([[0, 0, 1, 1], [0, 1, 0, 2]]), (2, 3))
        >>> found = net(torch.randn(4, 2), entries)
        >>> found.projections.shape, found.points.shape
        (torch.Size([2, 3, 4]), torch.Size([3, 3]))
    """

    def __init__(self, hidden: int = 256, layers: int = 3, cameras: str = CALIBRATED) -> None:
        super().__init__(cameras)
        check_size(layers, hidden)
        widths = [2, *[hidden] * layers]
        axes = "cameras points"
        self.layers = nn.ModuleList(ExchangeableLinear(axes, a, b, gain=2**0.5) for a, b in pairwise(widths))
        self.pool = ExchangeableLinear(axes, hidden, [hidden, hidden], "cameras + points", gain=2**0.5)
        self.camera_head = perceptron_head(hidden, 7 if cameras == CALIBRATED else 12)
        self.point_head = perceptron_head(hidden, 3)

    def forward(self, xy: Tensor, entries: ObservedEntries) -> CamerasAndPoints:
        """Find cameras and points; arguments as those of `TracksModel`."""
        x = xy
        for layer in self.layers:
            x = layer(x, entries)
            x = torch.relu(x - x.mean(0, keepdim=True))
        camera, point = self.pool(x, entries)
        return CamerasAndPoints(self._projections(self.camera_head(camera)), self.point_head(point))

    def _projections(self, outputs: Tensor) -> Tensor:
        if self.cameras == CALIBRATED:
            rotations = matrix_from_quaternion(outputs[:, :4])
            return torch.cat([rotations, outputs[:, 4:, None]], 2)
        return projective_cameras(outputs)
