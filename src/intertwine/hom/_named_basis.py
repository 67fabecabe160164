"""Names of well-known intertwiners, recognized up to a factor."""

from __future__ import annotations

from collections.abc import Callable
from math import perm

import torch
from torch import Tensor

from intertwine.reps import Rep, SphericalIrrep, TensorProduct, canonical_basis, wigner_3j

_SAME = 1e-9


def name_map(rep_in: Rep, rep_out: Rep, matrix: Tensor) -> str | None:
    """What mathematics calls a map, such as "cross product"; None when it has no name that we know.

    Args:
        rep_in: How the group acts on inputs.
        rep_out: How it acts on outputs.
        matrix: ``(dim_out, dim_in)``, float64, not zero.

    Example:
        >>> from intertwine.groups import SO3
        >>> from intertwine.hom import intertwiners
        >>> V = SO3().vector
        >>> name_map(V * V, V, intertwiners(V * V, V)[0])
        'cross product'
    """
    for rule in _RULES:
        name = rule(rep_in, rep_out, matrix)
        if name is not None:
            return name
    return None


def _parallel(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors of one shape are equal up to a factor."""
    a, b = a.flatten() / a.norm(), b.flatten() / b.norm()
    return float(1 - (a @ b).abs()) < _SAME


def _one(size: int) -> Tensor:
    return torch.eye(size, dtype=torch.float64)


def _square(rep: Rep) -> Rep | None:
    """A when the rep is A (x) A."""
    if isinstance(rep, TensorProduct) and len(rep.factors) == 2 and rep.factors[0] == rep.factors[1]:
        return rep.factors[0]
    return None


def _swap(size: int) -> Tensor:
    return _one(size * size).reshape(size, size, size, size).transpose(0, 1).reshape(size**2, size**2)


def _square_maps(rep_in: Rep, rep_out: Rep, matrix: Tensor) -> str | None:
    """Between spaces of one dimension."""
    if rep_in.dim != rep_out.dim:
        return None
    size, one = rep_in.dim, _one(rep_in.dim)
    if _parallel(matrix, one):
        return "identity" if rep_in == rep_out else "relabeling"
    ones = torch.ones_like(matrix)
    if _parallel(matrix, ones):
        return "sum of all"
    if size > 2 and _parallel(matrix, ones - one):
        return "sum of the others"
    if rep_in == rep_out and _parallel(matrix @ matrix, one) and float((matrix @ matrix).trace()) < 0:
        return "quarter turn" if size == 2 else "complex structure"
    known = known_maps(rep_in, rep_out)
    return next((name for name, candidate in known.items() if _parallel(matrix, candidate)), None)


def known_maps(rep_in: Rep, rep_out: Rep) -> dict[str, Tensor]:
    """Well-known maps of a product of a space with itself to itself, those first that are orthogonal to each other."""
    factor = _square(rep_in)
    if rep_in != rep_out or factor is None:
        return {}
    one, unit = _one(rep_in.dim), _one(factor.dim).flatten()
    swap, trace = _swap(factor.dim), torch.outer(unit, unit) / factor.dim
    candidates = {
        "trace part": trace,
        "antisymmetric part": (one - swap) / 2,
        "traceless symmetric part": (one + swap) / 2 - trace,
        "symmetric part": (one + swap) / 2,
        "traceless part": one - trace,
        "transpose": swap,
    }
    return {name: matrix for name, matrix in candidates.items() if float(matrix.norm()) > _SAME}


def named_basis(rep_in: Rep, rep_out: Rep, basis: Tensor) -> Tensor:
    """Another orthonormal basis of the same maps that starts with those that have names.

    Args:
        rep_in: How the group acts on inputs.
        rep_out: How it acts on outputs.
        basis: ``(k, dim_out, dim_in)``, orthonormal.
    """
    flat = basis.flatten(1)
    chosen = flat[:0]
    for candidate in known_maps(rep_in, rep_out).values():
        vector = (candidate / candidate.norm()).flatten()
        inside = float((flat.T @ (flat @ vector) - vector).norm()) < _SAME
        if inside and float((chosen @ vector).norm()) < _SAME:
            chosen = torch.cat([chosen, vector.unsqueeze(0)])
    rest = flat - flat @ chosen.T @ chosen
    left = len(flat) - len(chosen)
    others = canonical_basis(torch.linalg.svd(rest, full_matrices=False).Vh[:left])
    return torch.cat([chosen, others]).reshape(basis.shape)


def _forms(rep_in: Rep, rep_out: Rep, matrix: Tensor) -> str | None:
    """Invariants of one, two and three vectors, seen as forms or as tensors."""
    if min(rep_in.dim, rep_out.dim) != 1:
        return None
    tensor_valued = rep_in.dim == 1 and rep_out.dim > 1
    space = rep_out if tensor_valued else rep_in
    factor = _square(space)
    if factor is not None and factor.dim > 1:
        form = matrix.reshape(factor.dim, factor.dim)
        if _parallel(form, _one(factor.dim)):
            if tensor_valued:
                return "identity matrix"
            return "trace" if factor == space.group.vector else "dot product"
        if _parallel(form, -form.T) and float((form + form.T).norm()) < _SAME:
            return "signed area" if factor.dim == 2 else "symplectic form"
        if float((form - form.T).norm()) < _SAME and _parallel(form @ form, _one(factor.dim)):
            return "metric" if tensor_valued else "inner product"
    if isinstance(space, TensorProduct) and [f.dim for f in space.factors] == [3, 3, 3]:
        form = matrix.reshape(3, 3, 3)
        if float((form + form.transpose(0, 1)).norm() + (form + form.transpose(1, 2)).norm()) < _SAME:
            return "Levi-Civita tensor" if tensor_valued else "triple product"
    if _parallel(matrix, torch.ones_like(matrix)):
        return "constant vector" if tensor_valued else "sum"
    return None


def _products(rep_in: Rep, rep_out: Rep, matrix: Tensor) -> str | None:
    """Parts of a product of a space with itself."""
    factor = _square(rep_in)
    if factor is None or factor.dim == 1:
        return None
    size = factor.dim
    swapped = matrix @ _swap(size)
    isometric = _parallel(matrix @ matrix.T, _one(rep_out.dim))
    if not isometric:
        return None
    if float((swapped + matrix).norm()) < _SAME and rep_out.dim == size * (size - 1) // 2:
        return "cross product" if size == 3 else "antisymmetric part"
    if float((swapped - matrix).norm()) < _SAME:
        traceless = float((matrix @ _one(size).flatten()).norm()) < _SAME
        if rep_out.dim == size * (size + 1) // 2 - 1 and traceless:
            return "traceless symmetric part"
        if rep_out.dim == size * (size + 1) // 2:
            return "symmetric part"
    return None


def _clebsch_gordan(rep_in: Rep, rep_out: Rep, matrix: Tensor) -> str | None:
    spherical = isinstance(rep_in, TensorProduct) and all(isinstance(f, SphericalIrrep) for f in rep_in.factors)
    if not spherical or not isinstance(rep_in, TensorProduct) or not isinstance(rep_out, SphericalIrrep):
        return None
    degrees = [factor.degree for factor in (*rep_in.factors, rep_out) if isinstance(factor, SphericalIrrep)]
    if len(degrees) != 3 or not abs(degrees[0] - degrees[1]) <= degrees[2] <= degrees[0] + degrees[1]:
        return None
    if not _parallel(matrix, wigner_3j(*degrees).flatten(0, 1).T):
        return None
    return f"Clebsch-Gordan {' x '.join(map(str, rep_in.factors))} -> {rep_out}"


def _index_pattern(rep_in: Rep, rep_out: Rep, matrix: Tensor) -> str | None:
    """Under all permutations: which indices agree, such as "x[ab] -> y[ba]", different letters for different values."""
    vector = rep_in.group.vector
    axes = []
    for rep in (rep_in, rep_out):
        factors = rep.factors if isinstance(rep, TensorProduct) else (rep,)
        factors = () if rep == rep.group.trivial else factors
        if any(factor != vector for factor in factors):
            return None
        axes.append(len(factors))
    if len(set(matrix[matrix.abs() > _SAME].round(decimals=9).tolist())) != 1:
        return None
    entries = (matrix.abs() > _SAME).nonzero()
    patterns = {_letters(int(column), int(row), axes, vector.dim) for row, column in entries.tolist()}
    if len(patterns) != 1:
        return None
    inputs, outputs = patterns.pop()
    whole_pattern = perm(vector.dim, len({*inputs, *outputs})) == len(entries)
    left, right = f"x[{inputs}]" if inputs else "1", f"y[{outputs}]" if outputs else "y"
    return f"{left} -> {right}" if whole_pattern and sum(axes) > 1 else None


def _letters(column: int, row: int, axes: list[int], size: int) -> tuple[str, str]:
    names: dict[int, str] = {}
    words = []
    for flat, count in zip((column, row), axes, strict=True):
        values = [flat // size ** (count - 1 - k) % size for k in range(count)]
        words.append(
            "".join(names.setdefault(value, "abcdefghijklmnopqrstuvwxyz"[len(names) % 26]) for value in values)
        )
    return words[0], words[1]


_RULES: tuple[Callable[[Rep, Rep, Tensor], str | None], ...] = (
    _square_maps,
    _forms,
    _products,
    _clebsch_gordan,
    _index_pattern,
)
