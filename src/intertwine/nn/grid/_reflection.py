"""The symmetry of steerable filters under the reflection x -> -x through their center."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from intertwine.nn.grid._kernels import PairKernel
from intertwine.ops import FilterReflection, point_reflection
from intertwine.reps import Rep

_ROUNDING = 1e-4


def filter_reflection(
    rep_in: Rep, rep_out: Rep, kernels: Iterable[tuple[Rep, Rep, PairKernel]]
) -> FilterReflection | None:
    """How the filters between two representations are reflected: ``K(-z) = rho_out(-1) K(z) rho_in(-1)``.

    Args:
        rep_in: Of the channels that come in.
        rep_out: Of the channels that go out.
        kernels: Each pair of terms of the two with its kernel, which is tried on random weights: a basis of functions
            of one's own could lack the symmetry.

    Returns:
        None where -1 is no element of the group, or acts otherwise than by signs and exchanges.
    """
    center = -torch.eye(rep_in.group.dimension, dtype=torch.float64, device="cpu")
    if not bool(rep_in.group.contains(center)):
        return None
    before, after = (
        point_reflection((copies, term.matrix(center)) for copies, term in rep.terms) for rep in (rep_in, rep_out)
    )
    if before is None or after is None:
        return None
    generator = torch.Generator("cpu").manual_seed(0)
    for term_in, term_out, kernel in kernels:
        weights = torch.randn(kernel.weight_shape, generator=generator, dtype=torch.float32, device="cpu")
        filters = kernel(weights).double()
        if not _is_reflected(filters, term_in.matrix(center), term_out.matrix(center)):
            return None
    return FilterReflection(before, after)


def _is_reflected(filters: Tensor, before: Tensor, after: Tensor) -> bool:
    """Whether filters ``(dim_out, dim_in, pixels)`` have the symmetry."""
    expected = torch.einsum("ab,bcx,cd->adx", after, filters.flip(-1), before)
    return float((filters - expected).norm()) <= _ROUNDING * float(filters.norm())
