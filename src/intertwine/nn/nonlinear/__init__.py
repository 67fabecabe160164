"""Nonlinearities of sums of irreps: gates, norms, sampling on the sphere, tensor products."""

from intertwine.nn.nonlinear._gate import SIGMOID_GAIN, SILU_GAIN, Gate, NormInvariants, NormNonlinearity
from intertwine.nn.nonlinear._sampled import FourierNonlinearity, SphereNonlinearity
from intertwine.nn.nonlinear._self_interaction import AttentiveSelfInteraction
from intertwine.nn.nonlinear._tensor_square import TensorSquare

__all__ = [
    "SIGMOID_GAIN",
    "SILU_GAIN",
    "AttentiveSelfInteraction",
    "FourierNonlinearity",
    "Gate",
    "NormInvariants",
    "NormNonlinearity",
    "SphereNonlinearity",
    "TensorSquare",
]
