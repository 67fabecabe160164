"""Symmetric contraction: many-body features as polynomials of the summed messages of each atom."""

from __future__ import annotations

from math import factorial, sqrt
from typing import Any, cast

import torch
from torch import Tensor, nn

from intertwine._errors import UsageError
from intertwine.hom import symmetric_couplings
from intertwine.nn._blocks import Blocks
from intertwine.nn._constant import Constant
from intertwine.nn._same_group import same_group
from intertwine.ops import ContractionLayout, masked_contraction, symmetric_contraction
from intertwine.reps import Rep, SphericalIrrep, direct_sum

_LARGEST_ORDER = 3

Coefficients = tuple[Tensor, Tensor]


class SymmetricContraction(nn.Module):
    """Equivariant polynomials of the features of each channel, with weights for each element.

        y_i,u = sum over n <= order, p of w_z(i),n,p,u U_n,p (x_i,u, ..., x_i,u)

    with U_n the symmetric couplings of n equal factors (:func:`~intertwine.hom.symmetric_couplings`), u the channels
    and z(i) the element of atom i. Since x is a sum over neighbors, a term of order n sees n neighbors at once: body
    order n + 1. The basis is minimal: degrees to 3 have 8 cubic invariants, where the couplings in all orders give 23.

    Args:
        rep_in: Equally many copies, the channels, of different irreps: "16x0e + 16x1o + 16x2e", or its text.
        rep_out: The same number of copies of irreps of the same group.
        order: Highest degree of the polynomials, 1 to 3.
        elements: Number of elements.

    Raises:
        UsageError: The numbers of copies differ, or the order is not 1, 2 or 3.

    Law: ``f(rho_in(g) x, z) = rho_out(g) f(x, z)``.

    Cost: see :func:`intertwine.ops.symmetric_contraction`, whose coefficients are the weights times the couplings.

    Reference: Batatia et al., MACE, NeurIPS 2022, equations 10 and 11, whose features these are in another basis.

    Example:
        >>> layer = SymmetricContraction("4x0e + 4x1o", "4x0e + 4x1o", order=3, elements=2)
        >>> layer(torch.ones(3, 16), torch.tensor([0, 1, 0])).shape
        torch.Size([3, 16])
    """

    def __init__(self, rep_in: Rep | str, rep_out: Rep | str, *, order: int = 3, elements: int = 1) -> None:
        super().__init__()
        rep_in, rep_out = same_group("SymmetricContraction", rep_in=rep_in, rep_out=rep_out)
        self._in, self._out = Blocks.of(rep_in), Blocks.of(rep_out)
        copies = {*self._in.copies, *self._out.copies}
        if len(copies) != 1 or not 1 <= order <= _LARGEST_ORDER or elements < 1:
            raise UsageError(
                f"SymmetricContraction needs equally many copies of each irrep, an order of 1 to {_LARGEST_ORDER} and "
                f"an element, got {rep_in} -> {rep_out}, order {order}, {elements} elements"
            )
        self.rep_in, self.rep_out, self.order, self.elements = rep_in, rep_out, order, elements
        self.channels = copies.pop()
        self._order_in, even_in, odd_in = _by_parity(self._in)
        self._order_out, even_out, odd_out = _by_parity(self._out)
        self.layout = ContractionLayout(even_in, odd_in, even_out, odd_out)
        one = direct_sum(rep_in.group, ((1, self._in.terms[index][1]) for index in self._order_in))
        self.couplings, self.weights = nn.ModuleList(), nn.ParameterList()
        for index in self._order_out:
            irrep = self._out.terms[index][1]
            matrices = _block_layout(self.layout, irrep).matrices(_cubic_forms(one, irrep, order))
            self.couplings.append(nn.ModuleList(Constant(matrix) for matrix in matrices))
            weights = torch.empty(elements, self.channels, len(matrices[0]), dtype=torch.float32)
            self.weights.append(nn.Parameter(weights))
        self._known: tuple[list[Tensor], Coefficients] | None = None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Normal weights, of variance one over the number of polynomials of all orders that are summed."""
        for weights in self.weights:
            nn.init.normal_(weights, std=1 / sqrt(max(weights.shape[-1], 1)))

    def coefficients(self) -> Coefficients:
        """The coefficients of :func:`intertwine.ops.symmetric_contraction`: kept where no gradient is recorded."""
        if torch.is_grad_enabled() or torch.compiler.is_compiling():
            return self._coefficients()
        weights = list(self.weights)
        if self._known is None or not all(map(_same, self._known[0], weights)):
            self._known = [weight.clone() for weight in weights], self._coefficients()
        return self._known[1]

    def _coefficients(self) -> Coefficients:
        found = []
        for parity, shape in enumerate(self.layout.shapes):
            pairs = zip(self.weights, self.couplings, strict=True)
            parts = [weights.flatten(0, 1) @ cast("nn.ModuleList", maps)[parity]() for weights, maps in pairs]
            found.append(torch.cat(parts, 1).unflatten(1, shape).unflatten(0, (self.elements, self.channels)))
        return found[0], found[1]

    def contract(
        self, x: Tensor, elements: Tensor, counts: list[int] | None, coefficients: Coefficients | None = None
    ) -> Tensor:
        """The polynomials in the layout of the operator.

        Args:
            x: ``(components, channels, N)``, the irreps of even parity first.
            elements: ``(N,)``, ascending where counts are given.
            counts: The number of atoms of each element, ``None`` where shapes may not depend on it.
            coefficients: Those of this layer, where they are known.

        Returns:
            ``(channels, components, N)``, likewise.
        """
        even, odd = self.coefficients() if coefficients is None else coefficients
        if counts is None:
            return masked_contraction(x, even, odd, elements, self.layout)
        return symmetric_contraction(x, even, odd, counts, self.layout)

    def forward(self, features: Tensor, elements: Tensor) -> Tensor:
        """Map ``(N, rep_in.dim)`` and the number of each atom's element ``(N,)`` to ``(N, rep_out.dim)``."""
        self._in.check(features, "SymmetricContraction")
        blocks = self._in.split(features)
        if torch.compiler.is_compiling():
            x = torch.cat([blocks[index].permute(1, 2, 0) for index in self._order_in])
            found = self.contract(x, elements, None)
        else:
            order = torch.argsort(elements, stable=True)
            counts = torch.bincount(elements, minlength=self.elements).tolist()
            x = torch.cat([blocks[index].permute(1, 2, 0) for index in self._order_in]).index_select(2, order)
            found = self.contract(x, elements, counts).index_select(2, torch.argsort(order))
        parts = found.split([self._out.widths[index] for index in self._order_out], 1)
        ordered = dict(zip(self._order_out, parts, strict=True))
        return torch.cat([ordered[index].permute(2, 0, 1).flatten(1) for index in range(len(parts))], 1)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_known": None}

    def extra_repr(self) -> str:
        """The two representations, the order and the number of elements."""
        return f"{self.rep_in} -> {self.rep_out}, order={self.order}, elements={self.elements}"


def _parity(irrep: Rep) -> int:
    return irrep.parity if isinstance(irrep, SphericalIrrep) else 1


def _by_parity(blocks: Blocks) -> tuple[list[int], int, int]:
    """The blocks with the even ones first, and the components of even and of odd ones."""
    parities = [_parity(irrep) for _, irrep in blocks.terms]
    order = sorted(range(len(parities)), key=lambda index: -parities[index])
    even = sum(width for width, parity in zip(blocks.widths, parities, strict=True) if parity == 1)
    return order, even, sum(blocks.widths) - even


def _block_layout(layout: ContractionLayout, irrep: Rep) -> ContractionLayout:
    even, odd = (irrep.dim, 0) if _parity(irrep) == 1 else (0, irrep.dim)
    return layout._replace(even_out=even, odd_out=odd)


def _cubic_forms(rep: Rep, irrep: Rep, order: int) -> Tensor:
    """``(paths, D, 1 + d, 1 + d, 1 + d)``: couplings of every degree, of about unit variance, as forms in (1, x)."""
    found = []
    for degree in range(1, order + 1):
        basis = symmetric_couplings(rep, direct_sum(rep.group, [(1, irrep)]), degree)
        basis = basis * sqrt(irrep.dim / factorial(degree))
        forms = basis.new_zeros(*basis.shape[:2], *(rep.dim + 1,) * 3)
        if degree == 3:
            forms[:, :, 1:, 1:, 1:] = basis
        elif degree == 2:
            forms[:, :, 0, 1:, 1:] = forms[:, :, 1:, 0, 1:] = forms[:, :, 1:, 1:, 0] = basis / 3
        else:
            forms[:, :, 0, 0, 1:] = forms[:, :, 0, 1:, 0] = forms[:, :, 1:, 0, 0] = basis / 3
        found.append(forms)
    return torch.cat(found)


def _same(known: Tensor, now: Tensor) -> bool:
    return known.dtype == now.dtype and known.device == now.device and torch.equal(known, now)
