"""Random changes of training networks: of the plane on which they are functions, of their order, noise."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from intertwine.nn import Weights, WeightSpace
from intertwine.tasks.weights._network import permuted_weights
from intertwine.training import normal_per_example

_ANGLE, _SCALE, _SHIFT, _NOISE = 0.15, 0.1, 0.06, 0.03
"""Standard deviations: radians, logarithm of a factor, units of the inputs, and of the spread of an array."""


class WeightAugmentation:
    """Changes of networks by what their labels do not depend on.

    A network f on the plane becomes f(A x + t), with W_1 A and b_1 + W_1 t in its first layer: a rotation, a change of
    scale, a shift of the picture that it shows. The numbers are a function of the seed and the index of each network.

    Args:
        names: Some of noise, permute, rotate, scale, shift.
        space: The weight space.
    """

    def __init__(self, names: Sequence[str], space: WeightSpace) -> None:
        self.names, self.space = tuple(names), space

    def __call__(self, weights: Weights, indices: Tensor, seed: int) -> Weights:
        """Change some networks.

        Args:
            weights: For each array ``(N, *axes, 1)``.
            indices: ``(N,)`` numbers of the networks.
            seed: Of the step.
        """
        if not self.names:
            return weights
        if {"rotate", "scale", "shift"} & set(self.names):
            weights = self._move_plane(weights, normal_per_example(seed, indices, 5).to(weights[0]))
        if "permute" in self.names:
            weights = permuted_weights(self.space, weights, seed)
        if "noise" in self.names:
            weights = self._add_noise(weights, seed)
        return weights

    def _move_plane(self, weights: Weights, normal: Tensor) -> Weights:
        angle = _ANGLE * normal[:, 0] * ("rotate" in self.names)
        scale = torch.exp(_SCALE * normal[:, 1:3] * ("scale" in self.names))
        shift = _SHIFT * normal[:, 3:5] * ("shift" in self.names)
        cos, sin = angle.cos(), angle.sin()
        turn = torch.stack([torch.stack([cos, -sin], -1), torch.stack([sin, cos], -1)], -2)
        first = weights[0][..., 0]
        matrix = first @ (turn * scale[:, None])
        moved = [matrix[..., None], *weights[1:]]
        if self.space.arrays[1].role == "bias" and "shift" in self.names:
            moved[1] = weights[1] + (first @ shift[..., None])
        return tuple(moved)

    def _add_noise(self, weights: Weights, seed: int) -> Weights:
        generator = torch.Generator().manual_seed(seed + 1)
        return tuple(
            x + _NOISE * x.std() * torch.randn(x.shape, generator=generator, dtype=x.dtype).to(x.device)
            if x.numel() > 1
            else x
            for x in weights
        )
