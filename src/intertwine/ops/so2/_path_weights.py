"""Change of basis between SO(2) weights in the frame of an edge and weights of Clebsch-Gordan paths.

At the pole, where Y_J has only its component 0, the path J from degree l to l' is

    K_J = sqrt((2 J + 1)(2 l' + 1)) w_{l J l'}[:, 0, :],        tr K_J^T K_J' = (2 l' + 1) delta_JJ',

a kernel that commutes with SO(2). So the 2 min(l, l') + 1 paths (for O(3) those of one parity) and the weights in the
frame are two bases of one space, and the matrix between them is orthogonal up to the norms of its columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt

import torch
from torch import Tensor

from intertwine.ops.so2._so2_coupling import SO2Coupling, WeightSlice, so2_layout, weight_slices
from intertwine.ops.so2._wigner_factors import frame_orders
from intertwine.ops.steerable import Coupling
from intertwine.reps import wigner_3j

PathKey = tuple[int, int, int]  # input block, degree of the harmonics, output block


def _weights(coupling: SO2Coupling, source: int, target: int) -> list[tuple[WeightSlice, int, int, int]]:
    """The weights from one block to another at each order; with them m and the reflection signs of both."""
    layout = so2_layout(coupling)
    return [
        (where, m, frame_in.reflection_sign, frame_out.reflection_sign)
        for frame_in in layout.inputs
        for frame_out in layout.outputs
        if (frame_in.block, frame_out.block) == (source, target)
        for where, m in weight_slices(coupling, frame_in, frame_out)
    ]


def path_basis(coupling: SO2Coupling, source: int, target: int) -> tuple[list[WeightSlice], list[int], Tensor]:
    """Change of basis from Clebsch-Gordan paths to SO(2) weights, for one pair of blocks.

    Args:
        coupling: The blocks.
        source: Index of the input block.
        target: Index of the output block.

    Returns:
        The weights of each m (order block, rows, columns); the degrees J of the paths; the matrix ``(m, J)`` in
        float64: square if ``mmax`` truncates nothing.

    Example:
        >>> coupling = SO2Coupling((((1, -1), 1),), (((1, -1), 1),), mmax=1)
        >>> _, degrees, matrix = path_basis(coupling, 0, 0)
        >>> degrees, matrix.square().round(decimals=6).tolist()  # the path 0 is the identity
        ([0, 2], [[1.0, 2.0], [1.0, 0.5]])
    """
    (l_in, _), (l_out, _) = coupling.inputs[source][0], coupling.outputs[target][0]
    degrees = Coupling(coupling.inputs, coupling.outputs, l_in + l_out, coupling.parity).paths(source, target)
    weights = _weights(coupling, source, target)
    matrix = torch.zeros(len(weights), len(degrees), dtype=torch.float64)
    for row, (_, m, reflection_in, reflection_out) in enumerate(weights):
        (order_in, sign_in), (order_out, sign_out) = (
            tuple(values[2 * m - 1 if m else 0] for values in frame_orders(degree, m, reflection_sign))
            for degree, reflection_sign in ((l_in, reflection_in), (l_out, reflection_out))
        )
        for column, degree in enumerate(degrees):
            entry = wigner_3j(l_in, degree, l_out)[l_in + order_in, degree, l_out + order_out]
            matrix[row, column] = sign_in * sign_out * sqrt((2 * degree + 1) * (2 * l_out + 1)) * entry
    return [where for where, *_ in weights], degrees, matrix


def path_weights(coupling: SO2Coupling, weights: Sequence[Tensor]) -> dict[PathKey, Tensor]:
    """SO(2) weights as weights of Clebsch-Gordan paths, as :class:`Coupling` and e3nn use them.

    Args:
        coupling: The blocks.
        weights: One for each of ``coupling.weight_shapes()``.

    Returns:
        For (input block, degree of the harmonics, output block) the matrix ``(channels_in, channels_out)``: the kernel
        is their sum with ``wigner_3j(l, J, l') sqrt(2 l' + 1)`` and harmonics of length ``sqrt(2 J + 1)``.
    """
    result = {}
    for i in range(len(coupling.inputs)):
        for o, ((l_out, _), _) in enumerate(coupling.outputs):
            slices, degrees, matrix = path_basis(coupling, i, o)
            if not slices:
                continue
            orders = so2_layout(coupling).orders
            multiplicity = torch.tensor([2.0 if orders[order].m else 1.0 for order, _, _ in slices])
            inverse = (matrix * multiplicity.to(matrix)[:, None]).T / (2 * l_out + 1)
            stacked = torch.stack([weights[order][rows, columns] for order, rows, columns in slices])
            by_path = torch.einsum("jm,mio->jio", inverse.to(stacked), stacked)
            result.update({(i, degree, o): part for degree, part in zip(degrees, by_path, strict=True)})
    return result


def so2_weights(coupling: SO2Coupling, paths: Mapping[PathKey, Tensor]) -> list[Tensor]:
    """Weights of Clebsch-Gordan paths as SO(2) weights: the inverse of :func:`path_weights`.

    Args:
        coupling: The blocks.
        paths: For (input block, degree of the harmonics, output block) the matrix ``(channels_in, channels_out)``;
            paths not given are zero.

    Returns:
        One for each of ``coupling.weight_shapes()``.

    Raises:
        ValueError: If ``mmax`` truncates components that a path mixes, or there is no such path.
    """
    if not paths:
        return [torch.zeros(shape, dtype=torch.float32) for shape in coupling.weight_shapes()]
    like = next(iter(paths.values()))
    result = [like.new_zeros(shape) for shape in coupling.weight_shapes()]
    for (i, degree, o), path in paths.items():
        slices, degrees, matrix = path_basis(coupling, i, o)
        if degree not in degrees:
            raise ValueError(f"no path of degree {degree} from block {i} to block {o}; there are {degrees}")
        if len(slices) < len(degrees):
            highest = min(coupling.inputs[i][0][0], coupling.outputs[o][0][0])
            raise ValueError(f"the path {(i, degree, o)} needs mmax >= {highest}, got {coupling.mmax}")
        for (order, rows, columns), factor in zip(slices, matrix[:, degrees.index(degree)].tolist(), strict=True):
            result[order][rows, columns] += factor * path
    return result
