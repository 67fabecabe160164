"""Symmetric contraction split by reflections: cubic forms whose coefficients vanish for most triples of components.

The reflections of the three axes act on real harmonics by signs. A coefficient of

    f_o = sum over a, b, c of T_o,abc z_a z_b z_c,    z = (1, x)

is zero unless the signs of o, a, b and c multiply to one. So pairs (o, a) and pairs (b, c) fall into eight classes, and
there is one matrix for each, a quarter of the numbers of two matrices split by parity alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from intertwine.models.potential.passes._workspace import WORKSPACE
from intertwine.nn import SymmetricContraction
from intertwine.ops import ContractionLayout, IrrepLabel, spherical_harmonics


class Block(NamedTuple):
    """One class.

    Attributes:
        columns: Its pairs (o, a) among all columns.
        rows: Its pairs (b, c) among all rows.
        entries: Its coefficients.
    """

    columns: slice
    rows: slice
    entries: slice

    @property
    def shape(self) -> tuple[int, int]:
        """Number of columns and of rows."""
        return self.columns.stop - self.columns.start, self.rows.stop - self.rows.start


class ContractionPlan(NamedTuple):
    """Where the coefficients of a contraction are.

    Attributes:
        blocks: The classes.
        first: ``(rows,)`` b of each row, 0 for the constant.
        second: ``(rows,)`` c.
        columns: ``(columns,)`` the pair (o, a) of each column, among all.
        inverse: ``(D (1 + d),)`` the column of each pair (o, a); where there is none, it is zero.
        couplings: ``(paths, entries)``: coefficients are weights times these.
        dim_out: D.
        padded: Whether there is a pair (o, a) without a column.
    """

    blocks: tuple[Block, ...]
    first: Tensor
    second: Tensor
    columns: Tensor
    inverse: Tensor
    couplings: Tensor
    dim_out: int
    padded: bool


def reflection_signs(labels: Sequence[IrrepLabel]) -> list[int]:
    """Of each component, which of the reflections of x, y and z change its sign: a number of three bits."""
    lmax = max(degree for degree, _ in labels)
    point = torch.tensor([0.31, 0.47, 0.83], dtype=torch.float64)
    values = spherical_harmonics(lmax, torch.stack([point, *(point * (1 - 2 * torch.eye(3).double()))]))
    bits = (values[1:] * values[:1] < 0).long() * torch.tensor([[1], [2], [4]])
    signs = bits.sum(0).tolist()
    return [
        sign ^ (0 if parity == (-1) ** degree else 7)
        for degree, parity in labels
        for sign in signs[degree**2 : (degree + 1) ** 2]
    ]


def contraction_plan(
    contraction: SymmetricContraction, labels_in: Sequence[IrrepLabel], labels_out: Sequence[IrrepLabel]
) -> ContractionPlan:
    """The plan of a contraction between irreps of O(3), even ones first; components in are numbered by degree."""
    layout = contraction.layout
    signs_in, signs_out = torch.tensor([0, *reflection_signs(labels_in)]), torch.tensor(reflection_signs(labels_out))
    place = torch.cat([torch.arange(degree**2, (degree + 1) ** 2) for degree, _ in labels_in])
    natural = torch.cat([torch.zeros(1, dtype=torch.int64), place + 1])
    size, dim_out = len(signs_in), len(signs_out)
    o, a = (index.flatten() for index in torch.meshgrid(torch.arange(dim_out), torch.arange(size), indexing="ij"))
    b, c = torch.triu_indices(size, size)
    of_column, of_row = signs_out[o] ^ signs_in[a], signs_in[b] ^ signs_in[c]
    column, row = torch.full((dim_out, size), -1), torch.full((size, size), -1)
    blocks, columns, rows, entries = list[Block](), list[Tensor](), list[Tensor](), 0
    starts, stride = torch.zeros(8, dtype=torch.int64), torch.zeros(8, dtype=torch.int64)
    for sign in range(8):
        some, pairs = (of_column == sign).nonzero().flatten(), (of_row == sign).nonzero().flatten()
        if not len(some) or not len(pairs):
            continue
        column[o[some], a[some]], row[b[pairs], c[pairs]] = torch.arange(len(some)), torch.arange(len(pairs))
        begins, lengths = (sum(map(len, columns)), sum(map(len, rows))), (len(some), len(pairs))
        parts = zip((*begins, entries), (*lengths, len(some) * len(pairs)), strict=True)
        blocks.append(Block(*(slice(begin, begin + length) for begin, length in parts)))
        starts[sign], stride[sign] = entries, len(pairs)
        columns.append(some)
        rows.append(pairs)
        entries += len(some) * len(pairs)
    couplings, outputs = list[Tensor](), 0
    for number, (degree, parity) in enumerate(labels_out):
        total = torch.zeros(contraction.weights[number].shape[-1], entries, dtype=torch.float64)
        parities = _matrices(layout, range(outputs, outputs + 2 * degree + 1), parity)
        constants = cast("nn.ModuleList", contraction.couplings[number])
        for (of_o, of_a, of_b, of_c), constant in zip(parities, constants, strict=True):
            signs = (signs_out[of_o] ^ signs_in[of_a])[:, None]
            kept = signs.eq(signs_in[of_b] ^ signs_in[of_c])
            target = starts[signs] + column[of_o, of_a][:, None] * stride[signs] + row[of_b, of_c]
            total[:, target[kept]] = cast("Tensor", constant.value)[:, kept.flatten()].cpu().double()
        couplings.append(total)
        outputs += 2 * degree + 1
    joined = torch.cat(couplings)
    chosen, pairs = torch.cat(columns), torch.cat(rows)
    of_columns = o[chosen] * size + natural[a[chosen]]
    inverse = torch.full((dim_out * size,), len(chosen))
    inverse[of_columns] = torch.arange(len(chosen))
    padded = len(chosen) < dim_out * size
    first, second = natural[b[pairs]], natural[c[pairs]]
    return ContractionPlan(tuple(blocks), first, second, of_columns, inverse, joined, dim_out, padded)


def _matrices(layout: ContractionLayout, outputs: range, parity: int) -> list[tuple[Tensor, Tensor, Tensor, Tensor]]:
    """Of the two matrices of one irrep, o and a of each column, b and c of each row."""
    even, odd = torch.arange(layout.even), torch.arange(layout.even, layout.even + layout.odd_in)
    b, c, _ = layout.rows()
    mixed_b, mixed_c = (index.flatten() for index in torch.meshgrid(even, odd, indexing="ij"))
    found = []
    for same, (first, second) in ((True, (b, c)), (False, (mixed_b, mixed_c))):
        others = even if same == (parity == 1) else odd
        o, a = torch.meshgrid(torch.tensor(list(outputs)), others, indexing="ij")
        found.append((o.flatten(), a.flatten(), first, second))
    return found


def block_coefficients(plan: ContractionPlan, coefficients: Tensor) -> list[Tensor]:
    """For each class ``(C, elements, columns, rows)``, of coefficients ``(elements, C, entries)``."""
    parts = coefficients.transpose(0, 1).split([rows * columns for columns, rows in _shapes(plan)], 2)
    return [part.unflatten(2, shape).contiguous() for part, shape in zip(parts, _shapes(plan), strict=True)]


def _shapes(plan: ContractionPlan) -> list[tuple[int, int]]:
    return [block.shape for block in plan.blocks]


def forms(
    z: Tensor, w: Tensor | None, plan: ContractionPlan, blocks: Sequence[Tensor], runs: Sequence[tuple[int, int, int]]
) -> Tensor:
    """``3 sum over b, c of T_o,abc z_b z_c``, or of ``(z_b w_c + w_b z_c) / 2``, as ``(D, 1 + d, C, n)``.

    Args:
        z: ``(1 + d, C, n)``.
        w: Likewise, or None.
        plan: Of the contraction.
        blocks: Its coefficients.
        runs: (element, first, last + 1) of atoms of one element.
    """
    monomials = pair_products(z, w, plan)
    _, channels, atoms = z.shape
    columns = len(plan.columns)
    found = WORKSPACE.get("columns", z, columns + plan.padded, channels, atoms)
    if plan.padded:
        found[columns] = 0
    for block, coefficients in zip(plan.blocks, blocks, strict=True):
        products, right = found[block.columns].transpose(0, 1), monomials[block.rows].transpose(0, 1)
        for element, start, stop in runs:
            torch.bmm(coefficients[:, element], right[:, :, start:stop], out=products[:, :, start:stop])
    result = WORKSPACE.get("forms", z, len(plan.inverse), channels, atoms)
    torch.index_select(found, 0, plan.inverse, out=result)
    return result.view(plan.dim_out, -1, channels, atoms)


def add_coefficient_gradients(
    z: Tensor, of_forms: Tensor, plan: ContractionPlan, runs: Sequence[tuple[int, int, int]], grads: Sequence[Tensor]
) -> None:
    """Add to those in the coefficients: of ``sum over o, a, b, c of T_o,abc G_oa z_b z_c`` for given G.

    Args:
        z: ``(1 + d, C, n)``.
        of_forms: G, ``(D, 1 + d, C, n)``.
        plan: Of the contraction.
        runs: (element, first, last + 1) of atoms of one element.
        grads: For each class ``(C, elements, columns, rows)``.
    """
    monomials = pair_products(z, None, plan)
    chosen = of_forms.flatten(0, 1).index_select(0, plan.columns)
    for block, grad in zip(plan.blocks, grads, strict=True):
        left, right = chosen[block.columns].transpose(0, 1), monomials[block.rows].permute(1, 2, 0)
        for element, start, stop in runs:
            grad[:, element].baddbmm_(left[:, :, start:stop], right[:, start:stop])


def pair_products(z: Tensor, w: Tensor | None, plan: ContractionPlan) -> Tensor:
    """``(rows, C, n)``: z_b z_c, or (z_b w_c + w_b z_c) / 2."""
    shape = len(plan.first), *z.shape[1:]
    first, second = (
        torch.index_select(z, 0, index, out=WORKSPACE.get(name, z, *shape))
        for name, index in (("first", plan.first), ("second", plan.second))
    )
    if w is None:
        return first.mul_(second)
    return first.mul_(w.index_select(0, plan.second)).addcmul_(second, w.index_select(0, plan.first)).mul_(0.5)
