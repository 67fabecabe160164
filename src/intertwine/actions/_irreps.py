"""A feature tensor cut into its irreps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import lru_cache

import torch
from torch import Tensor

from intertwine.actions._action import Part
from intertwine.reps import Irrep, Rep

_LARGEST = 256
"""Dimension above which nothing is decomposed only to name its parts."""


def irrep_parts(rep: Rep, features: Tensor) -> Iterator[Part]:
    """The blocks of features ``(..., rep.dim)``, all copies of an irrep together, as the rep writes them.

    A rep that is not written as a sum of irreps is decomposed first, where that is known how to do. Nothing for
    features of another shape.

    Args:
        rep: The representation on the last axis.
        features: The features.

    Yields:
        A part for each term, "1o", and "1o (2)" for the second term of the same irrep.
    """
    if not isinstance(features, Tensor) or features.ndim == 0 or features.shape[-1] != rep.dim:
        return
    basis, terms = _terms(rep)
    aligned = features if basis is None else features @ basis.to(features)
    seen: Counter[str] = Counter()
    start = 0
    for copies, irrep in terms:
        stop = start + copies * irrep.dim
        seen[str(irrep)] += 1
        name = str(irrep) if seen[str(irrep)] == 1 else f"{irrep} ({seen[str(irrep)]})"
        yield Part(name, aligned[..., start:stop], features)
        start = stop


@lru_cache(maxsize=64)
def _terms(rep: Rep) -> tuple[Tensor | None, tuple[tuple[int, Irrep], ...]]:
    """An orthonormal basis in which the rep is the sum of these irreps; no terms where that is not known."""
    if rep.irreps is not None:
        return None, rep.irreps
    if rep.dim > _LARGEST:
        return None, ()
    try:
        found = rep.decompose()
    except ValueError:
        return None, ()
    return torch.clone(found.matrix), found.irreps.irreps or ()
