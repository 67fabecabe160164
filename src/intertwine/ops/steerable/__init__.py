"""Steerable convolutions: spherical harmonics coupled to features by Clebsch-Gordan coefficients."""

from intertwine.ops.steerable._coupling import Coupling, IrrepLabel
from intertwine.ops.steerable._depthwise_conv import depthwise_conv
from intertwine.ops.steerable._steerable_conv import steerable_conv
from intertwine.ops.steerable._steerable_messages import steerable_messages

__all__ = ["Coupling", "IrrepLabel", "depthwise_conv", "steerable_conv", "steerable_messages"]
