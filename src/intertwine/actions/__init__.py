"""How groups act on data: on vectors, points, images, arrays, and on tuples and dicts of these."""

from intertwine.actions._action import Action, Part
from intertwine.actions._arrays import Array, Indices
from intertwine.actions._images import Images, RotatedImages
from intertwine.actions._linear import LinearAction, as_action
from intertwine.actions._points import PointCloud, PointFeatures
from intertwine.actions._transform import Transform
from intertwine.actions._tuple import TupleAction

__all__ = [
    "Action",
    "Array",
    "Images",
    "Indices",
    "LinearAction",
    "Part",
    "PointCloud",
    "PointFeatures",
    "RotatedImages",
    "Transform",
    "TupleAction",
    "as_action",
]
