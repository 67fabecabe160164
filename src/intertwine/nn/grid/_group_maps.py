"""Fields of another representation or group: pooling over the group, invariants, restriction to a subgroup, dropout."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from intertwine.groups import FiniteGroup, Group
from intertwine.nn.grid._layer import GridLayer, check_permutes, component_norm, join_terms, permutes, split_terms
from intertwine.reps import Regular, Rep, as_rep, direct_sum

Reduce = Literal["max", "mean"]


class GridInvariants(GridLayer):
    """One invariant of each copy: the maximum or mean of values that the group permutes, the norm of other copies.

    Of regular fields this is the group pooling of a group convolutional network.

    Args:
        rep_in: Representation of the input, by orthogonal matrices; ``rep_out`` has one trivial one for each copy.
        reduce: ``"max"`` or ``"mean"``, over values that the group permutes.

    Raises:
        ValueError: If ``reduce`` is neither.

    Law: ``f(rho(g) x) = f(x)``, exactly.

    Reference: Cohen and Welling, ICML 2016, section 6.3.

    Example:
        >>> from intertwine.groups import Cyclic
        >>> GridInvariants(2 * Cyclic(4).regular)(torch.arange(8.0).view(1, 8, 1, 1)).flatten().tolist()
        [3.0, 7.0]
    """

    def __init__(self, rep_in: Rep | str, reduce: Reduce = "max") -> None:
        rep_in = as_rep(rep_in)
        if reduce not in ("max", "mean"):
            raise ValueError(f'reduce is "max" or "mean", got {reduce!r}')
        if not rep_in.orthogonal:
            raise ValueError(f"norms are invariant for orthogonal matrices, which those of {rep_in} are not")
        super().__init__(rep_in, sum(copies for copies, _ in rep_in.terms) * rep_in.group.trivial)
        self.reduce = reduce
        self._sizes = [(copies, term.dim) for copies, term in rep_in.terms]
        self._permuted = [permutes(term) for _, term in rep_in.terms]

    def transform(self, fields: Tensor) -> Tensor:
        """Reduce each copy."""
        parts = []
        for part, permuted in zip(split_terms(fields, self._sizes), self._permuted, strict=True):
            if permuted:
                parts.append(part.amax(2, keepdim=True) if self.reduce == "max" else part.mean(2, keepdim=True))
            else:
                parts.append(component_norm(part))
        return join_terms(parts, fields)


class GridGroupPool(GridInvariants):
    """Pooling over the group: the maximum or the mean of the values of each copy. For fields that the group permutes.

    Args:
        rep_in: Representation of the input: regular, quotient and trivial ones.
        reduce: ``"max"`` or ``"mean"``.

    Raises:
        ValueError: If a term is another representation, or ``reduce`` is neither.

    Law: ``f(rho(g) x) = f(x)``, exactly.

    Reference: Cohen and Welling, ICML 2016, section 6.3.

    Example:
        >>> from intertwine.groups import Cyclic
        >>> print(GridGroupPool(2 * Cyclic(4).regular).rep_out)
        2x0
    """

    def __init__(self, rep_in: Rep | str, reduce: Reduce = "max") -> None:
        rep_in = as_rep(rep_in)
        check_permutes(rep_in, "GridGroupPool")
        super().__init__(rep_in, reduce)


class GridRestriction(GridLayer):
    """The same field as one of a subgroup: from here on a network is equivariant under the subgroup alone.

    Each regular field of G is [G : H] regular fields of H, in the order of the cosets H g, so that pointwise
    nonlinearities and fast kernels go on; other representations are restricted as they are.

    Args:
        rep_in: Representation of G.
        subgroup: H.

    Raises:
        ValueError: If H is not a subgroup.

    Law: ``f(rho(h) x) = rho_out(h) f(x)`` for h in H, exactly.

    Reference: Weiler and Cesa, General E(2)-equivariant steerable CNNs, NeurIPS 2019, section 2.7.

    Example:
        >>> from intertwine.groups import Cyclic, Dihedral
        >>> layer = GridRestriction(2 * Dihedral(8).regular, Cyclic(8))
        >>> print(layer.rep_out)
        4xregular
    """

    order: Tensor | None

    def __init__(self, rep_in: Rep | str, subgroup: Group) -> None:
        rep_in = as_rep(rep_in)
        terms, order, start = [], [], 0
        for copies, term in rep_in.terms:
            restricted, places = _restricted(term, subgroup)
            terms.append((copies, restricted))
            for copy in range(copies):
                order += [start + copy * term.dim + place for place in places]
            start += copies * term.dim
        super().__init__(rep_in, direct_sum(subgroup, terms))
        moved = torch.tensor(order, dtype=torch.int64) if order != list(range(start)) else None
        self.register_buffer("order", moved, persistent=False)

    def transform(self, fields: Tensor) -> Tensor:
        """The channels in the order of the cosets."""
        return fields if self.order is None else fields.index_select(1, self.order)


def _restricted(term: Rep, subgroup: Group) -> tuple[Rep, list[int]]:
    """The restriction of a term, and where each of its channels comes from."""
    group = term.group
    if group == subgroup:
        return term, list(range(term.dim))
    plain = term.restrict(subgroup)
    if not isinstance(term, Regular) or not isinstance(group, FiniteGroup) or not isinstance(subgroup, FiniteGroup):
        return plain, list(range(term.dim))
    places, members = [], group.index(subgroup.elements)
    for g in range(group.order):
        if g not in places:
            places += group.multiplication_table[members, g].tolist()  # h g for h in H: a copy of the regular one
    return group.order // subgroup.order * subgroup.regular, places


class GridDropout(GridLayer):
    """Dropout of whole copies at all pixels: a copy keeps all of its components or none.

    Args:
        rep_in: Representation of input and output, or its text.
        p: The probability of a copy to be zero in training; the others are scaled by ``1 / (1 - p)``.

    Law: ``f(rho(g) x) = rho(g) f(x)`` for equal random draws, and always in evaluation.

    Reference: Tompson et al., Efficient object localization, CVPR 2015, for whole channels.

    Example:
        >>> from intertwine.groups import Cyclic
        >>> GridDropout(8 * Cyclic(4).regular, 0.2).eval()(torch.ones(1, 32, 3, 3)).sum().item()
        288.0
    """

    def __init__(self, rep_in: Rep | str, p: float = 0.5) -> None:
        super().__init__(rep_in, rep_in)
        if not 0 <= p < 1:
            raise ValueError(f"p is a probability less than 1, got {p}")
        self.p = float(p)
        self._sizes = [(copies, term.dim) for copies, term in self.rep_in.terms]

    def transform(self, fields: Tensor) -> Tensor:
        """Drop copies at random in training."""
        if not self.training or self.p == 0:
            return fields
        copies = sum(count for count, _ in self._sizes)
        kept = functional.dropout(fields.new_ones(fields.shape[0], copies), self.p)
        scales = kept.split([count for count, _ in self._sizes], 1)
        spread = torch.cat(
            [s.repeat_interleave(width, 1) for s, (_, width) in zip(scales, self._sizes, strict=True)], 1
        )
        return fields * spread.view(*spread.shape, *[1] * self.dimension)

    def extra_repr(self) -> str:
        """The representation and the probability."""
        return f"{self.rep_in}, p={self.p}"
