"""The E(n)-equivariant graph convolution: networks on invariants decide how points move along their differences."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from intertwine.actions import PointCloud
from intertwine.nn._blocks import Blocks, check_features
from intertwine.ops import segment_sum
from intertwine.reps import Rep

_FIRST_STEP = 0.1  # scale of the moves at the start: points begin by staying near where they are


class EGNNConv(nn.Module):
    """The layer of an E(n)-equivariant graph network (EGNN).

        m_ij = phi_e(h_i, h_j, |x_i - x_j|^2, a_ij)
        x_i' = x_i + 1/n sum_j u_ij (x_i - x_j) phi_x(m_ij)
        h_i' = phi_h(h_i, 1/sqrt(n) sum_j u_ij m_ij)

    with networks phi_e and phi_h of two layers and phi_x of one hidden layer. Each point may have several positions
    ("channels"): then m_ij sees all squared distances and phi_x has one value for each channel. The u_ij, 1 by default,
    are envelopes of graphs that are cut at a radius.

    Args:
        rep_in: The features h that come in: invariants.
        rep_out: The features that go out, invariants as well; by default ``rep_in``.
        channels: How many positions each point has.
        attributes: How many numbers a_ij describe an edge.
        hidden: Width of all networks and of the messages.
        neighbors: n, the typical number of neighbors; 1 for sums as in the reference.

    Raises:
        ValueError: If a representation turns, the groups differ or a number is out of range; in ``forward`` if the
            shapes do not fit.

    Law: for g orthogonal and t a translation, ``f(h, g x + t) = (h', g x' + t)``; points renumbered at will.

    Cost: ``6 E hidden^2`` operations for the messages and the moves; memory ``O(E hidden)``.

    Reference: Satorras, Hoogeboom, Welling, E(n) equivariant graph neural networks, ICML 2021, eqs. 3-6.

    Example:
        >>> from intertwine.groups import O3
        >>> layer = EGNNConv(O3().rep("4x0e"), hidden=8)
        >>> features, positions = layer(torch.ones(2, 4), torch.eye(2, 3), torch.tensor([[1, 0], [0, 1]]))
        >>> features.shape, positions.shape
        (torch.Size([2, 4]), torch.Size([2, 3]))
    """

    def __init__(
        self,
        rep_in: Rep,
        rep_out: Rep | None = None,
        *,
        channels: int = 1,
        attributes: int = 0,
        hidden: int = 64,
        neighbors: float = 1.0,
    ) -> None:
        super().__init__()
        rep_out = rep_in if rep_out is None else rep_out
        if rep_in.group != rep_out.group:
            raise ValueError(f"rep_in is of {rep_in.group} and rep_out of {rep_out.group}; a layer needs one group")
        for rep in (rep_in, rep_out):
            if not all(Blocks.of(rep).trivial):
                raise ValueError(f"the features of an EGNN layer are invariants, got {rep}; nn.Invariants makes them")
        if min(channels, attributes) < 0 or channels + attributes < 1 or hidden < 1 or not neighbors > 0:
            raise ValueError(
                "channels and attributes must not be negative nor both 0, hidden and neighbors positive, "
                f"got {channels}, {attributes}, {hidden}, {neighbors}"
            )
        self.rep_in, self.rep_out = rep_in, rep_out
        self.action_in, self.action_out = PointCloud(rep_in), PointCloud(rep_out)
        self.channels, self.attributes, self.neighbors = channels, attributes, float(neighbors)
        self._size, self._text = rep_in.dim, str(rep_in)
        self.receiver = _linear(rep_in.dim, hidden)
        self.sender = _linear(rep_in.dim, hidden, bias=False)
        self.edge = _linear(channels + attributes, hidden, bias=False)
        self.message = _linear(hidden, hidden)
        self.move = _Move(hidden, channels) if channels else None
        self.update = nn.Sequential(_linear(rep_in.dim + hidden, hidden), nn.SiLU(), _linear(hidden, rep_out.dim))

    def forward(
        self,
        features: Tensor,
        positions: Tensor,
        edges: Tensor,
        attributes: Tensor | None = None,
        envelope: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Send, move, update.

        Args:
            features: ``(N, rep_in.dim)``.
            positions: ``(N, dimension)``, or ``(N, channels, dimension)``.
            edges: ``(2, E)``, source row over target row, in any order.
            attributes: ``(E, attributes)`` what else is known of the edges, invariant.
            envelope: ``(E,)`` the u_ij.

        Returns:
            The new features ``(N, rep_out.dim)`` and positions, these in the shape they came in.
        """
        features, moves = self._step(features, positions, edges, attributes, envelope)
        return features, positions + moves

    def _step(
        self, features: Tensor, positions: Tensor, edges: Tensor, attributes: Tensor | None, envelope: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """The new features and the moves, the latter in the shape of the positions."""
        points = positions[:, None] if positions.ndim == 2 else positions
        if points.shape[:2] != (features.shape[0], self.channels):
            raise ValueError(
                f"positions must be ({len(features)}, {self.channels}, dimension), got {tuple(positions.shape)}"
            )
        differences = points.index_select(0, edges[1]) - points.index_select(0, edges[0])
        features, moves = self.step(features, differences, edges, attributes, envelope)
        return features, moves.view(positions.shape)

    def step(
        self,
        features: Tensor,
        differences: Tensor,
        edges: Tensor,
        attributes: Tensor | None = None,
        envelope: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """The same for who knows the differences alone.

        Args:
            features: ``(N, rep_in.dim)``.
            differences: ``(E, channels, dimension)`` position of the target minus position of the source.
            edges: ``(2, E)``.
            attributes: ``(E, attributes)``.
            envelope: ``(E,)``.

        Returns:
            The new features ``(N, rep_out.dim)`` and how far each point moves, ``(N, channels, dimension)``.
        """
        check_features(features, self._size, self._text, type(self).__name__)
        known = differences.square().sum(-1)
        if attributes is not None:
            known = torch.cat([known, attributes], -1)
        if known.shape[1] != self.edge.in_features:
            raise ValueError(
                f"expected {self.attributes} attributes for each edge, got {known.shape[1] - self.channels}"
            )
        size, (source, target) = features.shape[0], edges
        received, sent = self.receiver(features), self.sender(features)
        hidden = received.index_select(0, target) + sent.index_select(0, source) + self.edge(known)
        messages = functional.silu(self.message(functional.silu(hidden)))
        steps = differences if self.move is None else self.move(messages)[..., None] * differences
        if envelope is not None:
            steps, messages = steps * envelope[:, None, None], messages * envelope[:, None]
        moves = segment_sum(steps, target, size) / self.neighbors
        heard = segment_sum(messages, target, size) / self.neighbors**0.5
        return self.update(torch.cat([features, heard], -1)), moves

    def extra_repr(self) -> str:
        """Representations, channels and attributes."""
        return f"{self.rep_in} -> {self.rep_out}, channels={self.channels}, attributes={self.attributes}"


class VelocityEGNNConv(EGNNConv):
    """The layer of an EGNN for points that move already.

        x_i' = x_i + phi_v(h_i) v_i + 1/n sum_j u_ij (x_i - x_j) phi_x(m_ij)

    and all else as in :class:`EGNNConv`, whose arguments it takes. The new velocity is x_i' - x_i.

    Law: for g orthogonal and t a translation, ``f(h, g x + t, edges, g v) = (h', g x' + t)``.

    Reference: Satorras, Hoogeboom, Welling, E(n) equivariant graph neural networks, ICML 2021, eq. 7.

    Example:
        >>> from intertwine.groups import O3
        >>> layer = VelocityEGNNConv(O3().rep("4x0e"), hidden=8)
        >>> edges = torch.tensor([[1, 0], [0, 1]])
        >>> layer(torch.ones(2, 4), torch.eye(2, 3), edges, torch.zeros(2, 3))[1].shape
        torch.Size([2, 3])
    """

    def __init__(
        self,
        rep_in: Rep,
        rep_out: Rep | None = None,
        *,
        channels: int = 1,
        attributes: int = 0,
        hidden: int = 64,
        neighbors: float = 1.0,
    ) -> None:
        super().__init__(rep_in, rep_out, channels=channels, attributes=attributes, hidden=hidden, neighbors=neighbors)
        self.drift = nn.Sequential(_linear(rep_in.dim, hidden), nn.SiLU(), _linear(hidden, channels))

    def forward(  # type: ignore[override]
        self,
        features: Tensor,
        positions: Tensor,
        edges: Tensor,
        velocities: Tensor,
        attributes: Tensor | None = None,
        envelope: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Send, drift, move, update.

        Args:
            features: ``(N, rep_in.dim)``.
            positions: ``(N, dimension)``, or ``(N, channels, dimension)``.
            edges: ``(2, E)``, source row over target row, in any order.
            velocities: Like the positions.
            attributes: ``(E, attributes)`` what else is known of the edges, invariant.
            envelope: ``(E,)`` the u_ij.

        Returns:
            The new features ``(N, rep_out.dim)`` and positions, these in the shape they came in.
        """
        if velocities.shape != positions.shape:
            raise ValueError(
                f"velocities must be like the positions {tuple(positions.shape)}, got {tuple(velocities.shape)}"
            )
        updated, moves = self._step(features, positions, edges, attributes, envelope)
        drift = self.drift(features) if positions.ndim == 2 else self.drift(features)[..., None]
        return updated, positions + drift * velocities + moves


class _Move(nn.Sequential):
    """phi_x: how far along each difference."""

    def __init__(self, hidden: int, channels: int) -> None:
        last = _linear(hidden, channels, bias=False)
        super().__init__(_linear(hidden, hidden), nn.SiLU(), last)
        with torch.no_grad():
            last.weight.mul_(_FIRST_STEP)


def _linear(fan_in: int, fan_out: int, bias: bool = True) -> nn.Linear:
    return nn.Linear(fan_in, fan_out, bias=bias, dtype=torch.float32)
