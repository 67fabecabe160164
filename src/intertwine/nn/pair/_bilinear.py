"""Bi-equivariant features of two inputs: bilinear in their features, M = F1^T W F2."""

from __future__ import annotations

from math import sqrt

import torch
from torch import Tensor, nn

from intertwine.actions import LinearAction, PairAction
from intertwine.nn._blocks import Blocks, check_features
from intertwine.nn.pair._blocks_of_pairs import pair_blocks, pair_rep
from intertwine.reps import Irrep, Rep, as_rep


class PairBilinear(nn.Module):
    r"""All bi-equivariant bilinear maps of two features to a sum of irreps of the product of their groups.

    For each pair of irreps (a, b) of ``rep_out``, with learned weights between the copies,

    .. math:: M^{ab}_k = \sum_{c c'} W^{ab}_{k c c'} \, F_1^{a c} \otimes F_2^{b c'}.

    For vectors this is :math:`M = F_1^T W F_2`.

    Args:
        rep_1: Representation of the first features, a sum of irreps, or its text.
        rep_2: Representation of the second features, likewise.
        rep_out: A sum of irreps of the product of the two groups, or its text such as "4x(1,1) + 2x(2,2)".

    Raises:
        ValueError: If a representation is no sum of irreps, or an irrep of ``rep_out`` does not occur in the features;
            in ``forward`` if the shapes do not fit.

    Law: ``f(rho_1(g) x, rho_2(h) y) = rho_out(g, h) f(x, y)``.

    Example:
        >>> from intertwine.groups import SO3
        >>> vectors = SO3().rep("8x1")
        >>> PairBilinear(vectors, vectors, "2x(1,1)")(torch.randn(5, 24), torch.randn(5, 24)).shape
        torch.Size([5, 18])
    """

    def __init__(self, rep_1: Rep | str, rep_2: Rep | str, rep_out: Rep | str) -> None:
        super().__init__()
        self.rep_1, self.rep_2 = as_rep(rep_1), as_rep(rep_2)
        self.rep_out = pair_rep(self.rep_1, self.rep_2, rep_out)
        self.action_in = PairAction(self.rep_1, self.rep_2)
        self.action_out = LinearAction(self.rep_out)
        self._blocks = Blocks.of(self.rep_1), Blocks.of(self.rep_2)
        self._routes, self.weights = [], nn.ParameterList()
        for copies, left, right in pair_blocks(self.rep_out):
            found = [
                [k for k, (_, irrep) in enumerate(blocks.terms) if irrep == wanted]
                for blocks, wanted in zip(self._blocks, (left, right), strict=True)
            ]
            _check_occurs(found, (left, right), (self.rep_1, self.rep_2))
            self._routes.append((found[0][0], found[1][0]))
            sizes = self._blocks[0].copies[found[0][0]], self._blocks[1].copies[found[1][0]]
            self.weights.append(nn.Parameter(torch.randn(copies, *sizes) / sqrt(sizes[0] * sizes[1])))

    def forward(self, features_1: Tensor, features_2: Tensor) -> Tensor:
        """The bi-equivariant features.

        Args:
            features_1: ``(..., rep_1.dim)``.
            features_2: ``(..., rep_2.dim)``, of the same leading axes or such that broadcast.

        Returns:
            ``(..., rep_out.dim)``.
        """
        check_features(features_1, self.rep_1.dim, str(self.rep_1), "PairBilinear")
        check_features(features_2, self.rep_2.dim, str(self.rep_2), "PairBilinear")
        lefts, rights = self._blocks[0].split(features_1), self._blocks[1].split(features_2)
        parts = []
        for (i, j), weight in zip(self._routes, self.weights, strict=True):
            mixed = torch.einsum("kcd,...bd->...kcb", weight.to(rights[j].dtype), rights[j])
            parts.append(torch.einsum("...ac,...kcb->...kab", lefts[i], mixed).flatten(-3))
        return torch.cat(parts, dim=-1)

    def extra_repr(self) -> str:
        """The representations."""
        return f"{self.rep_1}, {self.rep_2} -> {self.rep_out}"


def _check_occurs(found: list[list[int]], wanted: tuple[Irrep, Irrep], reps: tuple[Rep, Rep]) -> None:
    for places, irrep, rep in zip(found, wanted, reps, strict=True):
        if not places:
            raise ValueError(f"{irrep} does not occur in {rep}: take other pairs of irreps for the output")
        if len(places) > 1:
            raise ValueError(f"{irrep} occurs in two places of {rep}: write its copies next to each other")
