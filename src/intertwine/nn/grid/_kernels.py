"""Filters of one pair of representations from their weights: by a sampled basis, or by rotating one filter.

Bases are sampled once for each pair, size and choice of functions, and kept by value.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from math import sqrt

import torch
from torch import Tensor, nn

from intertwine._cached_constant import cached_constant
from intertwine.groups import FiniteGroup
from intertwine.nn._constant import Constant
from intertwine.nn.grid._basis import KernelBasis
from intertwine.reps import Regular, Rep


class PairKernel(nn.Module, ABC):
    """The linear map from weights to the filter of one pair of representations.

    A weight of unit variance adds the mean of ``1 / fan`` over the output channels to the variance of the output, for
    independent inputs of unit variance.

    Attributes:
        weight_shape: The shape of the weights of one copy of each representation.
    """

    weight_shape: tuple[int, ...]

    @property
    def fan(self) -> int:
        """The number of weights that one output value depends on."""
        count = 1
        for size in self.weight_shape:
            count *= size
        return count

    @abstractmethod
    def forward(self, weight: Tensor) -> Tensor:
        """Map weights ``(..., *weight_shape)`` to filters ``(..., dim_out, dim_in, pixels)``."""


class BasisKernel(PairKernel):
    """K = sum_b w_b K_b, with a sampled basis of all steerable kernels.

    Args:
        rep_in: How the group acts on input features.
        rep_out: How it acts on output features.
        kernel_size: Pixels along an axis.
        basis: The functions of the position.
    """

    def __init__(self, rep_in: Rep, rep_out: Rep, kernel_size: int, basis: KernelBasis) -> None:
        super().__init__()
        sampled = sampled_kernels(rep_in, rep_out, kernel_size, basis)
        self.shape, self.weight_shape = sampled.shape[1:], (len(sampled),)
        self.basis = Constant(sampled.flatten(1))

    def forward(self, weight: Tensor) -> Tensor:
        """See :meth:`PairKernel.forward`."""
        result: Tensor = (weight @ self.basis()).unflatten(-1, self.shape)
        return result


class RotatedKernel(PairKernel):
    """The kernels from or to a regular representation of H: one free filter, rotated by every element.

        to:     K(x)[h, :] = psi(h^-1 x) rho_in(h)^-1          psi(x) a row of length dim_in
        from:   K(x)[:, h] = rho_out(h) phi(h^-1 x)            phi(x) a column of length dim_out

    |H| times fewer operations than a sum over a basis, and weights in the layout of Cohen and Welling.

    Args:
        rep_in: How the group acts on input features.
        rep_out: How it acts on output features; this or the other is regular.
        kernel_size: Pixels along an axis.
        basis: The functions of the position.

    Reference: Cohen and Welling, Group equivariant convolutional networks, ICML 2016, eqs. 10 and 11.
    """

    def __init__(self, rep_in: Rep, rep_out: Rep, kernel_size: int, basis: KernelBasis) -> None:
        super().__init__()
        self.to_regular = isinstance(rep_out, Regular)
        other = rep_in if self.to_regular else rep_out
        group = other.group
        assert isinstance(group, FiniteGroup), "only finite groups have a regular representation"
        self.order, self.dim = group.order, other.dim
        scale = 1.0 if self.to_regular else sqrt(other.dim / group.order)
        self.functions = Constant(scale * sampled_functions(group, kernel_size, basis))
        self.matrices = Constant(other.matrix(group.elements).flatten(0, 1))
        self.weight_shape = (other.dim, self.functions.value.shape[1])

    def forward(self, weight: Tensor) -> Tensor:
        """See :meth:`PairKernel.forward`."""
        first = weight.movedim(-2, 0)  # dim, copies, functions
        rotated = self.matrices() @ first.flatten(1)
        filters = torch.bmm(rotated.view(self.order, -1, first.shape[-1]), self.functions())
        filters = filters.view(self.order, self.dim, *first.shape[1:-1], -1)
        return filters.movedim((0, 1), (-3, -2) if self.to_regular else (-2, -3))


def pair_kernel(rep_in: Rep, rep_out: Rep, kernel_size: int, basis: KernelBasis) -> PairKernel:
    """The cheaper of the two for this pair."""
    regular = isinstance(rep_in, Regular) or isinstance(rep_out, Regular)
    return (RotatedKernel if regular else BasisKernel)(rep_in, rep_out, kernel_size, basis)


@cached_constant
def sampled_kernels(rep_in: Rep, rep_out: Rep, kernel_size: int, basis: KernelBasis) -> Tensor:
    """The kernels of a basis ``(k, dim_out, dim_in, pixels)``, each of squared norm ``dim_out``."""
    kernels = basis.kernels(rep_in, rep_out, kernel_size)
    if len(kernels) == 0:
        return kernels
    norms = kernels.flatten(1).norm(dim=1) / sqrt(rep_out.dim)
    result: Tensor = kernels / norms[:, None, None, None]
    return result


@cached_constant
def sampled_functions(group: FiniteGroup, kernel_size: int, basis: KernelBasis) -> Tensor:
    """The scalar functions of a basis ``(order, functions, pixels)``, each of norm one at the identity."""
    functions = basis.functions(group, kernel_size)
    result: Tensor = functions / functions[0].norm(dim=-1)[:, None]
    return result
