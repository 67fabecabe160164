"""Permutation-equivariant network of structure from motion that learns across scenes."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from intertwine.models.sets import ExchangeableNetwork
from intertwine.models.tracks._tracks_model import (
    CALIBRATED,
    CamerasAndPoints,
    TracksModel,
    check_size,
    perceptron_head,
    projective_cameras,
)
from intertwine.nn import ExchangeableLinear, ObservedEntries, SetAttention

_OF_RAYS = 4.0
_LEAST_DEPTH = 0.1


class ResidualTracksNetwork(TracksModel):
    r"""The cameras and points of a scene from its tracks, by residual layers and attention among cameras.

        F = f(S M),  (c, p) = L F,  P_i = camera(MLP(attention(c)_i)) S_i,  X_j = MLP(p_j)

    ``f`` is an :class:`~intertwine.models.ExchangeableNetwork` over the observed entries. Before it each calibrated
    camera is turned by ``S_i`` so that the mean of its rays is its axis, and its pose is turned back: where a camera
    points does not have to be learned. A calibrated camera is a rotation, of which the network gives two rows (the
    6 numbers of Zhou et al.), and a translation; a projective one is a 3 x 4 matrix as in
    :class:`~intertwine.models.TracksNetwork`.

    Args:
        hidden: Channels of each entry, divisible by the number of heads.
        layers: Number of residual layers.
        cameras: "calibrated" or "projective".
        heads: Heads of the attention.

    Raises:
        UsageError: The kind of cameras is not known, there is no layer or channel, or the heads do not divide the
            channels.

    Law: permuted cameras and points permute the outputs; a calibrated camera that pans about its vertical axis has its
    pose panned, and the others stay.

    Cost: ``entries x hidden^2`` for each layer, and ``cameras^2 x hidden``.

    Reference: Moran et al., ICCV 2021; Zhou et al., On the Continuity of Rotation Representations in Neural Networks,
        CVPR 2019, eq. 15.

    Example:
        >>> net = ResidualTracksNetwork(hidden=16, layers=2)
        >>> entries = ObservedEntries.from_index(torch.tensor([[0, 0, 1, 1], [0, 1, 0, 2]]), (2, 3))
        >>> found = net(torch.randn(4, 2), entries)
        >>> found.projections.shape, found.points.shape
        (torch.Size([2, 3, 4]), torch.Size([3, 3]))
    """

    def __init__(self, hidden: int = 64, layers: int = 5, cameras: str = CALIBRATED, *, heads: int = 4) -> None:
        super().__init__(cameras)
        check_size(layers, hidden)
        axes = "cameras points"
        self.body = ExchangeableNetwork(axes, 2, hidden, hidden=hidden, layers=layers)
        self.pool = ExchangeableLinear(axes, hidden, [hidden, hidden], "cameras + points")
        self.among_cameras = nn.ModuleList(SetAttention(hidden, heads) for _ in range(2))
        self.camera_head = perceptron_head(hidden, 9 if cameras == CALIBRATED else 12)
        self.point_head = perceptron_head(hidden, 3)

    def forward(self, xy: Tensor, entries: ObservedEntries) -> CamerasAndPoints:
        """Find cameras and points; arguments as those of `TracksModel`."""
        turns = None
        if self.cameras == CALIBRATED:
            turns = mean_ray_turns(xy, entries.indices[0], entries.sizes[0])
            xy = _OF_RAYS * turned(xy, turns[entries.indices[0]])
        features = torch.nn.functional.gelu(self.body(xy, entries))
        camera, point = self.pool(features, entries)
        for layer in self.among_cameras:
            camera = layer(camera)
        outputs = self.camera_head(camera)
        matrices = projective_cameras(outputs) if turns is None else turns.mT @ calibrated_cameras(outputs)
        return CamerasAndPoints(matrices, self.point_head(point))


def mean_ray_turns(xy: Tensor, camera: Tensor, num_cameras: int) -> Tensor:
    """Rotations ``(cameras, 3, 3)`` that take the mean of the rays of each camera to its axis, and leave it upright.

    Args:
        xy: ``(E, 2)``, normalized observations.
        camera: ``(E,)`` int64.
        num_cameras: How many cameras there are.
    """
    rays = normalize(torch.cat([xy, torch.ones_like(xy[:, :1])], 1), dim=1)
    axis = xy.new_tensor([0.0, 0.0, 1e-9]).repeat(num_cameras, 1).index_add(0, camera, rays)
    axis = normalize(axis, dim=1)
    right = normalize(torch.linalg.cross(xy.new_tensor([0.0, 1.0, 0.0]).expand_as(axis), axis), dim=1)
    return torch.stack([right, torch.linalg.cross(axis, right), axis], 1)


def turned(xy: Tensor, turns: Tensor) -> Tensor:
    """Observations after rotations ``(E, 3, 3)`` of their cameras."""
    rays = (turns @ torch.cat([xy, torch.ones_like(xy[:, :1])], 1)[..., None])[..., 0]
    return rays[:, :2] / rays[:, 2:].clamp_min(_LEAST_DEPTH)


def calibrated_cameras(outputs: Tensor) -> Tensor:
    """Poses ``(m, 3, 4)`` of ``(m, 9)``: two rows of a rotation, made orthonormal, and a translation; 0 is (I | z)."""
    shift = outputs.new_tensor([1, 0, 0, 0, 1, 0, 0, 0, 1])
    first, second, translation = (outputs + shift).split(3, 1)
    first = normalize(first, dim=1)
    second = normalize(second - (first * second).sum(1, keepdim=True) * first, dim=1)
    rows = torch.stack([first, second, torch.linalg.cross(first, second)], 1)
    return torch.cat([rows, translation[..., None]], 2)
