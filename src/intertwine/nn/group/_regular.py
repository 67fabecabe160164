"""Features on a finite group, F(x, g): copies of the regular representation, and what acts on them point by point.

Flat ``(..., C |G|)``, the copies outermost, as ``C * G.regular`` has it: the group acts from the left on x and on g,

    (L_r F)(x, g) = F(r^-1 x, r^-1 g),

which moves values about and mixes none. Hence whatever acts on each value alone commutes with it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from intertwine.groups import FiniteGroup
from intertwine.nn._blocks import check_features
from intertwine.reps import Regular, Rep

GroupPooling = Literal["mean", "max", "attention"]


def regular_copies(rep: Rep) -> tuple[FiniteGroup, int]:
    """The group and C of a representation ``C * group.regular``.

    Raises:
        ValueError: If the representation is another.
    """
    copies, base = rep.terms[0] if len(rep.terms) == 1 else (1, rep)
    if not isinstance(base, Regular) or not isinstance(base.group, FiniteGroup):
        raise ValueError(f"this layer needs copies of a regular representation, 16 * Octahedral().regular, got {rep}")
    return base.group, copies


class _OnRegular(nn.Module):
    """What the layers on copies of one regular representation share."""

    def __init__(self, rep_in: Rep, rep_out: Rep) -> None:
        super().__init__()
        self.rep_in, self.rep_out = rep_in, rep_out
        self.group, self.copies = regular_copies(rep_in)
        self.order = self.group.order
        self._size, self._text = rep_in.dim, str(rep_in)

    def _split(self, features: Tensor) -> Tensor:
        """``(..., C |G|)`` to ``(..., C, |G|)``."""
        check_features(features, self._size, self._text, type(self).__name__)
        values: Tensor = features.unflatten(-1, (self.copies, self.order))
        return values

    def extra_repr(self) -> str:
        """The two representations."""
        return f"{self.rep_in} -> {self.rep_out}"


class PointwiseNonlinearity(_OnRegular):
    """Any function of one number, on each value: the group permutes the values, so that it commutes.

    Args:
        rep: Copies of the regular representation of a finite group; comes in and goes out.
        function: What is done to each value.

    Raises:
        ValueError: If ``rep`` is another representation, on which this would break the law.

    Law: ``f(rho(g) x) = rho(g) f(x)``, exactly.

    Reference: Cohen and Welling, Group equivariant convolutional networks, ICML 2016, section 6.2.

    Example:
        >>> from intertwine.groups import Cyclic
        >>> PointwiseNonlinearity(Cyclic(4).regular)(torch.tensor([-1.0, 2.0, -3.0, 4.0])).tolist()
        [0.0, 2.0, 0.0, 4.0]
    """

    def __init__(self, rep: Rep, function: Callable[[Tensor], Tensor] = functional.relu) -> None:
        super().__init__(rep, rep)
        self.function = function

    def forward(self, features: Tensor) -> Tensor:
        """Map ``(..., rep.dim)`` to the same shape."""
        check_features(features, self._size, self._text, "PointwiseNonlinearity")
        return self.function(features)


class RegularBatchNorm(_OnRegular):
    """Batch normalization of each copy, over the points and the group together.

    Statistics over the whole group are invariant: exactly equivariant, in training as well.

    Args:
        rep: Copies of the regular representation of a finite group; comes in and goes out.
        momentum: Weight of the newest batch in the running statistics.

    Raises:
        ValueError: If ``rep`` is another representation.

    Law: ``f(rho(g) x) = rho(g) f(x)``; in training all points are moved by the same g.

    Reference: Ioffe and Szegedy, ICML 2015; Cohen and Welling, ICML 2016, for the statistics over the group.

    Example:
        >>> from intertwine.groups import Cyclic
        >>> RegularBatchNorm(Cyclic(2).regular)(torch.tensor([[1.0, 3.0]])).round(decimals=3).tolist()
        [[-1.0, 1.0]]
    """

    def __init__(self, rep: Rep, momentum: float = 0.1) -> None:
        super().__init__(rep, rep)
        self.norm = nn.BatchNorm1d(self.copies, momentum=momentum, dtype=torch.float32)

    def forward(self, features: Tensor) -> Tensor:
        """Map ``(N, rep.dim)`` to the same shape; no points teach it nothing."""
        values = self._split(features)
        if self.training and len(features) * self.order < 2:
            return features
        normal: Tensor = self.norm(values)
        return normal.flatten(-2)


class GroupPool(_OnRegular):
    """From features on the group to invariants: the mean, the largest or the attended value over g.

        mean_g F(g),      max_g F(g),      sum_g softmax_g(w . F(g)) F(g)

    Args:
        rep_in: Copies of the regular representation of a finite group; ``rep_out`` has a trivial one for each.
        how: ``"mean"``, ``"max"`` (equal largest ones share the gradient) or ``"attention"``, with learned w.

    Raises:
        ValueError: If ``rep_in`` is another representation or ``how`` is none of these.

    Law: ``f(rho(g) x) = f(x)``.

    Reference: Chen et al., Equivariant point network, CVPR 2021, for the attention.

    Example:
        >>> from intertwine.groups import Cyclic
        >>> GroupPool(Cyclic(4).regular)(torch.tensor([-1.0, 2.0, -3.0, 4.0])).tolist()
        [4.0]
    """

    def __init__(self, rep_in: Rep, how: GroupPooling = "max") -> None:
        group, copies = regular_copies(rep_in)
        super().__init__(rep_in, copies * group.trivial)
        if how not in ("mean", "max", "attention"):
            raise ValueError(f'pooling over the group is "mean", "max" or "attention", got {how!r}')
        self.how = how
        self.query: nn.Parameter | None = None
        if how == "attention":
            self.query = nn.Parameter(torch.empty(self.copies, dtype=torch.float32))
            nn.init.normal_(self.query, std=self.copies**-0.5)

    def forward(self, features: Tensor) -> Tensor:
        """Map ``(..., C |G|)`` to ``(..., C)``."""
        values = self._split(features)
        if self.query is not None:
            attention = torch.softmax((values * self.query[:, None]).sum(-2), -1)
            return (values * attention[..., None, :]).sum(-1)
        return values.mean(-1) if self.how == "mean" else values.amax(-1)
