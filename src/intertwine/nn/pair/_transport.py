"""Bi-equivariant features as maps: features of one input carried into the frame of the other."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from intertwine.actions import LinearAction
from intertwine.groups import DirectProduct, direct_product
from intertwine.nn._blocks import Blocks, check_features
from intertwine.nn._linear import Linear
from intertwine.nn.pair._blocks_of_pairs import pair_blocks, pair_rep
from intertwine.ops.functions import safe_norm
from intertwine.reps import ProductIrrep, Rep, as_rep, direct_sum


def exchanged_rep(rep: Rep) -> Rep:
    """The representation of H x G that a sum of pairs of irreps of G x H becomes when the inputs are exchanged."""
    group = rep.group
    assert isinstance(group, DirectProduct), "a representation of pairs has a product group"
    other = direct_product(group.right, group.left)
    return direct_sum(other, ((b.copies, ProductIrrep(other, b.right, b.left)) for b in pair_blocks(rep)))


def exchange(features: Tensor, rep: Rep) -> Tensor:
    """Bi-equivariant features with the two inputs exchanged: each block M transposed.

    Args:
        features: ``(..., rep.dim)``.
        rep: A sum of pairs of irreps.

    Returns:
        ``(..., rep.dim)``, of type ``exchanged_rep(rep)``.
    """
    sizes = [b.copies * b.left.dim * b.right.dim for b in pair_blocks(rep)]
    parts = zip(features.split(sizes, -1), pair_blocks(rep), strict=True)
    return torch.cat([x.unflatten(-1, (b.copies, b.left.dim, b.right.dim)).mT.flatten(-3) for x, b in parts], -1)


class Transport(nn.Module):
    r"""Features of the second input carried to the first one by a bi-equivariant feature: :math:`F_2 M^T`.

    Each block :math:`M^{ab}_k`, divided by its norm, is applied to the copies of b in the second features:
    :math:`y^{a}_{k c} = \hat M^{ab}_k F_2^{b c}`. Invariants go over as they are.

    Args:
        rep_2: Representation of the second features, a sum of irreps.
        rep_pair: Representation of the bi-equivariant features, a sum of pairs of irreps.

    Law: with M turned by (g, h) and the second features by h, the output turns by g alone.
    """

    def __init__(self, rep_2: Rep, rep_pair: Rep) -> None:
        super().__init__()
        self.rep_2, self.rep_pair = rep_2, rep_pair
        assert isinstance(rep_pair.group, DirectProduct), "a representation of pairs has a product group"
        left = rep_pair.group.left
        self._blocks, self._pairs = Blocks.of(rep_2), pair_blocks(rep_pair)
        self._scalars = [k for k, trivial in enumerate(self._blocks.trivial) if trivial]
        self._routes = [
            (p, k)
            for p, block in enumerate(self._pairs)
            for k, (_, irrep) in enumerate(self._blocks.terms)
            if irrep == block.right
        ]
        terms = [(self._blocks.copies[k], left.trivial) for k in self._scalars]
        terms += [(self._pairs[p].copies * self._blocks.copies[k], self._pairs[p].left) for p, k in self._routes]
        self.rep_out = direct_sum(left, terms)

    def forward(self, features_2: Tensor, pair: Tensor) -> Tensor:
        """Carry features over.

        Args:
            features_2: ``(..., rep_2.dim)``.
            pair: ``(..., rep_pair.dim)``, leading axes that broadcast.

        Returns:
            ``(..., rep_out.dim)``.
        """
        check_features(features_2, self.rep_2.dim, str(self.rep_2), "Transport")
        check_features(pair, self.rep_pair.dim, str(self.rep_pair), "Transport")
        blocks = self._blocks.split(features_2)
        sizes = [b.copies * b.left.dim * b.right.dim for b in self._pairs]
        maps = [
            x.unflatten(-1, (b.copies, b.left.dim, b.right.dim))
            for x, b in zip(pair.split(sizes, -1), self._pairs, strict=True)
        ]
        maps = [m / (safe_norm(m.flatten(-2), -1)[..., None, None] + 1e-12) * m.shape[-1] ** 0.5 for m in maps]
        parts = [blocks[k].flatten(-2) for k in self._scalars]
        parts += [torch.einsum("...kab,...bc->...kca", maps[p], blocks[k]).flatten(-3) for p, k in self._routes]
        return torch.cat(parts, dim=-1)


class PairFusion(nn.Module):
    r"""Features of the first input fused with those of the second: :math:`F_1' = W [F_1 ; F_2 M^T]`.

    Args:
        rep_1: Representation of the first features, a sum of irreps, or its text.
        rep_2: Representation of the second features, likewise.
        rep_pair: Representation of the bi-equivariant features M, or its text such as "2x(1,1)".
        rep_out: Representation of the output, of the first group.

    Law: ``f(rho_1(g) x, rho_2(h) y, rho(g, h) M) = rho_out(g) f(x, y, M)``: the output turns with the first input and
    does not change when the second is turned.

    Example:
        >>> from intertwine.groups import SO3
        >>> rep = SO3().rep("4x0 + 8x1")
        >>> fuse = PairFusion(rep, rep, "2x(1,1)", rep)
        >>> fuse(torch.randn(5, 28), torch.randn(28), torch.randn(18)).shape
        torch.Size([5, 28])
    """

    def __init__(self, rep_1: Rep | str, rep_2: Rep | str, rep_pair: Rep | str, rep_out: Rep | str) -> None:
        super().__init__()
        self.rep_1, self.rep_2 = as_rep(rep_1), as_rep(rep_2)
        self.rep_pair = pair_rep(self.rep_1, self.rep_2, rep_pair)
        self.rep_out = as_rep(rep_out, self.rep_1)
        self.transport = Transport(self.rep_2, self.rep_pair)
        self.linear = Linear(self.rep_1 + self.transport.rep_out, self.rep_out)
        self.action_out = LinearAction(self.rep_out)

    def forward(self, features_1: Tensor, features_2: Tensor, pair: Tensor) -> Tensor:
        """Fuse.

        Args:
            features_1: ``(..., rep_1.dim)``.
            features_2: ``(..., rep_2.dim)``, such as a mean over the points of the second input.
            pair: ``(..., rep_pair.dim)``.

        Returns:
            ``(..., rep_out.dim)``, with the leading axes of ``features_1``.
        """
        check_features(features_1, self.rep_1.dim, str(self.rep_1), "PairFusion")
        carried = self.transport(features_2, pair)
        result: Tensor = self.linear(torch.cat([features_1, carried.expand(*features_1.shape[:-1], -1)], dim=-1))
        return result
