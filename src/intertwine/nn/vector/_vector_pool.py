"""Max pooling of vectors along learned directions."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from intertwine.nn._linear import Linear
from intertwine.nn.vector._component_first import ComponentFirst, mix
from intertwine.ops import resolve_batch, segment_max
from intertwine.reps import Rep, as_rep


class VectorMaxPool(nn.Module):
    """In each channel the vector of a structure that points farthest along a direction of its point.

        y_c = v_{m c},      m = argmax_n <(W v_n)_c, v_{n c}>

    For pooling over neighbors give features of edges, and their targets as ``batch``. The mean of vectors is
    ``Pool(rep, "mean")``.

    Argmax has no gradient, so that W is fixed at initialization and not trained.

    Args:
        rep_in: Copies of a vector, or its text: representation of the features of a point and of a structure.

    Raises:
        ValueError: If ``rep_in`` is not copies of one vector; in ``forward`` if the shape does not fit.

    Law: ``f(rho(g) x) = rho(g) f(x)``; invariant under permutations, except among equal maxima.

    Reference: Deng et al., Vector Neurons, ICCV 2021, section 3.3.

    Example:
        >>> from intertwine.groups import SO3
        >>> pool = VectorMaxPool(SO3().rep("2x1"))
        >>> pool(torch.ones(5, 6), torch.tensor([0, 0, 0, 1, 1])).shape
        torch.Size([2, 6])
    """

    def __init__(self, rep_in: Rep | str) -> None:
        super().__init__()
        self.rep_in = self.rep_out = rep_in = as_rep(rep_in)
        self._layout = ComponentFirst.of(rep_in, "VectorMaxPool")
        self.directions = Linear(rep_in, rep_in).requires_grad_(False)

    def forward(self, features: Tensor, batch: Tensor | None = None, structures: int | None = None) -> Tensor:
        """Pool.

        Args:
            features: ``(N, rep_in.dim)``.
            batch: ``(N,)`` structure of each point; ``None`` for a single structure.
            structures: Number of structures; read off ``batch`` where it is not given.

        Returns:
            ``(structures, rep_in.dim)``; a structure without points gets zero.
        """
        components = self._layout.split(features, "VectorMaxPool")
        batch, structures = resolve_batch(features, batch, structures)
        index = self._argmax(components.detach(), batch, structures)
        padded = functional.pad(components, (0, 0, 0, 1))
        pooled = padded.gather(1, index.expand(components.shape[0], *index.shape))
        return self._layout.join(pooled, features[:0].new_empty(structures, 1))

    def _argmax(self, components: Tensor, batch: Tensor, structures: int) -> Tensor:
        """``(structures, C)``: the point of each structure with the largest inner product; N if it has none."""
        scores = (mix(self.directions, components) * components).sum(0)
        largest = segment_max(scores, batch, structures).index_select(0, batch)
        points = torch.arange(batch.shape[0], device=batch.device)[:, None]
        among = torch.where((scores == largest) | scores.isnan(), points, batch.shape[0])
        none = torch.full((structures, scores.shape[1]), batch.shape[0], dtype=torch.int64, device=batch.device)
        return none.scatter_reduce(0, batch[:, None].expand_as(among), among, "amin")

    def extra_repr(self) -> str:
        """The representation."""
        return str(self.rep_in)
