"""Conversion of weights between a steerable convolution and the same layer of e3nn.

There each edge has its own weights, ``weight = radial(|r|) @ matrix`` of a ``FullyConnectedTensorProduct(rep_in,
harmonics up to lmax, rep_out, shared_weights=False)``; the matrix holds the same numbers as ours in another order, and
in e3nn's normalization by paths instead of ours at the first draw.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt

import torch
from torch import Tensor

from intertwine.nn.conv._steerable import SteerableConv


def e3nn_weights(conv: SteerableConv) -> Tensor:
    """The last matrix of the radial network in e3nn's order and normalization.

    Args:
        conv: A convolution.

    Returns:
        ``(H, weight_numel)``, H being the width of the radial functions.

    Example:
        >>> conv = SteerableConv("5x0e + 5x1o", "5x0e + 1x1o", lmax=2)
        >>> e3nn_weights(conv).shape
        torch.Size([64, 65])
    """
    parts = [scale * part.flatten(1) for part, scale in _paths(conv)]
    return torch.cat(parts, 1) if parts else torch.zeros(conv.radial.width, 0, dtype=torch.float32)


def load_e3nn_weights(conv: SteerableConv, matrix: Tensor) -> None:
    """Make a convolution the same function as e3nn's with these weights.

    Args:
        conv: The convolution to change.
        matrix: ``(H, weight_numel)``: the last layer, without bias, of the network on the edge lengths.

    Raises:
        ValueError: If the shape does not fit.
    """
    expected = conv.radial.width, sum(part[0].numel() for part, _ in _paths(conv))
    if matrix.shape != expected:
        raise ValueError(
            f"expected a matrix {expected}: radial functions, weights of the tensor product; got {tuple(matrix.shape)}"
        )
    start = 0
    with torch.no_grad():
        for part, scale in _paths(conv):
            end = start + part[0].numel()
            part.copy_(matrix[:, start:end].view_as(part) / scale)
            start = end


def _paths(conv: SteerableConv) -> Iterator[tuple[Tensor, float]]:
    """Path by path in e3nn's order: a view ``(H, c_in, c_out)`` of our weights, and e3nn's in units of ours."""
    coupling, views = conv.coupling, {}
    for (i, o), weight in zip(coupling.pairs(), conv.weights, strict=True):
        degrees = coupling.paths(i, o)
        parts = weight.detach().unflatten(0, (len(degrees), -1, conv.radial.width)).transpose(1, 2)
        views.update({(i, degree, o): part for degree, part in zip(degrees, parts, strict=True)})
    for (_, _, o), part in sorted(views.items(), key=lambda item: item[0]):
        yield part, sqrt(coupling.fan_in(o))
