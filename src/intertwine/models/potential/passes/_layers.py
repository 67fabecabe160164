"""One layer of a potential on a chunk of atoms, forward and backward, without a graph of autograd.

A chunk has n atoms with k neighbors each. Features are ``(N, components, C)``; the sums over neighbors, with a constant
before them, are ``(1 + (lmax + 1)^2, C, n)``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from intertwine.models.potential.passes._constants import FeatureBlock, LayerConstants, LayerPlan
from intertwine.models.potential.passes._contraction import forms
from intertwine.models.potential.passes._edges import EdgeFunctions
from intertwine.models.potential.passes._tables import Chunk
from intertwine.models.potential.passes._workspace import WORKSPACE


class Messages(NamedTuple):
    """What the sums over the neighbors of one block of features were made of.

    Attributes:
        features: ``(n k, m, C)``.
        weights: ``(paths, n k, 1, C)``.
        weighted: ``(paths, n k, m, C)``, their products.
        kernels: For each path ``(n, k m, m_out)``.
    """

    features: Tensor
    weights: Tensor
    weighted: Tensor
    kernels: list[Tensor]


class ChunkEdges(NamedTuple):
    """Functions of the edges of a chunk.

    Attributes:
        harmonics: ``(n, k, (lmax + 1)^2)``.
        radial: ``(n k, F)``.
        radial_slope: Likewise.
        elements: ``(n k, elements)``, the embedding of the neighbors.
        source: ``(n k,)``.
    """

    harmonics: Tensor
    radial: Tensor
    radial_slope: Tensor
    elements: Tensor
    source: Tensor

    @classmethod
    def of(cls, edges: EdgeFunctions, elements: Tensor, source: Tensor, chunk: Chunk) -> ChunkEdges:
        """The part of a chunk."""
        part = chunk.entries
        harmonics = edges.harmonics[part].view(chunk.size, chunk.width, edges.harmonics.shape[1])
        return cls(harmonics, edges.radial[part], edges.radial_slope[part], elements[part], source[part])


def element_density(edges: ChunkEdges, radial: Tensor) -> Tensor:
    """``(n, k, elements * F)``, the radial functions at the place of the neighbor's element."""
    density = edges.elements[:, :, None] * radial[:, None]
    return density.view(*edges.harmonics.shape[:2], -1)


def element_sums(plan: LayerPlan, constants: LayerConstants, edges: ChunkEdges) -> Tensor:
    """The sums of the first layer."""
    sums = torch.bmm(edges.harmonics.mT, element_density(edges, edges.radial))
    (weights,) = constants.sums
    z = sums.new_empty(1 + sums.shape[1], weights.shape[1], sums.shape[0])
    z[0] = 1
    torch.bmm(weights.index_select(0, plan.degrees), sums.permute(1, 2, 0), out=z[1:])
    return z


def element_sums_backward(
    plan: LayerPlan, constants: LayerConstants, edges: ChunkEdges, grad: Tensor
) -> tuple[Tensor, Tensor]:
    """Gradients in the harmonics ``(n k, (lmax + 1)^2)`` and in the distances ``(n k,)``, for those of the sums."""
    weights = constants.sums[0].index_select(0, plan.degrees)
    of_sums = torch.bmm(grad.permute(0, 2, 1), weights).transpose(0, 1)
    of_density = torch.bmm(edges.harmonics, of_sums).mul_(element_density(edges, edges.radial_slope))
    of_harmonics = torch.bmm(element_density(edges, edges.radial), of_sums.mT)
    return of_harmonics.flatten(0, 1), of_density.sum(2).flatten()


def messages(block: FeatureBlock, weights: Tensor, edges: ChunkEdges, features: Tensor) -> Messages:
    """What is summed over the neighbors, for features ``(n k, components, C)`` of these."""
    own = features.narrow(1, block.first, block.dim)
    of_edges = edge_weights(f"weights {block.first}", edges.radial, weights)
    out = WORKSPACE.get(f"weighted {block.first}", own, len(weights), *own.shape)
    return Messages(own, of_edges, torch.mul(own, of_edges, out=out), kernels(block, edges.harmonics))


def edge_weights(name: str, radial: Tensor, weights: Tensor) -> Tensor:
    """``(paths, n k, 1, C)``, the radial functions ``(n k, F)`` times the weights ``(paths, F, C)``."""
    paths, _, channels = weights.shape
    out = WORKSPACE.get(name, radial, paths, len(radial), channels)
    return torch.bmm(radial.expand(paths, -1, -1), weights, out=out)[:, :, None]


def kernels(block: FeatureBlock, harmonics: Tensor) -> list[Tensor]:
    """For each path ``(n, k m, m_out)``."""
    n, k, _ = harmonics.shape
    found = []
    for path in block.paths:
        values = harmonics[:, :, path.degree**2 : (path.degree + 1) ** 2]
        if path.coupling is not None:
            values = (values.flatten(0, 1) @ path.coupling).view(n, k * block.dim, -1)
        found.append(values)
    return found


def feature_sums(
    plan: LayerPlan, constants: LayerConstants, edges: ChunkEdges, features: Tensor
) -> tuple[Tensor, list[Messages]]:
    """The sums of a layer, for features ``(N, components, C)`` of all atoms, and what they are made of."""
    n, k, size = edges.harmonics.shape
    channels = features.shape[2]
    near = WORKSPACE.get("near", features, n * k, *features.shape[1:])
    torch.index_select(features, 0, edges.source, out=near)
    found = [messages(block, weights, edges, near) for block, weights in zip(plan.blocks, constants.sums, strict=True)]
    outputs = output_buffers(constants, features, n)
    for block, made in zip(plan.blocks, found, strict=True):
        for p, path in enumerate(block.paths):
            out = outputs[path.out][:, :, block.mixing[p] : block.mixing[p] + channels]
            torch.bmm(made.kernels[p].mT, made.weighted[p].view(n, k * block.dim, channels), out=out)
    z = features.new_empty(1 + size, channels, n)
    z[0] = 1
    mix(constants, outputs, z[1:])
    return z, found


def output_buffers(constants: LayerConstants, like: Tensor, atoms: int) -> list[Tensor]:
    """For each degree an uninitialized ``(n, 2 l + 1, paths * C)``: what is mixed into the sums."""
    return [
        WORKSPACE.get(f"outputs {degree}", like, atoms, 2 * degree + 1, len(mixing))
        for degree, mixing in enumerate(constants.mixing_in)
    ]


def mix(constants: LayerConstants, outputs: Sequence[Tensor], sums: Tensor) -> None:
    """Write the sums ``(d, C, n)``."""
    for degree, (mixing, output) in enumerate(zip(constants.mixing_in, outputs, strict=True)):
        matrix = mixing.T.expand(2 * degree + 1, -1, -1)
        torch.bmm(matrix, output.permute(1, 2, 0), out=sums[degree**2 : (degree + 1) ** 2])


def output_gradients(constants: LayerConstants, grad: Tensor) -> list[Tensor]:
    """For each degree ``(n, 2 l + 1, paths * C)``: gradients of what is mixed into the sums, for those of the sums."""
    return [
        torch.bmm(
            grad[degree**2 : (degree + 1) ** 2].mT, mixing.T.expand(2 * degree + 1, -1, -1)
        ).transpose(0, 1)
        for degree, mixing in enumerate(constants.mixing_in)
    ]  # fmt: skip


def feature_sums_backward(
    plan: LayerPlan, constants: LayerConstants, edges: ChunkEdges, made: Sequence[Messages], grad: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients in harmonics and distances, and in the features ``(n k, components, C)``; overwrites what was made."""
    n, k, _ = edges.harmonics.shape
    channels = grad.shape[1]
    of_outputs = output_gradients(constants, grad)
    of_harmonics: list[Tensor | None] = [None] * len(of_outputs)
    of_features = WORKSPACE.get("of features", grad, n * k, plan.components_in, channels)
    of_distance = grad.new_zeros(n * k)
    for block, parts, weights in zip(plan.blocks, made, constants.sums, strict=True):
        of_weighted = WORKSPACE.get("of weighted", grad, *parts.weighted.shape)
        for p, path in enumerate(block.paths):
            own = of_outputs[path.out][:, :, block.mixing[p] : block.mixing[p] + channels]
            torch.bmm(parts.kernels[p], own, out=of_weighted[p].view(n, k * block.dim, channels))
            turned = own
            if path.coupling is not None:
                matrix = path.coupling.view(-1, own.shape[1]).expand(n, -1, -1)
                turned = torch.bmm(matrix, own).view(n, 2 * path.degree + 1, -1)
            added = torch.bmm(parts.weighted[p].view(n, k, -1), turned.mT)
            before = of_harmonics[path.degree]
            of_harmonics[path.degree] = added if before is None else before.add_(added)
        product = torch.mul(of_weighted, parts.weights, out=parts.weighted)
        of_features[:, block.first : block.first + block.dim] = product.sum(0)
        slopes = edge_weights(f"weights {block.first}", edges.radial_slope, weights)
        of_distance += of_weighted.mul_(slopes).sum(0).mul_(parts.features).sum((1, 2))
    whole = [grad.new_zeros(n, k, 2 * degree + 1) if part is None else part for degree, part in enumerate(of_harmonics)]
    return torch.cat(whole, 2).flatten(0, 1), of_distance, of_features


def contract(z: Tensor, plan: LayerPlan, constants: LayerConstants, chunk: Chunk) -> tuple[Tensor, Tensor]:
    """Values ``(D, C, n)`` of the symmetric contraction, and three times their derivatives ``(D, 1 + d, C, n)``."""
    jacobian = forms(z, None, plan.contraction, constants.coefficients, chunk.runs)
    return (jacobian * z).sum(1).div_(3), jacobian


def contract_backward(jacobian: Tensor, grad: Tensor) -> Tensor:
    """The gradient ``(d, C, n)`` in the sums for that ``(D, C, n)`` of the values."""
    if len(grad) == 1:
        return jacobian[0, 1:] * grad
    return (jacobian[:, 1:] * grad[:, None]).sum(0)


def update(values: Tensor, features: Tensor | None, plan: LayerPlan, constants: LayerConstants, chunk: Chunk) -> Tensor:
    """The features ``(n, D, C)`` that go out, of the values of the contraction and the features of the atoms."""
    mixing = constants.mixing.index_select(0, plan.irrep)
    found = torch.bmm(values.permute(0, 2, 1), mixing.mT).transpose(0, 1)
    if features is None or constants.skip is None:
        return found
    for number, (first, out, dim) in enumerate(plan.kept):
        own, result = features[chunk.atoms, first : first + dim], found[:, out : out + dim]
        for element, start, stop in chunk.runs:
            result[start:stop] += own[start:stop] @ constants.skip[element, number].T
    return found


def update_backward(
    grad: Tensor, of_features: Tensor | None, plan: LayerPlan, constants: LayerConstants, chunk: Chunk
) -> Tensor:
    """The gradient ``(D, C, n)`` in the values for that ``(n, D, C)`` of the results; adds to that in the features."""
    if of_features is not None and constants.skip is not None:
        for number, (first, out, dim) in enumerate(plan.kept):
            result, own = of_features[chunk.atoms, first : first + dim], grad[:, out : out + dim]
            for element, start, stop in chunk.runs:
                result[start:stop] += own[start:stop] @ constants.skip[element, number]
    mixing = constants.mixing.index_select(0, plan.irrep)
    return torch.bmm(mixing.mT, grad.permute(1, 2, 0))
