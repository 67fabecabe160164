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

_ATOMS_KEPT = 2048
"""Beyond that the derivatives of the contraction are computed again rather than kept, some 20 KB an atom."""


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


class Record(NamedTuple):
    """What one layer made of a chunk.

    Attributes:
        z: ``(1 + d, C, n)`` the sums after a constant.
        values: ``(D, C, n)`` of their contraction.
        jacobian: ``(D, 1 + d, C, n)`` three times its derivatives; None where it is to be computed again.
        of_after: ``(n, D, C)`` the gradient of the energies in the features that go out.
        of_values: ``(D, C, n)`` in the values.
        of_sums: ``(d, C, n)`` in the sums.
    """

    z: Tensor
    values: Tensor
    jacobian: Tensor | None
    of_after: Tensor | None = None
    of_values: Tensor | None = None
    of_sums: Tensor | None = None


class Tape:
    """What the pass to the weights needs of the passes before it.

    Attributes:
        edges: Functions of the edges.
        parts: Those of each chunk.
        features: Of all atoms after each layer ``(N, D, C)``.
        records: Of each layer and chunk.
    """

    def __init__(self, edges: EdgeFunctions, parts: list[layers.ChunkEdges]) -> None:
        self.edges, self.parts = edges, parts
        self.features: list[Tensor] = []
        self.records: list[list[Record]] = []


def energies_and_slopes(
    program: Program, tables: Tables, vectors: Tensor, *, recorded: bool = False
) -> tuple[Tensor, Tensor, Tape]:
    """Energies ``(N,)`` of atoms without scale and references, and the derivatives ``(E, 3)`` of their sum.

    Args:
        program: The network.
        tables: Of the edges.
        vectors: ``(E, 3)``.
        recorded: Whether the tape is kept whole.
    """
    far = vectors.new_full((1, 3), 2 * program.basis[1])  # beyond the cutoff, where all functions are zero
    padded = torch.cat([vectors, far]).index_select(0, tables.edge)
    edges = EdgeFunctions.of(padded, *program.basis)
    elements = program.embedding.index_select(0, tables.elements.index_select(0, tables.source))
    tape = Tape(edges, [layers.ChunkEdges.of(edges, elements, tables.source, chunk) for chunk in tables.chunks])
    energies, of_distance = _bound(program.readout, tables, edges)
    of_harmonics = torch.zeros_like(edges.harmonics)
    last, linear = len(program.plans) - 1, program.readout.linear
    kept = recorded or len(energies) <= _ATOMS_KEPT
    for number in range(last):
        _forward(program, number, tape, tables.chunks, kept)
        energies += tape.features[number][:, 0] @ linear[number]
    grads = [torch.zeros_like(values) for values in tape.features]
    tape.records.append([])
    ends = []
    for chunk, part in zip(tables.chunks, tape.parts, strict=True):
        record, made, after = _layer(program, last, tape, chunk, part)
        energies[chunk.atoms] += after[:, 0] @ linear[last]
        added, grad = _perceptron(program.readout, after[:, 0], linear[last])
        energies[chunk.atoms] += added
        record, *slopes = _backward(program, last, chunk, part, grad[:, None], record, made, grads)
        of_harmonics[chunk.entries] += slopes[0]
        of_distance[chunk.entries] += slopes[1]
        if recorded:
            tape.records[last].append(_kept(record))
            ends.append(after)
    for number in reversed(range(last)):
        grads[number][:, 0] += linear[number]
        for place, (chunk, part) in enumerate(zip(tables.chunks, tape.parts, strict=True)):
            record, made = _again(program, number, tape, chunk, part, tape.records[number][place])
            grad = grads[number][chunk.atoms]
            record, *slopes = _backward(program, number, chunk, part, grad, record, made, grads)
            of_harmonics[chunk.entries] += slopes[0]
            of_distance[chunk.entries] += slopes[1]
            tape.records[number][place] = record
    tape.features += [torch.cat(ends)] if recorded else []
    of_vectors = edges.gradient(of_harmonics, of_distance)
    return energies.index_select(0, tables.place), of_vectors.index_select(0, tables.entry), tape


def _forward(program: Program, number: int, tape: Tape, chunks: Sequence[Chunk], kept: bool) -> None:
    """A layer on all atoms."""
    results, records = [], []
    for chunk, part in zip(chunks, tape.parts, strict=True):
        record, _, after = _layer(program, number, tape, chunk, part)
        results.append(after)
        records.append(_kept(record) if kept else record._replace(jacobian=None))
    tape.features.append(results[0].contiguous() if len(results) == 1 else torch.cat(results))
    tape.records.append(records)


def _kept(record: Record) -> Record:
    """The derivatives stand in a buffer that is used again."""
    assert record.jacobian is not None, "it was just computed"
    return record._replace(jacobian=record.jacobian.clone())


def _layer(
    program: Program, number: int, tape: Tape, chunk: Chunk, part: layers.ChunkEdges
) -> tuple[Record, list[layers.Messages] | None, Tensor]:
    """A layer on a chunk, what its sums are made of, and the features after it."""
    plan, constants = program.plans[number], program.constants[number]
    features = tape.features[number - 1] if number else None
    made: list[layers.Messages] | None = None
    if features is None:
        z = layers.element_sums(plan, constants, part)
    else:
        z, made = layers.feature_sums(plan, constants, part, features)
    values, jacobian = layers.contract(z, plan, constants, chunk)
    return Record(z, values, jacobian), made, layers.update(values, features, plan, constants, chunk)


def _again(
    program: Program, number: int, tape: Tape, chunk: Chunk, part: layers.ChunkEdges, record: Record
) -> tuple[Record, list[layers.Messages] | None]:
    """What was not kept of a layer, computed again."""
    plan, constants = program.plans[number], program.constants[number]
    if record.jacobian is None:
        record = record._replace(jacobian=layers.contract(record.z, plan, constants, chunk)[1])
    if not number:
        return record, None
    return record, layers.feature_sums(plan, constants, part, tape.features[number - 1])[1]


def _backward(
    program: Program,
    number: int,
    chunk: Chunk,
    part: layers.ChunkEdges,
    grad: Tensor,
    record: Record,
    made: Sequence[layers.Messages] | None,
    grads: Sequence[Tensor],
) -> tuple[Record, Tensor, Tensor]:
    """Gradients in the harmonics and distances of a chunk; adds to those in the features before the layer."""
    assert record.jacobian is not None, "it is computed again where it was not kept"
    plan, constants = program.plans[number], program.constants[number]
    of_features = grads[number - 1] if number else None
    of_values = layers.update_backward(grad, of_features, plan, constants, chunk)
    of_sums = layers.contract_backward(record.jacobian, of_values)
    record = record._replace(of_after=grad, of_values=of_values, of_sums=of_sums)
    if made is None or of_features is None:
        return record, *layers.element_sums_backward(plan, constants, part, of_sums)
    of_harmonics, of_distance, of_near = layers.feature_sums_backward(plan, constants, part, made, of_sums)
    of_features.index_add_(0, part.source, of_near)
    return record, of_harmonics, of_distance


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
