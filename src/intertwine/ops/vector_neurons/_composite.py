"""VN-ReLU and norm statistics composed of torch operations on all edges at once, for derivatives of every order."""

from __future__ import annotations

import torch
from torch import Tensor

from intertwine.ops.functions import safe_norm
from intertwine.ops.vector_neurons._args import NormStatsArgs, VNReluArgs
from intertwine.ops.vector_neurons._edge_vectors import EdgeVectors
from intertwine.ops.vector_neurons._vn_relu_kernels import VN_EPSILON


def composite_vectors(vectors: EdgeVectors, edge_attr: Tensor | None, source: Tensor, target: Tensor) -> Tensor:
    """The vectors of all edges, ``(n, E, C)``."""
    result = vectors.target[:, target]
    if vectors.source is not None:
        result = result + vectors.source[:, source]
    return result if edge_attr is None or vectors.mixing is None else result + edge_attr @ vectors.mixing


def composite_vn_relu_mean(args: VNReluArgs) -> Tensor:
    """The function of :func:`vn_relu_mean`."""
    target = torch.argsort(args.rank_of_node)[args.rank]
    q, k = (composite_vectors(x, args.edge_attr, args.source, target) for x in (args.values, args.directions))
    if args.affine is not None:
        norm = safe_norm(q, dim=0)
        q = q * (args.affine[0] + args.affine[1] * torch.where(norm == 0, 0.0, 1 / (norm + VN_EPSILON)))
    coefficient = (q * k).sum(0).clamp_max(0) / (k.square().sum(0) + VN_EPSILON)
    out = q + (args.negative_slope - 1) * coefficient * k
    num_nodes = args.rank_of_node.shape[0]
    degrees = torch.bincount(target, minlength=num_nodes).clamp_min(1)[:, None]
    zero = out.new_zeros(out.shape[0], num_nodes, out.shape[2])
    return zero.index_add(1, target, out) / degrees


def composite_norm_stats(args: NormStatsArgs) -> tuple[Tensor, Tensor]:
    """The function of :func:`edge_norm_stats`."""
    target = torch.argsort(args.rank_of_node)[args.rank]
    norms = safe_norm(composite_vectors(args.values, args.edge_attr, args.source, target), dim=0).double()
    num_edges = max(len(norms), 1)
    mean = norms.sum(0) / num_edges
    return mean, (norms - mean).square().sum(0) / num_edges
