"""Energies of a potential and their derivatives in the vectors of the edges, by a pass forward and one backward.

The last layer's gradient is known as soon as its values are, so it goes forward and backward chunk by chunk; the others
go forward before it and backward after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from intertwine.models.potential._bound import STEEPNESS
from intertwine.models.potential.passes import _layers as layers
from intertwine.models.potential.passes._constants import LayerConstants, LayerPlan
from intertwine.models.potential.passes._edges import EdgeFunctions, cutoff_with_derivative
from intertwine.models.potential.passes._tables import Chunk, Tables


class Readout(NamedTuple):
    """Weights of the energies of atoms.

    Attributes:
        linear: ``(layers, C)`` of the invariants of each layer.
        hidden: ``(H, C)`` of the perceptron.
        bias: ``(H,)``.
        outer: ``(H,)``.
        bound: ``(elements,)`` of the features of bound atoms.
        reach: ``(elements,)`` within which an atom is bound.
    """

    linear: Tensor
    hidden: Tensor
    bias: Tensor
    outer: Tensor
    bound: Tensor
    reach: Tensor


class Program(NamedTuple):
    """A network in a form that is run.

    Attributes:
        plans: Of each layer.
        constants: Of each layer.
        embedding: ``(elements, K)``.
        readout: Of the energies.
        basis: lmax, cutoff and number of Bessel functions.
    """

    plans: tuple[LayerPlan, ...]
    constants: tuple[LayerConstants, ...]
    embedding: Tensor
    readout: Readout
    basis: tuple[int, float, int]


class _Stored(NamedTuple):
    """The sums of a chunk, and the derivatives of their contraction where there is a single chunk."""

    z: Tensor
    jacobian: Tensor | None


def energies_and_slopes(program: Program, tables: Tables, vectors: Tensor) -> tuple[Tensor, Tensor]:
    """Energies ``(N,)`` of atoms without scale and references, and the derivatives ``(E, 3)`` of their sum.

    Args:
        program: The network.
        tables: Of the edges.
        vectors: ``(E, 3)``.
    """
    far = vectors.new_full((1, 3), 2 * program.basis[1])  # beyond the cutoff, where all functions are zero
    padded = torch.cat([vectors, far]).index_select(0, tables.edge)
    edges = EdgeFunctions.of(padded, *program.basis)
    elements = program.embedding.index_select(0, tables.elements.index_select(0, tables.source))
    parts = [layers.ChunkEdges.of(edges, elements, tables.source, chunk) for chunk in tables.chunks]
    energies, of_distance = _bound(program.readout, tables, edges)
    of_harmonics = torch.zeros_like(edges.harmonics)
    last, linear = len(program.plans) - 1, program.readout.linear
    features: list[Tensor] = []
    stored: list[list[_Stored]] = []
    for number in range(last):
        found, kept = _forward(program, number, features, tables.chunks, parts)
        features.append(found)
        stored.append(kept)
        energies += found[:, 0] @ linear[number]
    grads = [torch.zeros_like(values) for values in features]
    below, of_below = (features[-1], grads[-1]) if features else (None, None)
    for chunk, part in zip(tables.chunks, parts, strict=True):
        _, made, jacobian, after = _layer(program, last, below, chunk, part)
        energies[chunk.atoms] += after[:, 0] @ linear[last]
        added, grad = _perceptron(program.readout, after[:, 0], linear[last])
        energies[chunk.atoms] += added
        slopes = _backward(program, last, chunk, part, grad[:, None], jacobian, made, of_below)
        of_harmonics[chunk.entries] += slopes[0]
        of_distance[chunk.entries] += slopes[1]
    for number in reversed(range(last)):
        plan, constants = program.plans[number], program.constants[number]
        grads[number][:, 0] += linear[number]
        below, of_below = (features[number - 1], grads[number - 1]) if number else (None, None)
        for chunk, part, one in zip(tables.chunks, parts, stored[number], strict=True):
            jacobian = layers.contract(one.z, plan, constants, chunk)[1] if one.jacobian is None else one.jacobian
            made = None if below is None else layers.feature_sums(plan, constants, part, below)[1]
            slopes = _backward(program, number, chunk, part, grads[number][chunk.atoms], jacobian, made, of_below)
            of_harmonics[chunk.entries] += slopes[0]
            of_distance[chunk.entries] += slopes[1]
    of_vectors = edges.gradient(of_harmonics, of_distance)
    return energies.index_select(0, tables.place), of_vectors.index_select(0, tables.entry)


def _forward(
    program: Program,
    number: int,
    features: Sequence[Tensor],
    chunks: Sequence[Chunk],
    parts: Sequence[layers.ChunkEdges],
) -> tuple[Tensor, list[_Stored]]:
    """The features of all atoms after a layer, and what its pass backward needs."""
    results, stored = [], []
    for chunk, part in zip(chunks, parts, strict=True):
        z, _, jacobian, after = _layer(program, number, features[-1] if features else None, chunk, part)
        results.append(after)
        stored.append(_Stored(z, jacobian.clone() if len(chunks) == 1 else None))
    return (results[0].contiguous() if len(results) == 1 else torch.cat(results)), stored


def _layer(
    program: Program, number: int, features: Tensor | None, chunk: Chunk, part: layers.ChunkEdges
) -> tuple[Tensor, list[layers.Messages] | None, Tensor, Tensor]:
    """The sums, what they are made of, the derivatives of their contraction, and the features after it."""
    plan, constants = program.plans[number], program.constants[number]
    made: list[layers.Messages] | None = None
    if features is None:
        z = layers.element_sums(plan, constants, part)
    else:
        z, made = layers.feature_sums(plan, constants, part, features)
    values, jacobian = layers.contract(z, plan, constants, chunk)
    return z, made, jacobian, layers.update(values, features, plan, constants, chunk)


def _backward(
    program: Program,
    number: int,
    chunk: Chunk,
    part: layers.ChunkEdges,
    grad: Tensor,
    jacobian: Tensor,
    made: Sequence[layers.Messages] | None,
    of_features: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """Gradients in the harmonics and distances of a chunk; adds to those in the features before the layer."""
    plan, constants = program.plans[number], program.constants[number]
    of_values = layers.update_backward(grad, of_features, plan, constants, chunk)
    of_sums = layers.contract_backward(jacobian, of_values)
    if made is None or of_features is None:
        return layers.element_sums_backward(plan, constants, part, of_sums)
    of_harmonics, of_distance, of_near = layers.feature_sums_backward(plan, constants, part, made, of_sums)
    of_features.index_add_(0, part.source, of_near)
    return of_harmonics, of_distance


def _perceptron(readout: Readout, scalars: Tensor, linear: Tensor) -> tuple[Tensor, Tensor]:
    """Energies ``(n,)`` of the perceptron, and the gradient ``(n, C)`` of these and of the linear readout."""
    x = torch.addmm(readout.bias, scalars, readout.hidden.T)
    sigmoid = torch.sigmoid(x)
    value = x * sigmoid
    start = readout.bias * torch.sigmoid(readout.bias)
    slope = (1 - sigmoid).mul_(value).add_(sigmoid)
    return (value - start) @ readout.outer, torch.addmm(linear, slope.mul_(readout.outer), readout.hidden)


def _bound(readout: Readout, tables: Tables, edges: EdgeFunctions) -> tuple[Tensor, Tensor]:
    """Energies ``(N,)`` of bound atoms, and their derivatives ``(T,)`` in the distances."""
    reach = readout.reach.index_select(0, tables.elements).index_select(0, tables.target)
    near, slope = cutoff_with_derivative(edges.distance / reach, 1.0)
    coordination = near.new_zeros(tables.elements.shape[0]).index_add_(0, tables.target, near)
    free = torch.exp(coordination * -STEEPNESS)
    weights = readout.bound.index_select(0, tables.elements)
    of_atoms = (STEEPNESS * weights * free).index_select(0, tables.target)
    return weights * -torch.expm1(coordination * -STEEPNESS), of_atoms.mul_(slope).div_(reach)
