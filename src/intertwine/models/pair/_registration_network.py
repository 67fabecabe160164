"""A bi-equivariant network for the registration of clouds that overlap in part."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from intertwine.models.pair._padding import Padded, padded
from intertwine.models.pair._rotation_network import Cloud
from intertwine.nn import LayerNorm, Linear
from intertwine.nn.pair import PairAttention, PairBilinear, PairFusion, Transport
from intertwine.ops.alignment import RigidMotion, nearest_rotation, transport_plan
from intertwine.ops.points import farthest_point_sampling
from intertwine.reps import Rep


class SoftMatches(NamedTuple):
    """Soft matches between the points of B pairs of clouds, and the motions that they agree on best.

    Attributes:
        points_1: ``(B, n, 3)``, of the first clouds, padded.
        points_2: ``(B, m, 3)``, of the second clouds, padded.
        mask_1: ``(B, n)`` bool, which rows are points.
        mask_2: ``(B, m)`` bool.
        plan: ``(B, n, m)``, the weight of each match; rows and columns of sum at most about 1.
        motion: The motions of the first clouds onto the second ones, ``(B, 3, 3)`` and ``(B, 3)``.
    """

    points_1: Tensor
    points_2: Tensor
    mask_1: Tensor
    mask_2: Tensor
    plan: Tensor
    motion: RigidMotion


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
        iterations: Updates of each transport plan.

    Law: with the clouds moved by g and h the motion becomes h motion g^-1, up to ties of the sampling; with the clouds
    exchanged it becomes its inverse. Pairs of a batch do not see each other.

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
        self,
        encoder: nn.Module,
        rep_pair: Rep | str,
        *,
        blocks: int = 2,
        superpoints: int = 64,
        radius: float = 0.1,
        iterations: int = 50,
    ) -> None:
        super().__init__()
        rep = encoder.rep_out
        assert isinstance(rep, Rep), "an encoder declares the representation of its output"
        self.encoder, self.superpoints, self.radius, self.iterations = encoder, superpoints, radius, iterations
        self.norm = LayerNorm(rep)
        self.blocks = nn.ModuleList(_Block(rep, rep_pair) for _ in range(blocks))
        self.coarse, self.fine = _Matcher(rep, rep_pair), _Matcher(rep, rep_pair)

    def forward(self, cloud_1: Cloud, cloud_2: Cloud) -> RigidMotion:
        """The motion of the first cloud onto the second, or of each first cloud of a batch onto its second.

        Args:
            cloud_1: Features ``(N, rep_in.dim)``, positions ``(N, 3)``, edges ``(2, E)``; for B clouds side by side
                also the batch ``(N,)`` and B.
            cloud_2: The same of the second clouds.

        Returns:
            The motions, ``(B, 3, 3)`` and ``(B, 3)``; without the first axis where no batch is given.
        """
        return self.plans(cloud_1, cloud_2)[-1]

    def plans(self, cloud_1: Cloud, cloud_2: Cloud) -> tuple[RigidMotion, RigidMotion]:
        """The coarse and the final motion; arguments and shapes as those of ``forward``."""
        coarse, fine = (matches.motion for matches in self.match(cloud_1, cloud_2))
        if len(cloud_1) > 3 and cloud_1[3] is not None:
            return coarse, fine
        return RigidMotion(*(part[0] for part in coarse)), RigidMotion(*(part[0] for part in fine))

    def match(
        self, cloud_1: Cloud, cloud_2: Cloud, guide: RigidMotion | None = None
    ) -> tuple[SoftMatches, SoftMatches]:
        """The matches of superpoints and those of points, with their motions: for a loss on both.

        Args:
            cloud_1: As in ``forward``.
            cloud_2: As in ``forward``.
            guide: Motions ``(B, 3, 3)`` and ``(B, 3)`` that the matches of points are near, such as the true ones in
                training; by default those of the superpoints.

        Returns:
            Both for B pairs; one pair without a batch.
        """
        x, y = self._encoded(cloud_1), self._encoded(cloud_2)
        coarse_x, coarse_y = self._superpoints(x), self._superpoints(y)
        for block in self.blocks:
            coarse_x, coarse_y = block(coarse_x, coarse_y), block(coarse_y, coarse_x)
        coarse = self._matches(self.coarse, coarse_x, coarse_y)
        near = coarse.motion if guide is None else guide
        left = _distances(x.positions @ near.rotation.mT + near.translation[..., None, :], y.positions)
        return coarse, self._matches(self.fine, x, y, -0.5 * (left / self.radius) ** 2)

    def _encoded(self, cloud: Cloud) -> Padded:
        positions = cloud[1]
        assert isinstance(positions, Tensor), "positions are the second argument of an encoder"
        features = self.norm(self.encoder(*cloud))
        batch = cloud[3] if len(cloud) > 3 else None
        structures = cloud[4] if len(cloud) > 4 else None
        if not isinstance(batch, Tensor):
            batch, structures = torch.zeros(len(positions), dtype=torch.int64, device=positions.device), 1
        if not isinstance(structures, int):
            structures = int(batch.max()) + 1
        return padded(features, positions, batch, structures)

    def _superpoints(self, cloud: Padded) -> Padded:
        """A farthest-point sample with the mean features of the points that are nearest to each."""
        size, (clouds, width) = self.superpoints, cloud.mask.shape
        counts = cloud.mask.sum(1)
        batch = torch.arange(clouds, device=counts.device).repeat_interleave(counts)
        flat = cloud.mask.flatten().nonzero()[:, 0]
        chosen = farthest_point_sampling(cloud.positions.detach().flatten(0, 1)[flat], size, batch)
        centers = padded(
            cloud.features.new_zeros(len(chosen), 0), cloud.positions.flatten(0, 1)[flat[chosen]], batch[chosen], clouds
        )
        gaps = _distances(cloud.positions.detach(), centers.positions.detach())
        owner = gaps.masked_fill(~centers.mask[:, None], torch.inf).argmin(2)
        rows = (owner + centers.mask.shape[1] * torch.arange(clouds, device=owner.device)[:, None])[cloud.mask]
        values = torch.cat([cloud.features, cloud.features.new_ones(clouds, width, 1)], 2)[cloud.mask]
        sums = values.new_zeros(centers.mask.numel(), values.shape[1]).index_add(0, rows, values)
        means = (sums[:, :-1] / sums[:, -1:].clamp_min(1)).unflatten(0, centers.mask.shape)
        return centers._replace(features=means)

    def _matches(self, matcher: _Matcher, x: Padded, y: Padded, near: Tensor | float = 0.0) -> SoftMatches:
        scores = matcher(x, y) + near
        plan = transport_plan(scores, matcher.bin_score, iterations=self.iterations, mask_1=x.mask, mask_2=y.mask)
        return SoftMatches(x.positions, y.positions, x.mask, y.mask, plan, _motion(plan, x.positions, y.positions))


class _Matcher(nn.Module):
    """The similarity of points of two clouds, the mean of that from either side, and the score of no partner."""

    def __init__(self, rep: Rep, rep_pair: Rep | str) -> None:
        super().__init__()
        self.pair = PairBilinear(rep, rep, rep_pair)
        self.transport = Transport(rep, self.pair.rep_out)
        self.query, self.key = Linear(rep, rep, bias=False), Linear(self.transport.rep_out, rep, bias=False)
        self.bin_score = nn.Parameter(torch.zeros(()))
        self.log_scale = nn.Parameter(torch.ones(()))

    def forward(self, x: Padded, y: Padded) -> Tensor:
        """The similarities ``(B, n, m)``."""
        return self.log_scale.exp() * (self._one_sided(x, y) + self._one_sided(y, x).mT) / 2

    def _one_sided(self, x: Padded, y: Padded) -> Tensor:
        pair = self.pair(x.mean(), y.mean())
        key = self.key(self.transport(y.features, pair))
        result: Tensor = self.query(x.features) @ key.mT / key.shape[-1] ** 0.5
        return result


class _Block(nn.Module):
    """Attention to the other cloud and fusion with its mean; the same for both clouds."""

    def __init__(self, rep: Rep, rep_pair: Rep | str) -> None:
        super().__init__()
        self.pair = PairBilinear(rep, rep, rep_pair)
        self.attention = PairAttention(rep, self.pair.rep_out)
        self.fusion = PairFusion(rep, rep, self.pair.rep_out, rep)
        self.norm = LayerNorm(rep)

    def forward(self, x: Padded, y: Padded) -> Padded:
        mean_x, mean_y = x.mean(), y.mean()
        pair = self.pair(mean_x, mean_y)
        features = self.attention(x.features, y.features, pair[:, 0], y.mask)
        return x.replaced(self.norm(features + self.fusion(features, mean_y, pair)))


def _distances(p: Tensor, q: Tensor) -> Tensor:
    """Distances without the cancellation of a matrix product."""
    return torch.cdist(p, q, compute_mode="donot_use_mm_for_euclid_dist")


def _motion(plan: Tensor, p: Tensor, q: Tensor) -> RigidMotion:
    """The motion that the pairs of a plan agree on best."""
    total = plan.sum((-2, -1))[..., None, None].clamp_min(1e-12)
    mean_p, mean_q = plan.sum(-1)[..., None, :] @ p / total, plan.sum(-2)[..., None, :] @ q / total
    rotation = nearest_rotation((q - mean_q).mT @ plan.mT @ (p - mean_p) / total)
    return RigidMotion(rotation, (mean_q - mean_p @ rotation.mT)[..., 0, :])
