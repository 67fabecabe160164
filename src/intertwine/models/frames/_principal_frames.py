"""Frames of principal axes: one with canonical signs, or the average over all signs."""

from __future__ import annotations

from itertools import product

import torch
from torch import Tensor

from intertwine.models.frames._canonicalization import Backbone, Canonicalization
from intertwine.nn import Constant
from intertwine.ops import principal_axes, segment_sum
from intertwine.reps import Rep


class PrincipalFrame(Canonicalization):
    """One frame from the principal axes (PCA), with signs from the third moments along them.

        X^T X = U L U^T,   g = U S,   S = sign sum_i (X U)_i^3      (for SO(3) the third axis makes g a rotation)

    The arguments are those of :class:`Canonicalization`.

    Law: ``f(rho_in(g) x, g p + t) = rho_out(g) f(x, p)`` where the second moments differ and the third do not vanish.
    It jumps where two second moments meet or a third moment changes its sign: an arbitrarily small change of the points
    then rotates the frame by 90 or 180 degrees. Nearby, noise of size s rotates it by about
    ``s sqrt(l_i + l_j) / (l_i - l_j)``, to first order. :class:`FrameAverage` has no signs to choose, and jumps at
    equal moments only.

    No gradient flows through the frame.

    Reference: Davis, Kahan, SIAM J. Numer. Anal. 7 (1970) 1, for the noise.

    Example:
        >>> import torch
        >>> from intertwine.models import PointEncoder
        >>> model = PrincipalFrame(PointEncoder("1x0e", "1x1o", layer="message", hidden="8x0e"))
        >>> model(torch.ones(4, 1), torch.rand(4, 3), torch.tensor([[0, 1], [1, 0]])).shape
        torch.Size([1, 3])
    """

    def frames(
        self, features: Tensor, positions: Tensor, edges: Tensor | None, batch: Tensor, structures: int
    ) -> Tensor:
        """One frame per structure, ``(1, structures, 3, 3)``."""
        axes = principal_axes(positions, batch, structures)
        coordinates = (positions.detach()[:, None, :] @ axes.index_select(0, batch))[:, 0]
        third_moments = segment_sum(coordinates**3, batch, structures)
        axes = axes * torch.where(third_moments < 0, -1.0, 1.0).to(axes)[:, None, :]
        return (axes if self.reflects else _as_rotations(axes))[None]


class FrameAverage(Canonicalization):
    """Average over all frames of principal axes, one for each choice of signs: 4 for SO(3), 8 for O(3).

        F(X) = {U S: S = diag(+-1, +-1, +-1)},   for SO(3) those with det(U S) = 1

    The arguments are those of :class:`Canonicalization`.

    Law: ``f(rho_in(g) x, g p + t) = rho_out(g) f(x, p)`` exactly, for any backbone, where the second moments differ. It
    jumps where two of them meet.

    Cost: that of the backbone on 4 or 8 times the points, in one call. No gradient flows through the
    frames.

    Reference: Puny et al., Frame averaging, ICLR 2022, eqs. 3 and 8.

    Example:
        >>> import torch
        >>> from intertwine.models import PointEncoder
        >>> model = FrameAverage(PointEncoder("1x0e", "1x1o", layer="message", hidden="8x0e"))
        >>> model(torch.ones(4, 1), torch.rand(4, 3), torch.tensor([[0, 1], [1, 0]])).shape
        torch.Size([1, 3])
    """

    def __init__(
        self,
        backbone: Backbone,
        rep_in: Rep | str | None = None,
        rep_out: Rep | str | None = None,
        *,
        by_point: bool | None = None,
    ) -> None:
        super().__init__(backbone, rep_in, rep_out, by_point=by_point)
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
    """The same axes ``(..., 3, 3)`` with the third one reversed where they are left-handed."""
    sign = torch.linalg.det(axes).sign()
    return torch.cat([axes[..., :2], axes[..., 2:] * sign[:, None, None]], -1)
