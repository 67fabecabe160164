"""Closure of generators under products: the elements of the finite group that some matrices generate."""

from __future__ import annotations

import torch
from torch import Tensor

from intertwine._on_cpu import on_cpu

MAX_ORDER = 10_000
"""The most elements that are looked for among the products of generators."""
_CHUNK = 500
_SAME = 1e-4
_UNBOUNDED = 1e6


def list_elements(generators: Tensor, limit: int = MAX_ORDER) -> Tensor | None:
    """All products of some matrices, the identity first, then by the number of factors.

    Args:
        generators: ``(k, n, n)``.
        limit: The most elements.

    Returns:
        ``(order, n, n)``, float64; None where the products are more than the limit, grow without bound, or come closer
        to each other than rounding would explain.

    Cost: ``k order^2 n^2``.

    Example:
        >>> quarter = torch.tensor([[[0.0, -1.0], [1.0, 0.0]]])
        >>> list_elements(quarter).shape
        torch.Size([4, 2, 2])
        >>> list_elements(2 * quarter) is None
        True
    """
    with on_cpu(), torch.inference_mode(False):
        steps = generators.detach().to("cpu", torch.float64)
        found = torch.eye(steps.shape[-1], dtype=torch.float64)[None]
        frontier = found if len(steps) else found[:0]
        while len(frontier):
            fresh = []
            for chunk in torch.split(frontier, _CHUNK):
                products = (chunk[:, None] @ steps).flatten(0, 1)
                if not float(products.abs().max()) <= _UNBOUNDED:
                    return None
                new, clear = _new_products(products, found)
                found = torch.cat([found, new])
                if not clear or len(found) > limit:
                    return None
                fresh.append(new)
            frontier = torch.cat(fresh)
        return found


def _new_products(products: Tensor, found: Tensor) -> tuple[Tensor, bool]:
    """The products that are not among those found, each once; and whether equal and different are clearly apart."""
    flat, known = products.flatten(1), found.flatten(1)
    scale = float(known.abs().max())
    to_known = torch.cdist(flat, known) / scale
    among = torch.cdist(flat, flat) / scale
    distances = torch.cat([to_known.flatten(), among.flatten()])
    clear = not bool(((distances > _SAME / 10) & (distances < 10 * _SAME)).any())
    earlier = (among < _SAME).tril(-1).any(1)
    return products[~((to_known < _SAME).any(1) | earlier)], clear
