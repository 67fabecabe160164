"""The hierarchical point encoder: fewer points and wider views from level to level, and back up again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import sqrt
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from intertwine.actions import LinearAction, PointCloud, PointFeatures
from intertwine.models._families import describe, family
from intertwine.models._family import Family, InteractionConfig
from intertwine.nn import Geometry, Linear, Pool, geometry
from intertwine.nn._pool import Pooling
from intertwine.ops import farthest_point_sampling, knn_graph, knn_interpolate, resolve_batch, segment_sum
from intertwine.reps import Rep


class Level(NamedTuple):
    """The points of one level.

    Attributes:
        positions: ``(M, 3)``.
        batch: ``(M,)`` structure of each.
        where: Their graph; none where nothing is done on it.
        chosen: ``(M,)`` which points of the level before they are; none at the first.
        around: The edges from the level before.
    """

    positions: Tensor
    batch: Tensor
    where: Geometry | None
    chosen: Tensor | None = None
    around: Geometry | None = None


class Stage(nn.ModuleList):
    """The interactions of one level, one after the other."""

    def forward(self, features: Tensor, where: Geometry | None) -> Tensor:
        """Map ``(M, rep.dim)`` to the same."""
        for interaction in self:
            features = interaction(features, where)
        return features


class HierarchicalEncoder(nn.Module):
    """A point encoder for hundreds to thousands of points: interactions on ever fewer points of the cloud.

        down: x <- interactions_k(x),  x <- pooling_k(x around each of the farthest points)
        up:   x <- interaction(x_k + linear(x interpolated)),  level by level, for outputs by point only

    Each level keeps one point in ``ratio``, by farthest point sampling, and joins each to its nearest neighbors. The
    interactions are those of any family, and so is the pooling: a convolution from the finer cloud (steerable), or a
    linear map of the mean over the neighbors. The graphs are made inside, from the positions.

    Args:
        rep_in: Representation of each point's features; text is read as the family reads it, in the grammar of O(3).
        rep_out: Representation of the output.
        layer: The family, or its name, as in :class:`PointEncoder`.
        hidden: Representation between the layers, one for all levels or one for each; ``None`` for the family's usual.
        levels: How many levels; 3 with ratio 4 are N, N / 4 and N / 16 points.
        ratio: Points of a level for one of the next, rounded up in every structure.
        layers: Interactions of each level on the way down, one number for all or one for each.
        lmax: Highest degree of the spherical harmonics (steerable).
        radial: Number of radial functions and hidden widths of the network on them (steerable).
        width: Hidden width of the message networks (message).
        cutoff: Length from which points of the first level do not see each other, in the unit of the positions; it
            grows by ``sqrt(ratio)`` from level to level, as the spacing of points on a surface does. The default suits
            clouds of some 1,000 points in the unit ball: the 16th neighbor is then at about 0.25.
        neighbors: How many nearest neighbors send messages to a point.
        gathered: How many nearest points of the finer level are pooled into a point; ``neighbors`` if not given.
        pool: ``"sum"`` or ``"mean"`` over the points of the last level, ``"max"`` for invariants, or ``None`` for one
            output per point.

    Raises:
        ValueError: If a name is not known or a number is too small; in ``forward`` if shapes do not fit.

    Law: that of the family: ``f(rho_in(g) x, g p + t) = rho_out(g) f(x, p)`` for all points renumbered alike, except
    where two distances are equal that decide which point or which neighbor is chosen; there f jumps.

    Reference: Qi et al., PointNet++, NeurIPS 2017.

    Example:
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
        radial: Sequence[int] = (8,),
        width: int = 64,
        cutoff: float = 0.5,
        neighbors: int = 16,
        gathered: int | None = None,
        pool: Pooling | None = "sum",
    ) -> None:
        super().__init__()
        gathered = neighbors if gathered is None else gathered
        self.layers: list[int] = _one_for_each(layers, levels, "layers")
        if levels < 1 or min(self.layers) < 0 or ratio < 2 or neighbors < 1 or gathered < 1:
            raise ValueError(
                "levels, neighbors and gathered must be at least 1, ratio at least 2, layers at least 0, "
                f"got {levels}, {neighbors}, {gathered}, {ratio}, {layers}"
            )
        self.family = family(layer)
        hiddens: list[Rep | str] = _one_for_each(self.family.usual if hidden is None else hidden, levels, "hidden")
        self._texts: dict[str, Any] = {"rep_in": str(rep_in), "rep_out": str(rep_out), "hidden": [*map(str, hiddens)]}
        self.rep_in, self.rep_out = self.family.outer(rep_in), self.family.outer(rep_out)
        self.hidden = [self.family.inner(each) for each in hiddens]
        self.ratio, self.neighbors, self.gathered = ratio, neighbors, gathered
        cutoffs = [float(cutoff) * sqrt(ratio) ** k for k in range(levels)]
        self.spaces = [InteractionConfig(lmax, tuple(radial), width, each, float(neighbors)) for each in cutoffs]
        self.embed = self.family.embedding(self.rep_in, self.hidden[0], self.spaces[0])
        leveled = list(zip(self.hidden, self.spaces, strict=True))
        self.stages = nn.ModuleList(
            Stage(self.family.interaction(rep, space) for _ in range(count))
            for (rep, space), count in zip(leveled, self.layers, strict=True)
        )
        steps = list(zip(self.hidden, self.hidden[1:], strict=False))
        farther = sqrt(gathered / neighbors)
        self.down = nn.ModuleList(
            self.family.pooling(fine, coarse, replace(space, cutoff=farther * space.cutoff, neighbors=float(gathered)))
            for (fine, coarse), space in zip(steps, self.spaces, strict=False)
        )
        self.up, self.merge = nn.ModuleList(), nn.ModuleList()
        if pool is None:
            self.up.extend(Linear(coarse, fine) for fine, coarse in steps)
            self.merge.extend(self.family.interaction(rep, space) for rep, space in leveled[:-1])
        self.readout = self.family.readout(self.hidden[0 if pool is None else -1], self.rep_out)
        self.pool = None if pool is None else Pool(self.rep_out, pool)
        self.action_in = PointCloud(self.rep_in)
        self.action_out = PointFeatures(self.rep_out) if pool is None else LinearAction(self.rep_out)

    @property
    def config(self) -> dict[str, Any]:
        """Everything that ``HierarchicalEncoder(**config)`` needs, as JSON."""
        first = self.spaces[0]
        return {
            **self._texts,
            "layer": describe(self.family),
            "levels": len(self.spaces),
            "ratio": self.ratio,
            "layers": self.layers,
            "lmax": first.lmax,
            "radial": list(first.radial),
            "width": first.width,
            "cutoff": first.cutoff,
            "neighbors": self.neighbors,
            "gathered": self.gathered,
            "pool": None if self.pool is None else self.pool.how,
        }

    def forward(
        self,
        features: Tensor,
        positions: Tensor,
        edges: Tensor | None = None,
        batch: Tensor | None = None,
        structures: int | None = None,
    ) -> Tensor:
        """Encode a cloud, or a batch of clouds as one.

        Args:
            features: ``(N, rep_in.dim)``.
            positions: ``(N, 3)``.
            edges: ``(2, E)`` edges of the first level, source row over target row, where they are to be others than the
                nearest neighbors.
            batch: ``(N,)`` structure of each point; ``None`` for a single structure.
            structures: How many structures; read off ``batch`` where it is not given.

        Returns:
            ``(structures, rep_out.dim)``, or ``(N, rep_out.dim)`` without pooling.
        """
        if positions.shape != (features.shape[0], 3):
            raise ValueError(
                f"positions must be ({len(features)}, 3), one for each feature, got {tuple(positions.shape)}"
            )
        batch, structures = resolve_batch(features, batch, structures)
        output, whose = self.at_points(features, positions, edges, batch, structures)
        return output if self.pool is None else self.pool(output, whose, structures)

    def at_points(
        self, features: Tensor, positions: Tensor, edges: Tensor | None, batch: Tensor, structures: int
    ) -> tuple[Tensor, Tensor]:
        """The output at each point that is left, before pooling: ``(M, rep_out.dim)``; and ``(M,)`` whose they are.

        Without pooling these are all points; with it, those of the last level. Arguments as for ``forward``.
        """
        levels = self._levels(positions, edges, batch, structures)
        hidden = self.embed(features, levels[0].where)
        found = []
        for k, (stage, level) in enumerate(zip(self.stages, levels, strict=True)):
            if k:
                hidden = self.down[k - 1](hidden, level.around, level.chosen)
            hidden = stage(hidden, level.where)
            found.append(hidden)
        for k in reversed(range(len(self.up))):
            lifted = self.up[k](self._scatter(hidden, levels[k + 1], levels[k]))
            hidden = self.merge[k](found[k] + lifted, levels[k].where)
        output: Tensor = self.readout(hidden)
        return output, levels[0 if self.pool is None else -1].batch

    def _levels(self, positions: Tensor, edges: Tensor | None, batch: Tensor, structures: int) -> list[Level]:
        if edges is None:
            edges = knn_graph(positions, self.neighbors, batch)
        levels = [Level(positions, batch, geometry(positions, edges, self.spaces[0].lmax))]
        for k, space in enumerate(self.spaces[1:], 1):
            counts = segment_sum(torch.ones_like(batch), batch, structures)
            chosen = farthest_point_sampling(positions, (counts + self.ratio - 1) // self.ratio, batch)
            few, whose = positions.index_select(0, chosen), batch.index_select(0, chosen)
            near = knn_graph(positions, self.gathered, batch, queries=few, query_batch=whose)
            around = geometry(positions, near, space.lmax, few)
            where = None
            if self.layers[k] or k < len(self.merge):
                where = geometry(few, knn_graph(few, self.neighbors, whose), space.lmax)
            levels.append(Level(few, whose, where, chosen, around))
            positions, batch = few, whose
        return levels

    @staticmethod
    def _scatter(features: Tensor, coarse: Level, fine: Level) -> Tensor:
        return knn_interpolate(features, coarse.positions, fine.positions, coarse.batch, fine.batch)


def _one_for_each(given: Any, levels: int, what: str) -> list[Any]:
    """The same for every level, unless one was given for each.

    Raises:
        ValueError: Some were given, but not one for each.
    """
    several = list(given) if isinstance(given, Sequence) and not isinstance(given, str) else [given] * levels
    if len(several) != levels:
        raise ValueError(f"{what} is the same for all, or one for each of {levels} levels; got {len(several)}")
    return several
