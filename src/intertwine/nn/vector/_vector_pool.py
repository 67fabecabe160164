"""The largest of vectors, in the sense of a learned direction."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from intertwine.nn._linear import Linear
from intertwine.nn.vector._component_first import ComponentFirst, mix
from intertwine.ops import resolve_batch, segment_max
from intertwine.reps import Rep


class VectorMaxPool(nn.Module):
    """In each channel the one vector of a structure that points farthest along a direction of its own point.

        y_c = v_{m c},      m = argmax_n <(W v_n)_c, v_{n c}>

    Over neighbors: the features of the edges, and their targets for ``batch``. The mean of vectors is
    ``Pool(rep, "mean")``.

    No gradient comes to W, for argmax has none: it stays as drawn, and is no parameter that learns.

    Args:
        rep: Copies of a vector: what comes in for each point and goes out for each structure.

    Raises:
        ValueError: If ``rep`` is not copies of one vector; in ``forward`` if the shape does not fit.

    Law: ``f(rho(g) x) = rho(g) f(x)``; invariant under permutations, but for which of two equal ones is taken.

    Reference: Deng et al., Vector Neurons, ICCV 2021, section 3.3.

    Example:
        >>> from intertwine.groups import SO3
        >>> pool = VectorMaxPool(SO3().rep("2x1"))
        >>> pool(torch.ones(5, 6), torch.tensor([0, 0, 0, 1, 1])).shape
        torch.Size([2, 6])
    """

    def __init__(self, rep: Rep) -> None:
        super().__init__()
        self.rep_in = self.rep_out = rep
        self._planes = ComponentFirst.of(rep, "VectorMaxPool")
        self.directions = Linear(rep, rep).requires_grad_(False)

    def forward(self, features: Tensor, batch: Tensor | None = None, structures: int | None = None) -> Tensor:
        """Pool.

        Args:
            features: ``(N, rep.dim)``.
            batch: ``(N,)`` structure of each point; ``None`` for a single structure.
            structures: How many structures; read off ``batch`` where it is not given.

        Returns:
            ``(structures, rep.dim)``; a structure without points gets zero.
        """
        planes = self._planes.split(features, "VectorMaxPool")
        batch, structures = resolve_batch(features, batch, structures)
        found = self._largest(planes.detach(), batch, structures)
        padded = torch.cat([planes, planes.new_zeros(planes.shape[0], 1, planes.shape[2])], 1)
        pooled = padded.gather(1, found.expand(planes.shape[0], *found.shape))
        return self._planes.join(pooled, features[:0].new_empty(structures, 1))

    def _largest(self, planes: Tensor, batch: Tensor, structures: int) -> Tensor:
        """``(structures, C)``: the first point of each structure that points farthest, or N where there is none."""
        scores = (mix(self.directions, planes) * planes).sum(0)
        largest = segment_max(scores, batch, structures).index_select(0, batch)
        points = torch.arange(len(batch), device=batch.device)[:, None]
        among = torch.where((scores == largest) | scores.isnan(), points, len(batch))
        none = torch.full((structures, scores.shape[1]), len(batch), dtype=torch.int64, device=batch.device)
        return none.scatter_reduce(0, batch[:, None].expand_as(among), among, "amin")

    def extra_repr(self) -> str:
        """The representation."""
        return str(self.rep_in)
