"""Blocks of equal terms of a representation: from the flat layout of a feature to one tensor for each, and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate

import torch
from torch import Tensor

from intertwine.reps import Rep, SphericalIrrep


@dataclass(frozen=True)
class Blocks:
    """The sizes of the blocks of a sum of irreps, or of any terms, computed once when a layer is made.

    Attributes:
        terms: Copies and representation of each block.
        dim: Length of the flat feature.
        trivial: Which blocks are invariant.
        text: The representation in its grammar, for messages.
    """

    terms: tuple[tuple[int, Rep], ...]
    dim: int
    trivial: tuple[bool, ...]
    text: str
    copies: tuple[int, ...] = field(init=False)
    widths: tuple[int, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "copies", tuple(copies for copies, _ in self.terms))
        object.__setattr__(self, "widths", tuple(irrep.dim for _, irrep in self.terms))

    @classmethod
    def of(cls, rep: Rep) -> Blocks:
        """The blocks of a representation that is written as a sum of irreps.

        Raises:
            ValueError: If it is written otherwise.
        """
        if rep.irreps is None:
            raise ValueError(
                f"this layer needs a sum of irreps, got {rep}; rep.decompose() gives one and the change of basis"
            )
        return cls.of_terms(rep)

    @classmethod
    def of_terms(cls, rep: Rep) -> Blocks:
        """The blocks of any representation: the terms of a direct sum, else the representation alone."""
        terms, trivial = rep.terms, rep.group.trivial
        return cls(terms, rep.dim, tuple(term == trivial for _, term in terms), str(rep))

    def split(self, features: Tensor) -> list[Tensor]:
        """``(..., dim)`` to one ``(..., term.dim, copies)`` for each block."""
        sizes = [copies * width for copies, width in zip(self.copies, self.widths, strict=True)]
        if torch.compiler.is_compiling():
            # The gradient of a split joins zeros for each part that is not used. Inductor (torch 2.13) places them in
            # the joined tensor and lets an index_add to zeros of that shape add to the same place. Slices do without.
            ends = accumulate(sizes)
            slices: Sequence[Tensor] = [
                features.narrow(-1, end - size, size) for end, size in zip(ends, sizes, strict=True)
            ]
        else:
            slices = features.split(sizes, -1)
        parts = zip(slices, self.copies, self.widths, strict=True)
        return [part.unflatten(-1, (copies, width)).mT for part, copies, width in parts]

    def zeros(self, number: int, features: Tensor) -> Tensor:
        """Zeros ``(..., term.dim, copies)`` for one block, with the leading axes of ``features``.

        One number, repeated: of zeros of that shape Inductor would make one tensor with the zeros of an index_add, as
        said in :meth:`split`.
        """
        return features.new_zeros(()).expand(*features.shape[:-1], self.widths[number], self.copies[number])

    @staticmethod
    def join(parts: Sequence[Tensor], like: Tensor) -> Tensor:
        """The inverse of :meth:`split`; without blocks ``(..., 0)`` with the leading axes of ``like``."""
        if not parts:
            return like.new_zeros((*like.shape[:-1], 0))
        return torch.cat([part.mT.flatten(-2) for part in parts], -1)

    def check(self, features: Tensor, layer: str) -> None:
        """Check that the last axis of features is that of the representation.

        Raises:
            ValueError: If it is not ``dim`` long.
        """
        check_features(features, self.dim, self.text, layer)


def check_features(features: Tensor, dim: int, text: str, layer: str) -> None:
    """Check that the last axis of features is that of a representation.

    Raises:
        ValueError: If it is not ``dim`` long.
    """
    if features.shape[-1:] != (dim,):
        raise ValueError(f"{layer} expected features (..., {dim}) for rep_in = {text}, got {tuple(features.shape)}")


def spherical_labels(rep: Rep) -> tuple[tuple[tuple[int, int], int], ...]:
    """Degree, parity and copies of each block.

    Raises:
        ValueError: If the group is neither SO(3) nor O(3).
    """
    labels = []
    for copies, irrep in Blocks.of(rep).terms:
        if not isinstance(irrep, SphericalIrrep):
            raise ValueError(f"a convolution in space needs irreps of SO(3) or O(3), got {irrep} of {rep.group}")
        labels.append(((irrep.degree, irrep.parity), copies))
    return tuple(labels)
