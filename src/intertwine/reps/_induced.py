"""Induced representation: one copy of the space for each coset of a subgroup, permuted by the group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from intertwine._cached_constant import cached_constant
from intertwine.groups import FiniteGroup, Group, Rep
from intertwine.reps._composite import DirectSum, TensorProduct


def induce(rep: Rep, group: Group) -> Rep:
    """See ``Rep.induce``."""
    if group == rep.group:
        return rep
    if not isinstance(group, FiniteGroup) or not isinstance(rep.group, FiniteGroup):
        raise ValueError(
            f"inducing from {rep.group} to {group} is for finite groups; of an infinite one the induced rep is that of"
            " fields on the homogeneous space: see steerable_kernel"
        )
    if rep.group.dimension != group.dimension or not bool(group.contains(rep.group.elements).all()):
        raise ValueError(f"{rep.group} is not a subgroup of {group}: some of its matrices are not in there")
    return Induced(group, rep)


@dataclass(frozen=True, repr=False)
class Induced(Rep):
    """Ind_H^G rho: functions f: G -> V with f(g h) = rho(h^-1) f(g). Made by ``induce``.

    With the representatives t_i of the cosets, the first of each row of ``group.cosets(H)``, the block (i, j) of the
    matrix of g is rho(t_i^-1 g t_j) where that lies in H, and else zero. Cosets outermost.
    """

    base: Rep

    @property
    def _finite(self) -> FiniteGroup:
        return cast("FiniteGroup", self.group)

    @property
    def _subgroup(self) -> FiniteGroup:
        return cast("FiniteGroup", self.base.group)

    @property
    def dim(self) -> int:
        """The number of cosets times the dimension of the base."""
        return self._finite.order // self._subgroup.order * self.base.dim

    @property
    def orthogonal(self) -> bool:
        """Whether the base is."""
        return self.base.orthogonal

    def matrix(self, g: Tensor) -> Tensor:
        """The block matrices, ``(..., dim, dim)``.

        Raises:
            ValueError: If a matrix is not an element of the group.
        """
        where, what = self._moves(g)
        blocks = self.base.matrix(self._subgroup.elements.to(g))[what]
        goes = torch.nn.functional.one_hot(where, where.shape[-1]).to(g)
        return torch.einsum("...ji,...jab->...iajb", goes, blocks).flatten(-4, -3).flatten(-2, -1)

    def _moves(self, g: Tensor) -> tuple[Tensor, Tensor]:
        """For each coset j: the coset i that g sends it to, and the index in H of t_i^-1 g t_j: ``(..., cosets)``."""
        moves = _all_moves(self._finite, self._subgroup).to(g.device)
        where, what = moves[:, self._finite.index(g)]
        return where, what

    def algebra(self, X: Tensor) -> Tensor:
        """Zeros ``(..., dim, dim)``."""
        self.group.check_shape(X)
        return X.new_zeros(*X.shape[:-2], self.dim, self.dim)

    def character(self, g: Tensor) -> Tensor:
        """The characters of the base on the cosets that stay: ``(...)``."""
        where, what = self._moves(g)
        stays = where == torch.arange(where.shape[-1], device=g.device)
        return (self.base.character(self._subgroup.elements.to(g))[what] * stays).sum(-1)

    def __str__(self) -> str:
        return f"({self.base})^{self.group}"

    def __repr__(self) -> str:
        shown = f"({self.base!r})" if isinstance(self.base, DirectSum | TensorProduct) else repr(self.base)
        return f"{shown}.induce({self.group!r})"


@cached_constant
def _all_moves(group: FiniteGroup, subgroup: FiniteGroup) -> Tensor:
    """Of each element g and coset j: the coset of g t_j, and its place there: ``(2, order, cosets)``, int64."""
    cosets = group.cosets(subgroup)
    coset, place = torch.empty(2, group.order, dtype=torch.int64)
    coset[cosets] = torch.arange(len(cosets))[:, None].expand_as(cosets)
    place[cosets] = torch.arange(subgroup.order).expand_as(cosets)
    moved = group.multiplication_table[:, cosets[:, 0]]
    return torch.stack([coset[moved], place[moved]])
