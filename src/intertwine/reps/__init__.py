"""How groups act on vectors: representations as values, irreps, Clebsch-Gordan, decomposition."""

from intertwine.reps._catalogue import Catalogue, catalogue
from intertwine.reps._clebsch_gordan import wigner_3j
from intertwine.reps._composite import DirectSum, Dual, TensorProduct, direct_sum, tensor_product
from intertwine.reps._constraints import solve_constraints
from intertwine.reps._decompose import Decomposition
from intertwine.reps._elementary import Regular, Trivial, Vector
from intertwine.reps._planar import PlanarIrrep
from intertwine.reps._rep import Irrep, Rep
from intertwine.reps._spherical import SphericalIrrep
from intertwine.reps._wigner import wigner_d, wigner_matrices

CONVENTION_VERSION: int = 1
"""Counts changes of the order, sign or normalisation of any basis; stands in every checkpoint."""

__all__ = [
    "CONVENTION_VERSION",
    "Catalogue",
    "Decomposition",
    "DirectSum",
    "Dual",
    "Irrep",
    "PlanarIrrep",
    "Regular",
    "Rep",
    "SphericalIrrep",
    "TensorProduct",
    "Trivial",
    "Vector",
    "catalogue",
    "direct_sum",
    "solve_constraints",
    "tensor_product",
    "wigner_3j",
    "wigner_d",
    "wigner_matrices",
]
