"""Symmetric contraction: many-body features as polynomials of the summed messages of each atom."""

from __future__ import annotations

from math import factorial, sqrt

import torch
from torch import Tensor, nn

from intertwine._errors import UsageError
from intertwine.hom import symmetric_couplings
from intertwine.nn._blocks import Blocks
from intertwine.nn._constant import Constant
from intertwine.nn._same_group import same_group
from intertwine.reps import Rep, direct_sum

_LARGEST_ORDER = 3
_ROWS = 2**16
"""Atoms times channels in one product: pairs of their components take 64 MB with degrees to 3."""


class SymmetricContraction(nn.Module):
    """Equivariant polynomials of the features of each channel, with weights for each element.

        y_i,u = sum over n <= order, p of w_z(i),n,p,u U_n,p (x_i,u, ..., x_i,u)

    with U_n the symmetric couplings of n equal factors (:func:`~intertwine.hom.symmetric_couplings`), u the channels and
    z(i) the element of atom i. Since x is a sum over neighbors, a term of order n sees n neighbors at once: body order
    n + 1. The basis is minimal: degrees to 3 have 8 cubic invariants, where the couplings in all orders give 23.

    Args:
        rep_in: Equally many copies, the channels, of different irreps: "16x0e + 16x1o + 16x2e", or its text.
        rep_out: The same number of copies of irreps of the same group.
        order: Highest degree of the polynomials, 1 to 3.
        elements: Number of elements.

    Raises:
        UsageError: The numbers of copies differ, or the order is not 1, 2 or 3.

    Law: ``f(rho_in(g) x, z) = rho_out(g) f(x, z)``.

    Cost: with d the dimension of one channel's input, D that of its output: ``2 d^3 D`` for each atom and channel, in
    matrix products; the weights are folded into tensors ``(elements, channels, d^3 D)`` once a call.

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
        one = direct_sum(rep_in.group, ((1, irrep) for _, irrep in self._in.terms))
        self.dim = one.dim
        self.couplings = nn.ModuleDict()
        self.weights = nn.ParameterDict()
        for degree in range(1, order + 1):
            for index, (_, irrep) in enumerate(self._out.terms):
                basis = symmetric_couplings(one, direct_sum(rep_in.group, [(1, irrep)]), degree)
                if len(basis):
                    scale = sqrt(irrep.dim / factorial(degree))  # unit variance for independent unit inputs, about
                    self.couplings[f"{degree}_{index}"] = Constant(scale * basis.movedim(1, -1).flatten(1))
                    weights = torch.empty(elements, self.channels, len(basis), dtype=torch.float32)
                    self.weights[f"{degree}_{index}"] = nn.Parameter(weights)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Normal weights, of variance one over the number of polynomials of all orders that are summed."""
        for index in range(len(self._out.terms)):
            mine = [weights for name, weights in self.weights.items() if name.endswith(f"_{index}")]
            paths = sum(weights.shape[-1] for weights in mine)
            for weights in mine:
                nn.init.normal_(weights, std=1 / sqrt(paths))

    def forward(self, features: Tensor, elements: Tensor) -> Tensor:
        """Map ``(N, rep_in.dim)`` and the number of each atom's element ``(N,)`` to ``(N, rep_out.dim)``."""
        self._in.check(features, "SymmetricContraction")
        inputs = self._channels_first(features)
        if torch.compiler.is_compiling():
            outputs = self._by_masks(inputs, elements)
        else:
            outputs = self._by_element(inputs, elements)
        return self._join(outputs)

    def _channels_first(self, features: Tensor) -> Tensor:
        """``(N, rep_in.dim)`` to ``(channels, N, dim)``."""
        return torch.cat([part.movedim(-1, 0) for part in self._in.split(features)], -1)

    def _join(self, outputs: Tensor) -> Tensor:
        """``(channels, N, dim_out)`` to ``(N, rep_out.dim)``."""
        parts = outputs.split(list(self._out.widths), -1)
        return torch.cat([part.movedim(0, 1).flatten(1) for part in parts], -1)

    def _by_element(self, inputs: Tensor, elements: Tensor) -> Tensor:
        """The atoms of one element after the other."""
        order = torch.argsort(elements, stable=True)
        counts = torch.bincount(elements, minlength=self.elements).tolist()
        present = [element for element, count in enumerate(counts) if count]
        coefficients = dict(zip(present, zip(*(self._folded(present)), strict=True), strict=True)) if present else {}
        limit = max(1, _ROWS // self.channels)
        found = []
        start = 0
        ordered = inputs.index_select(1, order)
        for element in present:
            for begin in range(0, counts[element], limit):
                size = min(limit, counts[element] - begin)
                found.append(self._evaluate(ordered.narrow(1, start + begin, size), *coefficients[element]))
            start += counts[element]
        if not found:
            return inputs.new_zeros(self.channels, 0, sum(self._out.widths))
        return torch.cat(found, 1).index_select(1, torch.argsort(order))

    def _by_masks(self, inputs: Tensor, elements: Tensor) -> Tensor:
        """All atoms as every element: more work, but the shapes do not depend on the elements."""
        every = list(range(self.elements))
        outputs = inputs.new_zeros(self.channels, inputs.shape[1], sum(self._out.widths))
        for element, coefficients in zip(every, zip(*self._folded(every), strict=True), strict=True):
            mask = (elements == element).to(inputs.dtype)[None, :, None]
            outputs = outputs + mask * self._evaluate(inputs * mask, *coefficients)
        return outputs

    def _folded(self, elements: list[int]) -> tuple[Tensor, Tensor]:
        """Coefficients ``(E, channels, d, D)`` of degree 1 and ``(E, channels, d^2, D + d D)`` of degrees 2 and 3."""
        index = torch.tensor(elements, device=next(iter(self.weights.values())).device)
        tensors = []
        for degree in range(1, self.order + 1):
            parts = []
            for block, width in enumerate(self._out.widths):
                name = f"{degree}_{block}"
                if name in self.weights:
                    weights = self.weights[name].index_select(0, index)
                    parts.append((weights @ self.couplings[name]()).unflatten(-1, (-1, width)))
                else:
                    like = next(iter(self.weights.values()))
                    parts.append(like.new_zeros(len(elements), self.channels, self.dim**degree, width))
            tensors.append(torch.cat(parts, -1))
        first, *others = tensors
        if not others:
            return first, first.new_zeros(len(elements), self.channels, self.dim**2, 0)
        # (d^3, D) as (d^2, d D): pairs of components times the coefficients, the third factor afterwards.
        wide = [tensor.unflatten(2, (self.dim**2, -1)).flatten(3) for tensor in others]
        return first, torch.cat(wide, -1)

    def _evaluate(self, x: Tensor, linear: Tensor, higher: Tensor) -> Tensor:
        """Polynomials of ``(channels, n, d)``: ``(channels, n, D)``."""
        outputs = torch.bmm(x, linear)
        if self.order == 1:
            return outputs
        width = outputs.shape[-1]
        pairs = (x[..., :, None] * x[..., None, :]).flatten(2)
        products = torch.bmm(pairs, higher)
        outputs = outputs + products[..., :width]
        if self.order == 3:
            cubic = products[..., width:].unflatten(-1, (self.dim, width))
            outputs = outputs + (cubic * x[..., None]).sum(-2)
        return outputs

    def extra_repr(self) -> str:
        """The two representations, the order and the number of elements."""
        return f"{self.rep_in} -> {self.rep_out}, order={self.order}, elements={self.elements}"
