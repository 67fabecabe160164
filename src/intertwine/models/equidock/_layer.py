"""Layer of the independent E(3)-equivariant graph matching network (IEGMN)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from intertwine.models.equidock._residue_graph import DISTANCE_SCALES, EDGE_FEATURES, ResidueGraph


class IEGMNLayer(nn.Module):
    r"""Messages within each of two graphs, attention between them, on invariant features and equivariant positions.

    .. math::
        m_{ij} &= \phi_e(h_i, h_j, \{e^{-|x_i - x_j|^2 / 1.5^k}\}_k, f_{ij}) \\
        \mu_i &= \sum_{j'} \operatorname{softmax}_{j'} \langle \psi_q(h_i), \psi_k(h_{j'}) \rangle \, W h_{j'} \\
        x_i' &= \eta x_i^{(0)} + (1 - \eta) x_i + \operatorname{mean}_j (x_i - x_j) \, \phi_x(m_{ij}) \\
        h_i' &= (1 - \beta) h_i + \beta \, \phi_h(h_i, \operatorname{mean}_j m_{ij}, \mu_i, h_i^{(0)})

    with j among the neighbors of i and j' in the other graph; both graphs share all weights.

    Args:
        hidden_in: Channels of the features that come in.
        hidden: Channels of the features that go out.
        initial: Channels of the first features, :math:`h^{(0)}`.
        skip: :math:`\beta`; features of other sizes have no skip.
        anchor: :math:`\eta`.

    Law:
        Motions of either graph leave the features of both as they are and move the positions of that graph. With the
        graphs exchanged, the outputs are.

    Cost:
        For each edge one product with a matrix ``(hidden, hidden)`` and one with its own features: the other linear
        maps of the messages act on residues, before messages are gathered or after they are averaged.

    References:
        Ganea et al., ICLR 2022, Eq. 3 to 8.
    """

    def __init__(self, hidden_in: int, hidden: int, initial: int, *, skip: float = 0.5, anchor: float = 0.0) -> None:
        super().__init__()
        self.skip, self.anchor, self.hidden_in, self.hidden = skip, anchor, hidden_in, hidden
        self.edge = mlp(2 * hidden_in + len(DISTANCE_SCALES) + EDGE_FEATURES, hidden, hidden)
        self.position = mlp(hidden, hidden, 1)
        self.query = nn.Sequential(nn.Linear(hidden_in, hidden, bias=False), nn.LeakyReLU(0.01))
        self.key = nn.Sequential(nn.Linear(hidden_in, hidden, bias=False), nn.LeakyReLU(0.01))
        self.value = nn.Linear(hidden_in, hidden, bias=False)
        self.node = mlp(hidden_in + 2 * hidden + initial, hidden, hidden)

    def forward(
        self,
        graphs: tuple[ResidueGraph, ResidueGraph],
        features: tuple[Tensor, Tensor],
        positions: tuple[Tensor, Tensor],
        initial: tuple[Tensor, Tensor],
    ) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
        """The next features and positions of both graphs.

        Args:
            graphs: Edges and their features.
            features: ``(residues, hidden_in)`` each.
            positions: ``(residues, 3)`` each.
            initial: First features ``(residues, initial)`` each.

        Returns:
            Features ``(residues, hidden)`` and positions ``(residues, 3)``.
        """
        one = self._update(graphs[0], features[0], features[1], positions[0], initial[0])
        two = self._update(graphs[1], features[1], features[0], positions[1], initial[1])
        return (one[0], two[0]), (one[1], two[1])

    def _update(
        self, graph: ResidueGraph, h: Tensor, other: Tensor, x: Tensor, initial: Tensor
    ) -> tuple[Tensor, Tensor]:
        source, target = graph.edges
        offset = x.index_select(0, target) - x.index_select(0, source)
        radial = torch.exp(-offset.square().sum(-1, keepdim=True) / offset.new_tensor(DISTANCE_SCALES))
        inner = self._inner(h, torch.cat([radial, graph.edge_features], dim=1), source, target)
        moved = self.anchor * graph.positions + (1 - self.anchor) * x
        moved = moved + _mean(offset * self._weight(inner), target, len(h))
        has_neighbors = torch.zeros_like(h[:, :1]).index_fill(0, target, 1.0)
        messages = has_neighbors * self.edge[-1](_mean(inner, target, len(h)))
        attention = torch.softmax(self.query(h) @ self.key(other).mT, dim=1) @ self.value(other)
        updated = self.node(torch.cat([h, messages, attention, initial], dim=1))
        if self.hidden_in == self.hidden:
            updated = (1 - self.skip) * h + self.skip * updated
        return updated, moved

    def _inner(self, h: Tensor, edge_features: Tensor, source: Tensor, target: Tensor) -> Tensor:
        """The messages before the last linear map of the edges; the first one acts on residues, then is gathered."""
        first = _linear_map(self.edge, 0)
        to, from_, of_edge = first.weight.split([self.hidden_in, self.hidden_in, edge_features.shape[1]], dim=1)
        summed = (h @ to.mT).index_select(0, target) + (h @ from_.mT).index_select(0, source)
        inner: Tensor = self.edge[1:-1](summed + linear(edge_features, of_edge, first.bias))
        return inner

    def _weight(self, inner: Tensor) -> Tensor:
        """The weights of the offsets: the last linear map of the edges and the first of the positions are one."""
        last, first = _linear_map(self.edge, -1), _linear_map(self.position, 0)
        both = linear(inner, first.weight @ last.weight, first.weight @ last.bias + first.bias)
        weights: Tensor = self.position[1:](both)
        return weights


def _linear_map(network: nn.Sequential, place: int) -> nn.Linear:
    found = network[place]
    assert isinstance(found, nn.Linear), "those of `mlp` begin and end with one"
    return found


def mlp(size_in: int, hidden: int, size_out: int) -> nn.Sequential:
    """Linear, leaky ReLU, layer norm, linear.

    Args:
        size_in: Channels.
        hidden: Channels between.
        size_out: Channels.
    """
    return nn.Sequential(
        nn.Linear(size_in, hidden), nn.LeakyReLU(0.01), nn.LayerNorm(hidden), nn.Linear(hidden, size_out)
    )


def _mean(values: Tensor, target: Tensor, count: int) -> Tensor:
    total = values.new_zeros(count, values.shape[1]).index_add(0, target, values)
    number = values.new_zeros(count).index_add(0, target, torch.ones_like(values[:, 0]))
    return total / number.clamp(min=1)[:, None]
