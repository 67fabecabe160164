"""Interatomic potentials: many-body equivariant networks whose forces are derivatives of the energy."""

from intertwine.models.potential._potential import Potential, PotentialOutput

__all__ = ["Potential", "PotentialOutput"]
