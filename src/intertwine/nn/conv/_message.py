"""Message passing on relative positions, which is not equivariant under rotations."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from intertwine.nn.conv._geometry import Geometry
from intertwine.nn.conv._point_conv import PointConv
from intertwine.ops import segment_sum, smooth_cutoff
from intertwine.reps import Rep


class MessageConv(PointConv):
    """Messages from plain networks of both features and the relative position, summed over the neighbors.

        m_ij = u(|r_ij|) phi(x_i, x_j, r_ij),   y_i = psi(x_i, 1/sqrt(n) sum_j m_ij),   r_ij = position_j - position_i

    with phi and psi networks of one hidden layer. The last linear map of phi comes after the sum, which is the same.

    Args:
        rep_in: Representation of the features that come in, or its text; only its dimension matters here.
        rep_out: Representation of the features that go out, likewise.
        hidden: Width of both networks.
        cutoff: Distance from which an edge has no weight, in the unit of the positions.
        avg_num_neighbors: n, the average number of neighbors.

    Law: equivariant under translations and permutations; NOT under rotations, which an audit shows.

    Reference: Gilmer et al., Neural message passing for quantum chemistry, ICML 2017, eqs. 1-2.

    Example:
        >>> conv = MessageConv("4x0e", "4x0e", hidden=8)
        >>> conv(torch.ones(2, 4), torch.eye(2, 3), torch.tensor([[1, 0], [0, 1]])).shape
        torch.Size([2, 4])
    """

    def __init__(
        self,
        rep_in: Rep | str,
        rep_out: Rep | str,
        *,
        hidden: int = 64,
        cutoff: float = 5.0,
        avg_num_neighbors: float = 1.0,
    ) -> None:
        super().__init__(rep_in, rep_out, avg_num_neighbors=avg_num_neighbors)
        if hidden < 1 or not cutoff > 0:
            raise ValueError(f"hidden and cutoff must be positive, got {hidden} and {cutoff}")
        self.cutoff = float(cutoff)
        dim_in, dim_out = self.rep_in.dim, self.rep_out.dim
        self.receiver = nn.Linear(dim_in, hidden, dtype=torch.float32)
        self.sender = nn.Linear(dim_in, hidden, bias=False, dtype=torch.float32)
        self.offset = nn.Linear(3, hidden, bias=False, dtype=torch.float32)
        self.message = nn.Linear(hidden, hidden, bias=False, dtype=torch.float32)
        self.update = nn.Sequential(
            nn.Linear(dim_in + hidden, hidden, dtype=torch.float32),
            nn.SiLU(),
            nn.Linear(hidden, dim_out, dtype=torch.float32),
        )

    def convolve(self, features: Tensor, geometry: Geometry) -> Tensor:
        """Make a message on every edge, sum over neighbors, update each point."""
        graph, vectors, lengths, _ = geometry
        received, sent = self.receiver(features), self.sender(features)
        hidden = received.index_select(0, graph.target) + sent.index_select(0, graph.source) + self.offset(vectors)
        weighted = functional.silu(hidden) * smooth_cutoff(lengths, self.cutoff)[:, None]
        summed = segment_sum(weighted, graph.target, graph.num_nodes) / self.avg_num_neighbors**0.5
        updated: Tensor = self.update(torch.cat([features, self.message(summed)], -1))
        return updated
