"""Verification of a basis of intertwiners that was computed elsewhere, such as one read from a file.

Random combinations W of the maps are tested instead of each map, so the cost is that of a few maps, not of all.
"""

from __future__ import annotations

import torch
from torch import Tensor

from intertwine._on_cpu import on_cpu
from intertwine.hom._dimension import known_dimension
from intertwine.reps import Generators, Rep
from intertwine.reps.solve import discrete_constraints, lie_constraints

TOLERANCE = 1e-8
"""The largest error of the products of a basis of norm one."""
_PROBES = 2


def verify_basis(basis: Tensor, rep_in: Rep, rep_out: Rep) -> None:
    """Check that maps are an orthonormal basis of Hom_G(rep_in, rep_out).

    Args:
        basis: ``(k, dim_out, dim_in)``.
        rep_in: How the group acts on the inputs.
        rep_out: How it acts on the outputs; of the same group.

    Raises:
        ValueError: If the dtype or the shape is wrong, the maps are not orthonormal, one does not commute with the
            group, or there are fewer or more than characters count (where the group has characters).
    """
    shape = (rep_out.dim, rep_in.dim)
    if basis.dtype != torch.float64 or tuple(basis.shape[1:]) != shape:
        raise ValueError(
            f"expected torch.float64 of shape (k, {shape[0]}, {shape[1]}), got {basis.dtype} of shape"
            f" {tuple(basis.shape)}"
        )
    expected = known_dimension(rep_in, rep_out)
    if expected is not None and len(basis) != expected:
        raise ValueError(f"it holds {len(basis)} maps, but characters count {expected}")
    if basis.numel() == 0:
        return
    with on_cpu():
        flat = basis.flatten(1)
        coefficients = torch.randn(
            len(basis), _PROBES, generator=torch.Generator().manual_seed(len(basis)), dtype=torch.float64
        )
        coefficients = coefficients / coefficients.norm(dim=0)
        maps = flat.T @ coefficients
        error = float((flat @ maps - coefficients).abs().max())
        if not error <= TOLERANCE:
            raise ValueError(f"its maps are not orthonormal: an inner product is wrong by {error:.1e}")
        violation = _violation(maps.reshape(*shape, _PROBES), rep_in, rep_out)
        if not violation <= TOLERANCE:
            raise ValueError(f"its maps do not commute with {rep_in.group}: a constraint is broken by {violation:.1e}")


def _violation(maps: Tensor, rep_in: Rep, rep_out: Rep) -> float:
    """The largest entry of rho_out W - W rho_in over the generators, for maps ``(dim_out, dim_in, c)``."""
    generators = Generators.of(rep_in.group)
    worst, row = 0.0, 0
    for copies_out, term_out in rep_out.terms:
        column, height = 0, copies_out * term_out.dim
        for copies_in, term_in in rep_in.terms:
            width = copies_in * term_in.dim
            blocks = maps[row : row + height, column : column + width]
            blocks = blocks.reshape(copies_out, term_out.dim, copies_in, term_in.dim, -1).permute(1, 3, 0, 2, 4)
            columns = blocks.reshape(term_out.dim * term_in.dim, -1)
            constraints = [
                *lie_constraints(term_in, term_out, generators.algebra),
                *discrete_constraints(term_in, term_out, generators.discrete),
            ]
            for constraint in constraints if columns.numel() else ():
                entry = float(constraint(columns).abs().max())
                worst = entry if not entry <= worst else worst
            column += width
        row += height
    return worst
