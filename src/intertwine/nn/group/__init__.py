"""Layers on the regular representation of a finite group: group convolutions, lifting, pooling, normalization."""

from intertwine.nn.group._group_conv import GroupPointConv, InterPointConv
from intertwine.nn.group._group_maps import IntraGroupConv, LiftToGroup, ProjectFromGroup, identity_neighborhood
from intertwine.nn.group._regular import (
    GroupPool,
    GroupReduce,
    PointwiseNonlinearity,
    RegularBatchNorm,
    regular_copies,
)
from intertwine.nn.group._rotation_readout import RotationReadout

__all__ = [
    "GroupPointConv",
    "GroupPool",
    "GroupReduce",
    "InterPointConv",
    "IntraGroupConv",
    "LiftToGroup",
    "PointwiseNonlinearity",
    "ProjectFromGroup",
    "RegularBatchNorm",
    "RotationReadout",
    "identity_neighborhood",
    "regular_copies",
]
