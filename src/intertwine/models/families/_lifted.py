"""Group convolution family: point features lifted to a finite group of rotations."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor, nn

from intertwine._errors import UsageError
from intertwine.groups import (
    SO3,
    Cyclic,
    Embedding,
    FiniteGroup,
    FiniteMatrixGroup,
    Icosahedral,
    Octahedral,
    Tetrahedral,
)
from intertwine.models.families._family import OUTPUT_SCALE, Family, InteractionConfig
from intertwine.nn import (
    Geometry,
    GroupPool,
    GroupReduce,
    InterPointConv,
    IntraGroupConv,
    LiftToGroup,
    PointwiseNonlinearity,
    ProjectFromGroup,
    RegularBatchNorm,
    regular_copies,
)
from intertwine.reps import Rep, as_rep

_SOLIDS = {"tetrahedral": Tetrahedral(), "octahedral": Octahedral(), "icosahedral": Icosahedral()}


@lru_cache(maxsize=64)
def rotation_group(name: str) -> FiniteGroup:
    """The finite group of rotations of space with a given name.

    Args:
        name: "tetrahedral" (12 elements), "octahedral" (24), "icosahedral" (60), or "C4", "C8", ...: rotations about z.

    Raises:
        ValueError: If no group has that name.

    Example:
        >>> rotation_group("C4").elements[1].tolist()
        [[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    if name in _SOLIDS:
        return _SOLIDS[name]
    match = re.fullmatch(r"C([1-9]\d{0,2})", name)
    if match is None:
        raise ValueError(f'no group "{name}" to lift to; known: {", ".join(_SOLIDS)}, and C1, C2, ... about z')
    planar = Cyclic(int(match[1]))
    about_z = Embedding(planar, SO3(), torch.eye(3, dtype=torch.float64)[:, :2])
    return FiniteMatrixGroup(about_z(planar.discrete_generators), title=f"C_{planar.n} about z")


@dataclass(frozen=True)
class LiftedFamily(Family):
    """Group convolutions, exactly equivariant under a finite group of rotations and approximately under all others.

    Representations of O(3) and SO(3), and text in the grammar of O(3), are restricted to the group. The hidden
    representation is a number of copies of the regular representation, "16". Degrees, radial functions and widths have
    no effect.

    Attributes:
        group: Its name: "octahedral" (24 elements), "tetrahedral" (12), "icosahedral" (60), "C4" (about z), ...
        points: Least number of kernel points on each shell.
        pool: Pooling over the group that gives invariants: "max", "mean" or "attention".

    Reference: Chen et al., Equivariant point network for 3D point cloud analysis, CVPR 2021.
    """

    group: str = "octahedral"
    points: tuple[int, ...] = (12,)
    pool: GroupReduce = "max"

    name = "lifted"
    default_hidden = "16"

    def __post_init__(self) -> None:
        object.__setattr__(self, "points", tuple(self.points))
        rotation_group(self.group)

    def parse_rep(self, rep: Rep | str, other: Rep | str | None = None) -> Rep:
        """The restriction to the group; text is in the grammar of O(3), or such as "16xregular"."""
        group = rotation_group(self.group)
        if isinstance(rep, str):
            copies = re.fullmatch(r"\s*(\d+)\s*x\s*regular\s*", rep)
            if copies:
                return int(copies[1]) * group.regular
        return as_rep(rep).restrict(group)

    def parse_text(self, rep: Rep | str, group: str | None) -> Rep | str:
        """The representation, its text in the grammar of the named group or in that of :meth:`parse_rep`."""
        try:
            return super().parse_text(rep, group)
        except UsageError:
            return rep

    def parse_hidden(self, rep: Rep | str, other: Rep | str | None = None) -> Rep:
        """Copies of the regular representation; text may be their number alone, such as "16".

        Raises:
            ValueError: If the representation is another.
        """
        hidden = self.parse_rep(f"{rep}xregular" if isinstance(rep, str) and rep.strip().isdigit() else rep)
        regular_copies(hidden)
        return hidden

    def embedding(self, rep_in: Rep, hidden: Rep, config: InteractionConfig) -> nn.Module:
        """Lift to the group."""
        return LiftedEmbedding(rep_in, hidden)

    def interaction(self, hidden: Rep, config: InteractionConfig) -> nn.Module:
        """Residual convolution over the points, then over the group."""
        return LiftedInteraction(hidden, config, self.points)

    def readout(self, hidden: Rep, rep_out: Rep, output_scale: float = OUTPUT_SCALE) -> nn.Module:
        """Pooling over the group for invariants, projection for all else."""
        return LiftedReadout(hidden, rep_out, self.pool, output_scale)


class LiftedEmbedding(LiftToGroup):
    """Lift of each point's features to the group, whatever the geometry."""

    def forward(self, features: Tensor, geometry: Geometry | None = None) -> Tensor:
        """Map ``(N, rep_in.dim)`` to ``(N, rep_out.dim)``."""
        return super().forward(features)


class LiftedInteraction(nn.Module):
    """Residual group convolution: ``x + intra(relu(norm(inter(relu(norm(x))))))``."""

    def __init__(self, rep: Rep, config: InteractionConfig, points: tuple[int, ...]) -> None:
        super().__init__()
        self.rep_in = self.rep_out = rep
        self.before, self.between = (nn.Sequential(RegularBatchNorm(rep), PointwiseNonlinearity(rep)) for _ in range(2))
        self.inter = InterPointConv(
            rep, rep, points=points, cutoff=config.cutoff, avg_num_neighbors=config.avg_num_neighbors
        )
        self.intra = IntraGroupConv(rep, rep)

    def forward(self, features: Tensor, geometry: Geometry) -> Tensor:
        """Map ``(N, rep.dim)`` to the same."""
        update: Tensor = self.intra(self.between(self.inter(self.before(features), geometry)))
        return features + update


class LiftedReadout(nn.Module):
    """Norm and ReLU, then invariants by pooling over the group and all else by projection."""

    def __init__(self, hidden: Rep, rep_out: Rep, pool: GroupReduce, output_scale: float = OUTPUT_SCALE) -> None:
        super().__init__()
        self.rep_in, self.rep_out = hidden, rep_out
        group, copies = regular_copies(hidden)
        terms = rep_out.terms
        self.activation = nn.Sequential(RegularBatchNorm(hidden), PointwiseNonlinearity(hidden))
        has_invariants = any(term == group.trivial for _, term in terms)
        self.pool = GroupPool(hidden, pool) if has_invariants else None
        self.heads = nn.ModuleList()
        for count, term in terms:
            if term == group.trivial:
                head = nn.Linear(copies, count, dtype=torch.float32)
                nn.init.normal_(head.weight, std=output_scale / copies**0.5)
                nn.init.zeros_(head.bias)
                self.heads.append(head)
            else:
                self.heads.append(ProjectFromGroup(hidden, count * term, gain=output_scale))

    def forward(self, features: Tensor) -> Tensor:
        """Map ``(N, hidden.dim)`` to ``(N, rep_out.dim)``."""
        active = self.activation(features)
        pooled = active if self.pool is None else self.pool(active)
        parts = [head(pooled if isinstance(head, nn.Linear) else active) for head in self.heads]
        return torch.cat(parts, -1)
