"""Equiformer family: attention over SO(2) convolutions, and feed-forward networks."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import torch
from torch import Tensor, nn

from intertwine._errors import UsageError
from intertwine.models.families._edge_network import EdgeNetwork
from intertwine.models.families._family import Family, InteractionConfig
from intertwine.models.families._norm import Norm, check_norm, make_norm
from intertwine.nn import Gate, Geometry, Linear, SO2Conv
from intertwine.ops import segment_softmax, smooth_cutoff, so2_conv
from intertwine.reps import Rep, direct_sum


@dataclass(frozen=True)
class EquiformerFamily(Family):
    """Graph attention over SO(2) convolutions, then a feed-forward network, each with a norm before it; O(3).

    Attributes:
        heads: Number of attention heads.
        expansion: Hidden copies of the feed-forward network for one of its input.
        norm: Normalization before attention and before the feed-forward network: ``"layer"``, ``"batch"`` or
            ``"none"``.

    Reference: Liao, Smidt, Equiformer, ICLR 2023; Liao et al., EquiformerV2, ICLR 2024, with attention coefficients
    from the invariants of both ends and their distance.
    """

    name = "equiformer"
    default_hidden = "32x0e + 16x1o + 8x2e"
    strided = True
    heads: int = 4
    expansion: int = 2
    norm: Norm = "layer"

    def __post_init__(self) -> None:
        check_norm(self.name, self.norm)
        for name in ("heads", "expansion"):
            if (value := getattr(self, name)) < 1:
                raise UsageError(f'layer "{self.name}": {name} must be at least 1, got {value!r}')

    def interaction(self, hidden: Rep, config: InteractionConfig) -> nn.Module:
        """Transformer block."""
        return EquiformerInteraction(hidden, config, self)

    def pooling(self, fine: Rep, coarse: Rep, config: InteractionConfig) -> nn.Module:
        """Transformer block in which the sampled points attend to the finer cloud."""
        return EquiformerPooling(fine, coarse, config, self)


class GraphAttention(nn.Module):
    """Attention over SO(2) convolutions, with coefficients from an edge network.

        alpha_ij = u_ij exp(l_ij) / sum_k u_ik exp(l_ik),    (l_ij, h_ij) = linear(edge network(x_j, x_i, |r_ij|))
        a_i = sqrt(n) sum_j D_out(R_ij) W S(alpha_ij h_ij) D_in(R_ij)^T x_j,    y_i = linear(gate(a_i + linear(x_i)))

    with one logit l for each head, the envelope u of the cutoff, and the matrices R, W and S of
    :class:`intertwine.nn.SO2Conv`; S is linear in the products of the coefficients of all heads and the invariants h.

    Args:
        rep_in: Representation of the features that come in.
        rep_out: Representation of the features that go out.
        config: Hyperparameters of the encoder.
        heads: Number of heads.

    Reference: Liao, Smidt, Equiformer, ICLR 2023, eqs. 4-6; Passaro, Zitnick, ICML 2023, eq. 5.
    """

    def __init__(self, rep_in: Rep, rep_out: Rep, config: InteractionConfig, heads: int) -> None:
        super().__init__()
        self.rep_in, self.rep_out, self.heads = rep_in, rep_out, heads
        self.gate = Gate(rep_out)
        self.edges = EdgeNetwork(rep_in, config.width, config.width, config.radial_basis, config.cutoff)
        self.logits = nn.Linear(config.width, heads, bias=False, dtype=torch.float32)
        self.radial = nn.Linear(config.width, -(-config.width // heads), bias=False, dtype=torch.float32)
        self.conv = SO2Conv(
            rep_in,
            self.gate.rep_in,
            radial_basis=heads * self.radial.out_features,
            radial_hidden=(),
            cutoff=config.cutoff,
            avg_num_neighbors=config.avg_num_neighbors,
        )
        self.self_interaction = Linear(rep_in, self.gate.rep_in)
        self.mix = Linear(rep_out, rep_out, bias=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Normal weights that keep the variance; logits that start small, so that attention starts near the mean."""
        width = self.radial.in_features
        nn.init.normal_(self.radial.weight, std=sqrt(self.heads / width))
        nn.init.normal_(self.logits.weight, std=0.1 / sqrt(width))

    def forward(self, features: Tensor, targets: Tensor, geometry: Geometry) -> Tensor:
        """Map features ``(N, rep_in.dim)`` and targets ``(M, rep_in.dim)`` to ``(M, rep_out.dim)``."""
        conv, edges = self.conv, self.edges(features, targets, geometry)
        scale = sqrt(conv.avg_num_neighbors)
        alpha = scale * self.coefficients(edges, geometry)
        radial = (alpha[:, :, None] * self.radial(edges)[:, None, :]).flatten(1)
        weights = list(conv.weights)
        attended = so2_conv(features, radial, geometry.vectors, geometry.graph, conv.coupling, conv.scales, weights)
        output: Tensor = self.mix(self.gate(attended + self.self_interaction(targets)))
        return output

    def coefficients(self, edges: Tensor, geometry: Geometry) -> Tensor:
        """The attention coefficients of each head, ``(E, heads)``, from the invariants ``(E, width)`` of the edges."""
        graph = geometry.graph
        envelope = smooth_cutoff(geometry.lengths, self.edges.cutoff)
        return segment_softmax(self.logits(edges), graph.rank, graph.num_nodes, envelope)


class FeedForward(nn.Module):
    """Feed-forward network on each point: ``linear(gate(linear(x)))``, wider in between.

    Args:
        rep: Representation of the features.
        expansion: Hidden copies for one of the input.
    """

    def __init__(self, rep: Rep, expansion: int) -> None:
        super().__init__()
        self.rep_in = self.rep_out = rep
        gate = Gate(direct_sum(rep.group, [(expansion * copies, irrep) for copies, irrep in rep.terms]))
        self.network = nn.Sequential(Linear(rep, gate.rep_in), gate, Linear(gate.rep_out, rep, bias=False))

    def forward(self, features: Tensor) -> Tensor:
        """Map ``(N, rep.dim)`` to the same."""
        output: Tensor = self.network(features)
        return output


class EquiformerInteraction(nn.Module):
    """Transformer block: ``x <- x + attention(norm(x))``, ``x <- x + feed-forward(norm(x))``.

    Args:
        rep: Representation of the features.
        config: Hyperparameters of the encoder.
        family: Options of the family.
    """

    def __init__(self, rep: Rep, config: InteractionConfig, family: EquiformerFamily) -> None:
        super().__init__()
        self.rep_in = self.rep_out = rep
        self.attention_norm = make_norm(family.norm, rep)
        self.attention = GraphAttention(rep, rep, config, family.heads)
        self.feed_forward_norm = make_norm(family.norm, rep)
        self.feed_forward = FeedForward(rep, family.expansion)

    def forward(self, features: Tensor, geometry: Geometry) -> Tensor:
        """Map ``(N, rep.dim)`` to the same."""
        normalized = self.attention_norm(features)
        features = features + self.attention(normalized, normalized, geometry)
        output: Tensor = features + self.feed_forward(self.feed_forward_norm(features))
        return output


class EquiformerPooling(nn.Module):
    """Attention of the sampled points to the finer cloud, then a residual feed-forward network.

    Args:
        rep_in: Representation of the features of the finer cloud.
        rep_out: Representation of the features of the sampled points.
        config: Hyperparameters of the encoder.
        family: Options of the family.
    """

    def __init__(self, rep_in: Rep, rep_out: Rep, config: InteractionConfig, family: EquiformerFamily) -> None:
        super().__init__()
        self.rep_in, self.rep_out = rep_in, rep_out
        self.attention_norm = make_norm(family.norm, rep_in)
        self.attention = GraphAttention(rep_in, rep_out, config, family.heads)
        self.feed_forward_norm = make_norm(family.norm, rep_out)
        self.feed_forward = FeedForward(rep_out, family.expansion)

    def forward(self, features: Tensor, geometry: Geometry, index: Tensor | None = None) -> Tensor:
        """Map ``(N, rep_in.dim)`` to ``(M, rep_out.dim)``, or to ``(N, rep_out.dim)`` without ``index``."""
        normalized = self.attention_norm(features)
        targets = normalized if index is None else normalized.index_select(0, index)
        features = self.attention(normalized, targets, geometry)
        output: Tensor = features + self.feed_forward(self.feed_forward_norm(features))
        return output
