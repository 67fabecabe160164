"""Numerical linear algebra of representations, without irreps: everything that is solved for.

- ``solve_constraints``: a basis of Hom_G(rep_in, rep_out), the solutions of X rho_in(g) = rho_out(g) X
- ``character_table``: the irreducible characters of a finite group
- ``wigner_3j``: the Clebsch-Gordan coefficients of SO(3)
- ``casimir``, ``eigenspaces``: invariant subspaces
- ``equivalence``, ``unitarize``: changes of basis

The package ``irreps`` stands on this one, and the decomposition into irreps on both.
"""

from intertwine.reps.solve._canonical_basis import canonical_basis
from intertwine.reps.solve._casimir import APART, Subspace, casimir, eigenspaces, is_self_adjoint, is_semisimple
from intertwine.reps.solve._characters import (
    CharacterTable,
    RealCharacter,
    character_table,
    frobenius_schur,
    real_characters,
)
from intertwine.reps.solve._clebsch_gordan import wigner_3j
from intertwine.reps.solve._constraints import Expected, check_size, solve_constraints
from intertwine.reps.solve._equivalence import ChangedBasis, equivalence, unitarize
from intertwine.reps.solve._generators import Generators, discrete_constraints, factors, lie_constraints
from intertwine.reps.solve._signed_permutations import orbit_signs, signed_permutation

__all__ = [
    "APART",
    "ChangedBasis",
    "CharacterTable",
    "Expected",
    "Generators",
    "RealCharacter",
    "Subspace",
    "canonical_basis",
    "casimir",
    "character_table",
    "check_size",
    "discrete_constraints",
    "eigenspaces",
    "equivalence",
    "factors",
    "frobenius_schur",
    "is_self_adjoint",
    "is_semisimple",
    "lie_constraints",
    "orbit_signs",
    "real_characters",
    "signed_permutation",
    "solve_constraints",
    "unitarize",
    "wigner_3j",
]
