"""Dimension of the invariants of a Lie group by weights: Weyl's integration formula, also on other components.

    dim W^g = constant term of  prod_{a > 0} (1 - e^-a) ch(W)

with the product over the positive roots and ch(W) = sum of e^weight. A generic linear functional tells weights apart as
well as all coordinates do, so a weight is one real number here, from the eigenvalues of one generic element of the
algebra. Nothing is solved, so this certifies a solution. The group need not be compact: the unitarian trick leaves the
count unchanged.

On the component of an element h, which permutes the positive roots if x is a generic element with Ad(h) x = x,

    Tr(h | W^g) = constant term of  det(1 - Ad(h) | n_-)  sum over weights of Tr(h | W_weight) e^weight

with n_- the span of the negative roots: the Euler characteristic of the Lie algebra homology of n_-, by Kostant's
theorem.

References: Hall, Lie Groups, Lie Algebras, and Representations, 2nd ed. 2015, theorems 10.14 and 11.30; Kostant, Lie
Algebra Cohomology and the Generalized Borel-Weil Theorem, Annals of Mathematics 1961.
"""

from __future__ import annotations

import cmath

import torch
from torch import Tensor

from intertwine.reps import DirectSum, Dual, Rep, TensorProduct

Weights = tuple[Tensor, Tensor]
"""Distinct weights ``(m,)``, float64, ascending, and the trace of an element on the space of each ``(m,)``: for the
identity how often it occurs, int64; else complex128."""

_SAME = 1e-9
_LARGEST = 2**22
_MOST_ROOTS = 63
"""No Weyl group of at most 2^22 elements, the terms of the product over the roots, has more positive roots (E7)."""
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
    if len(algebra) - algebra.shape[-1] > 2 * _MOST_ROOTS:  # the rank is at most the size of the matrices
        return None
    x = generic_element(algebra)
    adjoint = _adjoint(algebra, x) if _is_reductive(algebra) else None
    roots = None if adjoint is None else _spectrum(adjoint)
    if roots is None or int((roots > _SAME).sum()) > _MOST_ROOTS:
        return None
    inputs, outputs = _weights(rep_in, x), _weights(rep_out, x)
    if inputs is None or outputs is None:
        return None
    denominator: Weights | None = _one_weight()
    for root in roots[roots > _SAME].tolist():
        factor = torch.tensor([-root, 0.0], dtype=torch.float64), torch.tensor([-1, 1])
        denominator = _product(denominator, factor)
    total = _product(_negative(inputs), outputs)
    return None if total is None or denominator is None else round(complex(_constant_term(denominator, total)).real)


def component_trace(rep_in: Rep, rep_out: Rep, algebra: Tensor, h: Tensor) -> float | None:
    """The trace of W -> rho_out(h) W rho_in(h)^-1 on the maps W that commute with a Lie algebra, by weights.

    Args:
        rep_in: How the group acts on the inputs.
        rep_out: How it acts on the outputs.
        algebra: ``(d, n, n)``: a basis of the Lie algebra of the group.
        h: ``(n, n)``: an element of the group; any of its component gives the same trace.

    Returns:
        The trace; None where ``invariant_count`` is None, or h does not act on the algebra in a way that decomposes.
    """
    if not _is_reductive(algebra):
        return None
    conjugate = (h @ algebra @ torch.linalg.inv(h)).flatten(1) @ torch.linalg.pinv(algebra.flatten(1))
    fixed = _fixed_rows(conjugate)
    x = generic_element(torch.einsum("kd,dij->kij", fixed, algebra)) if len(fixed) else torch.zeros_like(h)
    adjoint, regular = _adjoint(algebra, x), _adjoint(algebra, generic_element(algebra))
    if adjoint is None or regular is None or _nullity(adjoint) != _nullity(regular):
        return None
    denominator = _negative_roots(adjoint, conjugate)
    inputs, outputs = _weights(rep_in, x, rep_in.group.inverse(h)), _weights(rep_out, x, h)
    if inputs is None or outputs is None or denominator is None:
        return None
    total = _product(_negative(inputs), outputs)
    return None if total is None else complex(_constant_term(denominator, total)).real


def generic_element(algebra: Tensor) -> Tensor:
    """One element of the span that is regular with probability one, and always the same."""
    generator = torch.Generator().manual_seed(len(algebra))
    coordinates = torch.randn(len(algebra), generator=generator, dtype=torch.float64)
    return torch.einsum("d,dij->ij", coordinates / coordinates.norm(), algebra)


def _is_reductive(algebra: Tensor) -> bool:
    """Whether the trace form is non-degenerate, and the algebra hence reductive."""
    values = torch.linalg.eigvalsh(torch.einsum("aij,bji->ab", algebra, algebra)).abs()
    return float(values.min()) >= 1e-8 * float(values.max())


def _adjoint(algebra: Tensor, x: Tensor) -> Tensor | None:
    """The matrix of y -> [x, y], on rows of coordinates; None when it leads out of the span."""
    flat = algebra.flatten(1)
    brackets = (x @ algebra - algebra @ x).flatten(1)
    adjoint: Tensor = brackets @ torch.linalg.pinv(flat)
    closed = float((adjoint @ flat - brackets).abs().max()) <= 1e-8 * float(1 + brackets.abs().max())
    return adjoint if closed else None


def _nullity(matrix: Tensor) -> int:
    return int((torch.linalg.svdvals(matrix) <= 1e-8).sum())


def _fixed_rows(matrix: Tensor) -> Tensor:
    """An orthonormal basis of the rows c with c A = c, ``(k, d)``."""
    u, values, _ = torch.linalg.svd(matrix - torch.eye(len(matrix), dtype=torch.float64))
    fixed: Tensor = u.T[values <= 1e-8]
    return fixed


def _negative_roots(adjoint: Tensor, conjugate: Tensor) -> Weights | None:
    """det(1 - Ad(h) | n_-) as a sum of weights: the product of det(1 - z Ad(h)), z = e^root, over negative roots."""
    spaces = _eigenspaces(adjoint, conjugate)
    if spaces is None:
        return None
    product: Weights | None = _one_weight()
    for root, matrix in spaces:
        if root < -_SAME:
            coefficients = torch.ones(1, dtype=torch.complex128)
            for eigenvalue in torch.linalg.eigvals(matrix):
                none = coefficients.new_zeros(1)
                coefficients = torch.cat([coefficients, none]) - eigenvalue * torch.cat([none, coefficients])
            powers = root * torch.arange(len(coefficients), dtype=torch.float64)
            product = _product(product, _merged(powers, coefficients))
    return product


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


def _eigenspaces(matrix: Tensor, commuting: Tensor) -> list[tuple[float, Tensor]] | None:
    """The distinct eigenvalues as real numbers, and a commuting matrix on each eigenspace, complex128."""
    if float((matrix + matrix.T).abs().max()) <= 1e-12 * float(1 + matrix.abs().max()):
        frequencies, vectors = torch.linalg.eigh(1j * matrix)
        values = -1j * frequencies
    else:
        values, vectors = torch.linalg.eig(matrix)
        if not float(torch.linalg.cond(vectors)) < _WORST_CONDITION:
            return None
    real, order = (values * _DIRECTION).real.sort()
    vectors = vectors[:, order]
    moved = torch.linalg.solve(vectors, commuting.to(vectors.dtype) @ vectors)
    cuts = ((real.diff() > _SAME).nonzero().flatten() + 1).tolist()
    bounds = zip([0, *cuts], [*cuts, len(real)], strict=True)
    return [(float(real[start]), moved[start:stop, start:stop]) for start, stop in bounds]


def _one_weight() -> Weights:
    return torch.zeros(1, dtype=torch.float64), torch.ones(1, dtype=torch.int64)


def _negative(weights: Weights) -> Weights:
    return -weights[0].flip(0), weights[1].flip(0)


def _merged(values: Tensor, traces: Tensor) -> Weights:
    """Equal weights together; the functional is generic, so only rounding lies between equal ones."""
    values, order = values.sort()
    new = torch.ones_like(values, dtype=torch.bool)
    new[1:] = values.diff() > _SAME
    index = new.cumsum(0) - 1
    totals = traces.new_zeros(int(new.sum())).index_add_(0, index, traces[order])
    present = totals.abs() > (1e-9 if totals.is_complex() else 0)
    return values[new][present], totals[present]


def _product(a: Weights | None, b: Weights | None) -> Weights | None:
    """The weights of a tensor product are sums; None when there are too many of them."""
    if a is None or b is None or len(a[0]) * len(b[0]) > _LARGEST:
        return None
    return _merged((a[0][:, None] + b[0]).flatten(), (a[1][:, None] * b[1]).flatten())


def _weights(rep: Rep, x: Tensor, h: Tensor | None = None) -> Weights | None:
    """The weights of a rep at x, with the traces of h on their spaces; of the identity when not given."""
    if isinstance(rep, DirectSum):
        found = [(copies, _weights(term, x, h)) for copies, term in rep.terms]
        known = [(w[0], copies * w[1]) for copies, w in found if w is not None]
        if len(known) < len(found):
            return None
        none = torch.zeros(0, dtype=torch.int64)
        return _merged(
            torch.cat([none.to(torch.float64), *(values for values, _ in known)]),
            torch.cat([none, *(traces for _, traces in known)]),
        )
    if isinstance(rep, TensorProduct):
        total: Weights | None = _one_weight()
        for factor in rep.factors:
            total = _product(total, _weights(factor, x, h))
        return total
    if isinstance(rep, Dual):
        base = _weights(rep.base, x, None if h is None else rep.group.inverse(h))
        return None if base is None else _negative(base)
    if h is None:
        values = _spectrum(rep.algebra(x))
        return None if values is None else _merged(values, torch.ones(len(values), dtype=torch.int64))
    spaces = _eigenspaces(rep.algebra(x), rep.matrix(h))
    if spaces is None:
        return None
    weights = torch.tensor([weight for weight, _ in spaces], dtype=torch.float64)
    traces = [matrix.diagonal().sum() for _, matrix in spaces]
    return _merged(weights, torch.stack(traces) if traces else torch.zeros(0, dtype=torch.complex128))


def _constant_term(a: Weights, b: Weights) -> complex:
    """Sum over weights w of a(w) b(-w)."""
    if len(b[0]) == 0:
        return 0
    position = torch.searchsorted(b[0], -a[0] - _SAME).clamp_max(len(b[0]) - 1)
    matched = (b[0][position] + a[0]).abs() <= 2 * _SAME
    total: complex = (a[1] * b[1][position])[matched].sum().item()
    return total
