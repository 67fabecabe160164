"""Bi-equivariant attention between the points of two clouds."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from intertwine.actions import LinearAction
from intertwine.nn._blocks import check_features
from intertwine.nn._linear import Linear
from intertwine.nn.pair._blocks_of_pairs import pair_rep
from intertwine.nn.pair._transport import Transport
from intertwine.reps import Rep, as_rep


class PairAttention(nn.Module):
    r"""Attention of the points of one cloud to those of another that is turned independently.

    Keys and values of the second cloud are carried into the frame of the first by the bi-equivariant feature M; then
    the products with the queries are invariant under both rotations:

    .. math:: \ell_{ij} = \langle W_Q x_i, W_K (y_j M^T) \rangle / \sqrt d, \qquad
        x_i' = x_i + \sum_j \operatorname{softmax}_j(\ell_{ij}) \, W_V (y_j M^T).

    Args:
        rep: Representation of the features of the points of both clouds, a sum of irreps, or its text.
        rep_pair: Representation of M, or its text such as "1x(1,1)".
        rep_key: Representation of queries and keys, or its text; ``rep`` by default.

    Law: ``f(rho(g) x, rho(h) y, rho(g, h) M) = rho(g) f(x, y, M)``; points of either cloud may be renumbered, those
    of the second without any change.

    Cost: the product of the numbers of points.

    Example:
        >>> from intertwine.groups import SO3
        >>> rep = SO3().rep("4x0 + 4x1")
        >>> PairAttention(rep, "1x(1,1)")(torch.randn(7, 16), torch.randn(5, 16), torch.randn(9)).shape
        torch.Size([7, 16])
    """

    def __init__(self, rep: Rep | str, rep_pair: Rep | str, *, rep_key: Rep | str | None = None) -> None:
        super().__init__()
        self.rep_in = self.rep_out = as_rep(rep)
        self.rep_pair = pair_rep(self.rep_in, self.rep_in, rep_pair)
        key = self.rep_in if rep_key is None else as_rep(rep_key, self.rep_in)
        self.transport = Transport(self.rep_in, self.rep_pair)
        self.query = Linear(self.rep_in, key, bias=False)
        self.key = Linear(self.transport.rep_out, key, bias=False)
        self.value = Linear(self.transport.rep_out, self.rep_out, bias=False)
        self.action_out = LinearAction(self.rep_out)

    def forward(self, features_1: Tensor, features_2: Tensor, pair: Tensor, mask_2: Tensor | None = None) -> Tensor:
        """Attend.

        Args:
            features_1: ``(..., N, rep.dim)``, of the points that attend.
            features_2: ``(..., M, rep.dim)``, of the points that are attended to.
            pair: ``(..., rep_pair.dim)``.
            mask_2: ``(..., M)`` bool, which rows of the second features are points; the others are padding.

        Returns:
            ``(..., N, rep.dim)``.
        """
        check_features(features_1, self.rep_in.dim, str(self.rep_in), "PairAttention")
        carried = self.transport(features_2, pair[..., None, :])
        query, key = self.query(features_1), self.key(carried)
        logits = query @ key.mT / key.shape[-1] ** 0.5
        if mask_2 is not None:
            logits = logits.masked_fill(~mask_2[..., None, :], -torch.inf)
        weights = torch.softmax(logits, dim=-1)
        result: Tensor = features_1 + weights @ self.value(carried)
        return result
