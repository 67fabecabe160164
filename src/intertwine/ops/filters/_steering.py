"""Filters by name, and the responses of images to filters at any angle from those at the angles of a basis."""

from __future__ import annotations

from math import ceil, sqrt

import torch
from torch import Tensor
from torch.nn import functional

from intertwine._errors import UsageError
from intertwine.ops.filters._decomposition import AngularDecomposition, angular_decomposition, plane_rotations
from intertwine.ops.filters._polynomial import PolynomialFilter, gaussian_derivative, hilbert_fit
from intertwine.ops.filters._sampled import filter_kernels

FILTERS = ("G1", "G2", "G3", "G4", "H1", "H2", "H3", "H4")
"""Names of filters: derivatives of a Gaussian, and the fits to their Hilbert transforms."""


def named_filter(name: str, sigma: float = sqrt(0.5)) -> PolynomialFilter:
    """G1 to G4 (`gaussian_derivative`) or H1 to H4 (`hilbert_fit`) in the plane.

    Args:
        name: One of `FILTERS`.
        sigma: Of the Gaussian.

    Raises:
        UsageError: There is no such filter, or sigma is not positive.

    Example:
        >>> named_filter("H2") == hilbert_fit(2)
        True
    """
    if name not in FILTERS:
        raise UsageError(f'no filter "{name}". Known: {", ".join(FILTERS)}')
    make = gaussian_derivative if name[0] == "G" else hilbert_fit
    return make(int(name[1]), sigma)


def steered_responses(images: Tensor, function: PolynomialFilter, angles: Tensor) -> Tensor:
    """The responses of images to a filter at any angles, ``I * f^t = sum_j k_j(t) (I * f^{t_j})``.

    Here ``(I * f)(x) = sum_y I(x + y) f(y)``, the correlation, as in `torch.nn.functional.conv2d`.

    Args:
        images: ``(..., height, width)``, floating point; the border is repeated outside.
        function: The filter; sigma in pixels.
        angles: t, ``(A,)``, radians, from x toward y (up).

    Returns:
        ``(A, ..., height, width)``.

    Cost: a convolution for each of the J angles t_j of the minimal basis, whatever the number A; kernels have
    ``2 kernel_reach(function) + 1`` pixels a side.

    Reference: Freeman, Adelson, IEEE PAMI 13 (1991) 891, equation 9 and figure 3.

    Example:
        >>> ramp = torch.arange(32.0).expand(32, 32)  # along x
        >>> here = steered_responses(ramp, named_filter("G1", 1.5), torch.tensor([0.0, torch.pi / 2]))[:, 16, 16]
        >>> bool(here[0].abs() > 1), bool(here[1].abs() < 1e-5)
        (True, True)
    """
    parts = decomposition(function)
    base = parts.base_rotations()
    k, _ = parts.interpolation(base, plane_rotations(angles.to(torch.float64)))
    reach = kernel_reach(function)
    kernels = filter_kernels(function, base, 2 * reach + 1).to(images)
    flat = images.reshape(-1, 1, *images.shape[-2:])
    padded = functional.pad(flat, (reach,) * 4, mode="replicate")
    responses = functional.conv2d(padded, kernels[:, None]).movedim(1, 0)
    steered: Tensor = torch.tensordot(k.to(images), responses, 1)
    return steered.reshape(len(angles), *images.shape)


def decomposition(function: PolynomialFilter) -> AngularDecomposition:
    """The angular decomposition of a filter in the plane, with all of its frequencies."""
    return angular_decomposition(function, function.extent, function.degree)


def kernel_reach(function: PolynomialFilter) -> int:
    """Pixels on either side of the middle of its kernels: ``sigma (3 + sqrt(degree))``, rounded up."""
    return ceil(function.sigma * (3 + sqrt(function.degree)))
