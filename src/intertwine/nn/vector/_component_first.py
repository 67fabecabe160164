"""Component-first layout of vector features: one matrix ``(N, C)`` for each of the n components of all vectors.

Layers of vector neurons work on components ``(n, N, C)``: there a linear map is one matrix product, and inner products
add long rows. Layers that follow each other inside a network pass components on.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor

from intertwine.nn._blocks import Blocks, check_features
from intertwine.nn._linear import Linear
from intertwine.reps import Rep


@dataclass(frozen=True)
class ComponentFirst:
    """The sizes of a feature that is made of copies of one vector.

    Attributes:
        copies: C.
        width: n, the components of a vector.
        text: The representation, for messages.
    """

    copies: int
    width: int
    text: str

    @classmethod
    def of(cls, rep: Rep, layer: str) -> ComponentFirst:
        """The sizes of copies of an orthogonal irrep; of no copies at all, those of the group's vector.

        Raises:
            ValueError: If the rep is anything else.
        """
        blocks = Blocks.of(rep) if rep.irreps is not None else None
        if blocks is None or len(blocks.terms) > 1 or any(blocks.trivial) or not rep.orthogonal:
            raise ValueError(f'{layer} needs copies of one vector, such as "{8 * rep.group.vector}", got "{rep}"')
        if not blocks.terms:
            return cls(0, rep.group.vector.dim, str(rep))
        return cls(blocks.copies[0], blocks.widths[0], str(rep))

    @classmethod
    def both(cls, rep_in: Rep, rep_out: Rep, layer: str) -> tuple[ComponentFirst, ComponentFirst]:
        """The sizes of two features that are copies of the same vector.

        Raises:
            ValueError: If they are not.
        """
        sizes = cls.of(rep_in, layer), cls.of(rep_out, layer)
        if rep_in.irreps and rep_out.irreps and rep_in.irreps[0][1] != rep_out.irreps[0][1]:
            raise ValueError(f'{layer} needs copies of the same vector on both sides, got "{rep_in}" -> "{rep_out}"')
        return sizes

    def split(self, features: Tensor, layer: str) -> Tensor:
        """``(..., copies * width)`` to components ``(width, N, copies)``.

        Raises:
            ValueError: If the last axis is not ``copies * width`` long.
        """
        check_features(features, self.copies * self.width, self.text, layer)
        points = prod(features.shape[:-1])
        return features.reshape(points, self.copies, self.width).permute(2, 0, 1).contiguous()

    def join(self, components: Tensor, like: Tensor) -> Tensor:
        """Planes to features with the leading axes of ``like``."""
        return components.permute(1, 2, 0).reshape(*like.shape[:-1], self.copies * self.width)


def mix(linear: Linear, components: Tensor) -> Tensor:
    """The linear map between copies of one vector, ``(n, N, C)`` to ``(n, N, C')``."""
    if not len(linear.weights):
        return components.new_zeros(*components.shape[:2], linear.rep_out.dim // components.shape[0])
    first, *more = linear.weights[0]
    result: Tensor = components @ first
    for endomorphism, weight in zip(linear.bases[0]()[1:], more, strict=True):
        mapped = torch.tensordot(endomorphism, components, 1)
        result = result + mapped @ weight
    return result
