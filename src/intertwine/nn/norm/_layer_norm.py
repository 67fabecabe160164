"""Equivariant layer normalization of sums of irreps."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from intertwine.nn._blocks import Blocks
from intertwine.reps import Rep, as_rep


class LayerNorm(nn.Module):
    """Layer normalization, separable: invariants as usual, other irreps by one common factor.

        invariants:  s -> w (s - mean s) / sqrt(var s + eps) + b
        the rest:    v_c -> w_c v_c / sqrt(mean_c |v_c|^2 / dim_c + eps)

    The mean runs over all copies c of all irreps that are not trivial, so that degrees keep their proportions: a degree
    that is nearly zero is not scaled up to unit size. Scale w and bias b are learned for each copy.

    Args:
        rep_in: Representation of input and output: a sum of irreps that act orthogonally, or its text.
        eps: Added to the variances, which keeps the zero vector at zero, with a finite gradient.

    Raises:
        ValueError: If ``rep_in`` is not a sum of irreps; in ``forward`` if the shape does not fit.

    Law: ``f(rho(g) x) = rho(g) f(x)``, point by point.

    Reference: Liao et al., EquiformerV2, ICLR 2024, section 4.3, "separable layer normalization".

    Example:
        >>> from intertwine.groups import SO3
        >>> LayerNorm(SO3().rep("1x1"))(torch.tensor([0.0, 0.0, 100.0])).round(decimals=3).tolist()
        [0.0, 0.0, 1.7319999933242798]
    """

    def __init__(self, rep_in: Rep | str, *, eps: float = 1e-5) -> None:
        super().__init__()
        if not eps > 0:
            raise ValueError(f"eps must be positive, got {eps}")
        self.rep_in = self.rep_out = as_rep(rep_in)
        self.eps = float(eps)
        self._blocks = Blocks.of(self.rep_in)
        sizes = list(zip(self._blocks.copies, self._blocks.trivial, strict=True))
        self._invariant = [copies for copies, trivial in sizes if trivial]
        self._nontrivial = [copies for copies, trivial in sizes if not trivial]
        self.scale = nn.Parameter(torch.ones(sum(self._invariant), dtype=torch.float32))
        self.bias = nn.Parameter(torch.zeros(sum(self._invariant), dtype=torch.float32))
        self.gain = nn.Parameter(torch.ones(sum(self._nontrivial), dtype=torch.float32))

    def forward(self, features: Tensor) -> Tensor:
        """Map ``(..., rep_in.dim)`` to the same shape."""
        self._blocks.check(features, "LayerNorm")
        parts = list(zip(self._blocks.split(features), self._blocks.trivial, strict=True))
        plain = iter(self._normalize_invariants([part for part, trivial in parts if trivial]))
        vectors = iter(self._normalize_nontrivial([part for part, trivial in parts if not trivial]))
        return Blocks.join([next(plain) if trivial else next(vectors) for _, trivial in parts], features)

    def _normalize_invariants(self, parts: list[Tensor]) -> list[Tensor]:
        if not parts:
            return []
        normalized = functional.layer_norm(torch.cat(parts, -1), self.scale.shape, self.scale, self.bias, self.eps)
        return list(normalized.split(self._invariant, -1))

    def _normalize_nontrivial(self, parts: list[Tensor]) -> list[Tensor]:
        if not parts:
            return []
        power = torch.cat([part.square().mean(-2) for part in parts], -1).mean(-1)[..., None, None]
        factor = (power + self.eps).rsqrt()
        return [part * factor * gain for part, gain in zip(parts, self.gain.split(self._nontrivial), strict=True)]

    def extra_repr(self) -> str:
        """The representation."""
        return f"{self.rep_in}"
