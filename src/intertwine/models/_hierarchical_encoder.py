"""Hierarchical encoder of point clouds: interactions on ever fewer points, and interpolation back to all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import sqrt
from typing import Any

from torch import Tensor, nn

from intertwine.actions import LinearAction, PointCloud, PointFeatures
from intertwine.models._point_pyramid import PyramidLevel, point_pyramid
from intertwine.models._rep_texts import group_name
from intertwine.models.families import (
    OUTPUT_SCALE,
    Family,
    InteractionConfig,
    describe_family,
    get_family,
)
from intertwine.nn import Geometry, Linear, Pool, Reduce
from intertwine.ops import knn_interpolate, resolve_batch
from intertwine.reps import Rep


class InteractionSequence(nn.ModuleList):
    """Interactions of one level, one after the other on the same geometry."""

    def forward(self, features: Tensor, geometry: Geometry | None) -> Tensor:
        """Map ``(M, rep.dim)`` to the same."""
        for interaction in self:
            features = interaction(features, geometry)
        return features


class HierarchicalEncoder(nn.Module):
    """Point encoder for hundreds to thousands of points, which samples ever fewer points of the cloud.

        down: x <- interactions_k(x),  x <- pooling_k(x, around each sampled point)
        up:   x <- interaction(x_k + linear(knn_interpolate(x))),  level by level, for outputs per point only

    Each level keeps one point in ``ratio``, by farthest point sampling, and connects each to its nearest neighbors. The
    interactions and the pooling are those of any family: the pooling is a strided convolution (steerable), or a linear
    map of the mean over the neighbors. The graphs are built inside, from the positions.

    Args:
        rep_in: Representation of each point's features, or text in the grammar of the group of ``rep_out`` (by default
            of O(3)).
        rep_out: Representation of the output, likewise.
        layer: The family, or its name, as in :class:`PointEncoder`.
        hidden: Representation between the layers, one for all levels or one for each; ``None`` for the default of the
            family.
        levels: Number of levels; 3 with ratio 4 have N, N / 4 and N / 16 points.
        ratio: Points of a level for one of the next, rounded up in every structure; at least two, if there are.
        layers: Interactions of each level on the way down, one number for all or one for each.
        lmax: Highest degree of the spherical harmonics (steerable, attention, depthwise).
        radial_basis: Number of radial basis functions (all but message, lifted and vector).
        radial_hidden: Hidden widths of the radial network on them (steerable, attention).
        width: Hidden width of the message networks (message, egnn) or edge networks (depthwise, equiformer).
        cutoff: Distance on the first level from which edges have no effect, in the unit of the positions; it grows by
            ``sqrt(ratio)`` from level to level, as the spacing of points on a surface does. Ten times shorter than in
            :class:`PointEncoder`, for clouds of about 1,000 points in the unit ball, where the 16th nearest neighbor is
            at about 0.25.
        k: Nearest neighbors that send messages to a point; also the normalization of their sum.
        pool_neighbors: Nearest points of the finer level that are pooled into a point; ``k`` by default.
        pool: ``"sum"`` or ``"mean"`` over the points of the last level, ``"max"`` for invariants, or ``None`` for one
            output per point.
        output_scale: Size of the output of a point at initialization.
        group: Name of the group in whose grammar ``rep_in`` and ``rep_out`` are read if they are text: "O3", "SO3",
            "Tetrahedral", "Octahedral" or "Icosahedral". ``config`` says it where they were given as representations.

    Raises:
        ValueError: If a name is not known or a number is too small; in ``forward`` if shapes do not fit.

    Law: that of the family: ``f(rho_in(g) x, g p + t) = rho_out(g) f(x, p)``, and all points may be renumbered, except
    where two distances are equal that decide which point is sampled or which neighbor is nearest; there f jumps.

    Reference: Qi et al., PointNet++, NeurIPS 2017.

    Example:
        >>> import torch
        >>> encoder = HierarchicalEncoder("2x0e", "1x0e + 1x1o", hidden="4x0e + 2x1o", levels=2, lmax=1)
        >>> encoder(torch.ones(32, 2), torch.rand(32, 3)).shape
        torch.Size([1, 4])
    """

    def __init__(
        self,
        rep_in: Rep | str,
        rep_out: Rep | str,
        *,
        layer: str | Mapping[str, Any] | Family = "steerable",
        hidden: Rep | str | Sequence[Rep | str] | None = None,
        levels: int = 3,
        ratio: int = 4,
        layers: int | Sequence[int] = 1,
        lmax: int = 2,
        radial_basis: int = 8,
        radial_hidden: Sequence[int] = (),
        width: int = 64,
        cutoff: float = 0.5,
        k: int = 16,
        pool_neighbors: int | None = None,
        pool: Reduce | None = "sum",
        output_scale: float = OUTPUT_SCALE,
        group: str | None = None,
    ) -> None:
        super().__init__()
        pool_neighbors = k if pool_neighbors is None else pool_neighbors
        self.layers: list[int] = _per_level(layers, levels, "layers")
        if levels < 1 or min(self.layers) < 0 or ratio < 2 or k < 1 or pool_neighbors < 1:
            raise ValueError(
                "levels, k and pool_neighbors must be at least 1, ratio at least 2, layers at least 0, "
                f"got {levels}, {k}, {pool_neighbors}, {ratio}, {layers}"
            )
        self.family = get_family(layer)
        self._group_name = group_name(group, rep_in, rep_out)
        given = [self.family.parse_text(rep, group) for rep in (rep_in, rep_out)]
        self.rep_in, self.rep_out = self.family.parse_rep(*given), self.family.parse_rep(*reversed(given))
        hidden = self.family.default_hidden_rep(self.rep_in.group) if hidden is None else hidden
        hiddens: list[Rep | str] = _per_level(hidden, levels, "hidden")
        self.hidden = [self.family.parse_hidden(rep, self.rep_in) for rep in hiddens]
        self._rep_texts: dict[str, Any] = {
            "rep_in": str(rep_in),
            "rep_out": str(rep_out),
            "hidden": [*map(str, hiddens)],
        }
        self.ratio, self.k, self.pool_neighbors, self.output_scale = ratio, k, pool_neighbors, output_scale
        first = InteractionConfig(lmax, radial_basis, tuple(radial_hidden), width, float(cutoff), float(k))
        self.interaction_configs = [
            replace(first, cutoff=float(cutoff) * sqrt(ratio) ** level) for level in range(levels)
        ]
        self._build_modules(per_point=pool is None)
        self.pool = None if pool is None else Pool(self.rep_out, pool)
        self.action_in = PointCloud(self.rep_in)
        self.action_out = PointFeatures(self.rep_out) if pool is None else LinearAction(self.rep_out)

    def _build_modules(self, *, per_point: bool) -> None:
        """Make the embedding, the way down, the way up for outputs per point, and the readout."""
        family, configs = self.family, self.interaction_configs
        self.embed = family.embedding(self.rep_in, self.hidden[0], configs[0])
        levels = list(zip(self.hidden, configs, strict=True))
        self.interactions = nn.ModuleList(
            InteractionSequence(family.interaction(rep, config) for _ in range(count))
            for (rep, config), count in zip(levels, self.layers, strict=True)
        )
        steps = list(zip(self.hidden, self.hidden[1:], strict=False))
        reach = sqrt(self.pool_neighbors / self.k)
        self.down = nn.ModuleList(
            family.pooling(
                fine,
                coarse,
                replace(config, cutoff=reach * config.cutoff, avg_num_neighbors=float(self.pool_neighbors)),
            )
            for (fine, coarse), config in zip(steps, configs, strict=False)
        )
        self.up, self.merge = nn.ModuleList(), nn.ModuleList()
        if per_point:
            self.up.extend(Linear(coarse, fine) for fine, coarse in steps)
            self.merge.extend(family.interaction(rep, config) for rep, config in levels[:-1])
        self.readout = family.readout(self.hidden[0 if per_point else -1], self.rep_out, self.output_scale)

    @property
    def config(self) -> dict[str, Any]:
        """Keyword arguments that rebuild the encoder, ``HierarchicalEncoder(**config)``, as JSON."""
        first = self.interaction_configs[0]
        return {
            **self._rep_texts,
            "layer": describe_family(self.family),
            "levels": len(self.interaction_configs),
            "ratio": self.ratio,
            "layers": self.layers,
            "lmax": first.lmax,
            "radial_basis": first.radial_basis,
            "radial_hidden": list(first.radial_hidden),
            "width": first.width,
            "cutoff": first.cutoff,
            "k": self.k,
            "pool_neighbors": self.pool_neighbors,
            "pool": None if self.pool is None else self.pool.reduce,
            "output_scale": self.output_scale,
            "group": self._group_name,
        }

    def forward(
        self,
        features: Tensor,
        positions: Tensor,
        edges: Tensor | None = None,
        batch: Tensor | None = None,
        structures: int | None = None,
    ) -> Tensor:
        """Encode a cloud, or a batch of clouds side by side.

        Args:
            features: ``(N, rep_in.dim)``.
            positions: ``(N, 3)``.
            edges: ``(2, E)`` edges of the first level, source row over target row; the nearest neighbors by default.
            batch: ``(N,)`` structure of each point; ``None`` for a single structure.
            structures: Number of structures; derived from ``batch`` by default.

        Returns:
            ``(structures, rep_out.dim)``, or ``(N, rep_out.dim)`` without pooling.
        """
        if positions.shape != (features.shape[0], 3):
            raise ValueError(
                f"positions must be ({features.shape[0]}, 3), one for each feature, got {tuple(positions.shape)}"
            )
        batch, structures = resolve_batch(features, batch, structures)
        output, output_batch = self.at_points(features, positions, edges, batch, structures)
        return output if self.pool is None else self.pool(output, output_batch, structures)

    def at_points(
        self, features: Tensor, positions: Tensor, edges: Tensor | None, batch: Tensor, structures: int
    ) -> tuple[Tensor, Tensor]:
        """Outputs before pooling, at the points of the level that the readout sees.

        Args:
            features: ``(N, rep_in.dim)``.
            positions: ``(N, 3)``.
            edges: ``(2, E)`` or ``None``, as in ``forward``.
            batch: ``(N,)`` structure of each point.
            structures: Number of structures.

        Returns:
            ``(M, rep_out.dim)``, and ``(M,)`` structure of each of these points: with pooling those of the last level,
            without pooling all N points.
        """
        levels = self._pyramid(positions, edges, batch, structures)
        hidden = self.embed(features, levels[0].geometry)
        skips = []
        for k, (interactions, level) in enumerate(zip(self.interactions, levels, strict=True)):
            if k:
                hidden = self.down[k - 1](hidden, level.pooling_geometry, level.sample_index)
            hidden = interactions(hidden, level.geometry)
            skips.append(hidden)
        for k in reversed(range(len(self.up))):
            fine, coarse = levels[k], levels[k + 1]
            hidden = knn_interpolate(hidden, coarse.positions, fine.positions, coarse.batch, fine.batch)
            hidden = self.merge[k](skips[k] + self.up[k](hidden), fine.geometry)
        output: Tensor = self.readout(hidden)
        return output, levels[0 if self.pool is None else -1].batch

    def _pyramid(self, positions: Tensor, edges: Tensor | None, batch: Tensor, structures: int) -> list[PyramidLevel]:
        return point_pyramid(
            positions,
            edges,
            batch,
            structures,
            ratio=self.ratio,
            k=self.k,
            pool_neighbors=self.pool_neighbors,
            lmax=self.interaction_configs[0].lmax,
            with_graph=[
                count > 0 or level < len(self.merge) or (level == 0 and self.family.embeds_geometry)
                for level, count in enumerate(self.layers)
            ],
        )


def _per_level(value: Any, levels: int, name: str) -> list[Any]:
    """A list with one entry for each level, from such a list or from one value for all.

    Raises:
        ValueError: If it is a list of another length.
    """
    values = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [value] * levels
    if len(values) != levels:
        raise ValueError(f"{name} must be one for all, or one for each of {levels} levels; got {len(values)}")
    return values
