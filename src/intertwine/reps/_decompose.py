"""Decomposition of a representation into irreps (Maschke, Peter and Weyl).

    rho(g) = Q (m_1 rho_1 + m_2 rho_2 + ...)(g) Q^T

Sums are decomposed term by term, products factor by factor and then irrep by irrep (Clebsch-Gordan); what remains is
decomposed by solving for the maps from each irrep.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from intertwine._bounds import check_entries
from intertwine._on_cpu import on_cpu
from intertwine.groups import Decomposition, Irrep, Rep
from intertwine.reps._composite import DirectSum, TensorProduct, direct_sum, tensor_product
from intertwine.reps.irreps import components, irrep_table
from intertwine.reps.solve import canonical_basis, is_self_adjoint, is_semisimple

Columns = list[tuple[Irrep, Tensor]]
"""Irreps, and isometries ``(dim, irrep.dim)`` that commute: the columns of Q, block by block."""


def decompose(rep: Rep) -> Decomposition:
    """The change of basis to irreps; see ``Rep.decompose``."""
    check_entries(rep.dim**2, f"the matrices of {rep}")
    group = rep.group
    if not group.compact and not is_self_adjoint(rep):
        semisimple = len(group.discrete_generators) == 0 and is_semisimple(group)
        reason = (
            "it is a sum of irreps, as all reps of a semisimple group are, but not by an orthogonal change of basis,"
            " since rho(g^T) = rho(g)^T does not hold; take another basis"
            if semisimple
            else f"the irreps of {group} are not known, {group} is not compact, and rho(g^T) = rho(g)^T does not hold,"
            " so a rep need not be a sum of irreps at all: the shears [[1, t], [0, 1]] fix a line and no complement of"
            " it"
        )
        raise ValueError(f"cannot decompose {rep!r}: {reason}")
    if group.compact and not rep.orthogonal:
        raise ValueError(
            f"cannot decompose {rep!r}: its matrices are not known to be orthogonal; unitarize(rep) finds a basis"
            " in which those of a finite group are"
        )
    matrix, irreps = _decompose(rep)
    return Decomposition(matrix.clone(), irreps)


@lru_cache(maxsize=16)
def _decompose(rep: Rep) -> Decomposition:
    with on_cpu():
        return _assemble(rep, sorted(_columns(rep), key=lambda column: column[0].key))


def _assemble(rep: Rep, columns: Columns) -> Decomposition:
    irreps = direct_sum(rep.group, ((1, irrep) for irrep, _ in columns))
    empty = torch.zeros(rep.dim, 0, dtype=torch.float64)
    return Decomposition(torch.cat([empty, *(isometry for _, isometry in columns)], dim=1), irreps)


def _split(decomposition: Decomposition) -> Columns:
    """The columns of Q, one copy of one irrep at a time."""
    irreps = decomposition.irreps.irreps
    assert irreps is not None, "a decomposition consists of irreps"
    each = [irrep for copies, irrep in irreps for _ in range(copies)]
    return list(zip(each, torch.split(decomposition.matrix, [irrep.dim for irrep in each], dim=1), strict=True))


def _columns(rep: Rep) -> Columns:
    if not irrep_table(rep.group).complete and rep.irreps is None:
        return components(rep)
    if isinstance(rep, Irrep):
        return [(rep, torch.eye(rep.dim, dtype=torch.float64))]
    if isinstance(rep, DirectSum):
        return _sum_columns(rep)
    if isinstance(rep, TensorProduct):
        return _product_columns(rep)
    return _solved_columns(rep)


def _sum_columns(rep: DirectSum) -> Columns:
    columns: Columns = []
    start = 0
    for copies, term in rep.terms:
        parts = _split(_decompose(term))
        for _ in range(copies):
            for irrep, isometry in parts:
                block = torch.zeros(rep.dim, irrep.dim, dtype=torch.float64)
                block[start : start + term.dim] = isometry
                columns.append((irrep, block))
            start += term.dim
    return columns


def _product_columns(rep: TensorProduct) -> Columns:
    *front, last = rep.factors
    left = _split(_decompose(tensor_product(rep.group, front)))
    right = _split(_decompose(last))
    columns: Columns = []
    for left_irrep, left_isometry in left:
        for right_irrep, right_isometry in right:
            inner = _irrep_product(left_irrep, right_irrep)
            outer = torch.kron(left_isometry, right_isometry)
            columns += [(irrep, outer @ isometry) for irrep, isometry in _split(inner)]
    return columns


@lru_cache(maxsize=256)
def _irrep_product(left: Irrep, right: Irrep) -> Decomposition:
    """Two irreps: in closed form where the group's table has one."""
    closed_form = irrep_table(left.group).product(left, right)
    if closed_form is not None:
        return Decomposition(*closed_form)
    product = tensor_product(left.group, (left, right))
    if not isinstance(product, TensorProduct):
        return _decompose(product)
    return _assemble(product, _solved_columns(product))


def _solved_columns(rep: Rep) -> Columns:
    """For each irrep the maps into rep, as orthogonal copies, until the dimension is reached."""
    known = irrep_table(rep.group)
    columns: Columns = []
    found = 0
    for irrep in known.candidates(rep):
        if found == rep.dim:
            break
        if irrep.dim > rep.dim - found:
            continue
        copies = _orthogonal_copies(known.maps(irrep, rep), irrep)
        columns += [(irrep, isometry) for isometry in copies]
        found += len(copies) * irrep.dim
    if found != rep.dim:
        raise ArithmeticError(
            f"{rep!r} has dimension {rep.dim}, but its irreps add up to {found}: is it a representation of {rep.group}?"
        )
    return columns


def _orthogonal_copies(maps: Tensor, irrep: Irrep) -> list[Tensor]:
    """Isometries with orthogonal images that span Hom(irrep, rep) over the endomorphisms of the irrep.

    A map A has A^T A = c 1 by Schur's lemma; the maps whose image is orthogonal to that of A are those orthogonal to
    all A E for E in End.
    """
    endomorphisms = irrep.endomorphisms
    copies: list[Tensor] = []
    while len(maps):
        isometry = maps[0] / maps[0].norm() * irrep.dim**0.5
        copies.append(isometry)
        family = (isometry @ endomorphisms).flatten(1) / irrep.dim**0.5
        left = len(maps) - len(endomorphisms)
        if left < 0:
            raise ArithmeticError(f"maps from {irrep!r} do not come in multiples of {len(endomorphisms)}")
        flat = maps.flatten(1)
        rest = torch.linalg.svd(flat - flat @ family.T @ family, full_matrices=False).Vh[:left]
        maps = canonical_basis(rest).reshape(left, *isometry.shape)
    return copies
