"""Any network made equivariant by frames: turn the cloud into its own frame, ask the network, turn the answer back.

    y = 1/|F(x)| sum_{g in F(x)} rho_out(g) f(rho_in(g)^-1 x, g^-1 (p - center)),      F(h x) = h F(x)

Exactly equivariant, whatever f is. What it costs is continuity: where the frame jumps, f jumps.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn

from intertwine.actions import LinearAction, PointCloud, PointFeatures
from intertwine.groups import O3, SO3
from intertwine.nn import Constant, RotateFeatures
from intertwine.ops import centers, principal_axes, resolve_batch, segment_sum
from intertwine.reps import Rep

Backbone = Callable[..., Tensor]


class Canonicalization(nn.Module):
    """A backbone seen through frames; a subclass says which.

    Args:
        backbone: ``f(features, positions, edges, batch, structures)``, for instance a :class:`PointEncoder`: of each
            structure one output, or of each point. It sees centered positions, and each structure once for each frame.
        rep_in: How the features turn that come in, of SO(3) or O(3); ``backbone.rep_in`` if not given.
        rep_out: How the output turns; ``backbone.rep_out`` if not given.
        by_point: Whether the backbone answers for each point; as ``backbone.action_out`` says if not given.

    Raises:
        ValueError: If the representations are of another group, or the backbone has none and none are given; in
            ``forward`` if shapes do not fit.
    """

    measured_whole = True  # an audit does not look inside, where everything is seen from the frame

    def __init__(
        self, backbone: Backbone, rep_in: Rep | None = None, rep_out: Rep | None = None, *, by_point: bool | None = None
    ) -> None:
        super().__init__()
        rep_in = getattr(backbone, "rep_in", None) if rep_in is None else rep_in
        rep_out = getattr(backbone, "rep_out", None) if rep_out is None else rep_out
        if not isinstance(rep_in, Rep) or not isinstance(rep_out, Rep):
            raise ValueError("the backbone has no rep_in and rep_out: give both, to say how features and output turn")
        if rep_in.group != rep_out.group or rep_in.group not in (SO3(), O3()):
            raise ValueError(f"frames are of SO(3) or O(3), got rep_in of {rep_in.group}, rep_out of {rep_out.group}")
        if by_point is None:
            by_point = isinstance(getattr(backbone, "action_out", None), PointFeatures)
        self.backbone, self.rep_in, self.rep_out, self.by_point = backbone, rep_in, rep_out, by_point
        self.reflects = rep_in.group == O3()
        self.turn_in, self.turn_out = RotateFeatures(rep_in), RotateFeatures(rep_out)
        self.action_in = PointCloud(rep_in)
        self.action_out = PointFeatures(rep_out) if by_point else LinearAction(rep_out)

    @abstractmethod
    def frames(
        self, features: Tensor, positions: Tensor, edges: Tensor | None, batch: Tensor, structures: int
    ) -> Tensor:
        """The frames of each structure, ``(F, structures, 3, 3)``, axes in columns; for SO(3) rotations."""

    def forward(
        self,
        features: Tensor,
        positions: Tensor,
        edges: Tensor | None = None,
        batch: Tensor | None = None,
        structures: int | None = None,
    ) -> Tensor:
        """Ask the backbone in every frame.

        Args:
            features: ``(N, rep_in.dim)``.
            positions: ``(N, 3)``.
            edges: ``(2, E)``, source row over target row, if the backbone wants any.
            batch: ``(N,)`` structure of each point; ``None`` for a single structure.
            structures: How many structures; read off ``batch`` where it is not given.

        Returns:
            ``(structures, rep_out.dim)``, or ``(N, rep_out.dim)`` by point.
        """
        points = len(features)
        if positions.shape != (points, 3):
            raise ValueError(f"positions must be ({points}, 3), one for each feature, got {tuple(positions.shape)}")
        batch, structures = resolve_batch(features, batch, structures)
        centered = positions - centers(positions, batch, structures).index_select(0, batch)
        frames = self.frames(features, centered, edges, batch, structures)
        count = len(frames)
        by_point = frames.index_select(1, batch).flatten(0, 1)
        inputs = self.turn_in(features.repeat(count, 1), by_point.mT)
        turned = (centered.repeat(count, 1)[:, None, :] @ by_point)[:, 0]
        copy = torch.arange(count, device=batch.device)
        batches = (batch + structures * copy[:, None]).flatten()
        if edges is not None:
            edges = (edges[:, None] + points * copy[:, None]).flatten(1)
        answers = self.backbone(inputs, turned, edges, batches, count * structures)
        rows = points if self.by_point else structures
        if answers.shape != (count * rows, self.rep_out.dim):
            expected = (count * rows, self.rep_out.dim)
            raise ValueError(
                f"the backbone must return {expected} for rep_out = {self.rep_out}, got {tuple(answers.shape)}"
            )
        back = self.turn_out(answers, by_point if self.by_point else frames.flatten(0, 1))
        mean: Tensor = back.unflatten(0, (count, rows)).mean(0)
        return mean


class PrincipalFrame(Canonicalization):
    """One frame from the principal axes, their signs from the third moments along them.

        X^T X = U L U^T,   g = U S,   S = sign sum_i (X U)_i^3      (of SO(3): the third axis makes g a rotation)

    The arguments are those of :class:`Canonicalization`.

    Law: ``f(rho_in(g) x, g p + t) = rho_out(g) f(x, p)`` where the second moments differ and the third do not vanish.
    It jumps where two second moments meet or a third moment changes its sign: an arbitrarily small change of the points
    then turns the frame by a right or a straight angle. Near there noise of size s turns it by about
    ``s sqrt(l_i + l_j) / (l_i - l_j)``, to first order. :class:`FrameAverage` has no signs to choose, and jumps at
    equal moments only.

    The frame is a constant for the gradient.

    Reference: Davis, Kahan, SIAM J. Numer. Anal. 7 (1970) 1, for the noise.

    Example:
        >>> from intertwine.models import PointEncoder
        >>> model = PrincipalFrame(PointEncoder("1x0e", "1x1o", layer="message", hidden="8x0e"))
        >>> model(torch.ones(4, 1), torch.rand(4, 3), torch.tensor([[0, 1], [1, 0]])).shape
        torch.Size([1, 3])
    """

    def frames(
        self, features: Tensor, positions: Tensor, edges: Tensor | None, batch: Tensor, structures: int
    ) -> Tensor:
        """The one frame, ``(1, structures, 3, 3)``."""
        axes = principal_axes(positions, batch, structures)
        along = (positions.detach()[:, None, :] @ axes.index_select(0, batch))[:, 0]
        skew = segment_sum(along**3, batch, structures)
        axes = axes * torch.where(skew < 0, -1.0, 1.0).to(axes)[:, None, :]
        return (axes if self.reflects else _as_rotations(axes))[None]


class FrameAverage(Canonicalization):
    """The average over all frames of principal axes: 4 of rotations, 8 with reflections, one for each choice of signs.

        F(X) = {U S: S = diag(+-1, +-1, +-1)},   for SO(3) those with det(U S) = 1

    The arguments are those of :class:`Canonicalization`.

    Law: ``f(rho_in(g) x, g p + t) = rho_out(g) f(x, p)`` exactly, for any backbone, where the second moments differ. It
    jumps where two of them meet.

    Cost: that of the backbone on 4 or 8 times the points, in one call. The frames are constants for the gradient.

    Reference: Puny et al., Frame averaging, ICLR 2022, eqs. 3 and 8.

    Example:
        >>> from intertwine.models import PointEncoder
        >>> model = FrameAverage(PointEncoder("1x0e", "1x1o", layer="message", hidden="8x0e"))
        >>> model(torch.ones(4, 1), torch.rand(4, 3), torch.tensor([[0, 1], [1, 0]])).shape
        torch.Size([1, 3])
    """

    def __init__(self, backbone: Backbone, *reps: Rep | None, **options: Any) -> None:
        super().__init__(backbone, *reps, **options)
        choices = [s for s in product((1.0, -1.0), repeat=3) if self.reflects or s[0] * s[1] * s[2] > 0]
        self.signs = Constant(torch.tensor(choices, dtype=torch.float64))

    def frames(
        self, features: Tensor, positions: Tensor, edges: Tensor | None, batch: Tensor, structures: int
    ) -> Tensor:
        """All choices of signs, ``(4 or 8, structures, 3, 3)``."""
        axes = principal_axes(positions, batch, structures)
        axes = axes if self.reflects else _as_rotations(axes)
        signs: Tensor = self.signs()
        return axes * signs[:, None, None, :]


def _as_rotations(axes: Tensor) -> Tensor:
    """The third axis turned round where the three are left-handed."""
    hand = torch.linalg.det(axes).sign()
    return torch.cat([axes[..., :2], axes[..., 2:] * hand[:, None, None]], -1)
