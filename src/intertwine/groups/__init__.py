"""What acts: groups of matrices, with Haar sampling, Lie algebras and generators."""

from intertwine.groups._affine import E2, E3, SE2, SE3, AffineGroup, Translations
from intertwine.groups._classical import SL, SU2, Scaling, Sp
from intertwine.groups._constant import constant
from intertwine.groups._finite import FiniteGroup
from intertwine.groups._group import Group
from intertwine.groups._homomorphism import (
    DoubleCover,
    Embedding,
    Homomorphism,
    Inclusion,
    LinearPart,
    Projection,
    factor_embeddings,
    onto_left,
    onto_right,
)
from intertwine.groups._lorentz import FullLorentz, Lorentz
from intertwine.groups._matrix import FiniteMatrixGroup, MatrixGroup
from intertwine.groups._orthogonal import (
    O2,
    O3,
    SO,
    SO2,
    SO3,
    U1,
    FullOrthogonal,
    O,
    OrthogonalGroup,
    SpecialOrthogonal,
)
from intertwine.groups._permutation import Alternating, Symmetric
from intertwine.groups._planar import Cyclic, Dihedral
from intertwine.groups._polyhedral import (
    FullIcosahedral,
    FullOctahedral,
    FullTetrahedral,
    Icosahedral,
    Octahedral,
    PolyhedralGroup,
    Pyritohedral,
    Tetrahedral,
)
from intertwine.groups._products import (
    DirectProduct,
    FiniteDirectProduct,
    FiniteSemidirectProduct,
    SemidirectProduct,
)

__all__ = [
    "E2",
    "E3",
    "O2",
    "O3",
    "SE2",
    "SE3",
    "SL",
    "SO",
    "SO2",
    "SO3",
    "SU2",
    "U1",
    "AffineGroup",
    "Alternating",
    "Cyclic",
    "Dihedral",
    "DirectProduct",
    "DoubleCover",
    "Embedding",
    "FiniteDirectProduct",
    "FiniteGroup",
    "FiniteMatrixGroup",
    "FiniteSemidirectProduct",
    "FullIcosahedral",
    "FullLorentz",
    "FullOctahedral",
    "FullOrthogonal",
    "FullTetrahedral",
    "Group",
    "Homomorphism",
    "Icosahedral",
    "Inclusion",
    "LinearPart",
    "Lorentz",
    "MatrixGroup",
    "O",
    "Octahedral",
    "OrthogonalGroup",
    "PolyhedralGroup",
    "Projection",
    "Pyritohedral",
    "Scaling",
    "SemidirectProduct",
    "Sp",
    "SpecialOrthogonal",
    "Symmetric",
    "Tetrahedral",
    "Translations",
    "constant",
    "factor_embeddings",
    "onto_left",
    "onto_right",
]
