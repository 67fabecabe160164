"""Invariants of vectors by coordinates in an equivariant frame, which lose only the orientation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from intertwine.nn._linear import Linear
from intertwine.nn.vector._component_first import ComponentFirst, mix
from intertwine.nn.vector._vector_batch_norm import VectorBatchNorm
from intertwine.nn.vector._vector_relu import VectorLeakyReLU, one_copy
from intertwine.ops import EdgeVectors, Graph, resolve_batch, segment_sum
from intertwine.reps import Rep, as_rep

Scope = Literal["structure", "point"]


class VectorInvariant(nn.Module):
    """Invariant coordinates of vectors, in a frame that a small network of vector neurons makes of them.

        y_n = V_n T_n^T,      T_n = VN([V_n, mean_m V_m])

    T_n is n x n: n vectors with n components. Both factors rotate alike, so that their inner products are
    invariant.

    Args:
        rep_in: Copies of a vector, or its text.
        hidden: Number of copies in the two hidden layers of VN; ``None`` for the copies of ``rep_in`` and half of them.
        scope: Whether T_n sees the mean of its ``"structure"`` or its own ``"point"`` alone.
        norm: Makes the normalization of each hidden layer from its representation; ``None`` for nothing.

    Raises:
        ValueError: If ``rep_in`` is not copies of one vector, or ``scope`` is neither; in ``forward`` if the shape does
            not fit.

    Law: ``f(rho_in(g) x) = f(x)``, under all orthogonal matrices.

    Reference: Deng et al., Vector Neurons, ICCV 2021, section 3.5, eqs. 10-11.

    Example:
        >>> from intertwine.groups import SO3
        >>> layer = VectorInvariant(SO3().rep("8x1"))
        >>> print(layer.rep_out)
        24x0
    """

    def __init__(
        self,
        rep_in: Rep | str,
        *,
        hidden: Sequence[int] | None = None,
        scope: Scope = "structure",
        norm: Callable[[Rep], VectorBatchNorm] | None = VectorBatchNorm,
    ) -> None:
        super().__init__()
        rep_in = as_rep(rep_in)
        if scope not in ("structure", "point"):
            raise ValueError(f'scope is "structure" or "point", got {scope!r}')
        self.rep_in, self.scope = rep_in, scope
        self._in = ComponentFirst.of(rep_in, "VectorInvariant")
        self.rep_out: Rep = (self._in.copies * self._in.width) * rep_in.group.trivial
        copies, vector = self._in.copies, one_copy(rep_in)
        hidden = (max(copies, 1), max(copies // 2, 1)) if hidden is None else hidden
        if len(hidden) != 2 or min(hidden) < 1:
            raise ValueError(f"hidden must be the copies in two layers, at least one each, got {tuple(hidden)}")
        first, second = hidden
        wide, narrow = first * vector, second * vector
        self.first = VectorLeakyReLU(rep_in, wide, norm=None if norm is None else norm(wide))
        self.second = VectorLeakyReLU(wide, narrow, norm=None if norm is None else norm(narrow))
        self.frame = Linear(narrow, self._in.width * vector)
        mean_rep = rep_in if scope == "structure" else 0 * rep_in
        self.mean_values, self.mean_directions = Linear(mean_rep, wide), Linear(mean_rep, wide)

    def forward(self, features: Tensor, batch: Tensor | None = None, structures: int | None = None) -> Tensor:
        """Make invariants.

        Args:
            features: ``(N, rep_in.dim)``; any leading shape if there is no mean of a structure.
            batch: ``(N,)`` structure of each point; ``None`` for a single structure.
            structures: Number of structures; read off ``batch`` where it is not given.

        Returns:
            ``(N, n C)``: the products with the first vector of the frame for all channels, then with the second ...
        """
        components = self._in.split(features, "VectorInvariant")
        return self.forward_components(components, batch, structures).reshape(*features.shape[:-1], self.rep_out.dim)

    def forward_components(
        self, components: Tensor, batch: Tensor | None = None, structures: int | None = None
    ) -> Tensor:
        """The same from components ``(n, N, C)`` to ``(N, n C)``."""
        if self.scope == "point":
            hidden = self.first.forward_components(components)
        else:
            batch, structures = resolve_batch(components[0], batch, structures)
            hidden = self._with_mean(components, self._means(components, batch, structures), batch)
        frame = mix(self.frame, self.second.forward_components(hidden))
        return torch.bmm(frame.permute(1, 2, 0), components.transpose(0, 1)).flatten(1)

    def _means(self, components: Tensor, batch: Tensor, structures: int) -> Tensor:
        totals = components.new_zeros(components.shape[0], structures, components.shape[2]).index_add(
            1, batch, components
        )
        counts = segment_sum(torch.ones_like(components[0, :, :1]), batch, structures)
        return totals / counts.clamp_min(1)

    def _with_mean(self, components: Tensor, means: Tensor, batch: Tensor) -> Tensor:
        """The first hidden layer: the terms of the mean are computed once for each structure."""
        values = EdgeVectors(mix(self.first.values, components), mix(self.mean_values, means))
        directions = EdgeVectors(mix(self.first.directions, components), mix(self.mean_directions, means))
        return self.first.rectified(values, directions, Graph.from_neighbor_table(batch[:, None]))

    def extra_repr(self) -> str:
        """The two representations and the scope."""
        return f"{self.rep_in} -> {self.rep_out}, {self.scope}"
