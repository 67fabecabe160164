"""Low-rank factorization of radial functions: H functions of one variable as sums of r < H orthonormal ones.

    R_h(d) = sum_s Q_s(d) C_sh + error

The functions that a network on the length of an edge learns are smooth, and H of them are far from independent. The
basis Q is chosen for the values of the network at nodes on [0, cutoff] and for their changes with its parameters, by
an eigendecomposition; each Q_s is a piecewise polynomial. The coefficients C, the network's values at the nodes times
Q, are what is differentiated: so the cost of a convolution, and of its gradients, is that of r radial functions.
"""

from __future__ import annotations

from math import pi, sqrt
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call

from intertwine._cached_constant import cached_constant
from intertwine.ops import bessel_basis, piecewise_polynomial

INTERVALS, ORDER = 64, 6
TOLERANCE = 2e-6
_MIN_EDGES, _MULTIPLE = 4096, 4
_STEP, _WEIGHT_OF_CHANGES = 1e-2, 0.1


class LowRankRadial(NamedTuple):
    """Radial functions of edges as a product.

    Attributes:
        functions: ``(E, r)`` the basis functions at the lengths.
        coefficients: ``(r, H)``; ``None`` stands for the identity.
    """

    functions: Tensor
    coefficients: Tensor | None

    def fold(self, weights: Tensor) -> Tensor:
        """Weights ``(n * H, c)`` on the radial functions as weights ``(n * r, c)`` on the basis functions."""
        if self.coefficients is None:
            return weights
        folded: Tensor = self.coefficients @ weights.unflatten(0, (-1, self.coefficients.shape[1]))
        return folded.flatten(0, 1)


def _local_nodes() -> Tensor:
    """Chebyshev nodes of an interval [-1, 1]."""
    return torch.cos(pi * (torch.arange(ORDER, dtype=torch.float64) + 0.5) / ORDER)


@cached_constant
def _nodes() -> Tensor:
    """Chebyshev nodes of all intervals in [0, 1], ``(n * order,)``."""
    starts = torch.arange(INTERVALS, dtype=torch.float64)[:, None]
    return ((starts + (_local_nodes() + 1) / 2) / INTERVALS).flatten()


@cached_constant
def _to_coefficients() -> Tensor:
    """``(order, order)``: from values at the nodes of an interval to the coefficients of a polynomial."""
    inverse: Tensor = torch.linalg.inv(_local_nodes()[:, None] ** torch.arange(ORDER))
    return inverse


def low_rank_radial(network: nn.Module, lengths: Tensor, cutoff: float, radial_basis: int) -> LowRankRadial | None:
    """Factorization of the functions ``network(bessel_basis(lengths))``, in float32 for many edges on the CPU.

    Args:
        network: Maps ``(E, radial_basis)`` to ``(E, H)``.
        lengths: ``(E,)``.
        cutoff: Of the basis.
        radial_basis: Number of its functions.

    Returns:
        The factors; ``None`` where they would not be cheaper: few edges or functions, nearly full rank; in float64,
        where the error would be seen; and where the rank may not depend on the values: compiled, exported, batched.

    Error: over [0, cutoff] the root mean square of what is left out is at most ``TOLERANCE`` times that of the
    functions; their derivatives in the parameters of the network are right to 1e-4, which the tests bound.
    """
    parameters = dict(network.named_parameters())
    dtypes = {lengths.dtype, *(parameter.dtype for parameter in parameters.values())}
    if torch.compiler.is_compiling() or lengths.device.type != "cpu":
        return None
    if lengths.shape[0] < _MIN_EDGES or dtypes != {torch.float32} or not parameters:
        return None
    nodes = _nodes()
    inputs = bessel_basis(nodes * cutoff, cutoff, radial_basis)
    exact = {name: parameter.double() for name, parameter in parameters.items()}
    with torch.autocast("cpu", enabled=False):
        values = functional_call(network, exact, (inputs,))
        basis = _basis(network, exact, inputs, values)
    if basis is None:
        return None
    table = (_to_coefficients() @ basis.unflatten(0, (INTERVALS, ORDER))).float()
    coefficients = (basis.T @ values) / len(nodes)
    return LowRankRadial(piecewise_polynomial(lengths / cutoff, table), coefficients.float())


@torch.no_grad()
def _basis(network: nn.Module, parameters: dict[str, Tensor], inputs: Tensor, values: Tensor) -> Tensor | None:
    """``(nodes, r)``, of unit mean square: spans the values and their changes; ``None`` where it is no shorter."""
    changed = {}
    for name, parameter in parameters.items():
        irregular = torch.cos(torch.arange(parameter.numel(), dtype=parameter.dtype).square()).view(parameter.shape)
        changed[name] = parameter + _STEP * parameter.square().mean().sqrt() * irregular
    changes = (functional_call(network, changed, (inputs,)) - values) * (_WEIGHT_OF_CHANGES / _STEP)
    samples = torch.cat([values, changes], 1)
    try:
        squares, directions = torch.linalg.eigh(samples.T @ samples)
        left_out = squares.clamp_min(0).cumsum(0)
        rank = int((left_out > TOLERANCE**2 * left_out[-1]).sum())
    except RuntimeError:  # not finite; or inside of vmap, where the rank may differ from example to example
        return None
    rank = -(-rank // _MULTIPLE) * _MULTIPLE
    if rank > 0.85 * values.shape[1]:
        return None
    basis: Tensor = torch.linalg.qr(samples @ directions[:, -rank:]).Q
    return basis * sqrt(len(inputs))
