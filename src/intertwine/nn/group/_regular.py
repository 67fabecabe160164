"""Pointwise layers on features on a finite group, F(x, g): copies of the regular representation.

Flat ``(..., C |G|)``, the copies outermost, as ``C * G.regular`` has it: the group acts from the left on x and on g,

    (L_r F)(x, g) = F(r^-1 x, r^-1 g),

which permutes values. Hence any function of each value alone commutes with it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from intertwine.groups import FiniteGroup
from intertwine.nn._blocks import check_features
from intertwine.nn._same_group import same_group
from intertwine.nn.norm import is_distributed, synchronized_batch_norm
from intertwine.reps import Regular, Rep, as_rep

GroupReduce = Literal["mean", "max", "attention"]


def regular_copies(rep: Rep) -> tuple[FiniteGroup, int]:
    """The group and C of a representation ``C * group.regular``.

    Raises:
        ValueError: If it is another representation.
    """
    copies, base = rep.terms[0] if len(rep.terms) == 1 else (1, rep)
    if not isinstance(base, Regular) or not isinstance(base.group, FiniteGroup):
        raise ValueError(f"this layer needs copies of a regular representation, 16 * Octahedral().regular, got {rep}")
    return base.group, copies


class RegularLayer(nn.Module):
    """Base of the pointwise layers on copies of one regular representation."""

    def __init__(self, rep_in: Rep | str, rep_out: Rep | str) -> None:
        super().__init__()
        self.rep_in, self.rep_out = same_group(type(self).__name__, rep_in=rep_in, rep_out=rep_out)
        self.group, self.copies = regular_copies(self.rep_in)
        self.order = self.group.order
        self._size, self._text = self.rep_in.dim, str(self.rep_in)

    def split(self, features: Tensor) -> Tensor:
        """``(..., C |G|)`` to ``(..., C, |G|)``."""
        check_features(features, self._size, self._text, type(self).__name__)
        values: Tensor = features.unflatten(-1, (self.copies, self.order))
        return values

    def extra_repr(self) -> str:
        """The two representations."""
        return f"{self.rep_in} -> {self.rep_out}"


class PointwiseNonlinearity(RegularLayer):
    """Any function of one number on each value, which commutes because the group permutes the values.

    Args:
        rep_in: Representation of input and output: copies of the regular representation of a finite group.
        function: The function, elementwise.

    Raises:
        ValueError: If ``rep_in`` is another representation, for which this is not equivariant.

    Law: ``f(rho(g) x) = rho(g) f(x)``, exactly.

    Reference: Cohen and Welling, Group equivariant convolutional networks, ICML 2016, section 6.2.

    Example:
        >>> from intertwine.groups import Cyclic
        >>> PointwiseNonlinearity(Cyclic(4).regular)(torch.tensor([-1.0, 2.0, -3.0, 4.0])).tolist()
        [0.0, 2.0, 0.0, 4.0]
    """

    def __init__(self, rep_in: Rep | str, function: Callable[[Tensor], Tensor] = functional.relu) -> None:
        super().__init__(rep_in, rep_in)
        self.function = function

    def forward(self, features: Tensor) -> Tensor:
        """Map ``(..., rep_in.dim)`` to the same shape."""
        check_features(features, self._size, self._text, "PointwiseNonlinearity")
        return self.function(features)


class RegularBatchNorm(RegularLayer):
    """Batch normalization of each copy, over the points (of all processes) and the group together.

    Statistics over the whole group are invariant: exactly equivariant, in training as well.

    Args:
        rep_in: Representation of input and output: copies of the regular representation of a finite group.
        momentum: Weight of the newest batch in the running statistics.

    Raises:
        ValueError: If ``rep_in`` is another representation.

    Law: ``f(rho(g) x) = rho(g) f(x)``; in training all points are moved by the same g.

    Reference: Ioffe and Szegedy, ICML 2015; Cohen and Welling, ICML 2016, for the statistics over the group.

    Example:
        >>> from intertwine.groups import Cyclic
        >>> RegularBatchNorm(Cyclic(2).regular)(torch.tensor([[1.0, 3.0]])).round(decimals=3).tolist()
        [[-1.0, 1.0]]
    """

    def __init__(self, rep_in: Rep | str, momentum: float = 0.1) -> None:
        super().__init__(rep_in, rep_in)
        self.norm = nn.BatchNorm1d(self.copies, momentum=momentum, dtype=torch.float32)

    def forward(self, features: Tensor) -> Tensor:
        """Map ``(N, rep_in.dim)`` to the same shape; statistics of no points are not taken."""
        values = self.split(features)
        if self.training and is_distributed():
            return synchronized_batch_norm(self.norm, values).flatten(-2)
        if self.training and features.shape[0] * self.order < 2:
            return features
        normal: Tensor = self.norm(values)
        return normal.flatten(-2)


class GroupPool(RegularLayer):
    """Pooling over the group to invariants: mean, maximum or attention over g.

        mean_g F(g),      max_g F(g),      sum_g softmax_g(w . F(g)) F(g)

    Args:
        rep_in: Copies of the regular representation of a finite group; ``rep_out`` has a trivial one for each.
        reduce: ``"mean"``, ``"max"`` (equal largest ones share the gradient) or ``"attention"``, with learned w.

    Raises:
        ValueError: If ``rep_in`` is another representation or ``reduce`` is none of these.

    Law: ``f(rho(g) x) = f(x)``.

    Reference: Chen et al., Equivariant point network, CVPR 2021, for the attention.

    Example:
        >>> from intertwine.groups import Cyclic
        >>> GroupPool(Cyclic(4).regular)(torch.tensor([-1.0, 2.0, -3.0, 4.0])).tolist()
        [4.0]
    """

    def __init__(self, rep_in: Rep | str, reduce: GroupReduce = "max") -> None:
        rep_in = as_rep(rep_in)
        group, copies = regular_copies(rep_in)
        super().__init__(rep_in, copies * group.trivial)
        if reduce not in ("mean", "max", "attention"):
            raise ValueError(f'pooling over the group is "mean", "max" or "attention", got {reduce!r}')
        self.reduce = reduce
        self.query: nn.Parameter | None = None
        if reduce == "attention":
            self.query = nn.Parameter(torch.empty(self.copies, dtype=torch.float32))
            nn.init.normal_(self.query, std=self.copies**-0.5)

    def forward(self, features: Tensor) -> Tensor:
        """Map ``(..., C |G|)`` to ``(..., C)``."""
        values = self.split(features)
        if self.query is not None:
            attention = torch.softmax((values * self.query[:, None]).sum(-2), -1)
            return (values * attention[..., None, :]).sum(-1)
        return values.mean(-1) if self.reduce == "mean" else values.amax(-1)
