"""Representations of groups: sums, products and powers, irreps, Clebsch-Gordan coefficients, decomposition."""

from intertwine.groups import Decomposition, Irrep, Kind, Rep
from intertwine.reps._as_rep import as_rep
from intertwine.reps._cartesian import CartesianTensor
from intertwine.reps._composite import DirectSum, Dual, TensorProduct, direct_sum, dual, tensor_product
from intertwine.reps._decompose import decompose
from intertwine.reps._elementary import Adjoint, DefiningRep, Regular, Trivial
from intertwine.reps._external import external_product, maps_rep
from intertwine.reps._fourier import FiniteFourier, FourierTransform, SO3Fourier
from intertwine.reps._induced import Induced, induce
from intertwine.reps._powers import AntisymmetricPower, SymmetricPower, antisymmetric_power, symmetric_power
from intertwine.reps._pullback import Pullback
from intertwine.reps._restrict import restrict
from intertwine.reps.irreps import (
    FiniteIrrep,
    IrrepTable,
    NumericalIrrep,
    PlanarIrrep,
    ProductIrrep,
    SphericalIrrep,
    SpinIrrep,
    SymmetricIrrep,
    irrep_table,
    wigner_d,
    wigner_matrices,
)
from intertwine.reps.solve import (
    ChangedBasis,
    CharacterTable,
    Generators,
    canonical_basis,
    character_table,
    equivalence,
    frobenius_schur,
    solve_constraints,
    unitarize,
    wigner_3j,
)

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
    "DefiningRep",
    "DirectSum",
    "Dual",
    "FiniteFourier",
    "FiniteIrrep",
    "FourierTransform",
    "Generators",
    "Induced",
    "Irrep",
    "IrrepTable",
    "Kind",
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
    "antisymmetric_power",
    "as_rep",
    "canonical_basis",
    "character_table",
    "decompose",
    "direct_sum",
    "dual",
    "equivalence",
    "external_product",
    "frobenius_schur",
    "induce",
    "irrep_table",
    "maps_rep",
    "restrict",
    "solve_constraints",
    "symmetric_power",
    "tensor_product",
    "unitarize",
    "wigner_3j",
    "wigner_d",
    "wigner_matrices",
]
