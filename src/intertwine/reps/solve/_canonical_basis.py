"""Canonical orthonormal basis of a subspace: its reduced echelon form, made orthonormal."""

from __future__ import annotations

import torch
from torch import Tensor

_PIVOT = 1e-4


def canonical_basis(basis: Tensor) -> Tensor:
    """The orthonormal basis of a space that depends on the space alone, not on the basis it comes in.

    The rows come in echelon form: the first coordinate that does not vanish on the whole space is positive in the first
    vector and zero in all others, and so on. Weights that are stored in such a basis mean the same on every machine.

    Args:
        basis: ``(k, N)``, orthonormal rows.

    Returns:
        ``(k, N)``, orthonormal rows of the same span.
    """
    rows, pivot = basis.clone(), 0
    for k in range(len(rows)):
        norms = rows[k:, pivot:].norm(dim=0)
        pivot += int((norms > _PIVOT).nonzero()[0])
        column = rows[k:, pivot]
        # The Householder reflection that turns the column into its length times the first axis.
        normal = column / column.norm()
        normal[0] -= 1
        if float(normal.norm()) > 1e-15:
            normal = normal / normal.norm()
            rows[k:] -= 2 * torch.outer(normal, normal @ rows[k:])
        rows[k + 1 :, pivot] = 0
        pivot += 1
    return rows
