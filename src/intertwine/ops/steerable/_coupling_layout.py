"""Memory layout of a coupling: offsets of its blocks in the features, the Clebsch-Gordan tensor and the weights."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from intertwine.ops.steerable._coupling import Coupling


class PathGroup(NamedTuple):
    """All paths from one input block to one output block.

    Attributes:
        output: Index of the output block.
        dim_out: 2 l_out + 1.
        channels_out: Channels of the output block.
        rows: Its (m_out, path) rows among those of the input block's kernel.
        fan_in: Number of paths times input channels.
        weights: Its part of the flat weights, in units of the number H of radial functions.
    """

    output: int
    dim_out: int
    channels_out: int
    rows: slice
    fan_in: int
    weights: slice


class InputBlock(NamedTuple):
    """Channels of one input irrep.

    Attributes:
        features: Its columns in the input features.
        dim: 2 l_in + 1.
        channels: Number of channels.
        columns: Its columns in the Clebsch-Gordan tensor.
        num_rows: Number of (m_out, path) rows of its kernel, all outputs together.
        path_groups: The paths that start here, by output block.
    """

    features: slice
    dim: int
    channels: int
    columns: slice
    num_rows: int
    path_groups: tuple[PathGroup, ...]


class CouplingLayout(NamedTuple):
    """Offsets of all blocks.

    Attributes:
        inputs: The input blocks that have paths.
        outputs: Dimension 2 l_out + 1 and channels of each output block.
    """

    inputs: tuple[InputBlock, ...]
    outputs: tuple[tuple[int, int], ...]

    @property
    def path_groups(self) -> list[PathGroup]:
        """All path groups, in the order of the weights."""
        return [group for block in self.inputs for group in block.path_groups]


@lru_cache(maxsize=256)
def coupling_layout(coupling: Coupling) -> CouplingLayout:
    """The memory layout of a coupling."""
    blocks, feature, column, weight = [], 0, 0, 0
    for i, ((l_in, _), channels) in enumerate(coupling.inputs):
        dim, row, groups = 2 * l_in + 1, 0, []
        for o, num_rows in coupling.rows(i):
            (l_out, _), channels_out = coupling.outputs[o]
            fan_in = len(coupling.paths(i, o)) * channels
            weights = slice(weight, weight + fan_in * channels_out)
            groups.append(PathGroup(o, 2 * l_out + 1, channels_out, slice(row, row + num_rows), fan_in, weights))
            row, weight = row + num_rows, weights.stop
        features, columns = slice(feature, feature + dim * channels), slice(column, column + row * dim)
        if groups:
            blocks.append(InputBlock(features, dim, channels, columns, row, tuple(groups)))
        feature, column = features.stop, columns.stop
    outputs = tuple((2 * degree + 1, channels) for (degree, _), channels in coupling.outputs)
    return CouplingLayout(tuple(blocks), outputs)
