"""A frame that a small equivariant network chooses, so that it is learned with the backbone."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from intertwine.models._frames import Backbone, Canonicalization
from intertwine.models._point_encoder import PointEncoder
from intertwine.ops import gram_schmidt
from intertwine.reps import Rep


class LearnedFrame(Canonicalization):
    """Learned canonicalization: a network predicts vectors of each structure, Gram and Schmidt make them a frame.

    Args:
        backbone: As in :class:`Canonicalization`.
        rep_in: As in :class:`Canonicalization`.
        rep_out: As in :class:`Canonicalization`.
        by_point: As in :class:`Canonicalization`.
        hidden: Hidden representation of the network that predicts, in the grammar of the group; ``None`` for
            ``"8x0e + 4x1o"``, for SO(3) ``"8x0 + 4x1"``.
        options: What else :class:`PointEncoder` knows: ``layers``, ``lmax``, ``radial``, ``cutoff``, ``neighbors``. It
            needs the edges.

    Law: ``f(rho_in(g) x, g p + t) = rho_out(g) f(x, p)`` where the vectors span a plane; for O(3) a third vector must
    not lie in it. Symmetric clouds have none that do: a rod, a planar cloud without a side, a single point; there the
    frame is completed arbitrarily. For O(3), f also jumps where a cloud that changes carries the third vector through
    the plane, for the frame is then reflected. The gradient reaches the network through the frame.

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
        rep_in: Rep | None = None,
        rep_out: Rep | None = None,
        *,
        by_point: bool | None = None,
        hidden: str | None = None,
        layers: int = 2,
        lmax: int = 1,
        **options: Any,
    ) -> None:
        super().__init__(backbone, rep_in, rep_out, by_point=by_point)
        group = self.rep_in.group
        usual = "8x0e + 4x1o" if self.reflects else "8x0 + 4x1"
        inner = group.rep(usual if hidden is None else hidden)
        vectors = (3 if self.reflects else 2) * group.vector
        self.network = PointEncoder(self.rep_in, vectors, hidden=inner, layers=layers, lmax=lmax, **options)

    def frames(
        self, features: Tensor, positions: Tensor, edges: Tensor | None, batch: Tensor, structures: int
    ) -> Tensor:
        """The one frame, ``(1, structures, 3, 3)``."""
        if edges is None:
            raise ValueError("a learned frame needs edges (2, E), along which its network looks")
        vectors: Tensor = self.network(features, positions, edges, batch, structures)
        return gram_schmidt(vectors.unflatten(-1, (-1, 3)))[None]
