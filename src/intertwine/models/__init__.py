"""Networks on point clouds, images, volumes, sets and arrays: encoders, families, frames, group convolutions."""

from intertwine.models._hierarchical_encoder import HierarchicalEncoder
from intertwine.models._point_encoder import PointEncoder
from intertwine.models._pointnet import DGCNN, PointNet
from intertwine.models._scalar_batch_norm import ScalarBatchNorm
from intertwine.models._shape_descriptor import ShapeDescriptor
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
    KeypointDetector,
    NormFields,
    PatchDescription,
    PatchDescriptor,
    RegularFields,
    UNet,
    VoxelCNN,
    WideResNet,
)
from intertwine.models.pair import PlainRotationNetwork, RegistrationNetwork, RotationNetwork
from intertwine.models.potential import (
    CommitteeDeviation,
    LabeledStructures,
    Potential,
    PotentialOutput,
    committee_deviation,
    refit_readout,
)
from intertwine.models.sets import DeepSets, ExchangeableNetwork, SetTransformer
from intertwine.models.tracks import CamerasAndPoints, TracksNetwork
from intertwine.models.weights import WeightMessageNetwork, WeightNetwork, WeightSpaceNetwork

__all__ = [
    "DGCNN",
    "GCNN",
    "AttentionFamily",
    "CamerasAndPoints",
    "Canonicalization",
    "CommitteeDeviation",
    "DeepSets",
    "DepthwiseFamily",
    "EGNNFamily",
    "EquiformerFamily",
    "ExchangeableNetwork",
    "Family",
    "Fields",
    "FourierFields",
    "FrameAverage",
    "GatedFields",
    "GridNetwork",
    "HarmonicNetwork",
    "HierarchicalEncoder",
    "InteractionConfig",
    "KeypointDetector",
    "LabeledStructures",
    "LearnedFrame",
    "LiftedFamily",
    "MessageFamily",
    "NormFields",
    "PatchDescription",
    "PatchDescriptor",
    "PlainRotationNetwork",
    "PointEncoder",
    "PointNet",
    "Potential",
    "PotentialOutput",
    "PrincipalFrame",
    "RegistrationNetwork",
    "RegularFields",
    "RotationNetwork",
    "ScalarBatchNorm",
    "SetTransformer",
    "ShapeDescriptor",
    "SteerableFamily",
    "TracksNetwork",
    "UNet",
    "VectorDGCNN",
    "VectorFamily",
    "VectorPointNet",
    "VoxelCNN",
    "WeightMessageNetwork",
    "WeightNetwork",
    "WeightSpaceNetwork",
    "WideResNet",
    "committee_deviation",
    "describe_family",
    "get_family",
    "known_families",
    "refit_readout",
    "rotation_group",
]
