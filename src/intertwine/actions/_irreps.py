"""Irrep blocks of a feature tensor."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import lru_cache

import torch
from torch import Tensor

from intertwine.actions._component import Component
from intertwine.reps import Irrep, Rep

_LARGEST_DECOMPOSED = 256
"""Dimension above which a rep is not decomposed only to name its irreps."""


def irrep_components(rep: Rep, features: Tensor) -> Iterator[Component]:
    """The blocks of features ``(..., rep.dim)``, all copies of an irrep together, as the rep writes them.

    A rep that is not written as a sum of irreps is decomposed first, where the library can. Features of another shape
    have no blocks.

    Args:
        rep: The representation on the last axis.
        features: The features.

    Yields:
        A component for each term, "1o", and "1o (2)" for the second term of the same irrep.
    """
    if not isinstance(features, Tensor) or features.ndim == 0 or features.shape[-1] != rep.dim:
        return
    basis, blocks = _blocks(rep)
    aligned = features if basis is None else features @ basis.to(features)
    start = 0
    for name, width in blocks:
        yield Component(name, aligned[..., start : start + width], features)
        start += width


@lru_cache(maxsize=64)
def _blocks(rep: Rep) -> tuple[Tensor | None, tuple[tuple[str, int], ...]]:
    """An orthonormal basis in which the rep is the sum of irreps, and the names and widths of their blocks."""
    basis, terms = _terms(rep)
    seen: Counter[str] = Counter()
    blocks = []
    for copies, irrep in terms:
        seen[str(irrep)] += 1
        name = str(irrep) if seen[str(irrep)] == 1 else f"{irrep} ({seen[str(irrep)]})"
        blocks.append((name, copies * irrep.dim))
    return basis, tuple(blocks)


def _terms(rep: Rep) -> tuple[Tensor | None, tuple[tuple[int, Irrep], ...]]:
    """An orthonormal basis in which the rep is the sum of these irreps; no terms where that is not known."""
    if rep.irreps is not None:
        return None, rep.irreps
    if rep.dim > _LARGEST_DECOMPOSED:
        return None, ()
    try:
        found = rep.decompose()
    except ValueError:
        return None, ()
    return torch.clone(found.matrix), found.irreps.irreps or ()
