"""One layer of a potential along tangents of its edges and features, and back to its weights.

Written for D(r_dot) E = sum over i of dE/dr_i . r_dot_i, whose derivative in the tangent of any quantity is the
derivative of E in that quantity, which the pass backward of the energies has found. A linear map y = W x has

    W_bar = y_bar x^T + (dE/dy) x_dot^T

so quantities and tangents stand one after the other along the atoms: ``2 n`` rows, and the gradients likewise.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from intertwine.models.potential.passes._constants import FeatureBlock, LayerConstants, LayerPlan
from intertwine.models.potential.passes._contraction import add_coefficient_gradients, forms
from intertwine.models.potential.passes._layers import (
    ChunkEdges,
    edge_weights,
    kernels,
    mix,
    output_buffers,
    output_gradients,
)
from intertwine.models.potential.passes._tables import Chunk
from intertwine.models.potential.passes._workspace import WORKSPACE


class DualEdges(NamedTuple):
    """Functions of the edges of a chunk, and their tangents after them.

    Attributes:
        harmonics: ``(2 n, k, (lmax + 1)^2)``.
        radial: ``(2 n k, F)``.
        elements: ``(n k, elements)``, the embedding of the neighbors.
        source: ``(n k,)``.
    """

    harmonics: Tensor
    radial: Tensor
    elements: Tensor
    source: Tensor

    @classmethod
    def of(cls, edges: ChunkEdges, harmonics: Tensor, distance: Tensor) -> DualEdges:
        """Of tangents ``(n k, (lmax + 1)^2)`` of the harmonics and ``(n k,)`` of the distance."""
        tangents = harmonics.view_as(edges.harmonics)
        radial = torch.cat([edges.radial, edges.radial_slope * distance[:, None]])
        return cls(torch.cat([edges.harmonics, tangents]), radial, edges.elements, edges.source)


class DualMessages(NamedTuple):
    """What the sums over the neighbors of one block of features are made of.

    Attributes:
        features: ``(n k, m, C)``, and their tangents.
        weights: ``(paths, n k, 1, C)``, and their tangents.
        kernels: For each path ``(n, k m, m_out)``, and their tangents.
    """

    features: tuple[Tensor, Tensor]
    weights: tuple[Tensor, Tensor]
    kernels: list[tuple[Tensor, Tensor]]


class DualSums(NamedTuple):
    """The tangent of the sums over the neighbors and what they are made of.

    Attributes:
        tangent: ``(d, C, n)``.
        outputs: In the first layer ``(2 n, d, elements * F)``; else for each degree ``(2 n, 2 l + 1, paths * C)``.
        messages: For each block; empty in the first layer.
    """

    tangent: Tensor
    outputs: list[Tensor]
    messages: list[DualMessages]


def dual_element_sums(plan: LayerPlan, constants: LayerConstants, edges: DualEdges) -> DualSums:
    """Of the first layer."""
    harmonics, densities = edges.harmonics.chunk(2), _densities(edges)
    n = len(harmonics[0])
    sums = harmonics[0].new_empty(2 * n, harmonics[0].shape[2], densities[0].shape[2])
    torch.bmm(harmonics[0].mT, densities[0], out=sums[:n])
    torch.bmm(harmonics[0].mT, densities[1], out=sums[n:]).baddbmm_(harmonics[1].mT, densities[0])
    weights = constants.sums[0].index_select(0, plan.degrees)
    return DualSums(torch.bmm(weights, sums[n:].permute(1, 2, 0)), [sums], [])


def _densities(edges: DualEdges) -> tuple[Tensor, Tensor]:
    rows = len(edges.harmonics) // 2, edges.harmonics.shape[1], -1
    value, tangent = ((edges.elements[:, :, None] * radial[:, None]).view(rows) for radial in edges.radial.chunk(2))
    return value, tangent


def dual_element_sums_backward(plan: LayerPlan, sums: DualSums, grad: Tensor, grads: LayerConstants) -> None:
    """Add to the gradients in the weights, for gradients ``(d, C, 2 n)`` in the sums."""
    products = torch.bmm(grad, sums.outputs[0].transpose(0, 1))
    grads.sums[0].index_add_(0, plan.degrees, products)


def element_embedding_gradient(plan: LayerPlan, constants: LayerConstants, edges: DualEdges, grad: Tensor) -> Tensor:
    """Gradient ``(n k, elements)`` in the embedding of the neighbors, for gradients ``(d, C, 2 n)`` in the sums."""
    weights = constants.sums[0].index_select(0, plan.degrees)
    of_sums, of_tangents = torch.bmm(grad.mT, weights).transpose(0, 1).chunk(2)
    harmonics, radial = edges.harmonics.chunk(2), edges.radial.chunk(2)
    shape = *edges.elements.shape, -1
    of_density = torch.bmm(harmonics[0], of_sums).baddbmm_(harmonics[1], of_tangents).view(shape)
    of_tangent = torch.bmm(harmonics[0], of_tangents).view(shape)
    return (of_density * radial[0][:, None]).sum(2) + (of_tangent * radial[1][:, None]).sum(2)


def dual_feature_sums(
    plan: LayerPlan, constants: LayerConstants, edges: DualEdges, features: Tensor, tangents: Tensor
) -> DualSums:
    """Of a layer on features ``(N, components, C)`` of all atoms, and their tangents."""
    n, k, size = len(edges.harmonics) // 2, *edges.harmonics.shape[1:]
    channels = features.shape[2]
    near = [
        torch.index_select(x, 0, edges.source, out=WORKSPACE.get(name, x, n * k, *x.shape[1:]))
        for name, x in (("near", features), ("near tangents", tangents))
    ]
    outputs = output_buffers(constants, features, 2 * n)
    messages = []
    for block, weights in zip(plan.blocks, constants.sums, strict=True):
        made = _dual_messages(block, weights, edges, near)
        messages.append(made)
        (own, own_tangent), (factor, factor_tangent) = made.features, made.weights
        shape = len(weights), *own.shape
        weighted = torch.mul(own, factor, out=WORKSPACE.get("weighted", own, *shape))
        tangent = torch.mul(own_tangent, factor, out=WORKSPACE.get("weighted tangents", own, *shape))
        tangent.addcmul_(own, factor_tangent)
        for p, path in enumerate(block.paths):
            kernel, kernel_tangent = (x.mT for x in made.kernels[p])
            rows = weighted[p].view(n, k * block.dim, channels)
            of_tangent = torch.bmm(kernel, tangent[p].view_as(rows)).baddbmm_(kernel_tangent, rows)
            out = outputs[path.out][:, :, block.mixing[p] : block.mixing[p] + channels]
            out[:n], out[n:] = torch.bmm(kernel, rows), of_tangent
    sums = features.new_empty(size, channels, n)
    mix(constants, [output[n:] for output in outputs], sums)
    return DualSums(sums, outputs, messages)


def _dual_messages(block: FeatureBlock, weights: Tensor, edges: DualEdges, near: Sequence[Tensor]) -> DualMessages:
    features, tangents = (x.narrow(1, block.first, block.dim) for x in near)
    factor, factor_tangent = edge_weights(f"weights {block.first}", edges.radial, weights).chunk(2, 1)
    found = [kernel.chunk(2) for kernel in kernels(block, edges.harmonics)]
    return DualMessages((features, tangents), (factor, factor_tangent), [(a, b) for a, b in found])


def dual_feature_sums_backward(
    plan: LayerPlan,
    constants: LayerConstants,
    edges: DualEdges,
    sums: DualSums,
    grad: Tensor,
    grads: LayerConstants,
) -> Tensor:
    """Add to the gradients in the weights, for gradients ``(d, C, 2 n)`` in the sums.

    Returns:
        The gradient ``(n k, components, C)`` in the features of the neighbors.
    """
    n, k = len(edges.harmonics) // 2, edges.harmonics.shape[1]
    channels = grad.shape[1]
    of_outputs = output_gradients(constants, grad)
    for degree, (output, of_mixing) in enumerate(zip(sums.outputs, grads.mixing_in, strict=True)):
        of_sums = grad[degree**2 : (degree + 1) ** 2].permute(2, 0, 1).flatten(0, 1)
        of_mixing.addmm_(output.flatten(0, 1).T, of_sums)
    of_features = WORKSPACE.get("of features", grad, n * k, plan.components_in, channels)
    for block, made, of_weights in zip(plan.blocks, sums.messages, grads.sums, strict=True):
        (own, own_tangent), (factor, factor_tangent) = made.features, made.weights
        shape = len(of_weights), *own.shape
        of_weighted, of_tangent = (WORKSPACE.get(name, grad, *shape) for name in ("weighted", "weighted tangents"))
        for p, path in enumerate(block.paths):
            kernel, kernel_tangent = made.kernels[p]
            given = of_outputs[path.out][:, :, block.mixing[p] : block.mixing[p] + channels]
            rows = n, k * block.dim, channels
            torch.bmm(kernel, given[:n], out=of_weighted[p].view(rows)).baddbmm_(kernel_tangent, given[n:])
            torch.bmm(kernel, given[n:], out=of_tangent[p].view(rows))
        product = torch.mul(of_weighted, factor, out=WORKSPACE.get("product", grad, *shape))
        product.addcmul_(of_tangent, factor_tangent)
        torch.sum(product, 0, out=of_features[:, block.first : block.first + block.dim])
        of_factors = WORKSPACE.get("of factors", grad, len(of_weights), 2 * n * k, channels)
        torch.sum(of_weighted.mul_(own).addcmul_(of_tangent, own_tangent), 2, out=of_factors[:, : n * k])
        torch.sum(of_tangent.mul_(own), 2, out=of_factors[:, n * k :])
        of_weights.baddbmm_(edges.radial.T.expand(len(of_weights), -1, -1), of_factors)
    return of_features


def dual_contract_backward(
    plan: LayerPlan,
    constants: LayerConstants,
    chunk: Chunk,
    z: Tensor,
    jacobian: Tensor,
    tangent: Tensor,
    of_values: Tensor,
    of_tangents: Tensor,
    grads: LayerConstants,
) -> Tensor:
    """The gradient ``(d, C, n)`` in the sums; adds to those in the coefficients of the contraction.

    Args:
        plan: Of the layer.
        constants: Of the layer.
        chunk: The atoms.
        z: ``(1 + d, C, n)`` the sums after a constant.
        jacobian: ``(D, 1 + d, C, n)`` three times the derivatives of the values.
        tangent: ``(d, C, n)`` of the sums.
        of_values: ``(D, C, n)``.
        of_tangents: ``(D, C, n)``, those of the energies in the values.
        grads: To which is added.
    """
    along = torch.cat([torch.zeros_like(tangent[:1]), tangent])
    second = forms(z, along, plan.contraction, constants.coefficients, chunk.runs)[:, 1:]
    of_sums = (jacobian[:, 1:] * of_values[:, None]).addcmul_(second, of_tangents[:, None], value=2).sum(0)
    of_forms = (z * (of_values / 3)[:, None]).addcmul_(along, of_tangents[:, None])
    add_coefficient_gradients(z, of_forms, plan.contraction, chunk.runs, grads.coefficients)
    return of_sums


def dual_update_backward(
    plan: LayerPlan,
    chunk: Chunk,
    grad: Tensor,
    values: Tensor,
    features: tuple[Tensor, Tensor] | None,
    grads: LayerConstants,
) -> None:
    """Add to the gradients in the mixing and the self-connection.

    Args:
        plan: Of the layer.
        chunk: The atoms.
        grad: ``(2 n, D, C)`` in the features that go out.
        values: ``(D, C, 2 n)`` of the contraction.
        features: ``(N, components, C)`` that come in, and their tangents; None where there are none.
        grads: To which is added.
    """
    grads.mixing.index_add_(0, plan.irrep, torch.bmm(grad.permute(1, 2, 0), values.mT))
    if features is None or grads.skip is None:
        return
    for number, (first, out, dim) in enumerate(plan.kept):
        for given, inner in zip(grad[:, out : out + dim].chunk(2), features, strict=True):
            own = inner[chunk.atoms, first : first + dim]
            for element, start, stop in chunk.runs:
                of_skip = grads.skip[element, number]
                of_skip.addmm_(given[start:stop].flatten(0, 1).T, own[start:stop].flatten(0, 1))
