"""Layout of a feature that is made of scalars and vectors in any order."""

from __future__ import annotations

import torch
from torch import Tensor

from intertwine.reps import Rep


class ScalarsAndVectors:
    """Positions of the scalars and of the vectors in the features of a representation.

    Args:
        rep: A sum of trivial irreps and of the group's vector.
        layer: Name of the layer, for messages.

    Raises:
        ValueError: If the representation has any other term.

    Example:
        >>> from intertwine.groups import O3
        >>> layout = ScalarsAndVectors(O3().rep("1x1o + 2x0e"), "layer")
        >>> [part.tolist() for part in layout.split(torch.arange(5.0))]
        [[3.0, 4.0], [0.0, 1.0, 2.0]]
    """

    def __init__(self, rep: Rep, layer: str) -> None:
        vector, trivial = rep.group.vector, rep.group.trivial
        if rep.irreps is None or not {irrep for _, irrep in rep.irreps} <= {vector, trivial}:
            raise ValueError(f'{layer} takes scalars "{trivial}" and vectors "{vector}" only, got "{rep}"')
        self._is_scalar = [irrep == trivial for _, irrep in rep.irreps]
        self._sizes = [copies * irrep.dim for copies, irrep in rep.irreps]
        self.scalars: Rep = sum(copies for copies, irrep in rep.irreps if irrep == trivial) * trivial
        self.vectors: Rep = sum(copies for copies, irrep in rep.irreps if irrep == vector) * vector
        self._layer, self._dim, self._text = layer, rep.dim, str(rep)

    def split(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Map ``(..., rep.dim)`` to ``(..., scalars.dim)`` and ``(..., vectors.dim)``.

        Raises:
            ValueError: If the last axis is not ``rep.dim`` long.
        """
        if features.shape[-1:] != (self._dim,):
            raise ValueError(
                f"{self._layer} expected features (..., {self._dim}) for rep_in = {self._text}, "
                f"got {tuple(features.shape)}"
            )
        empty = features[..., :0]
        blocks = list(zip(features.split(self._sizes, -1), self._is_scalar, strict=True))
        scalars = [block for block, is_scalar in blocks if is_scalar]
        vectors = [block for block, is_scalar in blocks if not is_scalar]
        return torch.cat([empty, *scalars], -1), torch.cat([empty, *vectors], -1)

    def join(self, scalars: Tensor, vectors: Tensor) -> Tensor:
        """Inverse of :meth:`split`."""
        blocks = list(zip(self._sizes, self._is_scalar, strict=True))
        scalar_blocks = iter(scalars.split([size for size, is_scalar in blocks if is_scalar], -1))
        vector_blocks = iter(vectors.split([size for size, is_scalar in blocks if not is_scalar], -1))
        return torch.cat([next(scalar_blocks if is_scalar else vector_blocks) for _, is_scalar in blocks], -1)
