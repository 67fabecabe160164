"""Maps that commute, from generators alone: the null space of linear constraints.

    d rho_out(A) W = W d rho_in(A)   for A in a basis of the Lie algebra
      rho_out(h) W = W rho_in(h)     for h among the discrete generators

Finzi, Welling, Wilson, A Practical Method for Constructing Equivariant Multilayer Perceptrons for Arbitrary Matrix
Groups, ICML 2021 (eq. 7).
"""

from __future__ import annotations

import torch
from torch import Tensor

from intertwine.reps._rep import Rep

LARGEST = 4096
"""The most unknowns, dim_in dim_out, that a dense solution is tried for: the Gram matrix is their square."""
_ZERO = 1e-10
_GAP = 1e3
_PIVOT = 1e-4


def generator_pairs(rep_in: Rep, rep_out: Rep) -> list[tuple[Tensor, Tensor]]:
    """Pairs ``(out, in)`` of matrices, float64, such that W commutes when out W = W in for each."""
    group = rep_in.group
    algebra, discrete = group.lie_algebra, group.discrete_generators
    pairs = [(rep_out.algebra(algebra), rep_in.algebra(algebra)), (rep_out.matrix(discrete), rep_in.matrix(discrete))]
    return [pair for out, inn in pairs for pair in zip(out.contiguous(), inn.contiguous(), strict=True)]


def solve_constraints(rep_in: Rep, rep_out: Rep) -> Tensor:
    """An orthonormal basis of Hom_G(rep_in, rep_out) as the null space of the constraints, dense.

    Args:
        rep_in: The representation of the inputs.
        rep_out: The representation of the outputs.

    Returns:
        ``(k, dim_out, dim_in)``, float64, orthonormal in the Frobenius product.

    Raises:
        ValueError: If there are more unknowns than a dense solution should be tried for.
        ArithmeticError: If the rank of the constraints cannot be told from rounding.
    """
    rows, columns = rep_out.dim, rep_in.dim
    unknowns = rows * columns
    if unknowns > LARGEST:
        raise ValueError(
            f"{rep_in} -> {rep_out} has {rows} x {columns} = {unknowns} unknowns, and the dense null space takes at"
            f" most {LARGEST}; write the reps as sums of smaller ones"
        )
    if unknowns == 0:
        return torch.zeros(0, rows, columns, dtype=torch.float64)
    gram = torch.zeros(unknowns, unknowns, dtype=torch.float64)
    one_out, one_in = torch.eye(rows, dtype=torch.float64), torch.eye(columns, dtype=torch.float64)
    for out, inn in generator_pairs(rep_in, rep_out):
        # With C = out (x) 1 - 1 (x) in^T on row-major vec(W), this is C^T C.
        mixed = torch.kron(out, inn)
        gram += torch.kron(out.T @ out, one_in) + torch.kron(one_out, inn @ inn.T) - mixed - mixed.T
    values, vectors = torch.linalg.eigh(gram)
    nullity = _nullity(values, f"{rep_in} -> {rep_out}")
    return canonical_basis(vectors[:, :nullity].T).reshape(nullity, rows, columns)


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


def _nullity(values: Tensor, what: str) -> int:
    """How many of the ascending eigenvalues are zero; the next must be clearly larger."""
    scale = max(float(values[-1]), 1.0)
    nullity = int((values <= _ZERO * scale).sum())
    largest_zero = max(float(values[nullity - 1]), 1e-16 * scale) if nullity else 1e-16 * scale
    if nullity < len(values) and float(values[nullity]) < _GAP * largest_zero:
        raise ArithmeticError(
            f"the rank of the constraints of {what} is not clear: eigenvalues {largest_zero:.1e} and"
            f" {float(values[nullity]):.1e} lie too close; are the generators those of a compact group?"
        )
    return nullity
