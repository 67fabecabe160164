"""Steerable convolution of operations of ATen alone, for programs that run without this library.

With the messages m of each edge, one for each path and component of the output,

    A_i = sum_j m_ij (x) radial_ij,        y_i = w A_i

Everything is stored for each edge: simple, and not fast.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from intertwine.ops.steerable._conv_args import ConvArgs
from intertwine.ops.steerable._coupling import decode_coupling
from intertwine.ops.steerable._coupling_layout import coupling_layout


def conv_forward(*values: Any) -> Tensor:
    """The convolution that couples first, ``(N, dim_out)``; arguments as those of the operator."""
    args = ConvArgs(*values)
    layout = coupling_layout(decode_coupling(tuple(int(value) for value in args.coupling)))
    num_radial = args.radial.shape[1]
    nodes = args.rank_of_node.shape[0]
    outputs = [args.radial.new_zeros(nodes, dim * channels) for dim, channels in layout.outputs]
    for block in layout.inputs:
        x = args.features[:, block.features].index_select(0, args.source).unflatten(1, (block.channels, block.dim))
        kernel = (args.harmonics @ args.clebsch_gordan[:, block.columns]).unflatten(1, (block.num_rows, block.dim))
        messages = torch.einsum("erm,ecm->erc", kernel, x)
        for paths in block.path_groups:
            aggregate = _aggregate(messages[:, paths.rows].flatten(1), args.radial, args)
            weight = args.weights[paths.weights.start * num_radial : paths.weights.stop * num_radial]
            value = aggregate.unflatten(1, (paths.dim_out, -1)) @ weight.unflatten(0, (-1, paths.channels_out))
            outputs[paths.output] = outputs[paths.output] + value.mT.flatten(1)
    return torch.cat(outputs, 1)


def small_conv_forward(*values: Any) -> Tensor:
    """The convolution that aggregates first, ``(N, dim_out)``; arguments as those of the operator."""
    args = ConvArgs(*values)
    filters = (args.harmonics[:, :, None] * args.radial[:, None]).flatten(1)
    aggregate = _aggregate(args.features.index_select(0, args.source), filters, args)
    result: Tensor = aggregate @ args.weights.unflatten(0, (aggregate.shape[1], -1))
    return result


def _aggregate(messages: Tensor, filters: Tensor, args: ConvArgs) -> Tensor:
    """The sum over the edges of each node of the outer products of ``(E, m)`` and ``(E, f)``: ``(N, m f)``."""
    products = (messages[:, :, None] * filters[:, None]).flatten(1)
    target = torch.argsort(args.rank_of_node).index_select(0, args.rank)
    sums: Tensor = products.new_zeros(args.rank_of_node.shape[0], products.shape[1]).index_add(0, target, products)
    return sums
