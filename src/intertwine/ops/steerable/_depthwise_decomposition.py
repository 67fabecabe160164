"""Depthwise convolution and its backward of operations of ATen alone, for programs that run without this library.

For an input block x (E, c, m) with the kernel K (E, m_out, m) and the weights w (E, c) of each of its paths

    y = w sum_m K x,    dx = sum_paths w K^T g,    dK = sum_c w g x,    dw = g . K x

with g the gradient at the target of each edge. Everything is stored for each edge: simple, and not fast.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from intertwine.ops.steerable._conv_args import ConvArgs
from intertwine.ops.steerable._coupling import decode_coupling
from intertwine.ops.steerable._coupling_layout import coupling_layout
from intertwine.ops.steerable._depthwise_inputs import DepthwiseBlock, Path, depthwise_blocks


class _Edges:
    """The arguments of a convolution by edge."""

    def __init__(self, args: ConvArgs) -> None:
        coupling = decode_coupling(tuple(int(value) for value in args.coupling))
        self.args = args
        self.blocks = depthwise_blocks(coupling)
        self.outputs = coupling_layout(coupling).outputs
        self.target = torch.argsort(args.rank_of_node).index_select(0, args.rank)
        self.weights = args.weights.split([channels for _, channels in self.outputs], 1)

    def features(self, block: DepthwiseBlock) -> Tensor:
        """(E, c, m) of the sources."""
        rows = self.args.features[:, block.features].index_select(0, self.args.source)
        by_channel: Tensor = rows.unflatten(1, (block.channels, block.dim))
        return by_channel

    def kernels(self, block: DepthwiseBlock) -> list[Tensor]:
        """(E, m_out, m) of each path."""
        values = self.args.harmonics @ self.args.clebsch_gordan[:, list(block.columns)]
        return [values[:, path.rows].unflatten(1, (-1, block.dim)) for path in block.paths]

    def weight(self, path: Path) -> Tensor:
        """(E, c) of a path."""
        weights: Tensor = self.args.radial @ self.weights[path.output][:, path.channels]
        return weights

    def columns(self, path: Path) -> slice:
        """The columns of a path among those of the output."""
        first = sum(dim * channels for dim, channels in self.outputs[: path.output])
        dim = self.outputs[path.output][0]
        return slice(first + dim * path.channels.start, first + dim * path.channels.stop)


def depthwise_forward(*args: Any) -> Tensor:
    """The convolution, ``(N, dim_out)``; arguments as those of the operator."""
    edges = _Edges(ConvArgs(*args))
    pieces: dict[int, Tensor] = {}
    for block in edges.blocks:
        x = edges.features(block)
        for path, kernel in zip(block.paths, edges.kernels(block), strict=True):
            coupled = torch.einsum("eom,ecm->eco", kernel, x) * edges.weight(path)[:, :, None]
            pieces[edges.columns(path).start] = coupled.flatten(1)
    messages = torch.cat([pieces[start] for start in sorted(pieces)], 1)
    nodes = edges.args.rank_of_node.shape[0]
    return messages.new_zeros(nodes, messages.shape[1]).index_add(0, edges.target, messages)


def depthwise_backward(grad: Tensor, *rest: Any) -> tuple[Tensor, ...]:
    """The value and the gradients of ``<grad, f>``, empty where not asked for; arguments as those of the operator."""
    *args, needs = rest
    edges = _Edges(ConvArgs(*args))
    by_edge = grad.index_select(0, edges.target)
    features = torch.zeros_like(edges.args.features)
    harmonics, radial = torch.zeros_like(edges.args.harmonics), torch.zeros_like(edges.args.radial)
    weights = [torch.zeros_like(part) for part in edges.weights]
    for block in edges.blocks:
        x = edges.features(block)
        dx, dkernel = torch.zeros_like(x), []
        for path, k in zip(block.paths, edges.kernels(block), strict=True):
            w = edges.weight(path)
            g = by_edge[:, edges.columns(path)].unflatten(1, (block.channels, k.shape[1]))
            weighted = g * w[:, :, None]
            dx = dx + torch.einsum("eom,eco->ecm", k, weighted)
            dkernel.append(torch.einsum("eco,ecm->eom", weighted, x).flatten(1))
            dw = (torch.einsum("eom,ecm->eco", k, x) * g).sum(2)
            own = edges.weights[path.output][:, path.channels]
            radial = radial + dw @ own.T
            update = torch.nn.functional.pad(
                edges.args.radial.T @ dw,
                (path.channels.start, weights[path.output].shape[1] - path.channels.stop),
            )
            weights[path.output] = weights[path.output] + update
        columns = edges.args.clebsch_gordan[:, list(block.columns)]
        harmonics = harmonics + torch.cat(dkernel, 1) @ columns.T
        added = torch.zeros_like(features[:, block.features]).index_add(0, edges.args.source, dx.flatten(1))
        width = features.shape[1]
        features = features + torch.nn.functional.pad(added, (block.features.start, width - block.features.stop))
    value = depthwise_forward(*args) if needs[0] else grad
    found = (value, features, harmonics, radial, torch.cat(weights, 1))
    return tuple(part if need else grad.new_empty(0) for part, need in zip(found, needs, strict=True))
