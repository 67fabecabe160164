"""What the passes of a potential read of its weights, folded: functions of the weights, differentiable in them."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import torch
from torch import Tensor

from intertwine.models.potential._interaction import ElementSums, FeatureSums, ProductInteraction
from intertwine.models.potential.passes._contraction import ContractionPlan, block_coefficients, contraction_plan
from intertwine.ops import IrrepLabel
from intertwine.reps import wigner_3j

if TYPE_CHECKING:
    from intertwine.models.potential._network import ProductNetwork


class Path(NamedTuple):
    """A path from an irrep of the features through harmonics to the sums.

    Attributes:
        degree: Of the harmonics.
        out: Degree of the sums.
        coupling: ``(2 l + 1, (2 l_in + 1) (2 l_out + 1))``; None for invariants, where it is a factor of the weights.
    """

    degree: int
    out: int
    coupling: Tensor | None


class FeatureBlock(NamedTuple):
    """One irrep of the features.

    Attributes:
        first: Its first component.
        dim: 2 l_in + 1.
        paths: Those that start here.
        factors: ``(paths, 1, 1)`` of the weights.
        columns: Of each path, in the weights of the layer.
        mixing: Of each path, its first row in the mixing of its degree.
    """

    first: int
    dim: int
    paths: tuple[Path, ...]
    factors: Tensor
    columns: tuple[int, ...]
    mixing: tuple[int, ...]


class LayerPlan(NamedTuple):
    """What does not depend on the weights.

    Attributes:
        contraction: Of the sums.
        labels: Irreps of the features that go out.
        blocks: Of the features that come in; empty in the first layer.
        components_in: Number of their components.
        degrees: ``(d,)`` the degree of each component of the sums.
        irrep: ``(D,)`` the number of the irrep of each component that goes out.
        kept: Where each irrep that the self-connection keeps begins in the features in and out, and its dimension.
    """

    contraction: ContractionPlan
    labels: tuple[IrrepLabel, ...]
    blocks: tuple[FeatureBlock, ...]
    components_in: int
    degrees: Tensor
    irrep: Tensor
    kept: tuple[tuple[int, int, int], ...]


class LayerConstants(NamedTuple):
    """Folded weights of a layer.

    Attributes:
        sums: In the first layer ``(lmax + 1, C, elements * F)``, of F radial functions; then for each block of features
            ``(paths, F, C)``.
        mixing_in: For each degree of the sums ``(paths * C, C)``; empty in the first layer.
        coefficients: Of the contraction, for each class.
        mixing: ``(irreps, C, C)``, out and in.
        skip: ``(elements, irreps, C, C)`` of the self-connection; None without.
    """

    sums: tuple[Tensor, ...]
    mixing_in: tuple[Tensor, ...]
    coefficients: tuple[Tensor, ...]
    mixing: Tensor
    skip: Tensor | None


def layer_plan(layer: ProductInteraction, dtype: torch.dtype, device: torch.device) -> LayerPlan:
    """The plan of a layer in a dtype, on a device."""
    labels_out = tuple(layer.labels_out)
    plan = contraction_plan(layer.contraction, layer.sums.labels, labels_out)
    plan = plan._replace(
        first=plan.first.to(device), second=plan.second.to(device), columns=plan.columns.to(device),
        inverse=plan.inverse.to(device), couplings=plan.couplings.to(device, dtype),
    )  # fmt: skip
    lmax = len(layer.sums.labels) - 1
    degrees = torch.cat([torch.full((2 * degree + 1,), degree) for degree in range(lmax + 1)])
    irrep = torch.cat([torch.full((2 * degree + 1,), number) for number, (degree, _) in enumerate(labels_out)])
    blocks = _blocks(layer.sums, dtype, device) if isinstance(layer.sums, FeatureSums) else ()
    size_in = sum(2 * degree + 1 for degree, _ in layer.labels_in)
    starts_out = _starts(labels_out)
    starts_in = _starts(layer.labels_in)
    kept = tuple(
        (starts_in[layer.labels_in.index(label)], starts_out[number], 2 * label[0] + 1)
        for number, label in enumerate(labels_out)
        if label in layer.labels_in
    )
    return LayerPlan(plan, labels_out, blocks, size_in, degrees.to(device), irrep.to(device), kept)


def _starts(labels: Sequence[IrrepLabel]) -> list[int]:
    sizes = [2 * degree + 1 for degree, _ in labels]
    return [sum(sizes[:number]) for number in range(len(sizes))]


def _blocks(sums: FeatureSums, dtype: torch.dtype, device: torch.device) -> tuple[FeatureBlock, ...]:
    coupling = sums.coupling
    found, starts = [], _starts(sums.labels_in)
    widths = [width for _, width in coupling.outputs]
    for i, ((l_in, _), channels) in enumerate(coupling.inputs):
        paths, factors, columns, rows = list[Path](), list[float](), list[int](), list[int]()
        for o, ((l_out, _), _) in enumerate(coupling.outputs):
            before = sum(len(coupling.paths(j, o)) for j in range(i)) * channels
            for number, degree in enumerate(coupling.paths(i, o)):
                isometry = wigner_3j(l_in, degree, l_out) * sqrt(2 * l_out + 1)
                factors.append(float(isometry[0, 0, 0]) if l_in == 0 else 1.0)
                matrix = None if l_in == 0 else isometry.permute(1, 0, 2).flatten(1).to(device, dtype)
                paths.append(Path(degree, l_out, matrix))
                rows.append(before + number * channels)
                columns.append(sum(widths[:o]) + rows[-1])
        factor = torch.tensor(factors, dtype=torch.float64)[:, None, None].to(device, dtype)
        found.append(FeatureBlock(starts[i], 2 * l_in + 1, tuple(paths), factor, tuple(columns), tuple(rows)))
    return tuple(found)


def radial_matrix(network: ProductNetwork) -> Tensor:
    """``(1 + n, layers * functions)``: the radial functions over the cutoff in 1 and the Bessel functions."""
    (layer,) = network.radial.layers
    weight, bias = cast("Any", layer).weight, cast("Any", layer).bias
    return torch.cat([bias[None], (weight * network.radial.scale).T])


def layer_constants(layer: ProductInteraction, plan: LayerPlan, radial: Tensor) -> LayerConstants:
    """The folded weights of a layer whose radial functions are ``radial (1 + n, functions)``."""
    contraction, sums = layer.contraction, layer.sums
    weights = torch.cat(list(contraction.weights), 2)
    coefficients = (weights.flatten(0, 1) @ plan.contraction.couplings).unflatten(0, weights.shape[:2])
    scaled = radial / sums.average_neighbors
    folded: tuple[Tensor, ...]
    mixing_in: tuple[Tensor, ...] = ()
    if isinstance(sums, ElementSums):
        by_degree = sorted(range(len(sums.labels)), key=lambda number: sums.labels[number][0])
        weight = sums.weights[by_degree].unflatten(2, (-1, scaled.shape[1])) @ scaled.T
        folded = (weight.flatten(2),)
    else:
        channels, weight = sums.channels, scaled @ sums.weights
        folded = tuple(
            torch.stack([weight[:, first : first + channels] for first in block.columns]) * block.factors
            for block in plan.blocks
        )
        degrees = [degree for (degree, _), _ in sums.coupling.outputs]
        mixing_in = tuple(sums.mixing[degrees.index(degree)].clone() for degree in range(len(degrees)))
    skip = None if layer.skip is None else layer.skip.weights.clone()
    blocks = tuple(block_coefficients(plan.contraction, coefficients))
    return LayerConstants(folded, mixing_in, blocks, layer.mixing.clone(), skip)
