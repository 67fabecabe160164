"""Group lifting: features on a finite group of rotations, exact for its elements and near enough between them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor, nn

from intertwine.groups import (
    O3,
    SO3,
    Cyclic,
    Embedding,
    FiniteGroup,
    FiniteMatrixGroup,
    Icosahedral,
    Octahedral,
    Tetrahedral,
)
from intertwine.models._family import FIRST_OUTPUT, Family, InteractionConfig
from intertwine.nn import (
    Geometry,
    GroupPool,
    InterPointConv,
    IntraGroupConv,
    Lift,
    PointwiseNonlinearity,
    Project,
    RegularBatchNorm,
)
from intertwine.nn.group._regular import GroupPooling, regular_copies
from intertwine.reps import Rep

_SOLIDS = {"tetrahedral": Tetrahedral(), "octahedral": Octahedral(), "icosahedral": Icosahedral()}


@lru_cache(maxsize=64)
def rotation_group(name: str) -> FiniteGroup:
    """A finite group of rotations of space by its name.

    Args:
        name: "tetrahedral" (12 elements), "octahedral" (24), "icosahedral" (60), or "C4", "C8", ...: the turns about z.

    Raises:
        ValueError: If there is none of that name.

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
    turns = about_z(planar.elements)
    return FiniteMatrixGroup(turns[1:] if len(turns) > 1 else turns, title=f"C_{planar.n} about z")


@dataclass(frozen=True)
class Lifted(Family):
    """Group convolutions, equivariant under a finite group of rotations; between its elements, nearly.

    Representations of O(3) and SO(3), and text in the grammar of O(3), are restricted to the group. The hidden one is
    a number of copies of the regular representation, "16". Degrees, radial functions and widths do not matter here.

    Attributes:
        group: Its name: "octahedral" (24 elements), "tetrahedral" (12), "icosahedral" (60), "C4" (about z), ...
        points: The least number of kernel points on each shell.
        pool: What invariants are made by from the features on the group: "max", "mean" or "attention".
    """

    group: str = "octahedral"
    points: tuple[int, ...] = (12,)
    pool: GroupPooling = "max"

    name = "lifted"
    usual = "16"

    def __post_init__(self) -> None:
        object.__setattr__(self, "points", tuple(self.points))
        rotation_group(self.group)

    def outer(self, rep: Rep | str) -> Rep:
        """The restriction to the group; "16xregular" is read as well."""
        group = rotation_group(self.group)
        if isinstance(rep, str):
            copies = re.fullmatch(r"\s*(\d+)\s*x\s*regular\s*", rep)
            return int(copies[1]) * group.regular if copies else O3().rep(rep).restrict(group)
        return rep.restrict(group)

    def inner(self, rep: Rep | str) -> Rep:
        """Copies of the regular representation; text is their number."""
        hidden = self.outer(f"{rep}xregular" if isinstance(rep, str) and rep.strip().isdigit() else rep)
        regular_copies(hidden)
        return hidden

    def embedding(self, rep_in: Rep, hidden: Rep, space: InteractionConfig) -> nn.Module:
        """The lift."""
        return LiftedEmbedding(rep_in, hidden)

    def interaction(self, hidden: Rep, space: InteractionConfig) -> nn.Module:
        """Over the points, over the group."""
        return LiftedInteraction(hidden, space, self.points)

    def readout(self, hidden: Rep, rep_out: Rep) -> nn.Module:
        """Pool for what is invariant, project for what turns."""
        return LiftedReadout(hidden, rep_out, self.pool)


class LiftedEmbedding(Lift):
    """The lift, which does not look where the points are."""

    def forward(self, features: Tensor, where: Geometry | None = None) -> Tensor:
        """Map ``(N, rep_in.dim)`` to ``(N, rep_out.dim)``."""
        return super().forward(features)


class LiftedInteraction(nn.Module):
    """x <- x + intra(relu(norm(inter(relu(norm(x))))))."""

    def __init__(self, rep: Rep, space: InteractionConfig, points: tuple[int, ...]) -> None:
        super().__init__()
        self.rep_in = self.rep_out = rep
        self.before, self.between = (nn.Sequential(RegularBatchNorm(rep), PointwiseNonlinearity(rep)) for _ in range(2))
        self.inter = InterPointConv(rep, rep, points=points, cutoff=space.cutoff, neighbors=space.neighbors)
        self.intra = IntraGroupConv(rep, rep)

    def forward(self, features: Tensor, where: Geometry) -> Tensor:
        """Map ``(N, rep.dim)`` to the same."""
        step: Tensor = self.intra(self.between(self.inter(self.before(features), where)))
        return features + step


class LiftedReadout(nn.Module):
    """Norm and ReLU; then the invariants of the output from a pool over the group, the rest by projection."""

    def __init__(self, hidden: Rep, rep_out: Rep, pool: GroupPooling) -> None:
        super().__init__()
        self.rep_in, self.rep_out = hidden, rep_out
        group, copies = regular_copies(hidden)
        terms = rep_out.terms
        self.activation = nn.Sequential(RegularBatchNorm(hidden), PointwiseNonlinearity(hidden))
        invariant = any(term == group.trivial for _, term in terms)
        self.pool = GroupPool(hidden, pool) if invariant else None
        self.heads = nn.ModuleList()
        for count, term in terms:
            if term == group.trivial:
                head = nn.Linear(copies, count, dtype=torch.float32)
                nn.init.normal_(head.weight, std=FIRST_OUTPUT / copies**0.5)
                nn.init.zeros_(head.bias)
                self.heads.append(head)
            else:
                self.heads.append(Project(hidden, count * term, gain=FIRST_OUTPUT))

    def forward(self, features: Tensor) -> Tensor:
        """Map ``(N, hidden.dim)`` to ``(N, rep_out.dim)``."""
        active = self.activation(features)
        pooled = active if self.pool is None else self.pool(active)
        parts = [head(pooled if isinstance(head, nn.Linear) else active) for head in self.heads]
        return torch.cat(parts, -1)
