"""The nonlinearity of vector neurons: the part of a vector against a learned direction is removed."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from intertwine.nn._linear import Linear
from intertwine.nn._same_group import same_group
from intertwine.nn.vector._component_first import ComponentFirst, mix
from intertwine.nn.vector._vector_batch_norm import VectorBatchNorm
from intertwine.ops import EdgeVectors, Graph, vn_relu_mean
from intertwine.reps import Rep

Directions = Literal["each", "shared"]


class VectorReLU(nn.Module):
    """A linear map, and removal of the part of each vector that points against a learned direction.

        q = W V,  k = U V,      q -> q               where <q, k> >= 0
                                q -> q - (1 - negative_slope) <q, k> / |k|^2 k   else

    Args:
        rep_in: Copies of a vector, or its text.
        rep_out: Copies of the same vector; ``None`` for ``rep_in``.
        negative_slope: Factor of the part that points against the direction; 0 removes it.
        directions: ``"each"`` channel has a direction k of its own, or one is ``"shared"`` by all.
        norm: Normalizes q before it is rectified; ``None`` for nothing.

    Raises:
        ValueError: If a rep is not copies of one vector, or ``directions`` is neither; in ``forward`` if the shape does
            not fit.

    Law: ``f(rho_in(g) x) = rho_out(g) f(x)``. The zero vector stays zero, with a finite gradient.

    Reference: Deng et al., Vector Neurons, ICCV 2021, eqs. 4-6, with their 1e-6 under |k|^2.

    Example:
        >>> import torch
        >>> VectorReLU("4x1o", "6x1o")(torch.ones(2, 12)).shape
        torch.Size([2, 18])
    """

    def __init__(
        self,
        rep_in: Rep | str,
        rep_out: Rep | str | None = None,
        *,
        negative_slope: float = 0.0,
        directions: Directions = "each",
        norm: VectorBatchNorm | None = None,
    ) -> None:
        super().__init__()
        rep_out = rep_in if rep_out is None else rep_out
        rep_in, rep_out = same_group(type(self).__name__, rep_in=rep_in, rep_out=rep_out)
        if directions not in ("each", "shared"):
            raise ValueError(f'directions are "each" or "shared", got {directions!r}')
        self.rep_in, self.rep_out, self.negative_slope = rep_in, rep_out, float(negative_slope)
        self._in, self._out = ComponentFirst.both(rep_in, rep_out, type(self).__name__)
        check_norm(norm, rep_out)
        self.values = Linear(rep_in, rep_out)
        self.directions = Linear(rep_in, rep_out if directions == "each" else one_copy(rep_out))
        self.norm = norm

    def forward(self, features: Tensor) -> Tensor:
        """Map ``(..., rep_in.dim)`` to ``(..., rep_out.dim)``."""
        components = self._in.split(features, type(self).__name__)
        return self._out.join(self.forward_components(components), features)

    def forward_components(self, components: Tensor) -> Tensor:
        """The same in the component-first layout, ``(n, N, C)``."""
        graph = Graph.from_neighbor_table(torch.arange(components.shape[1], device=components.device)[:, None])
        return self.rectified(
            EdgeVectors(mix(self.values, components)), EdgeVectors(mix(self.directions, components)), graph
        )

    def rectified(self, values: EdgeVectors, directions: EdgeVectors, graph: Graph) -> Tensor:
        """The same after the linear maps, for vectors on edges: the mean over the edges of each node."""
        affine = None if self.norm is None else self.norm.affine(values, graph)
        return vn_relu_mean(values, directions, graph, affine=affine, negative_slope=self.negative_slope)

    def extra_repr(self) -> str:
        """The two representations and the slope."""
        return f"{self.rep_in} -> {self.rep_out}, negative_slope={self.negative_slope}"


class VectorLeakyReLU(VectorReLU):
    """:class:`VectorReLU` with the negative slope 0.2 of the authors' networks.

    Example:
        >>> from intertwine.groups import SO2
        >>> VectorLeakyReLU(SO2().rep("4x1")).negative_slope
        0.2
    """

    def __init__(
        self,
        rep_in: Rep | str,
        rep_out: Rep | str | None = None,
        *,
        negative_slope: float = 0.2,
        directions: Directions = "each",
        norm: VectorBatchNorm | None = None,
    ) -> None:
        super().__init__(rep_in, rep_out, negative_slope=negative_slope, directions=directions, norm=norm)


def one_copy(rep: Rep) -> Rep:
    """One of the copies of a rep; the group's vector where there is none."""
    return rep.irreps[0][1] if rep.irreps else rep.group.vector


def check_norm(norm: VectorBatchNorm | None, rep: Rep) -> None:
    """Check that a normalization is of a representation.

    Raises:
        ValueError: If it is of another representation.
    """
    if norm is not None and norm.rep_in != rep:
        raise ValueError(f"norm must be of {rep}, got one of {norm.rep_in}")
