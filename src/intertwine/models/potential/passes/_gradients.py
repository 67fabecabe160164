"""Gradients in the weights of energies and forces: a pass along tangents of the edges and one back to the weights.

A loss with the gradients e_i in the energies E_i and s in the slopes dE/dr has in the weights the gradient

    d/dw (sum over i of e_i E_i + D(s) E),        D(s) E = sum over edges of s . dE/dr

so one pass forward gives the tangents of all quantities for edges that move along s, and one pass backward the
gradients; those in the tangents are known from the pass that found the slopes. It costs about as much as that.

Reference: Pearlmutter, Fast exact multiplication by the Hessian, Neural Computation 1994.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from intertwine.models.potential._bound import STEEPNESS
from intertwine.models.potential.passes import _dual_layers as dual
from intertwine.models.potential.passes import _layers as layers
from intertwine.models.potential.passes._constants import LayerConstants
from intertwine.models.potential.passes._edges import cutoff_with_derivative
from intertwine.models.potential.passes._energies import Program, Readout, Record, Tape
from intertwine.models.potential.passes._tables import Chunk, Tables


class Gradients(NamedTuple):
    """In the constants of a program.

    Attributes:
        constants: Of each layer.
        embedding: ``(elements, K)``.
        readout: Of the energies; that of ``reach`` is zero.
    """

    constants: tuple[LayerConstants, ...]
    embedding: Tensor
    readout: Readout


def constants_of(program: Program | Gradients) -> list[Tensor]:
    """The constants of a program, or the gradients in them, in one order."""
    found = [program.embedding, *program.readout]
    for layer in program.constants:
        found += [*layer.sums, *layer.mixing_in, *layer.coefficients, layer.mixing]
        found += [] if layer.skip is None else [layer.skip]
    return found


def zero_gradients(program: Program) -> Gradients:
    """Zeros in the shapes of the constants."""
    constants = [
        LayerConstants(
            tuple(map(torch.zeros_like, layer.sums)),
            tuple(map(torch.zeros_like, layer.mixing_in)),
            tuple(map(torch.zeros_like, layer.coefficients)),
            torch.zeros_like(layer.mixing),
            None if layer.skip is None else torch.zeros_like(layer.skip),
        )
        for layer in program.constants
    ]
    readout = Readout(*map(torch.zeros_like, program.readout))
    return Gradients(tuple(constants), torch.zeros_like(program.embedding), readout)


class _Pass(NamedTuple):
    """One pass to the weights: what it reads, and the gradients that it adds to.

    Attributes:
        program: The network.
        tables: Of the edges.
        tape: Of the passes before.
        edges: Of each chunk, with tangents.
        tangents: Of the features after each layer but the last ``(N, D, C)``.
        of_features: Gradients in these features.
        grads: In the constants.
    """

    program: Program
    tables: Tables
    tape: Tape
    edges: list[dual.DualEdges]
    tangents: list[Tensor]
    of_features: list[Tensor]
    grads: Gradients


def weight_gradients(program: Program, tables: Tables, tape: Tape, of_energies: Tensor, of_slopes: Tensor) -> Gradients:
    """Gradients in the constants of a program, for those ``(N,)`` in the energies and ``(E, 3)`` in the slopes."""
    grads = zero_gradients(program)
    along = torch.cat([of_slopes, of_slopes.new_zeros(1, 3)]).index_select(0, tables.edge)
    of_atoms = of_energies.index_select(0, tables.order)
    harmonics, distance = tape.edges.along(along)
    _bound(program.readout, tables, tape, distance, of_atoms, grads.readout)
    edges = [
        dual.DualEdges.of(part, harmonics[chunk.entries], distance[chunk.entries])
        for chunk, part in zip(tables.chunks, tape.parts, strict=True)
    ]
    run = _Pass(program, tables, tape, edges, [], [torch.zeros_like(x) for x in tape.features[:-1]], grads)
    last, linear = len(program.plans) - 1, program.readout.linear
    for number in range(last):
        parts = [_along(run, number, place)[2] for place in range(len(edges))]
        run.tangents.append(torch.cat(parts))
        run.of_features[number][:, 0] += of_atoms[:, None] * linear[number]
        grads.readout.linear[number] += of_atoms @ tape.features[number][:, 0] + run.tangents[number][:, 0].sum(0)
    for place, chunk in enumerate(tables.chunks):
        sums, values, after = _along(run, last, place)
        scalars = tape.features[last][chunk.atoms, 0]
        grad = _perceptron(program.readout, scalars, after[:, 0], of_atoms[chunk.atoms], grads.readout)
        _back(run, last, place, sums, values, grad[:, None])
    for number in reversed(range(last)):
        for place, chunk in enumerate(tables.chunks):
            sums, values, _ = _along(run, number, place)
            _back(run, number, place, sums, values, run.of_features[number][chunk.atoms])
    return grads


def _record(run: _Pass, number: int, place: int) -> tuple[Record, Chunk]:
    return run.tape.records[number][place], run.tables.chunks[place]


def _along(run: _Pass, number: int, place: int) -> tuple[dual.DualSums, Tensor, Tensor]:
    """The tangents of the sums of a chunk, of their contraction ``(D, C, n)`` and of the features ``(n, D, C)``."""
    (record, chunk), plan, constants = _record(run, number, place), run.program.plans[number], run.program.constants
    assert record.jacobian is not None, "the tape was kept whole"
    features = None
    if number:
        features = run.tangents[number - 1]
        values = run.tape.features[number - 1]
        sums = dual.dual_feature_sums(plan, constants[number], run.edges[place], values, features)
    else:
        sums = dual.dual_element_sums(plan, constants[number], run.edges[place])
    tangent = (record.jacobian[:, 1:] * sums.tangent).sum(1)
    return sums, tangent, layers.update(tangent, features, plan, constants[number], chunk)


def _back(run: _Pass, number: int, place: int, sums: dual.DualSums, tangent: Tensor, grad: Tensor) -> None:
    """Add to gradients in the weights of a layer and in the features before it, for those ``(n, D, C)`` after it."""
    (record, chunk), plan, constants = _record(run, number, place), run.program.plans[number], run.program.constants
    assert record.jacobian is not None, "the tape was kept whole"
    assert record.of_after is not None, "the tape was kept whole"
    assert record.of_values is not None, "the tape was kept whole"
    assert record.of_sums is not None, "the tape was kept whole"
    grads, edges, of_features = run.grads.constants[number], run.edges[place], None
    before = None
    if number:
        of_features, before = run.of_features[number - 1], (run.tape.features[number - 1], run.tangents[number - 1])
    of_values = layers.update_backward(grad, of_features, plan, constants[number], chunk)
    both, doubled = torch.cat([grad, record.of_after]), torch.cat([record.values, tangent], 2)
    dual.dual_update_backward(plan, chunk, both, doubled, before, grads)
    given = record.z, record.jacobian, sums.tangent, of_values, record.of_values
    of_sums = dual.dual_contract_backward(plan, constants[number], chunk, *given, grads)
    of_sums = torch.cat([of_sums, record.of_sums], 2)
    if of_features is not None:
        of_near = dual.dual_feature_sums_backward(plan, constants[number], edges, sums, of_sums, grads)
        of_features.index_add_(0, edges.source, of_near)
        return
    dual.dual_element_sums_backward(plan, sums, of_sums, grads)
    if run.program.embedding.requires_grad:
        of_near = dual.element_embedding_gradient(plan, constants[number], edges, of_sums)
        elements = run.tables.elements.index_select(0, edges.source)
        run.grads.embedding.index_add_(0, elements, of_near)


def _perceptron(readout: Readout, scalars: Tensor, tangents: Tensor, of_energies: Tensor, grads: Readout) -> Tensor:
    """The gradient ``(n, C)`` in the scalars of the last layer; adds to those in the readout."""
    x, along = torch.addmm(readout.bias, scalars, readout.hidden.T), tangents @ readout.hidden.T
    value, slope, curvature = _silu(x)
    start, start_slope, _ = _silu(readout.bias)
    grads.linear[-1] += of_energies @ scalars + tangents.sum(0)
    grads.outer.add_(of_energies @ (value - start) + (slope * along).sum(0))
    of_x = (of_energies[:, None] * slope + curvature * along) * readout.outer
    grads.hidden.add_(of_x.T @ scalars + (slope * readout.outer).T @ tangents)
    grads.bias.add_(of_x.sum(0) - of_energies.sum() * start_slope * readout.outer)
    return of_x @ readout.hidden + of_energies[:, None] * readout.linear[-1]


def _silu(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The function x sigmoid(x) and its two derivatives."""
    s = torch.sigmoid(x)
    return x * s, s + x * s * (1 - s), s * (1 - s) * (2 + x * (1 - 2 * s))


def _bound(readout: Readout, tables: Tables, tape: Tape, along: Tensor, of_energies: Tensor, grads: Readout) -> None:
    """Add to the gradient in the energies of bound atoms, for tangents ``(T,)`` of the distances."""
    reach = readout.reach.index_select(0, tables.elements).index_select(0, tables.target)
    near, slope = cutoff_with_derivative(tape.edges.distance / reach, 1.0)
    both = torch.stack([near, slope * along / reach], 1)
    coordination, tangent = both.new_zeros(len(of_energies), 2).index_add_(0, tables.target, both).unbind(1)
    bound = -torch.expm1(coordination * -STEEPNESS)
    grads.bound.index_add_(0, tables.elements, of_energies * bound + STEEPNESS * (1 - bound) * tangent)
