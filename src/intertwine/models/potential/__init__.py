"""Interatomic potentials: many-body equivariant networks whose forces are derivatives of the energy."""

from intertwine.models.potential._committee import CommitteeDeviation, committee_deviation
from intertwine.models.potential._potential import Potential, PotentialOutput
from intertwine.models.potential._refit import LabeledStructures, refit_readout

__all__ = [
    "CommitteeDeviation",
    "LabeledStructures",
    "Potential",
    "PotentialOutput",
    "committee_deviation",
    "refit_readout",
]
