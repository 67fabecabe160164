"""Learned frame: predicted by a small equivariant network, trained with the backbone."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from intertwine.models._point_encoder import PointEncoder
from intertwine.models.frames._canonicalization import Backbone, Canonicalization
from intertwine.ops import gram_schmidt
from intertwine.reps import Rep


class LearnedFrame(Canonicalization):
    """Learned canonicalization: a network predicts vectors of each structure, Gram-Schmidt makes them a frame.

    Args:
        backbone: As in :class:`Canonicalization`.
        rep_in: As in :class:`Canonicalization`.
        rep_out: As in :class:`Canonicalization`.
        by_point: As in :class:`Canonicalization`.
        hidden: Hidden representation of the predicting network, or text in the grammar of the group; ``None`` for
            ``"8x0e + 4x1o"``, for SO(3) ``"8x0 + 4x1"``.
        layers: Interactions of the predicting network, fewer than the backbone has by default.
        lmax: Highest degree of its spherical harmonics.
        options: Further options of its :class:`PointEncoder`: ``radial_basis``, ``radial_hidden``, ``cutoff``,
            ``avg_num_neighbors``. It needs the edges.

    Law: ``f(rho_in(g) x, g p + t) = rho_out(g) f(x, p)`` where the vectors span a plane; for O(3) a third vector must
    not lie in it. No equivariant vectors do so for symmetric clouds: a rod, a planar cloud whose features do not
    distinguish its two sides, a single point; there the frame is completed arbitrarily. For O(3), f also jumps where
    the third vector crosses the plane, because the frame is then reflected. Gradients flow through the frame to the
    network.

    Reference: Kaba et al., Equivariance with learned canonicalization functions, ICML 2023, section 4.1.

    Example:
        >>> import torch
        >>> model = LearnedFrame(PointEncoder("1x0e", "1x1o", layer="message", hidden="8x0e"))
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
        hidden: Rep | str | None = None,
        layers: int = 2,
        lmax: int = 1,
        **options: Any,
    ) -> None:
        super().__init__(backbone, rep_in, rep_out, by_point=by_point)
        group = self.rep_in.group
        default = "8x0e + 4x1o" if self.reflects else "8x0 + 4x1"
        hidden = group.rep(default if hidden is None else hidden)
        vectors = (3 if self.reflects else 2) * group.vector
        self.network = PointEncoder(self.rep_in, vectors, hidden=hidden, layers=layers, lmax=lmax, **options)

    def frames(
        self, features: Tensor, positions: Tensor, edges: Tensor | None, batch: Tensor, structures: int
    ) -> Tensor:
        """One frame per structure, ``(1, structures, 3, 3)``."""
        if edges is None:
            raise ValueError("a learned frame needs edges (2, E), which its network passes messages along")
        vectors: Tensor = self.network(features, positions, edges, batch, structures)
        return gram_schmidt(vectors.unflatten(-1, (-1, 3)))[None]
