"""What the tests of features on groups share: the groups, slow definitions, and a law tried on every element."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from intertwine.groups import Cyclic, Dihedral, FiniteGroup, FullTetrahedral, Icosahedral, Octahedral, Tetrahedral
from intertwine.models import rotation_group
from intertwine.reps import Rep

GROUPS: dict[str, FiniteGroup] = {
    "C4 in the plane": Cyclic(4),
    "D4 in the plane": Dihedral(4),
    "C4 about z": rotation_group("C4"),
    "T": Tetrahedral(),
    "O": Octahedral(),
    "I": Icosahedral(),
    "T_d, with mirrors": FullTetrahedral(),
}


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def worst(
    layer: Callable[..., Tensor], rep_in: Rep, rep_out: Rep, features: Tensor, *points: Tensor, elements: Tensor
) -> float:
    """The largest relative deviation of f(g x) from g f(x) over the given elements; positions are turned along."""
    expected, largest = layer(features, *points), 0.0
    for g in elements:
        turned = (points[0] @ g.T, *points[1:]) if points else ()
        found = layer(features @ rep_in.matrix(g).T, *turned)
        wanted = expected @ rep_out.matrix(g).T
        largest = max(largest, float(((found - wanted).norm() / expected.norm()).detach()))
    return largest


def cloud(group: FiniteGroup, count: int = 9, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Points of plane or space, and all edges between them, unsorted."""
    positions = normal(count, group.dimension, seed=seed)
    source, target = (~torch.eye(count, dtype=torch.bool)).nonzero(as_tuple=True)
    order = torch.randperm(len(source), generator=torch.Generator().manual_seed(seed))
    return positions, torch.stack([source, target])[:, order]
