"""Networks on images and volumes: group convolutional, steerable, harmonic, residual, U-Nets, and local features."""

from intertwine.models.grid._fields import Fields, FourierFields, GatedFields, NormFields, RegularFields
from intertwine.models.grid._gcnn import GCNN, HarmonicNetwork, VoxelCNN
from intertwine.models.grid._keypoints import KeypointDetector, PatchDescription, PatchDescriptor
from intertwine.models.grid._network import GridNetwork
from intertwine.models.grid._residual import UNet, WideResNet

__all__ = [
    "GCNN",
    "Fields",
    "FourierFields",
    "GatedFields",
    "GridNetwork",
    "HarmonicNetwork",
    "KeypointDetector",
    "NormFields",
    "PatchDescription",
    "PatchDescriptor",
    "RegularFields",
    "UNet",
    "VoxelCNN",
    "WideResNet",
]
