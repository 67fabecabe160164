"""A representation as an action: x -> rho(g) x on the last axis."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from intertwine.actions._action import Action, Part
from intertwine.actions._irreps import irrep_parts
from intertwine.actions._transform import Transform
from intertwine.groups import Group
from intertwine.reps import Rep


@dataclass(frozen=True)
class LinearAction(Action):
    """x -> rho(g) x on tensors ``(..., rep.dim)``; translations and permutations do nothing.

    This is also how what was pooled over points moves.

    Attributes:
        rep: The representation rho.

    Example:
        >>> import torch
        >>> from intertwine.groups import SO3
        >>> action = LinearAction(SO3().vector)
        >>> x = action.example(torch.Generator().manual_seed(0))
        >>> g = action.sample(x, torch.Generator().manual_seed(1))
        >>> torch.allclose(action(g.inverse, action(g, x)), x)
        True
    """

    rep: Rep

    @property
    def group(self) -> Group:
        """The representation's group."""
        return self.rep.group

    def sample(self, data: Tensor, generator: torch.Generator | None = None) -> Transform:
        """A Haar element of the group."""
        return Transform(self.group.sample(generator=generator))

    def __call__(self, motion: Transform, data: Tensor) -> Tensor:
        """rho(g) x."""
        return rotate(self.rep, motion, data)

    def example(self, generator: torch.Generator | None = None, dtype: torch.dtype = torch.float64) -> Tensor:
        """Standard normal vectors, ``(16, rep.dim)``."""
        return torch.randn(16, self.rep.dim, generator=generator, dtype=torch.float64).to(dtype)

    def parts(self, data: Tensor) -> Iterator[Part]:
        """The irreps."""
        return irrep_parts(self.rep, data)


def rotate(rep: Rep, motion: Transform, features: Tensor) -> Tensor:
    """rho(g) on the last axis, computed in float64 and cast last."""
    if not isinstance(features, Tensor):
        raise TypeError(f"expected a tensor (..., {rep.dim}) of type {rep}, got {type(features).__name__}")
    if features.ndim == 0 or features.shape[-1] != rep.dim:
        raise ValueError(
            f"expected a tensor (..., {rep.dim}) of type {rep}, got shape {tuple(features.shape)}: "
            "the last axis carries the representation"
        )
    return features @ rep_matrix(rep, motion).to(features).mT


def rep_matrix(rep: Rep, motion: Transform) -> Tensor:
    """rho(g), float64."""
    if motion.linear is None:
        raise ValueError(f"the motion has no element of {rep.group.name}: draw it with an action of that group")
    return rep.matrix(motion.linear)


def as_action(what: Action | Rep) -> Action:
    """An action as it is; a representation as the linear action.

    Args:
        what: An action or a representation.

    Returns:
        The action.

    Raises:
        TypeError: If it is neither.
    """
    if isinstance(what, Action):
        return what
    if isinstance(what, Rep):
        return LinearAction(what)
    raise TypeError(f'expected an Action or a Rep such as O3().rep("1x0e + 1x1o"), got {type(what).__name__}')
