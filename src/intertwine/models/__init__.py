"""Networks made of the layers."""

from intertwine.models._attention import Attention
from intertwine.models._egnn import Egnn
from intertwine.models._family import Family, InteractionConfig
from intertwine.models._frames import Canonicalization, FrameAverage, PrincipalFrame
from intertwine.models._hierarchical import HierarchicalEncoder
from intertwine.models._learned_frame import LearnedFrame
from intertwine.models._lifted import Lifted
from intertwine.models._message import Message
from intertwine.models._point_encoder import PointEncoder
from intertwine.models._point_networks import DGCNN, PointNet
from intertwine.models._steerable import Steerable
from intertwine.models._vector import Vector
from intertwine.models._vector_networks import VectorDGCNN, VectorPointNet

__all__ = [
    "DGCNN",
    "Attention",
    "Canonicalization",
    "Egnn",
    "Family",
    "FrameAverage",
    "HierarchicalEncoder",
    "InteractionConfig",
    "LearnedFrame",
    "Lifted",
    "Message",
    "PointEncoder",
    "PointNet",
    "PrincipalFrame",
    "Steerable",
    "Vector",
    "VectorDGCNN",
    "VectorPointNet",
]
