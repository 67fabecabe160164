"""The equivariant point encoder: embed, interact, read out, pool."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from intertwine.actions import LinearAction, PointCloud, PointFeatures
from intertwine.groups import O3
from intertwine.models._layers import LAYERS, Space
from intertwine.nn import Gate, Linear, Pool, geometry
from intertwine.nn._pool import Pooling
from intertwine.reps import Rep

_FIRST_OUTPUT = 0.02  # scale of the output at the start: training begins near zero, also where many points are summed


class PointEncoder(nn.Module):
    """A network on point clouds with features, invariant or equivariant at will.

        x = embed(features);   x <- x + interaction_k(x, positions, edges);   y = pool(readout(x))

    Args:
        rep_in: Representation of each point's features; text is read in the grammar of O(3).
        rep_out: Representation of the output.
        layer: ``"steerable"``: tensor field network, equivariant under O(3); ``"message"``: message passing on relative
            positions, equivariant under translations and permutations only.
        hidden: Representation between the layers.
        layers: How many interactions.
        lmax: Highest degree of the spherical harmonics (steerable).
        radial: Number of radial functions and hidden widths of the network on them (steerable).
        width: Hidden width of the message networks (message).
        cutoff: Length from which points do not see each other, in the unit of the positions.
        neighbours: Typical number of neighbours, which keeps the variance of the features.
        pool: ``"sum"`` or ``"mean"`` over each structure, or ``None`` for one output per point.

    Raises:
        ValueError: If a name is not known or a representation does not parse; in ``forward`` if shapes do not fit.

    Law: ``f(rho_in(g) x, g p + t) = rho_out(g) f(x, p)`` for all points renumbered alike, with ``layer="steerable"``.

    Example:
        >>> import torch
        >>> encoder = PointEncoder("2x0e", "1x0e + 1x1o", hidden="4x0e + 2x1o", layers=1, lmax=1)
        >>> encoder(torch.ones(2, 2), torch.eye(2, 3), torch.tensor([[1, 0], [0, 1]])).shape
        torch.Size([1, 4])
    """

    def __init__(
        self,
        rep_in: Rep | str,
        rep_out: Rep | str,
        *,
        layer: str = "steerable",
        hidden: Rep | str = "32x0e + 16x1o + 8x2e",
        layers: int = 3,
        lmax: int = 2,
        radial: Sequence[int] = (8,),
        width: int = 64,
        cutoff: float = 5.0,
        neighbours: float = 16.0,
        pool: Pooling | None = "sum",
    ) -> None:
        super().__init__()
        if layer not in LAYERS:
            raise ValueError(f'no layer "{layer}"; known: {", ".join(sorted(LAYERS))}')
        if layers < 0:
            raise ValueError(f"layers must be at least 0, got {layers}")
        self.rep_in, self.rep_out, inner = _rep(rep_in), _rep(rep_out), _rep(hidden)
        self.layer, self.hidden = layer, inner
        self.space = Space(lmax, tuple(radial), width, float(cutoff), float(neighbours))
        make = LAYERS[layer]
        self.embed = Linear(self.rep_in, inner)
        self.interactions = nn.ModuleList(make(inner, self.space) for _ in range(layers))
        gate = Gate(inner)
        self.readout = nn.Sequential(Linear(inner, gate.rep_in), gate, Linear(inner, self.rep_out, gain=_FIRST_OUTPUT))
        self.pool = None if pool is None else Pool(self.rep_out, pool)
        self.action_in = PointCloud(self.rep_in)
        self.action_out = PointFeatures(self.rep_out) if pool is None else LinearAction(self.rep_out)

    @property
    def config(self) -> dict[str, Any]:
        """Everything that ``PointEncoder(**config)`` needs, as JSON."""
        return {
            "rep_in": str(self.rep_in),
            "rep_out": str(self.rep_out),
            "layer": self.layer,
            "hidden": str(self.hidden),
            "layers": len(self.interactions),
            "lmax": self.space.lmax,
            "radial": list(self.space.radial),
            "width": self.space.width,
            "cutoff": self.space.cutoff,
            "neighbours": self.space.neighbours,
            "pool": None if self.pool is None else self.pool.how,
        }

    def forward(
        self,
        features: Tensor,
        positions: Tensor,
        edges: Tensor,
        batch: Tensor | None = None,
        structures: int | None = None,
    ) -> Tensor:
        """Encode a cloud, or a batch of clouds as one.

        Args:
            features: ``(N, rep_in.dim)``.
            positions: ``(N, 3)``.
            edges: ``(2, E)``, source row over target row, in any order.
            batch: ``(N,)`` structure of each point; ``None`` for a single structure.
            structures: How many structures; read off ``batch`` where it is not given.

        Returns:
            ``(structures, rep_out.dim)``, or ``(N, rep_out.dim)`` without pooling.
        """
        if positions.shape != (len(features), 3):
            raise ValueError(
                f"positions must be ({len(features)}, 3), one for each feature, got {tuple(positions.shape)}"
            )
        hidden = self.embed(features)
        where = geometry(positions, edges, self.space.lmax)
        for interaction in self.interactions:
            hidden = interaction(hidden, where)
        output: Tensor = self.readout(hidden)
        return output if self.pool is None else self.pool(output, batch, structures)


def _rep(value: Rep | str) -> Rep:
    return O3().rep(value) if isinstance(value, str) else value
