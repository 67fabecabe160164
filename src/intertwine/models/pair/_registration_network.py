"""A bi-equivariant network for the registration of two clouds that overlap in part."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from intertwine.models.pair._rotation_network import Cloud
from intertwine.nn import LayerNorm, Linear
from intertwine.nn.pair import PairAttention, PairBilinear, PairFusion, Transport
from intertwine.ops.alignment import RigidMotion, nearest_rotation, transport_plan
from intertwine.ops.points import farthest_point_sampling
from intertwine.reps import Rep


class RegistrationNetwork(nn.Module):
    r"""Steerable features of points, bi-equivariant attention between superpoints, optimal transport, Procrustes.

    The points of each cloud are encoded; superpoints are a farthest-point sample with the mean features of the points
    nearest to them. Each block computes the bi-equivariant feature M of the mean features, attends from each cloud to
    the other, and fuses. The superpoints' similarity, invariant under both rotations, gives a transport plan with a bin
    for what has no partner, and the plan a motion; a second plan between the points, whose score falls with the
    distance that this motion leaves, gives the final one.

    Args:
        encoder: A network with ``rep_out``, a sum of irreps, one output for each point (``pool=None``).
        rep_pair: The bi-equivariant features, such as "4x(1o,1o)".
        blocks: Number of blocks.
        superpoints: The most superpoints of a cloud.
        radius: The distance, in the unit of the positions, at which the fine score has fallen by 1/2.

    Law: with the clouds moved by g and h the motion becomes h motion g^-1, up to ties of the sampling; with the clouds
    exchanged it becomes its inverse.

    Reference: Pertigkiozoglou, Chatzipantazis, Daniilidis, BiEquiFormer: bi-equivariant representations for global
    point cloud registration, 2024; the transport of vectors by M is this library's.

    Example:
        >>> from intertwine.models import PointEncoder
        >>> encoder = PointEncoder("1x0e", "8x0e + 8x1o", layers=1, lmax=1, pool=None)
        >>> network = RegistrationNetwork(encoder, "2x(1o,1o)", superpoints=4)
        >>> cloud = torch.ones(6, 1), torch.randn(6, 3), torch.tensor([[0, 1, 2, 3], [1, 2, 3, 0]])
        >>> network(cloud, cloud).rotation.shape
        torch.Size([3, 3])
    """

    def __init__(
        self, encoder: nn.Module, rep_pair: Rep | str, *, blocks: int = 2, superpoints: int = 64, radius: float = 0.1
    ) -> None:
        super().__init__()
        rep = encoder.rep_out
        assert isinstance(rep, Rep), "an encoder declares the representation of its output"
        self.encoder, self.superpoints, self.radius = encoder, superpoints, radius
        self.blocks = nn.ModuleList(_Block(rep, rep_pair) for _ in range(blocks))
        self.pair = PairBilinear(rep, rep, rep_pair)
        self.transport = Transport(rep, self.pair.rep_out)
        self.query, self.key = Linear(rep, rep, bias=False), Linear(self.transport.rep_out, rep, bias=False)
        self.bin_score = nn.Parameter(torch.zeros(()))

    def forward(self, cloud_1: Cloud, cloud_2: Cloud) -> RigidMotion:
        """The motion of the first cloud onto the second.

        Args:
            cloud_1: Features ``(N, rep_in.dim)``, positions ``(N, 3)``, edges ``(2, E)``.
            cloud_2: The same of the second cloud.

        Returns:
            The motion.
        """
        return self.plans(cloud_1, cloud_2)[-1]

    def plans(self, cloud_1: Cloud, cloud_2: Cloud) -> tuple[RigidMotion, RigidMotion]:
        """The coarse and the final motion, for a loss on both."""
        points = [(self.encoder(*cloud), _positions(cloud)) for cloud in (cloud_1, cloud_2)]
        (x, p), (y, q) = (self._superpoints(*each) for each in points)
        for block in self.blocks:
            x, y = block(x, y), block(y, x)
        coarse = _motion(transport_plan(self._similarity(x, y), self.bin_score), p, q)
        (x, p), (y, q) = points
        left = torch.cdist(p @ coarse.rotation.mT + coarse.translation, q)
        scores = self._similarity(x, y) - 0.5 * (left / self.radius) ** 2
        return coarse, _motion(transport_plan(scores, self.bin_score - 2), p, q)

    def _superpoints(self, features: Tensor, positions: Tensor) -> tuple[Tensor, Tensor]:
        chosen = farthest_point_sampling(positions.detach(), min(self.superpoints, len(positions)))
        centers = positions[chosen]
        owner = torch.cdist(positions.detach(), centers.detach()).argmin(1)
        ones = features.new_ones(len(features), 1)
        sums = features.new_zeros(len(centers), features.shape[1] + 1)
        sums = sums.index_add(0, owner, torch.cat([features, ones], dim=1))
        return sums[:, :-1] / sums[:, -1:].clamp_min(1), centers

    def _similarity(self, x: Tensor, y: Tensor) -> Tensor:
        """The mean of the similarity from either side: ``(N, M)``."""
        there, back = self._one_sided(x, y), self._one_sided(y, x)
        return (there + back.mT) / 2

    def _one_sided(self, x: Tensor, y: Tensor) -> Tensor:
        pair = self.pair(x.mean(-2), y.mean(-2))
        key = self.key(self.transport(y, pair))
        result: Tensor = self.query(x) @ key.mT / key.shape[-1] ** 0.5
        return result


class _Block(nn.Module):
    """Attention to the other cloud and fusion with its mean; the same for both clouds."""

    def __init__(self, rep: Rep, rep_pair: Rep | str) -> None:
        super().__init__()
        self.pair = PairBilinear(rep, rep, rep_pair)
        self.attention = PairAttention(rep, self.pair.rep_out)
        self.fusion = PairFusion(rep, rep, self.pair.rep_out, rep)
        self.norm = LayerNorm(rep)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        mean_x, mean_y = x.mean(-2), y.mean(-2)
        pair = self.pair(mean_x, mean_y)
        x = self.attention(x, y, pair)
        result: Tensor = self.norm(x + self.fusion(x, mean_y, pair))
        return result


def _positions(cloud: Cloud) -> Tensor:
    positions = cloud[1]
    assert isinstance(positions, Tensor), "positions are the second argument of an encoder"
    return positions


def _motion(plan: Tensor, p: Tensor, q: Tensor) -> RigidMotion:
    """The motion that the pairs of a plan agree on best."""
    total = plan.sum().clamp_min(1e-12)
    mean_p, mean_q = plan.sum(1) @ p / total, plan.sum(0) @ q / total
    rotation = nearest_rotation((q - mean_q).mT @ plan.mT @ (p - mean_p) / total)
    return RigidMotion(rotation, mean_q - rotation @ mean_p)
