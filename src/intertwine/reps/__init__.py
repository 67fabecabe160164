"""How groups act on vectors: representations as values, irreps, Clebsch-Gordan, decomposition."""

from intertwine.reps._as_rep import as_rep
from intertwine.reps._cartesian import CartesianTensor
from intertwine.reps._composite import DirectSum, Dual, TensorProduct, direct_sum, tensor_product
from intertwine.reps._elementary import Adjoint, Regular, Trivial, Vector
from intertwine.reps._fourier import FiniteFourier, FourierTransform, SO3Fourier
from intertwine.reps._induced import Induced
from intertwine.reps._powers import AntisymmetricPower, SymmetricPower
from intertwine.reps._pullback import Pullback
from intertwine.reps._rep import Irrep, Rep
from intertwine.reps.irreps._finite import FiniteIrrep
from intertwine.reps.irreps._irrep_table import IrrepTable, irrep_table
from intertwine.reps.irreps._planar import PlanarIrrep
from intertwine.reps.irreps._product import ProductIrrep
from intertwine.reps.irreps._spherical import SphericalIrrep
from intertwine.reps.irreps._spin import SpinIrrep
from intertwine.reps.irreps._symmetric import SymmetricIrrep
from intertwine.reps.irreps._wigner import wigner_d, wigner_matrices
from intertwine.reps.solve._characters import CharacterTable, character_table, frobenius_schur
from intertwine.reps.solve._clebsch_gordan import wigner_3j
from intertwine.reps.solve._components import NumericalIrrep
from intertwine.reps.solve._constraints import canonical_basis, solve_constraints
from intertwine.reps.solve._decompose import Decomposition
from intertwine.reps.solve._equivalence import ChangedBasis, equivalence, unitarize

CONVENTION_VERSION: int = 1
"""Counts changes of the order, sign or normalization of any basis; stands in every checkpoint."""

__all__ = [
    "CONVENTION_VERSION",
    "Adjoint",
    "AntisymmetricPower",
    "CartesianTensor",
    "ChangedBasis",
    "CharacterTable",
    "Decomposition",
    "DirectSum",
    "Dual",
    "FiniteFourier",
    "FiniteIrrep",
    "FourierTransform",
    "Induced",
    "Irrep",
    "IrrepTable",
    "NumericalIrrep",
    "PlanarIrrep",
    "ProductIrrep",
    "Pullback",
    "Regular",
    "Rep",
    "SO3Fourier",
    "SphericalIrrep",
    "SpinIrrep",
    "SymmetricIrrep",
    "SymmetricPower",
    "TensorProduct",
    "Trivial",
    "Vector",
    "as_rep",
    "canonical_basis",
    "character_table",
    "direct_sum",
    "equivalence",
    "frobenius_schur",
    "irrep_table",
    "solve_constraints",
    "tensor_product",
    "unitarize",
    "wigner_3j",
    "wigner_d",
    "wigner_matrices",
]
