"""Networks made of the layers."""

from intertwine.models._family import Family, Space
from intertwine.models._message import Message
from intertwine.models._point_encoder import PointEncoder
from intertwine.models._point_networks import DGCNN, PointNet
from intertwine.models._steerable import Steerable
from intertwine.models._vector import Vector
from intertwine.models._vector_networks import VectorDGCNN, VectorPointNet

__all__ = [
    "DGCNN",
    "Family",
    "Message",
    "PointEncoder",
    "PointNet",
    "Space",
    "Steerable",
    "Vector",
    "VectorDGCNN",
    "VectorPointNet",
]
