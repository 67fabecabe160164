"""Rotation between two clouds from their features on a group: classification of an element, regression of the rest."""

from __future__ import annotations

from math import sqrt

import torch
from torch import Tensor, nn

from intertwine.actions import LinearAction, TupleAction
from intertwine.groups import DirectProduct, left_projection, right_projection
from intertwine.nn._blocks import check_features
from intertwine.nn._constant import Constant
from intertwine.nn.group._regular import regular_copies
from intertwine.reps import Rep, as_rep


class RotationReadout(nn.Module):
    """The rotation that takes one cloud to another: a group element by classification, a small rotation by regression.

        s(r) = 1/sqrt(M |G|) sum_g <Q F_2(g), P F_1(r^-1 g)>,            r* = argmax s
        R = q(w) r*,      w = mean_g g phi(F_2(g), F_1(r*^-1 g)),        q(w) of the quaternion (1, w)

    Train :meth:`scores` with a cross-entropy against :meth:`nearest`, and the rotation with that anchor given.

    Args:
        rep_in: Copies of the regular representation of a finite group of rotations of space: one feature for each
            cloud.
        hidden: M, and the width of phi.

    Raises:
        ValueError: If ``rep_in`` is another representation, or the group holds no rotations of space; in ``forward`` if
            the shapes do not fit.

    Law: ``R(rho(a) F_1, rho(b) F_2) = b R(F_1, F_2) a^-1`` for all a, b in the group, each cloud rotated by
    itself, wherever one element is the best; exactly. ``rep_out`` is of the entries of R, row by row.

    Reference: Chen et al., Equivariant point network, CVPR 2021, where anchors of both clouds are paired and a
    quaternion is regressed.

    Example:
        >>> from intertwine.groups import Octahedral
        >>> rep = 4 * Octahedral().regular
        >>> features = torch.randn(5, rep.dim)
        >>> RotationReadout(rep, hidden=8)(features, features).shape
        torch.Size([5, 3, 3])
    """

    quotients: Tensor

    def __init__(self, rep_in: Rep | str, *, hidden: int = 32) -> None:
        super().__init__()
        rep_in = as_rep(rep_in)
        group, self.copies = regular_copies(rep_in)
        if group.dimension != 3 or not bool((torch.linalg.det(group.elements) > 0).all()):
            raise ValueError(f"RotationReadout needs a group of rotations of space, got {group}")
        if hidden < 1:
            raise ValueError(f"hidden must be positive, got {hidden}")
        self.rep_in, self.group, self.order = rep_in, group, group.order
        both = DirectProduct(group, group)
        first, second = left_projection(both), right_projection(both)
        self.action_in = TupleAction(LinearAction(rep_in.restrict(first)), LinearAction(rep_in.restrict(second)))
        self.rep_out = group.vector.restrict(second) * group.vector.restrict(first)
        self._size, self._text = rep_in.dim, str(rep_in)
        self.elements = Constant(group.elements)
        table, inverses = group.multiplication_table, group.inverses
        self.register_buffer("quotients", table[inverses], persistent=False)  # [r, g]: r^-1 g
        self.query = nn.Parameter(torch.empty(self.copies, hidden, dtype=torch.float32))
        self.key = nn.Parameter(torch.empty(self.copies, hidden, dtype=torch.float32))
        self.residual = nn.Sequential(
            nn.Linear(2 * self.copies, hidden, dtype=torch.float32),
            nn.SiLU(),
            nn.Linear(hidden, 3, dtype=torch.float32),
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """At initialization equal features match, and the best element is the answer."""
        nn.init.normal_(self.query, std=1 / sqrt(self.copies))
        with torch.no_grad():
            self.key.copy_(self.query)
        last = self.residual[-1]
        assert isinstance(last, nn.Linear), "the network ends in a linear layer"
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def scores(self, first: Tensor, second: Tensor) -> Tensor:
        """The logit of each element.

        Args:
            first: ``(..., rep_in.dim)`` features of the clouds before.
            second: ``(..., rep_in.dim)`` after the rotation.

        Returns:
            ``(..., |G|)``, logits in the order of ``group.elements``.
        """
        queries, keys = self._split(second).mT @ self.query, self._split(first).mT @ self.key
        pairs = queries @ keys.mT  # g of the second, g of the first
        index = torch.arange(self.order, device=pairs.device) * self.order + self.quotients
        return pairs.flatten(-2)[..., index].sum(-1) / sqrt(self.order * self.query.shape[1])

    def forward(self, first: Tensor, second: Tensor, anchor: Tensor | None = None) -> Tensor:
        """The rotations.

        Args:
            first: ``(..., rep_in.dim)`` features of the clouds before.
            second: ``(..., rep_in.dim)`` after the rotation.
            anchor: ``(...)`` the element to start from, in training; the best one by default.

        Returns:
            ``(..., 3, 3)``, rotation matrices.
        """
        if anchor is None:
            anchor = self.scores(first, second).argmax(-1)
        source, target = self._split(first).mT, self._split(second).mT
        aligned = source.gather(-2, self.quotients[anchor][..., None].expand(source.shape))  # F_1(r^-1 g)
        local = self.residual(torch.cat([target, aligned], -1))  # in the frame of each g
        elements = self.elements()
        axis = torch.einsum("gij,...gj->...i", elements, local) / self.order
        result: Tensor = _rotation(axis) @ elements[anchor]
        return result

    def nearest(self, rotations: Tensor) -> Tensor:
        """The element ``(...)`` nearest to each rotation ``(..., 3, 3)``: the class that the scores should find."""
        result: Tensor = (rotations.flatten(-2) @ self.elements().to(rotations).flatten(1).mT).argmax(-1)
        return result

    def _split(self, features: Tensor) -> Tensor:
        check_features(features, self._size, self._text, "RotationReadout")
        values: Tensor = features.unflatten(-1, (self.copies, self.order))
        return values

    def extra_repr(self) -> str:
        """The representation."""
        return str(self.rep_in)


def _rotation(axis: Tensor) -> Tensor:
    """The rotation of the quaternion (1, v), not normalized: 1 + 2 (K + K^2) / (1 + |v|^2), K w = v x w."""
    x, y, z = axis.unbind(-1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).unflatten(-1, (3, 3))
    one = torch.eye(3, dtype=axis.dtype, device=axis.device)
    result: Tensor = one + 2 * (cross + cross @ cross) / (1 + axis.square().sum(-1))[..., None, None]
    return result
