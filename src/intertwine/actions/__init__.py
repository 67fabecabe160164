"""Group actions on data: vectors, point clouds, images, volumes, arrays, and tuples and dicts of these."""

from intertwine.actions._action import Action, LinearAction, as_action
from intertwine.actions._arrays import Array, Indices, TrivialAction
from intertwine.actions._component import Component
from intertwine.actions._images import Images, RotatedImages
from intertwine.actions._pairs import BilinearForms, Maps, PairAction, PairTransform
from intertwine.actions._points import PeriodicPointCloud, PointCloud, PointFeatures, PointSubset
from intertwine.actions._transform import Transform
from intertwine.actions._tuple import TupleAction
from intertwine.actions._volumes import RotatedVolumes, Volumes

__all__ = [
    "Action",
    "Array",
    "BilinearForms",
    "Component",
    "Images",
    "Indices",
    "LinearAction",
    "Maps",
    "PairAction",
    "PairTransform",
    "PeriodicPointCloud",
    "PointCloud",
    "PointFeatures",
    "PointSubset",
    "RotatedImages",
    "RotatedVolumes",
    "Transform",
    "TrivialAction",
    "TupleAction",
    "Volumes",
    "as_action",
]
