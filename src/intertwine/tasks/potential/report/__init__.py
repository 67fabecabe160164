"""The HTML page about a run of `potential`: errors, parity plots, structures that one can turn, learning curves."""

from intertwine.tasks.potential.report._page import PotentialPage
from intertwine.tasks.potential.report._structures import Structure, structure_viewer

__all__ = ["PotentialPage", "Structure", "structure_viewer"]
