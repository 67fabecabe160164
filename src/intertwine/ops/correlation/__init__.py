"""Correlation of two fields over all rigid motions: search on a grid of SE(3), refinement, separated maxima."""

from intertwine.ops.correlation._fields import GaussianKernel, PointField
from intertwine.ops.correlation._maximize import CorrelationMaxima, maximize_correlation
from intertwine.ops.correlation._refine import correlation, refine_correlation
from intertwine.ops.correlation._search import search_correlation
from intertwine.ops.correlation._suppression import motion_distances, suppress_motions

__all__ = [
    "CorrelationMaxima",
    "GaussianKernel",
    "PointField",
    "correlation",
    "maximize_correlation",
    "motion_distances",
    "refine_correlation",
    "search_correlation",
    "suppress_motions",
]
