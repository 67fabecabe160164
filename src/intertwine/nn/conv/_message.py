"""Message passing on relative positions: where the case study starts, and what fails under rotation."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from intertwine.actions import PointCloud, PointFeatures
from intertwine.nn._blocks import check_features
from intertwine.nn.conv._geometry import Geometry, resolve
from intertwine.ops import segment_sum, smooth_cutoff
from intertwine.reps import Rep


class MessageConv(nn.Module):
    """Messages from plain networks of both features and the relative position, summed over the neighbors.

        m_ij = u(|r_ij|) phi(x_i, x_j, r_ij),   y_i = psi(x_i, 1/sqrt(n) sum_j m_ij),   r_ij = position_j - position_i

    with phi and psi networks of one hidden layer. The last linear map of phi comes after the sum, which is the same.

    Args:
        rep_in: Representation of the features that come in; only its dimension matters, for nothing here is steered.
        rep_out: Representation of the features that go out, likewise.
        hidden: Width of both networks.
        cutoff: Length from which an edge counts nothing, in the unit of the positions.
        neighbors: n, the typical number of neighbors.

    Law: equivariant under translations and permutations; NOT under rotations, which an audit shows.

    Reference: Gilmer et al., Neural message passing for quantum chemistry, ICML 2017, eqs. 1-2.

    Example:
        >>> from intertwine.groups import O3
        >>> rep = O3().rep("4x0e")
        >>> MessageConv(rep, rep, hidden=8)(torch.ones(2, 4), torch.eye(2, 3), torch.tensor([[1, 0], [0, 1]])).shape
        torch.Size([2, 4])
    """

    def __init__(
        self, rep_in: Rep, rep_out: Rep, *, hidden: int = 64, cutoff: float = 5.0, neighbors: float = 1.0
    ) -> None:
        super().__init__()
        if hidden < 1 or not cutoff > 0 or not neighbors > 0:
            raise ValueError(f"hidden, cutoff and neighbors must be positive, got {hidden}, {cutoff}, {neighbors}")
        self.rep_in, self.rep_out = rep_in, rep_out
        self.action_in, self.action_out = PointCloud(rep_in), PointFeatures(rep_out)
        self.cutoff, self.neighbors = float(cutoff), float(neighbors)
        self._size, self._text = rep_in.dim, str(rep_in)
        self.receiver = nn.Linear(rep_in.dim, hidden, dtype=torch.float32)
        self.sender = nn.Linear(rep_in.dim, hidden, bias=False, dtype=torch.float32)
        self.offset = nn.Linear(3, hidden, bias=False, dtype=torch.float32)
        self.message = nn.Linear(hidden, hidden, bias=False, dtype=torch.float32)
        self.update = nn.Sequential(
            nn.Linear(rep_in.dim + hidden, hidden, dtype=torch.float32),
            nn.SiLU(),
            nn.Linear(hidden, rep_out.dim, dtype=torch.float32),
        )

    def forward(self, features: Tensor, positions: Tensor | Geometry, edges: Tensor | None = None) -> Tensor:
        """Pass messages.

        Args:
            features: ``(N, rep_in.dim)``.
            positions: ``(N, 3)``; or the geometry that several layers share, which brings the edges.
            edges: ``(2, E)``, source row over target row, in any order.

        Returns:
            ``(N, rep_out.dim)``.
        """
        check_features(features, self._size, self._text, "MessageConv")
        graph, vectors, lengths, _ = resolve(positions, edges)
        received, sent = self.receiver(features), self.sender(features)
        hidden = received.index_select(0, graph.target) + sent.index_select(0, graph.source) + self.offset(vectors)
        weighted = functional.silu(hidden) * smooth_cutoff(lengths, self.cutoff)[:, None]
        summed = segment_sum(weighted, graph.target, graph.num_nodes) / self.neighbors**0.5
        updated: Tensor = self.update(torch.cat([features, self.message(summed)], -1))
        return updated

    def extra_repr(self) -> str:
        """The two representations."""
        return f"{self.rep_in} -> {self.rep_out}"
