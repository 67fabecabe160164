"""Sign, phase and scale symmetries of activations, removed by a normal form of the weights."""

from __future__ import annotations

from math import pi

import torch
from torch import Tensor

from intertwine.nn.sets import parse_axes
from intertwine.nn.weights._space import WeightArray, Weights, WeightSpace


def normal_form(space: WeightSpace, weights: Weights) -> Weights:
    """The weights of the same function in which signs, phases and scales of hidden features are fixed.

    With w the weights into a hidden feature, b its bias and v the weights out of it:

    - tanh(-x) = -tanh(x): the bias is made positive, or the sum of w where it is zero or there is none;
    - relu(s x) = s relu(x), s > 0: the vector (w, b) is scaled to length one;
    - sin(x + pi) = -sin(x) and sin(pi - x) = sin(x): frequency times bias is brought into [0, pi/2], and the
      sum of w is made positive where it is 0 or there is no bias.

    What is changed in w and b is undone in v. Features of other activations, or with a norm layer, stay as they are.
    Layers are taken from the first to the last. The result jumps where a bias or a phase crosses the end of its range.

    Args:
        space: The weight space.
        weights: For each array ``(*batch, *axes, 1)``.

    Returns:
        The same arrays; equal for all weights that these symmetries take to each other.

    Example:
        >>> from torch import nn
        >>> network = nn.Sequential(nn.Linear(1, 1), nn.Tanh(), nn.Linear(1, 1, bias=False))
        >>> space = WeightSpace.of(network)
        >>> form = normal_form(space, (torch.tensor([[[3.0]]]), torch.tensor([[-2.0]]), torch.tensor([[[5.0]]])))
        >>> [float(array) for array in form]
        [-3.0, 2.0, -5.0]
    """
    arrays = list(weights)
    for name, kind, frequency in space.activations:
        into = [k for k, array in enumerate(space.arrays) if array.output == name]
        if kind == "other" or any(space.arrays[k].role == "norm" for k in into):
            continue
        matrices = [k for k in into if space.arrays[k].role == "matrix"]
        biases = [k for k in into if space.arrays[k].role == "bias"]
        if len(matrices) != 1:
            continue
        matrix, bias = matrices[0], biases[0] if biases else None
        out = [k for k, array in enumerate(space.arrays) if array.output != name and name in array.axes.split()]
        rows = _rows(space.arrays[matrix], arrays[matrix])
        shift = torch.zeros_like(rows[..., 0]) if bias is None else arrays[bias][..., 0]
        if kind == "relu":
            length = torch.cat([rows, shift[..., None]], -1).norm(dim=-1)
            length = torch.where(length > 0, length, 1.0)
            factor_in, factor_out, shift = 1 / length, length, shift / length
        elif kind == "tanh":
            found = torch.where(shift == 0, rows.sum(-1), shift)
            factor_in = torch.where(found < 0, -1.0, 1.0).to(rows)
            factor_out, shift = factor_in, factor_in * shift
        else:
            factor_in, factor_out, shift = _phase(rows, shift, frequency)
        arrays[matrix] = arrays[matrix] * _along(space.arrays[matrix], name, factor_in, arrays[matrix])
        if bias is not None:
            arrays[bias] = shift[..., None]
        for k in out:
            arrays[k] = arrays[k] * _along(space.arrays[k], name, factor_out, arrays[k])
    return tuple(arrays)


def _phase(rows: Tensor, shift: Tensor, frequency: float) -> tuple[Tensor, Tensor, Tensor]:
    """Factors of the weights into and out of sines, and their new biases."""
    phase = frequency * shift
    turns = torch.floor(phase / pi)
    phase = phase - pi * turns
    mirrored = phase > pi / 2
    phase = torch.where(mirrored, pi - phase, phase)
    odd = (phase == 0) & (torch.where(mirrored, -rows.sum(-1), rows.sum(-1)) < 0)
    factor_in = torch.where(mirrored ^ odd, -1.0, 1.0).to(rows)
    factor_out = torch.where((turns.remainder(2) == 1) ^ odd, -1.0, 1.0).to(rows)
    return factor_in, factor_out, phase / frequency


def _rows(array: WeightArray, x: Tensor) -> Tensor:
    """The weights into each feature, ``(*batch, features, n)``."""
    dims = len(parse_axes(array.axes)[0].axes)
    batch = x.ndim - dims - 1
    return x.flatten(batch + 1)


def _along(array: WeightArray, name: str, factor: Tensor, x: Tensor) -> Tensor:
    """A factor for each feature, with axes of size one for the other axes."""
    axes = parse_axes(array.axes)[0].axes
    batch = x.ndim - len(axes) - 1
    return factor.reshape(*factor.shape[:batch], *(-1 if axis == name else 1 for axis in axes), 1)
