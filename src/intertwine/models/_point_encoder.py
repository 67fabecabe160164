"""Equivariant encoder of point clouds: embedding, interactions, readout, pooling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from intertwine.actions import LinearAction, PeriodicPointCloud, PointFeatures
from intertwine.models._rep_texts import group_name
from intertwine.models.families import OUTPUT_SCALE, Family, InteractionConfig, describe_family, get_family
from intertwine.nn import Geometry, Pool, Reduce
from intertwine.reps import Rep


class PointEncoder(nn.Module):
    """Network on point clouds with features, one output per cloud or per point.

        x <- embed(features);   x <- interaction_k(x, geometry), k = 1 .. layers;   y = pool(readout(x))

    ``rep_out`` decides whether the output is invariant or equivariant.

    Args:
        rep_in: Representation of each point's features, or text in the grammar of the group of ``rep_out`` (by default
            of O(3)).
        rep_out: Representation of the output, likewise.
        layer: The family of interactions, or its name. ``"steerable"``: tensor field network; ``"depthwise"``: NequIP
            and MACE; ``"equiformer"``: attention over SO(2) convolutions; ``"attention"``: SE(3)-Transformer;
            ``"egnn"``: E(n)-equivariant graph network; ``"vector"``: vector neurons; all equivariant under O(3).
            ``"lifted"``: group convolutions, equivariant under a finite group of rotations. ``"message"``: message
            passing on relative positions, equivariant under translations and permutations only.
        hidden: Representation between the layers; ``None`` for the default of the family.
        layers: Number of interactions.
        lmax: Highest degree of the spherical harmonics (steerable, attention, depthwise).
        radial_basis: Number of radial basis functions (all but message, lifted and vector).
        radial_hidden: Hidden widths of the radial network on them (steerable, attention). None by default, which is
            cheaper over many layers; a single :class:`intertwine.nn.SteerableConv` has one of width 64.
        width: Hidden width of the message networks (message, egnn) or edge networks (depthwise, equiformer).
        cutoff: Distance from which edges have no effect, in the unit of the positions.
        avg_num_neighbors: Average number of neighbors, which normalizes sums over neighbors. A single layer assumes 1.
        pool: ``"sum"`` or ``"mean"`` over each structure, or ``None`` for one output per point.
        output_scale: Size of the output of a point at initialization.
        group: Name of the group in whose grammar ``rep_in`` and ``rep_out`` are read if they are text: "O3", "SO3",
            "Tetrahedral", "Octahedral" or "Icosahedral". ``config`` says it where they were given as representations.

    Raises:
        ValueError: If a name is not known or a representation does not parse; in ``forward`` if shapes do not fit.

    Law: ``f(rho_in(g) x, g p + t) = rho_out(g) f(x, p)``, and all points may be renumbered; see ``layer`` for which g.

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
        radial_basis: int = 8,
        radial_hidden: Sequence[int] = (),
        width: int = 64,
        cutoff: float = 5.0,
        avg_num_neighbors: float = 16.0,
        pool: Reduce | None = "sum",
        output_scale: float = OUTPUT_SCALE,
        group: str | None = None,
    ) -> None:
        super().__init__()
        if layers < 0:
            raise ValueError(f"layers must be at least 0, got {layers}")
        self.family = get_family(layer)
        self._group_name = group_name(group, rep_in, rep_out)
        given = [self.family.parse_text(rep, group) for rep in (rep_in, rep_out)]
        self.rep_in, self.rep_out = self.family.parse_rep(*given), self.family.parse_rep(*reversed(given))
        hidden = self.family.default_hidden_rep(self.rep_in.group) if hidden is None else hidden
        self.hidden = self.family.parse_hidden(hidden, self.rep_in)
        self._rep_texts = {"rep_in": str(rep_in), "rep_out": str(rep_out), "hidden": str(hidden)}
        self.interaction_config = InteractionConfig(
            lmax, radial_basis, tuple(radial_hidden), width, float(cutoff), float(avg_num_neighbors)
        )
        self.embed = self.family.embedding(self.rep_in, self.hidden, self.interaction_config)
        self.interactions = nn.ModuleList(
            self.family.interaction(self.hidden, self.interaction_config) for _ in range(layers)
        )
        self.output_scale = output_scale
        self.readout = self.family.readout(self.hidden, self.rep_out, output_scale)
        self.pool = None if pool is None else Pool(self.rep_out, pool)
        self.action_in = PeriodicPointCloud(self.rep_in)
        self.action_out = PointFeatures(self.rep_out) if pool is None else LinearAction(self.rep_out)

    @property
    def config(self) -> dict[str, Any]:
        """Keyword arguments that rebuild the encoder, ``PointEncoder(**config)``, as JSON."""
        return {
            **self._rep_texts,
            "layer": describe_family(self.family),
            "layers": len(self.interactions),
            "lmax": self.interaction_config.lmax,
            "radial_basis": self.interaction_config.radial_basis,
            "radial_hidden": list(self.interaction_config.radial_hidden),
            "width": self.interaction_config.width,
            "cutoff": self.interaction_config.cutoff,
            "avg_num_neighbors": self.interaction_config.avg_num_neighbors,
            "pool": None if self.pool is None else self.pool.reduce,
            "output_scale": self.output_scale,
            "group": self._group_name,
        }

    def forward(
        self,
        features: Tensor,
        positions: Tensor,
        edges: Tensor,
        batch: Tensor | None = None,
        structures: int | None = None,
        shifts: Tensor | None = None,
    ) -> Tensor:
        """Encode a cloud, or a batch of clouds side by side.

        Args:
            features: ``(N, rep_in.dim)``.
            positions: ``(N, 3)``.
            edges: ``(2, E)``, source row over target row, in any order.
            batch: ``(N,)`` structure of each point; ``None`` for a single structure.
            structures: Number of structures; derived from ``batch`` by default.
            shifts: ``(E, 3)``, for periodic structures: the lattice vector that is added to the position of the source
                of each edge; see :func:`intertwine.ops.radius_graph`. They rotate with the positions.

        Returns:
            ``(structures, rep_out.dim)``, or ``(N, rep_out.dim)`` without pooling.
        """
        if positions.shape != (features.shape[0], 3):
            raise ValueError(
                f"positions must be ({features.shape[0]}, 3), one for each feature, got {tuple(positions.shape)}"
            )
        geometry = Geometry.from_edges(positions, edges, self.interaction_config.lmax, shifts=shifts)
        hidden = self.embed(features, geometry)
        for interaction in self.interactions:
            hidden = interaction(hidden, geometry)
        output: Tensor = self.readout(hidden)
        return output if self.pool is None else self.pool(output, batch, structures)
