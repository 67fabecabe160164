"""How groups act on data: on vectors, on features of points, on point clouds in space."""

from intertwine.actions._action import Action, Motion
from intertwine.actions._linear import LinearAction, as_action
from intertwine.actions._points import PointCloud, PointFeatures

__all__ = ["Action", "LinearAction", "Motion", "PointCloud", "PointFeatures", "as_action"]
