"""The general equivariant linear map, by Schur's lemma.

    W = (+)_sigma sum_k W_sigma^k (x) E_sigma^k

with W_sigma^k a free matrix between the copies of the irrep sigma and E_sigma^k a basis of its endomorphisms: one of
them for irreps of real type, two for complex type, four for quaternionic type.
"""

from __future__ import annotations

from math import sqrt

import torch
from torch import Tensor, nn

from intertwine.nn._blocks import Blocks, check_features
from intertwine.nn._constant import Constant
from intertwine.reps import Rep


class Linear(nn.Module):
    """All equivariant linear maps ``rep_in -> rep_out``, for any compact group.

    The bias lives on the trivial irreps alone: nothing else is invariant. A block of the output that no block of the
    input maps to is zero.

    Args:
        rep_in: Input representation.
        rep_out: Output representation of the same group.
        bias: Whether the trivial part of the output has a bias.
        gain: Scale of the output at the start, for independent inputs of unit variance.

    Raises:
        ValueError: If the groups differ; in ``forward`` if the last axis is not ``rep_in.dim``.

    Law: ``f(rho_in(g) x) = rho_out(g) f(x)``.

    Parameters: ``sum_sigma e_sigma n_sigma m_sigma``, the dimension of Hom_G(rep_in, rep_out).

    Reference: Schur 1905; Finzi, Welling, Wilson, ICML 2021, for the general group.

    Example:
        >>> from intertwine.groups import O3
        >>> layer = Linear(O3().rep("4x0e + 2x1o"), O3().rep("3x0e + 5x1o"), bias=False)
        >>> sum(p.numel() for p in layer.parameters())  # 4 * 3 + 2 * 5
        22
    """

    basis_in: Constant | None
    basis_out: Constant | None

    def __init__(self, rep_in: Rep, rep_out: Rep, *, bias: bool = True, gain: float = 1.0) -> None:
        super().__init__()
        if rep_in.group != rep_out.group:
            raise ValueError(
                f"rep_in is of {rep_in.group} and rep_out of {rep_out.group}; a linear map needs one group"
            )
        self.rep_in, self.rep_out, self.gain = rep_in, rep_out, gain
        self._in, self.basis_in = _resolve(rep_in)
        self._out, self.basis_out = _resolve(rep_out)
        self.weights = nn.ParameterList()
        self.endomorphisms = nn.ModuleList()
        self._routes: list[tuple[int, list[tuple[int, int]]]] = []
        for o, (copies, irrep) in enumerate(self._out.terms):
            routes = []
            for i, (fan, other) in enumerate(self._in.terms):
                if irrep == other:
                    routes.append((i, len(self.weights)))
                    shape = (len(irrep.endomorphisms), fan, copies)
                    self.weights.append(nn.Parameter(torch.empty(shape, dtype=torch.float32)))
                    self.endomorphisms.append(Constant(irrep.endomorphisms))
            self._routes.append((o, routes))
        invariant = sum(copies for copies, trivial in zip(self._out.copies, self._out.trivial, strict=True) if trivial)
        self._size, self._text = rep_in.dim, str(rep_in)
        self.bias = nn.Parameter(torch.empty(invariant, dtype=torch.float32)) if bias and invariant else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Normal weights that give independent unit inputs the scale ``gain``; zero bias."""
        for _, routes in self._routes:
            fan_in = sum(self.weights[w].shape[0] * self._in.copies[i] for i, w in routes)
            for _, w in routes:
                nn.init.normal_(self.weights[w], std=self.gain / sqrt(max(fan_in, 1)))
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def forward(self, features: Tensor) -> Tensor:
        """Map ``(..., rep_in.dim)`` to ``(..., rep_out.dim)``."""
        check_features(features, self._size, self._text, "Linear")
        if self.basis_in is not None:
            features = features @ self.basis_in()
        inputs = self._in.split(features)
        outputs, used = [], 0
        for o, routes in self._routes:
            copies, width = self._out.copies[o], self._out.widths[o]
            total = features.new_zeros((*features.shape[:-1], width, copies)) if not routes else None
            for i, w in routes:
                mapped = self._map(inputs[i], w)
                total = mapped if total is None else total + mapped
            assert total is not None, "a block without routes starts from zero"
            if self.bias is not None and self._out.trivial[o]:
                total = total + self.bias[used : used + copies]
                used += copies
            outputs.append(total)
        result = Blocks.join(outputs)
        return result if self.basis_out is None else result @ self.basis_out().mT

    def _map(self, block: Tensor, route: int) -> Tensor:
        weight: Tensor = self.weights[route]
        if len(weight) == 1:
            return block @ weight[0]
        mapped: Tensor = torch.einsum("kab,...bi,kio->...ao", self.endomorphisms[route](), block, weight)
        return mapped

    def extra_repr(self) -> str:
        """The two representations."""
        return f"{self.rep_in} -> {self.rep_out}"


def _resolve(rep: Rep) -> tuple[Blocks, Constant | None]:
    """The blocks of a representation, and the change of basis to them where one is needed."""
    if rep.irreps is not None:
        return Blocks.of(rep), None
    matrix, irreps = rep.decompose()
    return Blocks.of(irreps), Constant(matrix)
