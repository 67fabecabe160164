"""Layers that read the weights of networks, equivariant under permutations of their hidden features."""

from intertwine.nn.weights._layers import (
    WeightSpaceActivation,
    WeightSpaceAttention,
    WeightSpaceLinear,
    WeightSpaceNorm,
    check_weights,
)
from intertwine.nn.weights._sine import Sine
from intertwine.nn.weights._space import WeightArray, Weights, WeightSpace
from intertwine.nn.weights._symmetries import normal_form

__all__ = [
    "Sine",
    "WeightArray",
    "WeightSpace",
    "WeightSpaceActivation",
    "WeightSpaceAttention",
    "WeightSpaceLinear",
    "WeightSpaceNorm",
    "Weights",
    "check_weights",
    "normal_form",
]
