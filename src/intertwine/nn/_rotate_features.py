"""Rotation of features by matrices that are data: into a canonical frame and back."""

from __future__ import annotations

from math import sqrt

import torch
from torch import Tensor, nn

from intertwine.groups import O3
from intertwine.nn._blocks import Blocks, check_features
from intertwine.nn._constant import Constant
from intertwine.nn._linear import resolve_irreps
from intertwine.reps import Rep, SphericalIrrep, as_rep, wigner_3j


class RotateFeatures(nn.Module):
    """Rotation of each feature by its own orthogonal matrix, x_i -> rho(g_i) x_i; differentiable in both.

    Args:
        rep_in: Representation of input and output: any of SO(3) or O(3) that splits into irreps, or its text.

    Raises:
        ValueError: If it is of another group; in ``forward`` if the shape does not fit.

    Law: ``rotate(rotate(x, g), h) = rotate(x, h g)``.

    Example:
        >>> from intertwine.groups import SO3
        >>> quarter = torch.tensor([[[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]])
        >>> RotateFeatures(SO3().vector)(torch.tensor([[1.0, 0.0, 0.0]]), quarter).tolist()
        [[0.0, 1.0, 0.0]]
    """

    basis: Constant | None

    def __init__(self, rep_in: Rep | str) -> None:
        super().__init__()
        self.rep_in = self.rep_out = as_rep(rep_in)
        self._blocks, self.basis = resolve_irreps(self.rep_in)
        self._labels: list[tuple[int, bool]] = []
        for _, irrep in self._blocks.terms:
            if not isinstance(irrep, SphericalIrrep):
                raise ValueError(
                    f"RotateFeatures needs a representation of SO(3) or O(3), got {irrep} of {irrep.group}"
                )
            # The recursion gives the parity (-1)^l by itself.
            signed = irrep.group == O3() and irrep.parity != (-1) ** irrep.degree
            self._labels.append((irrep.degree, signed))
        highest = max((degree for degree, _ in self._labels), default=0)
        degrees = range(2, highest + 1)
        self.isometries = nn.ModuleList(Constant(wigner_3j(l - 1, 1, l) * sqrt(2 * l + 1)) for l in degrees)
        self._size, self._text = self.rep_in.dim, str(self.rep_in)

    def forward(self, features: Tensor, g: Tensor) -> Tensor:
        """Map ``(N, rep_in.dim)`` and matrices ``(N, 3, 3)`` to ``(N, rep_in.dim)``."""
        check_features(features, self._size, self._text, "RotateFeatures")
        if self.basis is not None:
            features = features @ self.basis()
        matrices = self._matrices(g)
        sign = _sign_of_determinant(g.detach())[..., None, None]
        rotated = []
        for part, (degree, signed) in zip(self._blocks.split(features), self._labels, strict=True):
            moved = part if degree == 0 else matrices[degree] @ part
            rotated.append(sign * moved if signed else moved)
        result = Blocks.join(rotated, features)
        return result if self.basis is None else result @ self.basis().mT

    def _matrices(self, g: Tensor) -> list[Tensor]:
        """D^0 .. D^lmax, as in ``intertwine.reps.wigner_matrices``."""
        matrices = [torch.ones_like(g[..., :1, :1]), g]
        for isometry in self.isometries:
            p = isometry()
            half = torch.einsum("...ab,bjn->...ajn", matrices[-1], p)
            half = torch.einsum("...ij,...ajn->...ain", g, half)
            matrices.append(torch.einsum("aim,...ain->...mn", p, half))
        return matrices

    def extra_repr(self) -> str:
        """The representation."""
        return self._text


def _sign_of_determinant(g: Tensor) -> Tensor:
    """In float32 for half precision, which torch's factorization does not take."""
    sign: Tensor = torch.linalg.det(g.float() if g.dtype in (torch.float16, torch.bfloat16) else g).sign()
    return sign
