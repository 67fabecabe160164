"""Networks on point clouds: encoders, their families of interactions, and frames that make any network equivariant."""

from intertwine.models._hierarchical_encoder import HierarchicalEncoder
from intertwine.models._point_encoder import PointEncoder
from intertwine.models._pointnet import DGCNN, PointNet
from intertwine.models._scalar_batch_norm import ScalarBatchNorm
from intertwine.models._vector_pointnet import VectorDGCNN, VectorPointNet
from intertwine.models.families import (
    AttentionFamily,
    DepthwiseFamily,
    EGNNFamily,
    EquiformerFamily,
    Family,
    InteractionConfig,
    LiftedFamily,
    MessageFamily,
    SteerableFamily,
    VectorFamily,
    describe_family,
    get_family,
    known_families,
    rotation_group,
)
from intertwine.models.frames import Canonicalization, FrameAverage, LearnedFrame, PrincipalFrame

__all__ = [
    "DGCNN",
    "AttentionFamily",
    "Canonicalization",
    "DepthwiseFamily",
    "EGNNFamily",
    "EquiformerFamily",
    "Family",
    "FrameAverage",
    "HierarchicalEncoder",
    "InteractionConfig",
    "LearnedFrame",
    "LiftedFamily",
    "MessageFamily",
    "PointEncoder",
    "PointNet",
    "PrincipalFrame",
    "ScalarBatchNorm",
    "SteerableFamily",
    "VectorDGCNN",
    "VectorFamily",
    "VectorPointNet",
    "describe_family",
    "get_family",
    "known_families",
    "rotation_group",
]
