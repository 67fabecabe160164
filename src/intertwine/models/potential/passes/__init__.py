"""Energies of potentials and their derivatives in passes that are written out, without a graph of autograd."""

from intertwine.models.potential.passes._evaluator import Evaluator

__all__ = ["Evaluator"]
