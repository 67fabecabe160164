"""How many invariants a Lie algebra has, from weights alone: Weyl's integration formula.

    dim W^g = constant term of  prod_{a > 0} (1 - e^-a) ch(W)

with the product over the positive roots and ch(W) = sum of e^weight. A generic linear functional tells weights apart as
well as all coordinates do, so a weight is one real number here, from the eigenvalues of one generic element of the
algebra. Nothing is solved, so this checks whoever solves. The group need not be compact: the unitarian trick leaves the
count unchanged.

Reference: Hall, Lie Groups, Lie Algebras, and Representations, 2nd ed. 2015, theorems 10.14 and 11.30.
"""

from __future__ import annotations

import cmath

import torch
from torch import Tensor

from intertwine.reps import DirectSum, Dual, Rep, TensorProduct

Weights = tuple[Tensor, Tensor]
"""Distinct weights ``(m,)``, float64, ascending, and how often each occurs ``(m,)``, int64."""

_SAME = 1e-9
_LARGEST = 2**22
_WORST_CONDITION = 1e7
_DIRECTION = cmath.exp(0.7j)


def invariant_count(rep_in: Rep, rep_out: Rep, algebra: Tensor) -> int | None:
    """The dimension of the maps that commute with a Lie algebra, by weights.

    Args:
        rep_in: How the group acts on the inputs.
        rep_out: How it acts on the outputs.
        algebra: ``(d, n, n)``: a basis of the Lie algebra or of a subalgebra, in the defining representation.

    Returns:
        The dimension; None when the algebra is not reductive, acts in a way that does not decompose, or has more
        weights than fit.
    """
    x = generic_element(algebra)
    roots = _roots(algebra, x)
    if roots is None:
        return None
    inputs, outputs = _weights(rep_in, x), _weights(rep_out, x)
    if inputs is None or outputs is None:
        return None
    total: Weights | None = _product((-inputs[0].flip(0), inputs[1].flip(0)), outputs)
    denominator: Weights | None = _point(0.0)
    for root in roots.tolist():
        factor = torch.tensor([-root, 0.0], dtype=torch.float64), torch.tensor([-1, 1])
        denominator = _product(denominator, factor) if denominator is not None else None
    if total is None or denominator is None:
        return None
    return _constant_term(denominator, total)


def generic_element(algebra: Tensor) -> Tensor:
    """One element of the span that is regular with probability one, and always the same."""
    generator = torch.Generator().manual_seed(len(algebra))
    coordinates = torch.randn(len(algebra), generator=generator, dtype=torch.float64)
    return torch.einsum("d,dij->ij", coordinates / coordinates.norm(), algebra)


def _roots(algebra: Tensor, x: Tensor) -> Tensor | None:
    """The positive roots at x; None unless the trace form is non-degenerate and the algebra hence reductive."""
    flat = algebra.flatten(1)
    form = torch.einsum("aij,bji->ab", algebra, algebra)
    values = torch.linalg.eigvalsh(form).abs()
    if float(values.min()) < 1e-8 * float(values.max()):
        return None
    brackets = (x @ algebra - algebra @ x).flatten(1)
    adjoint = brackets @ torch.linalg.pinv(flat)
    if float((adjoint @ flat - brackets).abs().max()) > 1e-8 * float(1 + brackets.abs().max()):
        return None
    roots = _spectrum(adjoint)
    if roots is None:
        return None
    positive: Tensor = roots[roots > _SAME]
    return positive


def _spectrum(matrix: Tensor) -> Tensor | None:
    """The eigenvalues as real numbers, ascending; None when the matrix does not diagonalize."""
    if float((matrix @ matrix.T - matrix.T @ matrix).abs().max()) <= 1e-12 * float(1 + matrix.abs().max() ** 2):
        values = torch.linalg.eigvals(matrix)
    else:
        values, vectors = torch.linalg.eig(matrix)
        if not float(torch.linalg.cond(vectors)) < _WORST_CONDITION:
            return None
    real: Tensor = (values * _DIRECTION).real.sort().values
    return real


def _point(weight: float) -> Weights:
    return torch.tensor([weight], dtype=torch.float64), torch.ones(1, dtype=torch.int64)


def _merged(values: Tensor, counts: Tensor) -> Weights:
    """Equal weights together; the functional is generic, so only rounding lies between equal ones."""
    values, order = values.sort()
    new = torch.ones_like(values, dtype=torch.bool)
    new[1:] = values.diff() > _SAME
    index = new.cumsum(0) - 1
    totals = torch.zeros(int(new.sum()), dtype=torch.int64).index_add_(0, index, counts[order])
    kept = totals != 0
    return values[new][kept], totals[kept]


def _product(a: Weights | None, b: Weights | None) -> Weights | None:
    """The weights of a tensor product are sums; None when there are too many of them."""
    if a is None or b is None or len(a[0]) * len(b[0]) > _LARGEST:
        return None
    return _merged((a[0][:, None] + b[0]).flatten(), (a[1][:, None] * b[1]).flatten())


def _weights(rep: Rep, x: Tensor) -> Weights | None:
    if isinstance(rep, DirectSum):
        found = [(copies, _weights(term, x)) for copies, term in rep.terms]
        parts = [(w[0], copies * w[1]) for copies, w in found if w is not None]
        if len(parts) < len(found):
            return None
        none = torch.zeros(0, dtype=torch.int64)
        return _merged(
            torch.cat([none.to(torch.float64), *(part[0] for part in parts)]),
            torch.cat([none, *(part[1] for part in parts)]),
        )
    if isinstance(rep, TensorProduct):
        total: Weights | None = _point(0.0)
        for factor in rep.factors:
            total = _product(total, _weights(factor, x))
        return total
    if isinstance(rep, Dual):
        found_base = _weights(rep.base, x)
        return None if found_base is None else (-found_base[0].flip(0), found_base[1].flip(0))
    values = _spectrum(rep.algebra(x))
    return None if values is None else _merged(values, torch.ones(len(values), dtype=torch.int64))


def _constant_term(a: Weights, b: Weights) -> int:
    """Sum over weights w of a(w) b(-w)."""
    if len(b[0]) == 0:
        return 0
    position = torch.searchsorted(b[0], -a[0] - _SAME).clamp_max(len(b[0]) - 1)
    matched = (b[0][position] + a[0]).abs() <= 2 * _SAME
    return int((a[1] * b[1][position])[matched].sum())
