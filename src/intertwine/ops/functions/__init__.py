"""Functions of one point or one number: spherical harmonics, radial functions, activations, quadrature grids."""

from intertwine.ops.functions._activation import silu
from intertwine.ops.functions._edge_basis import EdgeBasis, edge_basis
from intertwine.ops.functions._piecewise_polynomial import piecewise_polynomial
from intertwine.ops.functions._quadrature import circle_grid, product_grid, sphere_grid
from intertwine.ops.functions._radial import bessel_basis, bessel_with_derivative, smooth_cutoff
from intertwine.ops.functions._safe_norm import safe_norm, safe_normalize
from intertwine.ops.functions._spherical_harmonics import spherical_harmonics

__all__ = [
    "EdgeBasis",
    "bessel_basis",
    "bessel_with_derivative",
    "circle_grid",
    "edge_basis",
    "piecewise_polynomial",
    "product_grid",
    "safe_norm",
    "safe_normalize",
    "silu",
    "smooth_cutoff",
    "sphere_grid",
    "spherical_harmonics",
]
