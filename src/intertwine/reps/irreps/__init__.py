"""Irreducible representations over the reals, and the tables that list and read them.

Of SO(2), O(2), the cyclic and dihedral groups; SO(3) and O(3); SU(2); the symmetric groups; every finite group of at
most 1000 elements; and direct products of these. Of any other compact group, those inside a given rep, numerically.
"""

from intertwine.reps.irreps._finite import FiniteIrrep
from intertwine.reps.irreps._irrep_table import IrrepTable, UnknownIrreps, irrep_table
from intertwine.reps.irreps._numerical import NumericalIrrep, components
from intertwine.reps.irreps._planar import PlanarIrrep
from intertwine.reps.irreps._product import ProductIrrep
from intertwine.reps.irreps._spherical import SphericalIrrep
from intertwine.reps.irreps._spin import SpinIrrep
from intertwine.reps.irreps._symmetric import SymmetricIrrep
from intertwine.reps.irreps._wigner import wigner_d, wigner_matrices

__all__ = [
    "FiniteIrrep",
    "IrrepTable",
    "NumericalIrrep",
    "PlanarIrrep",
    "ProductIrrep",
    "SphericalIrrep",
    "SpinIrrep",
    "SymmetricIrrep",
    "UnknownIrreps",
    "components",
    "irrep_table",
    "wigner_d",
    "wigner_matrices",
]
