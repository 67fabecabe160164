"""Batch normalization of the lengths of vectors."""

from __future__ import annotations

from math import exp, lgamma, sqrt

import torch
from torch import Tensor, nn

from intertwine.nn.norm import is_distributed, synchronize_moments
from intertwine.nn.vector._component_first import ComponentFirst
from intertwine.ops import VN_EPSILON, EdgeVectors, Graph, edge_norm_stats, vn_relu
from intertwine.reps import Rep, as_rep


class VectorBatchNorm(nn.Module):
    """Batch normalization of the length of each vector, which keeps its direction or inverts it.

        v -> BN(|v|) / |v| v,      BN(x) = weight (x - mean) / sqrt(variance + eps) + bias

    Mean and variance are those of the channel over all vectors of the batch (of all processes) in training, and running
    averages of them in evaluation. A zero vector stays zero. The bias begins at mean over deviation of the length of a
    Gaussian vector, 2.37 in space: so the layer begins as a scaling, v / deviation. (From zero, as in the paper, it
    begins by inverting every second vector, and networks learn slowly.)

    Args:
        rep_in: Representation of input and output: copies of a vector, or its text.
        momentum: Weight of the newest batch in the running averages.
        eps: Under the square root.

    Raises:
        ValueError: If ``rep_in`` is not copies of one vector; in ``forward`` if the shape does not fit.

    Law: ``f(rho(g) x) = rho(g) f(x)``, in training as well: lengths are invariant.

    Reference: Deng et al., Vector Neurons, ICCV 2021, section 3.4.

    Example:
        >>> from intertwine.groups import SO3
        >>> norm = VectorBatchNorm(SO3().rep("1x1"))
        >>> norm(torch.tensor([[3.0, 0.0, 0.0], [0.0, 1.0, 0.0]])).round().tolist()
        [[3.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    """

    running_mean: Tensor
    running_variance: Tensor

    def __init__(self, rep_in: Rep | str, *, momentum: float = 0.1, eps: float = 1e-5) -> None:
        super().__init__()
        self.rep_in = self.rep_out = as_rep(rep_in)
        self.momentum, self.eps = momentum, eps
        self._layout = ComponentFirst.of(self.rep_in, "VectorBatchNorm")
        copies = self._layout.copies
        self.weight = nn.Parameter(torch.ones(copies, dtype=torch.float32))
        self.bias = nn.Parameter(torch.full((copies,), mean_over_deviation(self._layout.width), dtype=torch.float32))
        self.register_buffer("running_mean", torch.zeros(copies, dtype=torch.float32))
        self.register_buffer("running_variance", torch.ones(copies, dtype=torch.float32))

    def forward(self, features: Tensor) -> Tensor:
        """Map ``(..., rep_in.dim)`` to the same shape."""
        components = self._layout.split(features, "VectorBatchNorm")
        graph = Graph.from_neighbor_table(torch.arange(components.shape[1], device=components.device)[:, None])
        affine = self.affine(EdgeVectors(components), graph)
        return self._layout.join(vn_relu(components, components, affine=affine, negative_slope=1.0), features)

    def affine(self, values: EdgeVectors, graph: Graph, edges: Tensor | None = None) -> Tensor:
        """Scale and shift for vectors on edges; in training the running averages are updated.

        Args:
            values: The vectors.
            graph: The edges.
            edges: As in :func:`intertwine.ops.vn_relu_mean`.

        Returns:
            ``(2, C)``: BN(|v|) / |v| = scale + shift / |v|.
        """
        mean, variance = self.running_mean, self.running_variance
        dtype = torch.promote_types(values.target.dtype, mean.dtype)
        if self.training:
            count: float = graph.source.shape[0]
            mean, variance = edge_norm_stats(values, graph, edges)
            if is_distributed():
                mean, variance, count = synchronize_moments(mean, variance, graph.source.shape[0])
            if count > 0:
                with torch.no_grad():
                    self.running_mean.lerp_(mean.to(self.running_mean), self.momentum)
                    unbiased = variance * (count / max(count - 1, 1))
                    self.running_variance.lerp_(unbiased.to(self.running_variance), self.momentum)
        scale = self.weight * (variance + self.eps).rsqrt()
        return torch.stack([scale, self.bias - scale * (mean + VN_EPSILON)]).to(dtype)

    def extra_repr(self) -> str:
        """The representation."""
        return str(self.rep_in)


def mean_over_deviation(dimension: int) -> float:
    """The mean of the length of a Gaussian vector over its standard deviation.

    E|v| = sqrt(2) Gamma((n + 1) / 2) / Gamma(n / 2),    E|v|^2 = n

    >>> round(mean_over_deviation(3), 3)
    2.37
    """
    mean = sqrt(2) * exp(lgamma((dimension + 1) / 2) - lgamma(dimension / 2))
    return mean / sqrt(dimension - mean**2)
