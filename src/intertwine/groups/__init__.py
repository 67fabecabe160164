"""What acts: groups of matrices, with Haar sampling, Lie algebras and generators."""

from intertwine.groups._finite import Cyclic, Dihedral, FiniteGroup
from intertwine.groups._group import Group
from intertwine.groups._orthogonal import O2, O3, SO2, SO3, OrthogonalGroup

__all__ = ["O2", "O3", "SO2", "SO3", "Cyclic", "Dihedral", "FiniteGroup", "Group", "OrthogonalGroup"]
