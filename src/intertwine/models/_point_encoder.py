"""The equivariant point encoder: embed, interact, read out, pool."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from intertwine.actions import LinearAction, PointCloud, PointFeatures
from intertwine.models._families import describe, family
from intertwine.models._family import Family, InteractionConfig
from intertwine.nn import Geometry, Pool, Reduce
from intertwine.reps import Rep


class PointEncoder(nn.Module):
    """A network on point clouds with features, invariant or equivariant at will.

        x = embed(features);   x <- interaction_k(x, positions, edges);   y = pool(readout(x))

    Invariant or equivariant, by point or of the whole, is said by ``rep_out`` and ``pool``.

    Args:
        rep_in: Representation of each point's features; text is read as the family reads it, in the grammar of O(3).
        rep_out: Representation of the output.
        layer: The family, or its name. ``"steerable"``: tensor field network; ``"attention"``: SE(3)-Transformer;
            ``"egnn"``: E(n)-equivariant graph network; ``"vector"``: vector neurons; all equivariant under O(3).
            ``"lifted"``: group convolutions, equivariant under a finite group of rotations. ``"message"``: message
            passing on relative positions, equivariant under translations and permutations only.
        hidden: Representation between the layers; ``None`` for the family's usual one.
        layers: How many interactions.
        lmax: Highest degree of the spherical harmonics (steerable, attention).
        radial: Number of radial functions and hidden widths of the network on them (steerable, attention; of egnn the
            number alone).
        width: Hidden width of the message networks (message, egnn).
        cutoff: Length from which points do not see each other, in the unit of the positions.
        neighbors: Typical number of neighbors, which keeps the variance of the features.
        pool: ``"sum"`` or ``"mean"`` over each structure, or ``None`` for one output per point.

    Raises:
        ValueError: If a name is not known or a representation does not parse; in ``forward`` if shapes do not fit.

    Law: ``f(rho_in(g) x, g p + t) = rho_out(g) f(x, p)`` for all points renumbered alike; see ``layer`` for which g.

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
        layer: str | Mapping[str, Any] | Family = "steerable",
        hidden: Rep | str | None = None,
        layers: int = 3,
        lmax: int = 2,
        radial: Sequence[int] = (8,),
        width: int = 64,
        cutoff: float = 5.0,
        neighbors: float = 16.0,
        pool: Reduce | None = "sum",
    ) -> None:
        super().__init__()
        if layers < 0:
            raise ValueError(f"layers must be at least 0, got {layers}")
        self.family = family(layer)
        hidden = self.family.usual if hidden is None else hidden
        self._texts = {"rep_in": str(rep_in), "rep_out": str(rep_out), "hidden": str(hidden)}
        self.rep_in, self.rep_out = self.family.outer(rep_in), self.family.outer(rep_out)
        self.hidden = self.family.inner(hidden)
        self.space = InteractionConfig(lmax, tuple(radial), width, float(cutoff), float(neighbors))
        self.embed = self.family.embedding(self.rep_in, self.hidden, self.space)
        self.interactions = nn.ModuleList(self.family.interaction(self.hidden, self.space) for _ in range(layers))
        self.readout = self.family.readout(self.hidden, self.rep_out)
        self.pool = None if pool is None else Pool(self.rep_out, pool)
        self.action_in = PointCloud(self.rep_in)
        self.action_out = PointFeatures(self.rep_out) if pool is None else LinearAction(self.rep_out)

    @property
    def config(self) -> dict[str, Any]:
        """Everything that ``PointEncoder(**config)`` needs, as JSON."""
        return {
            **self._texts,
            "layer": describe(self.family),
            "layers": len(self.interactions),
            "lmax": self.space.lmax,
            "radial": list(self.space.radial),
            "width": self.space.width,
            "cutoff": self.space.cutoff,
            "neighbors": self.space.neighbors,
            "pool": None if self.pool is None else self.pool.reduce,
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
        if positions.shape != (features.shape[0], 3):
            raise ValueError(
                f"positions must be ({len(features)}, 3), one for each feature, got {tuple(positions.shape)}"
            )
        where = Geometry.from_edges(positions, edges, self.space.lmax)
        hidden = self.embed(features, where)
        for interaction in self.interactions:
            hidden = interaction(hidden, where)
        output: Tensor = self.readout(hidden)
        return output if self.pool is None else self.pool(output, batch, structures)
