"""Canonicalization: any network made equivariant by evaluating it in frames of the point cloud.

    y = 1/|F(x)| sum_{g in F(x)} rho_out(g) f(rho_in(g)^-1 x, g^-1 (p - center)),      F(h x) = h F(x)

This is exactly equivariant for any f. The cost is continuity: where the frame jumps, so does the output.

Reference: Puny et al., Frame averaging, ICLR 2022, eq. 3; Kaba et al., Learned canonicalization functions, ICML 2023.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor, nn

from intertwine.actions import LinearAction, PointCloud, PointFeatures
from intertwine.groups import O3, SO3
from intertwine.nn import RotateFeatures
from intertwine.ops import centers, resolve_batch
from intertwine.reps import Rep, as_rep

Backbone = Callable[..., Tensor]


class Canonicalization(nn.Module):
    """A backbone evaluated in frames of the point cloud; a subclass computes the frames.

    Args:
        backbone: ``f(features, positions, edges, batch, structures)``, for instance a :class:`PointEncoder`, with one
            output per structure or per point. It receives centered positions, and each structure once per frame.
        rep_in: Representation of SO(3) or O(3) of the input features, or text in the grammar of O(3); by default
            ``backbone.rep_in``.
        rep_out: Representation of the output, likewise; by default ``backbone.rep_out``.
        by_point: Whether the backbone has one output per point; by default as ``backbone.action_out`` says.

    Raises:
        ValueError: If the representations are of another group, or the backbone has none and none are given; in
            ``forward`` if shapes do not fit.
    """

    measured_whole = True  # an audit does not look inside, where features are in the coordinates of the frame

    def __init__(
        self,
        backbone: Backbone,
        rep_in: Rep | str | None = None,
        rep_out: Rep | str | None = None,
        *,
        by_point: bool | None = None,
    ) -> None:
        super().__init__()
        rep_in = getattr(backbone, "rep_in", None) if rep_in is None else rep_in
        rep_out = getattr(backbone, "rep_out", None) if rep_out is None else rep_out
        if rep_in is None or rep_out is None:
            raise ValueError("the backbone has no rep_in and rep_out: give both, the representations of its features")
        rep_in, rep_out = as_rep(rep_in, rep_out), as_rep(rep_out, rep_in)
        if rep_in.group != rep_out.group or rep_in.group not in (SO3(), O3()):
            raise ValueError(f"frames are of SO(3) or O(3), got rep_in of {rep_in.group}, rep_out of {rep_out.group}")
        if by_point is None:
            by_point = isinstance(getattr(backbone, "action_out", None), PointFeatures)
        self.backbone, self.rep_in, self.rep_out, self.by_point = backbone, rep_in, rep_out, by_point
        self.reflects = rep_in.group == O3()
        self.rotate_in, self.rotate_out = RotateFeatures(rep_in), RotateFeatures(rep_out)
        self.action_in = PointCloud(rep_in)
        self.action_out = PointFeatures(rep_out) if by_point else LinearAction(rep_out)

    @abstractmethod
    def frames(
        self, features: Tensor, positions: Tensor, edges: Tensor | None, batch: Tensor, structures: int
    ) -> Tensor:
        """The frames of each structure, ``(F, structures, 3, 3)``, axes in columns; rotations for SO(3)."""

    def forward(
        self,
        features: Tensor,
        positions: Tensor,
        edges: Tensor | None = None,
        batch: Tensor | None = None,
        structures: int | None = None,
    ) -> Tensor:
        """Evaluate the backbone in every frame and average.

        Args:
            features: ``(N, rep_in.dim)``.
            positions: ``(N, 3)``.
            edges: ``(2, E)``, source row over target row, if the backbone needs them.
            batch: ``(N,)`` structure of each point; ``None`` for a single structure.
            structures: Number of structures; derived from ``batch`` by default.

        Returns:
            ``(structures, rep_out.dim)``, or ``(N, rep_out.dim)`` per point.
        """
        points = features.shape[0]
        if positions.shape != (points, 3):
            raise ValueError(f"positions must be ({points}, 3), one for each feature, got {tuple(positions.shape)}")
        batch, structures = resolve_batch(features, batch, structures)
        centered = positions - centers(positions, batch, structures).index_select(0, batch)
        frames = self.frames(features, centered, edges, batch, structures)
        count = frames.shape[0]
        point_frames = frames.index_select(1, batch).flatten(0, 1)
        inputs = self.rotate_in(features.repeat(count, 1), point_frames.mT)
        rotated = (centered.repeat(count, 1)[:, None, :] @ point_frames)[:, 0]
        copies = torch.arange(count, device=batch.device)[:, None]
        repeated_batch = (batch + structures * copies).flatten()
        if edges is not None:
            edges = (edges[:, None] + points * copies).flatten(1)
        outputs = self.backbone(inputs, rotated, edges, repeated_batch, count * structures)
        rows = points if self.by_point else structures
        expected = (count * rows, self.rep_out.dim)
        if outputs.shape != expected:
            raise ValueError(
                f"the backbone must return {expected} for rep_out = {self.rep_out}, got {tuple(outputs.shape)}"
            )
        rotated_back = self.rotate_out(outputs, point_frames if self.by_point else frames.flatten(0, 1))
        mean: Tensor = rotated_back.unflatten(0, (count, rows)).mean(0)
        return mean
