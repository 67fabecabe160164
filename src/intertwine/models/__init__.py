"""Networks on point clouds, images and volumes: encoders, families of interactions, frames, group convolutions."""

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
from intertwine.models.grid import (
    GCNN,
    Fields,
    FourierFields,
    GatedFields,
    GridNetwork,
    HarmonicNetwork,
    NormFields,
    RegularFields,
    UNet,
    VoxelCNN,
    WideResNet,
)
from intertwine.models.potential import Potential, PotentialOutput

__all__ = [
    "DGCNN",
    "GCNN",
    "AttentionFamily",
    "Canonicalization",
    "DepthwiseFamily",
    "EGNNFamily",
    "EquiformerFamily",
    "Family",
    "Fields",
    "FourierFields",
    "FrameAverage",
    "GatedFields",
    "GridNetwork",
    "HarmonicNetwork",
    "HierarchicalEncoder",
    "InteractionConfig",
    "LearnedFrame",
    "LiftedFamily",
    "MessageFamily",
    "NormFields",
    "PointEncoder",
    "PointNet",
    "Potential",
    "PotentialOutput",
    "PrincipalFrame",
    "RegularFields",
    "ScalarBatchNorm",
    "SteerableFamily",
    "UNet",
    "VectorDGCNN",
    "VectorFamily",
    "VectorPointNet",
    "VoxelCNN",
    "WideResNet",
    "describe_family",
    "get_family",
    "known_families",
    "rotation_group",
]
