"""Characters of the groups of the regular polygons in closed form, however many elements they have.

The rotation by 2 pi / n has the eigenvalues e^(2 pi i k / n); a rep of C_n is known by how often each exponent k
occurs, exponents add up in products, and maps commute where the exponents agree. Of D_n the mean over the reflections,
which are one class for odd n and two for even n, counts as much as that over the rotations.
"""

from __future__ import annotations

from math import tau

import torch
from torch import Tensor

from intertwine.groups import Cyclic, Dihedral
from intertwine.reps import Regular, Rep, TensorProduct

Exponents = tuple[Tensor, Tensor]
"""Distinct exponents ``(m,)`` from 0 to n - 1, int64, and how often each occurs ``(m,)``, int64."""

_CLEAR = 0.01
"""The largest distance of an exponent from a whole number."""
_LARGEST = 2**22


def planar_count(rep_in: Rep, rep_out: Rep) -> int | None:
    """The dimension of the maps that commute with C_n or D_n, by characters in closed form.

    Args:
        rep_in: How the group acts on the inputs, no sum.
        rep_out: How it acts on the outputs, no sum.

    Returns:
        The dimension; None for other groups, and where the exponents are too many or not clear from rounding.

    Example:
        >>> V = Dihedral(999_999).vector
        >>> planar_count(V * V, V * V)
        3
    """
    group = rep_in.group
    if not isinstance(group, (Cyclic, Dihedral)):
        return None
    rotation = group.discrete_generators[0]
    inputs, outputs = (_exponents(rep, rotation, group.n) for rep in (rep_in, rep_out))
    if inputs is None or outputs is None:
        return None
    rotations = _matches(inputs, outputs)
    if isinstance(group, Cyclic):
        return rotations
    reflection = group.discrete_generators[1]
    classes = [reflection] if group.n % 2 else [reflection, rotation @ reflection]
    reflections = [float(_trace(rep_in, g) * _trace(rep_out, g)) for g in classes]
    mean = (rotations + sum(reflections) / len(reflections)) / 2
    return round(mean) if abs(mean - round(mean)) < _CLEAR else None


def _trace(rep: Rep, g: Tensor) -> float:
    """The character of one element, factor by factor."""
    if isinstance(rep, Regular):
        return 0.0
    if isinstance(rep, TensorProduct):
        total = 1.0
        for factor in rep.factors:
            total *= _trace(factor, g)
        return total
    return sum(copies * float(term.character(g)) for copies, term in rep.terms)


def _matches(a: Exponents, b: Exponents) -> int:
    place = torch.searchsorted(b[0], a[0]).clamp_max(len(b[0]) - 1)
    same = b[0][place] == a[0]
    return int((a[1] * b[1][place])[same].sum())


def _exponents(rep: Rep, rotation: Tensor, n: int) -> Exponents | None:
    if isinstance(rep, Regular):
        copies = rep.dim // n
        return (torch.arange(n), torch.full((n,), copies)) if n <= _LARGEST else None
    if isinstance(rep, TensorProduct):
        total: Exponents | None = (torch.zeros(1, dtype=torch.int64), torch.ones(1, dtype=torch.int64))
        for factor in rep.factors:
            found = _exponents(factor, rotation, n)
            if total is None or found is None or len(total[0]) * len(found[0]) > _LARGEST:
                return None
            sums = (total[0][:, None] + found[0]) % n
            total = _merged(sums.flatten(), (total[1][:, None] * found[1]).flatten())
        return total
    if len(rep.terms) != 1 or rep.terms[0][0] != 1:
        parts = [(copies, _exponents(term, rotation, n)) for copies, term in rep.terms]
        known = [(copies, part) for copies, part in parts if part is not None]
        if len(known) < len(parts):
            return None
        return _merged(torch.cat([e for _, (e, _) in known]), torch.cat([copies * c for copies, (_, c) in known]))
    exact = torch.linalg.eigvals(rep.matrix(rotation)).angle() * (n / tau)
    rounded = exact.round()
    if not float((exact - rounded).abs().max()) < _CLEAR:
        return None
    exponents = rounded.to(torch.int64) % n
    return _merged(exponents, torch.ones_like(exponents))


def _merged(exponents: Tensor, counts: Tensor) -> Exponents:
    distinct, place = exponents.unique(return_inverse=True)
    return distinct, counts.new_zeros(len(distinct)).index_add_(0, place, counts)
