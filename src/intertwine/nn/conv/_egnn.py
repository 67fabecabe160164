"""The E(n)-equivariant graph convolution (EGNN): features are invariants, positions move along their differences."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from intertwine.actions import PointCloud
from intertwine.nn._blocks import Blocks
from intertwine.nn.conv._point_conv import PointLayer
from intertwine.ops import segment_sum
from intertwine.reps import Rep

_INITIAL_STEP = 0.1  # scale of the displacements at initialization: points stay near where they are


class EGNNConv(PointLayer):
    """The layer of an E(n)-equivariant graph network (EGNN).

        m_ij = phi_e(h_i, h_j, |x_i - x_j|^2, a_ij)
        x_i' = x_i + 1/n sum_j u_ij (x_i - x_j) phi_x(m_ij)
        h_i' = phi_h(h_i, 1/sqrt(n) sum_j u_ij m_ij)

    with networks phi_e and phi_h of two layers and phi_x of one hidden layer. Each point may have several positions
    ("channels"): then m_ij sees all squared distances and phi_x has one value for each channel. There is no cutoff: the
    u_ij, 1 by default, are envelopes that the caller gives for graphs that are cut at a radius.

    Args:
        rep_in: Representation of the features h that come in: invariants, or its text.
        rep_out: Representation of the features that go out, likewise; by default ``rep_in``.
        channels: Number of positions of each point.
        attributes: Number of attributes a_ij of an edge.
        hidden: Width of all networks and of the messages.
        avg_num_neighbors: n, the average number of neighbors; 1 for sums as in the reference.

    Raises:
        ValueError: If a representation is not of invariants, the groups differ or a number is out of range; in
            ``forward`` if the shapes do not fit.

    Law: for g orthogonal and t a translation, ``f(h, g x + t) = (h', g x' + t)``; points renumbered at will.

    Cost: ``6 E hidden^2`` operations for the messages and the moves; memory ``O(E hidden)``.

    Reference: Satorras, Hoogeboom, Welling, E(n) equivariant graph neural networks, ICML 2021, eqs. 3-6.

    Example:
        >>> layer = EGNNConv("4x0e", hidden=8)
        >>> features, positions = layer(torch.ones(2, 4), torch.eye(2, 3), torch.tensor([[1, 0], [0, 1]]))
        >>> features.shape, positions.shape
        (torch.Size([2, 4]), torch.Size([2, 3]))
    """

    def __init__(
        self,
        rep_in: Rep | str,
        rep_out: Rep | str | None = None,
        *,
        channels: int = 1,
        attributes: int = 0,
        hidden: int = 64,
        avg_num_neighbors: float = 1.0,
    ) -> None:
        super().__init__(rep_in, rep_in if rep_out is None else rep_out, avg_num_neighbors=avg_num_neighbors)
        for rep in (self.rep_in, self.rep_out):
            if not all(Blocks.of(rep).trivial):
                raise ValueError(
                    f"the features of an EGNN layer are invariants, got {rep}; nn.NormInvariants makes them"
                )
        if min(channels, attributes) < 0 or channels + attributes < 1 or hidden < 1:
            raise ValueError(
                "channels and attributes must not be negative nor both 0, hidden positive, "
                f"got {channels}, {attributes}, {hidden}"
            )
        self.action_out = PointCloud(self.rep_out)
        self.channels, self.attributes = channels, attributes
        dim_in, dim_out = self.rep_in.dim, self.rep_out.dim
        self.receiver = _linear(dim_in, hidden)
        self.sender = _linear(dim_in, hidden, bias=False)
        self.edge = _linear(channels + attributes, hidden, bias=False)
        self.message = _linear(hidden, hidden)
        self.move = _Move(hidden, channels) if channels else None
        self.update = nn.Sequential(_linear(dim_in + hidden, hidden), nn.SiLU(), _linear(hidden, dim_out))

    def forward(
        self,
        features: Tensor,
        positions: Tensor,
        edges: Tensor,
        attributes: Tensor | None = None,
        envelope: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Messages, displacements, update of the features.

        Args:
            features: ``(N, rep_in.dim)``.
            positions: ``(N, dimension)``, or ``(N, channels, dimension)``.
            edges: ``(2, E)``, source row over target row, in any order.
            attributes: ``(E, attributes)`` invariant attributes a_ij of the edges.
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
                f"positions must be ({features.shape[0]}, {self.channels}, dimension), got {tuple(positions.shape)}"
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
        """New features and displacements from differences of positions.

        Args:
            features: ``(N, rep_in.dim)``.
            differences: ``(E, channels, dimension)`` position of the target minus position of the source.
            edges: ``(2, E)``.
            attributes: ``(E, attributes)``.
            envelope: ``(E,)``.

        Returns:
            The new features ``(N, rep_out.dim)`` and how far each point moves, ``(N, channels, dimension)``.
        """
        self.check_features(features)
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
        moves = segment_sum(steps, target, size) / self.avg_num_neighbors
        aggregated = segment_sum(messages, target, size) / self.avg_num_neighbors**0.5
        return self.update(torch.cat([features, aggregated], -1)), moves

    def extra_repr(self) -> str:
        """Representations, channels and attributes."""
        return f"{super().extra_repr()}, channels={self.channels}, attributes={self.attributes}"


class VelocityEGNNConv(EGNNConv):
    """The layer of an EGNN for points with velocities.

        x_i' = x_i + phi_v(h_i) v_i + 1/n sum_j u_ij (x_i - x_j) phi_x(m_ij)

    and all else as in :class:`EGNNConv`, whose arguments it takes. The new velocity is x_i' - x_i.

    Law: for g orthogonal and t a translation, ``f(h, g x + t, edges, g v) = (h', g x' + t)``.

    Reference: Satorras, Hoogeboom, Welling, E(n) equivariant graph neural networks, ICML 2021, eq. 7.

    Example:
        >>> layer = VelocityEGNNConv("4x0e", hidden=8)
        >>> edges = torch.tensor([[1, 0], [0, 1]])
        >>> layer(torch.ones(2, 4), torch.eye(2, 3), edges, torch.zeros(2, 3))[1].shape
        torch.Size([2, 3])
    """

    def __init__(
        self,
        rep_in: Rep | str,
        rep_out: Rep | str | None = None,
        *,
        channels: int = 1,
        attributes: int = 0,
        hidden: int = 64,
        avg_num_neighbors: float = 1.0,
    ) -> None:
        super().__init__(
            rep_in,
            rep_out,
            channels=channels,
            attributes=attributes,
            hidden=hidden,
            avg_num_neighbors=avg_num_neighbors,
        )
        self.drift = nn.Sequential(_linear(self.rep_in.dim, hidden), nn.SiLU(), _linear(hidden, channels))

    def forward(  # type: ignore[override]
        self,
        features: Tensor,
        positions: Tensor,
        edges: Tensor,
        velocities: Tensor,
        attributes: Tensor | None = None,
        envelope: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Messages, displacements along velocities and differences, update of the features.

        Args:
            features: ``(N, rep_in.dim)``.
            positions: ``(N, dimension)``, or ``(N, channels, dimension)``.
            edges: ``(2, E)``, source row over target row, in any order.
            velocities: Like the positions.
            attributes: ``(E, attributes)`` invariant attributes a_ij of the edges.
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
    """phi_x: the coefficient of each difference."""

    def __init__(self, hidden: int, channels: int) -> None:
        last = _linear(hidden, channels, bias=False)
        super().__init__(_linear(hidden, hidden), nn.SiLU(), last)
        with torch.no_grad():
            last.weight.mul_(_INITIAL_STEP)


def _linear(fan_in: int, fan_out: int, bias: bool = True) -> nn.Linear:
    return nn.Linear(fan_in, fan_out, bias=bias, dtype=torch.float32)
