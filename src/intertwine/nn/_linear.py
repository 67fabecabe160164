"""The general equivariant linear map.

Between sums of terms rho_i and sigma_o, with B_io^k a basis of Hom(rho_i, sigma_o) and W_io^k a free matrix between
their copies,

    W = sum_io sum_k W_io^k (x) B_io^k

Where all matrices are orthogonal the terms are irreps, and by Schur's lemma only equal ones meet, with a basis of their
endomorphisms: one for irreps of real type, two for complex type, four for quaternionic type.
"""

from __future__ import annotations

from math import sqrt

import torch
from torch import Tensor, nn

from intertwine.hom import intertwiners
from intertwine.nn._blocks import Blocks, check_features
from intertwine.nn._constant import Constant
from intertwine.nn._same_group import same_group
from intertwine.reps import Irrep, Rep


class Linear(nn.Module):
    """All equivariant linear maps ``rep_in -> rep_out``, for any group.

    Orthogonal representations go through their irreps; others, of the Lorentz group or of SL(n), term by term through
    :func:`~intertwine.hom.intertwiners`. The bias lies in the invariants of the output. A block of the
    output that no block of the input maps to is zero.

    Args:
        rep_in: Representation of the features that come in, or its text.
        rep_out: Representation of the features that go out, of the same group, or its text.
        bias: Whether the invariants of the output have a bias.
        gain: Scale of the output at initialization, for independent inputs of unit variance.

    Raises:
        ValueError: If the groups differ; in ``forward`` if the last axis is not ``rep_in.dim``.

    Law: ``f(rho_in(g) x) = rho_out(g) f(x)``.

    Parameters: the dimension of Hom_G(rep_in, rep_out), ``sum_sigma e_sigma n_sigma m_sigma`` over irreps.

    Reference: Schur 1905; Finzi, Welling, Wilson, ICML 2021, for the general group.

    Example:
        >>> layer = Linear("4x0e + 2x1o", "3x0e + 5x1o", bias=False)
        >>> sum(p.numel() for p in layer.parameters())  # 4 * 3 + 2 * 5
        22

        Tensors of the Lorentz group have one invariant for the bias, the metric, and three maps to themselves: the
        identity, the transpose, the trace.

        >>> from intertwine.groups import FullLorentz
        >>> V = FullLorentz().vector
        >>> [parameter.numel() for parameter in Linear(V * V, V * V).parameters()]
        [1, 3]
    """

    basis_in: Constant | None
    basis_out: Constant | None

    def __init__(self, rep_in: Rep | str, rep_out: Rep | str, *, bias: bool = True, gain: float = 1.0) -> None:
        super().__init__()
        rep_in, rep_out = same_group("Linear", rep_in=rep_in, rep_out=rep_out)
        self.rep_in, self.rep_out, self.gain = rep_in, rep_out, gain
        (self._in, self.basis_in), (self._out, self.basis_out) = _resolve(rep_in, rep_out)
        self.weights, self.bases, self._scalar = nn.ParameterList(), nn.ModuleList(), []
        self._routes: list[tuple[int, list[tuple[int, int]]]] = []
        for o, (copies, term) in enumerate(self._out.terms):
            routes = []
            for i, (fan_in, other) in enumerate(self._in.terms):
                if len(basis := _maps(other, term)):
                    routes.append((i, len(self.weights)))
                    self.weights.append(nn.Parameter(torch.empty(len(basis), fan_in, copies, dtype=torch.float32)))
                    self.bases.append(Constant(basis))
                    self._scalar.append(_is_identity(basis))
            self._routes.append((o, routes))
        trivial = rep_out.group.trivial
        fixed = [_maps(trivial, term)[..., 0] if bias else torch.zeros(0, 1) for _, term in self._out.terms]
        self.fixed = nn.ModuleList(Constant(vectors) for vectors in fixed)
        self._biases = [len(vectors) * copies for vectors, copies in zip(fixed, self._out.copies, strict=True)]
        self._size, self._text = rep_in.dim, str(rep_in)
        count = sum(self._biases)
        self.bias = nn.Parameter(torch.empty(count, dtype=torch.float32)) if count else None
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
        outputs = []
        biases = [None] * len(self._routes) if self.bias is None else self.bias.split(self._biases)
        for (o, routes), bias in zip(self._routes, biases, strict=True):
            total = None if routes else self._out.zeros(o, features)
            for i, w in routes:
                mapped = self._map(inputs[i], w)
                total = mapped if total is None else total + mapped
            assert total is not None, "a block without routes starts from zero"
            if bias is not None and len(bias):
                copies = self._out.copies[o]
                total = total + (bias if self._out.trivial[o] else self.fixed[o]().mT @ bias.view(-1, copies))
            outputs.append(total)
        result = Blocks.join(outputs, features)
        return result if self.basis_out is None else result @ self.basis_out().mT

    def _map(self, block: Tensor, route: int) -> Tensor:
        weight: Tensor = self.weights[route]
        if self._scalar[route]:
            return block @ weight[0]
        mapped: Tensor = torch.einsum("kab,...bi,kio->...ao", self.bases[route](), block, weight)
        return mapped

    def extra_repr(self) -> str:
        """The two representations."""
        return f"{self.rep_in} -> {self.rep_out}"


def _resolve(*reps: Rep) -> list[tuple[Blocks, Constant | None]]:
    """The blocks of representations, and the change of basis to them where one is needed."""
    orthogonal = all(rep.orthogonal for rep in reps)
    return [resolve_irreps(rep) if orthogonal else (Blocks.of_terms(rep), None) for rep in reps]


def resolve_irreps(rep: Rep) -> tuple[Blocks, Constant | None]:
    """The irreps of a representation as blocks, and the change of basis to them where one is needed.

    Raises:
        ValueError: Its irreps are not known.
    """
    if rep.irreps is not None:
        return Blocks.of(rep), None
    matrix, irreps = rep.decompose()
    return Blocks.of(irreps), Constant(matrix)


def _maps(rep_in: Rep, rep_out: Rep) -> Tensor:
    """A basis of the maps between two terms, each of which keeps the variance on average."""
    if isinstance(rep_in, Irrep) and isinstance(rep_out, Irrep):
        return rep_in.endomorphisms if rep_in == rep_out else torch.zeros(0, rep_out.dim, rep_in.dim)
    return sqrt(rep_out.dim) * intertwiners(rep_in, rep_out)


def _is_identity(basis: Tensor) -> bool:
    """Whether a basis of maps is the identity alone."""
    return len(basis) == 1 and basis.shape[1] == basis.shape[2] and bool((basis[0] == torch.eye(len(basis[0]))).all())
