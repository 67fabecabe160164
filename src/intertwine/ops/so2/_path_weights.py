"""One kernel, two bases: matrices in the frame of an edge, and Clebsch-Gordan paths.

At the pole, where Y_J has only its component 0, the path J from degree l to l' is

    K_J = sqrt((2 J + 1)(2 l' + 1)) w_{l J l'}[:, 0, :],        tr K_J^T K_J' = (2 l' + 1) delta_JJ',

a kernel that commutes with SO(2). So the 2 min(l, l') + 1 paths (for O(3) those of one parity) and the weights in the
frame are two bases of one space, and the matrix between them is orthogonal but for lengths.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt

import torch
from torch import Tensor

from intertwine.ops.so2._edge_rotations import frame_orders
from intertwine.ops.so2._so2_coupling import SO2Coupling, Where, edge_layout, shared_places
from intertwine.ops.steerable._coupling import Coupling
from intertwine.reps import wigner_3j

PathKey = tuple[int, int, int]  # input block, degree of the harmonics, output block


def _places(coupling: SO2Coupling, source: int, target: int) -> list[tuple[Where, int, int, int]]:
    """Where the weights from one block to another stand; with them m and the kinds of the two strands."""
    layout = edge_layout(coupling)
    return [
        (place, m, strand.kind, other.kind)
        for strand in layout.inputs
        for other in layout.outputs
        if (strand.block, other.block) == (source, target)
        for place, m in shared_places(coupling, strand, other)
    ]


def edge_paths(coupling: SO2Coupling, source: int, target: int) -> tuple[list[Where], list[int], Tensor]:
    """The change of basis from Clebsch-Gordan paths to weights in the frame, for one pair of blocks.

    Args:
        coupling: The blocks.
        source: Which input block.
        target: Which output block.

    Returns:
        Where the weights of each m stand (group, rows, columns); the degrees J of the paths; the matrix ``(m, J)`` in
        float64: square if ``mmax`` cuts nothing.

    Example:
        >>> coupling = SO2Coupling((((1, -1), 1),), (((1, -1), 1),), mmax=1)
        >>> _, degrees, matrix = edge_paths(coupling, 0, 0)
        >>> degrees, matrix.square().round(decimals=6).tolist()  # the path 0 is the identity
        ([0, 2], [[1.0, 2.0], [1.0, 0.5]])
    """
    (l_in, _), (l_out, _) = coupling.inputs[source][0], coupling.outputs[target][0]
    degrees = Coupling(coupling.inputs, coupling.outputs, l_in + l_out, coupling.parity).paths(source, target)
    places = _places(coupling, source, target)
    matrix = torch.zeros(len(places), len(degrees), dtype=torch.float64)
    for row, (_, m, kind_in, kind_out) in enumerate(places):
        (order_in, sign_in), (order_out, sign_out) = (
            tuple(values[2 * m - 1 if m else 0] for values in frame_orders(degree, m, kind))
            for degree, kind in ((l_in, kind_in), (l_out, kind_out))
        )
        for column, degree in enumerate(degrees):
            entry = wigner_3j(l_in, degree, l_out)[l_in + order_in, degree, l_out + order_out]
            matrix[row, column] = sign_in * sign_out * sqrt((2 * degree + 1) * (2 * l_out + 1)) * entry
    return [place for place, *_ in places], degrees, matrix


def path_weights(coupling: SO2Coupling, weights: Sequence[Tensor]) -> dict[PathKey, Tensor]:
    """Weights in the frame as weights of Clebsch-Gordan paths, which :class:`Coupling` and e3nn have.

    Args:
        coupling: The blocks.
        weights: One for each of ``coupling.weight_shapes()``.

    Returns:
        For (input block, degree of the harmonics, output block) the matrix ``(channels_in, channels_out)``: the kernel
        is their sum with ``wigner_3j(l, J, l') sqrt(2 l' + 1)`` and harmonics of length ``sqrt(2 J + 1)``.
    """
    found = {}
    for i in range(len(coupling.inputs)):
        for o, ((l_out, _), _) in enumerate(coupling.outputs):
            places, degrees, matrix = edge_paths(coupling, i, o)
            if not places:
                continue
            twice = torch.tensor([1.0 if edge_layout(coupling).groups[g].m == 0 else 2.0 for g, _, _ in places])
            inverse = (matrix * twice.to(matrix)[:, None]).T / (2 * l_out + 1)
            stacked = torch.stack([weights[g][rows, columns] for g, rows, columns in places])
            mixed = torch.einsum("jm,mio->jio", inverse.to(stacked), stacked)
            found.update({(i, degree, o): part for degree, part in zip(degrees, mixed, strict=True)})
    return found


def frame_weights(coupling: SO2Coupling, paths: Mapping[PathKey, Tensor]) -> list[Tensor]:
    """Weights of Clebsch-Gordan paths as weights in the frame: the inverse of :func:`path_weights`.

    Args:
        coupling: The blocks.
        paths: For (input block, degree of the harmonics, output block) the matrix ``(channels_in, channels_out)``;
            those not given are zero.

    Returns:
        One for each of ``coupling.weight_shapes()``.

    Raises:
        ValueError: If ``mmax`` cuts components that the paths mix, or there is no such path.
    """
    if not paths:
        return [torch.zeros(shape, dtype=torch.float32) for shape in coupling.weight_shapes()]
    like = next(iter(paths.values()))
    result = [like.new_zeros(shape) for shape in coupling.weight_shapes()]
    for (i, degree, o), path in paths.items():
        places, degrees, matrix = edge_paths(coupling, i, o)
        if degree not in degrees:
            raise ValueError(f"no path of degree {degree} from block {i} to block {o}; there are {degrees}")
        if len(places) < len(degrees):
            highest = min(coupling.inputs[i][0][0], coupling.outputs[o][0][0])
            raise ValueError(f"the path {(i, degree, o)} needs mmax >= {highest}, got {coupling.mmax}")
        for (group, rows, columns), factor in zip(places, matrix[:, degrees.index(degree)].tolist(), strict=True):
            result[group][rows, columns] += factor * path
    return result
