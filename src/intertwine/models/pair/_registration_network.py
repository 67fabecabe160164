"""A bi-equivariant network for the registration of clouds that overlap in part."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from intertwine.models.pair._consensus import consensus, motion_of_plan
from intertwine.models.pair._padding import Padded, padded
from intertwine.models.pair._rotation_network import Cloud
from intertwine.nn import LayerNorm, Linear
from intertwine.nn.pair import PairAttention, PairBilinear, PairFusion, Transport
from intertwine.ops.alignment import RigidMotion, transport_plan
from intertwine.ops.graph import resolve_batch
from intertwine.ops.points import farthest_point_sampling
from intertwine.reps import Rep

_STEPS = 6
"""Refinements of the motion of the largest consensus."""
_INVARIANTS = 16
"""Invariants of a point by which pairs of points are weighted."""


class SoftMatches(NamedTuple):
    """Soft matches between the points of B pairs of clouds.

    Attributes:
        points_1: ``(B, n, 3)``, of the first clouds, padded.
        points_2: ``(B, m, 3)``, of the second clouds, padded.
        mask_1: ``(B, n)`` bool, which rows are points.
        mask_2: ``(B, m)`` bool.
        plan: ``(B, n, m)``, the weight of each match; rows and columns of sum at most about 1.
        scores: ``(B, n, m)``, the similarities that it is the plan of.
        bin_score: The score of no partner.
    """

    points_1: Tensor
    points_2: Tensor
    mask_1: Tensor
    mask_2: Tensor
    plan: Tensor
    scores: Tensor
    bin_score: Tensor


class RegistrationNetwork(nn.Module):
    r"""Steerable features of points, bi-equivariant attention between superpoints, optimal transport, consensus.

    The points of both clouds are encoded; superpoints are a farthest-point sample with the mean features of the points
    nearest to them. Each block computes the bi-equivariant feature M of the superpoints, attends from each cloud to the
    other, and fuses; the points take up the features of their superpoints. The similarity of points, invariant under
    both rotations, gives a transport plan between all of them with a bin for what has no partner,

    .. math:: S_{ij} = \frac{s}{2 \sqrt d} \bigl( \langle Q x_i, K (y_j M_{12}^T) \rangle
        + \langle K (x_i M_{21}^T), Q y_j \rangle \bigr), \qquad P = \operatorname{transport\_plan}(S),

    and the motion is the one that most matches of the plan agree on, refined by the distances that it leaves.
    Superpoints have a plan of the same kind, for a loss on both. Neither consensus nor refinement has weights: what is
    learned is the plan.

    Args:
        encoder: A network with ``rep_out``, a sum of irreps, one output for each point (``pool=None``).
        rep_pair: The bi-equivariant features, such as "4x(1o,1o)".
        blocks: Number of blocks.
        superpoints: The most superpoints of a cloud.
        radius: The distance, in the unit of the positions, up to which matches agree on a motion. The refinement
            lowers the score of points at this distance by 1/2 at first, of those at half of it in the end.
        iterations: Updates of each transport plan.

    Law: with the clouds moved by g and h the motion becomes h motion g^-1, up to ties of the sampling; with the clouds
    exchanged it becomes its inverse. Pairs of a batch do not see each other.

    Reference: Pertigkiozoglou, Chatzipantazis, Daniilidis, BiEquiFormer: bi-equivariant representations for global
    point cloud registration, 2024; the transport of vectors by M and the plan between all points are this library's.

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
        self.spread, self.norm_fine = Linear(rep, rep), LayerNorm(rep)
        self.coarse, self.fine = _Matcher(rep, rep_pair), _Matcher(rep, rep_pair)

    def forward(self, cloud_1: Cloud, cloud_2: Cloud) -> RigidMotion:
        """The motion of the first cloud onto the second, or of each first cloud of a batch onto its second.

        Args:
            cloud_1: Features ``(N, rep_in.dim)``, positions ``(N, 3)``, edges ``(2, E)`` if the encoder needs them; for
                B clouds side by side also the batch ``(N,)`` and B.
            cloud_2: The same of the second clouds.

        Returns:
            The motions, ``(B, 3, 3)`` and ``(B, 3)``; without the first axis where no batch is given.
        """
        found = self.motions(self.match(cloud_1, cloud_2)[1])
        if len(cloud_1) > 3 and cloud_1[3] is not None:
            return found
        return RigidMotion(*(part[0] for part in found))

    def match(self, cloud_1: Cloud, cloud_2: Cloud) -> tuple[SoftMatches, SoftMatches]:
        """The matches of superpoints and those of points: for a loss on both.

        Args:
            cloud_1: As in ``forward``.
            cloud_2: As in ``forward``.

        Returns:
            Both for B pairs; one pair without a batch.
        """
        both = self._encoded(_batched(cloud_1), _batched(cloud_2))
        coarse, owner = self._superpoints(both)
        for block in self.blocks:
            coarse = block(coarse, coarse.exchanged())
        both = self._refined(both, coarse, owner)
        return self._matches(self.coarse, coarse), self._matches(self.fine, both)

    def motions(self, found: SoftMatches) -> RigidMotion:
        """The motions ``(B, 3, 3)`` and ``(B, 3)`` that most matches agree on, refined by matches near them.

        The first is that of the largest consensus. Then points that the last motion leaves apart are less similar by
        :math:`|R p_i + t - q_j|^2 / 2 r^2`, and the new plan gives the next motion; r is halved on the way. All
        of this is in float64: of single precision, poor matches leave few digits.

        Args:
            found: Matches, such as those of ``match``.
        """
        dtype = found.plan.dtype
        found = SoftMatches(*(part.double() if part.is_floating_point() else part for part in found))
        motion = consensus(found.plan, found.points_1, found.points_2, self.radius)
        for step in range(_STEPS):
            radius = self.radius * 0.5 ** (step / (_STEPS - 1))
            left = _distances(found.points_1 @ motion.rotation.mT + motion.translation[:, None], found.points_2)
            scores = found.scores - 0.5 * (left / radius) ** 2
            plan = self._plan(scores, found.bin_score, found.mask_1, found.mask_2)
            motion = motion_of_plan(plan, found.points_1, found.points_2)
        return RigidMotion(motion.rotation.to(dtype), motion.translation.to(dtype))

    def _encoded(self, first: _Batched, second: _Batched) -> Padded:
        """The features of the first clouds, then of the second ones."""
        features = torch.cat([first.features, second.features])
        positions = torch.cat([first.positions, second.positions])
        edges = torch.cat([first.edges, second.edges + len(first.positions)], 1)
        batch = torch.cat([first.batch, second.batch + first.structures])
        structures = first.structures + second.structures
        encoded = self.encoder(features, positions, edges, batch, structures)
        return padded(self.norm(encoded), positions, batch, structures)

    def _superpoints(self, cloud: Padded) -> tuple[Padded, Tensor]:
        """A farthest-point sample with the mean features of the points nearest to each, and each point's nearest."""
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
        return centers._replace(features=means), owner

    def _refined(self, cloud: Padded, coarse: Padded, owner: Tensor) -> Padded:
        """The features of points together with those of their superpoints."""
        rows = owner[..., None].expand(-1, -1, coarse.features.shape[2])
        return cloud.replaced(self.norm_fine(cloud.features + self.spread(coarse.features.gather(1, rows))))

    def _matches(self, matcher: _Matcher, both: Padded) -> SoftMatches:
        half = len(both.mask) // 2
        (p, q), (mask_1, mask_2), scores = both.positions.split(half), both.mask.split(half), matcher(both)
        plan = self._plan(scores, matcher.bin_score, mask_1, mask_2)
        return SoftMatches(p, q, mask_1, mask_2, plan, scores, matcher.bin_score)

    def _plan(self, scores: Tensor, bin_score: Tensor, mask_1: Tensor, mask_2: Tensor) -> Tensor:
        return transport_plan(scores, bin_score, iterations=self.iterations, mask_1=mask_1, mask_2=mask_2)


class _Correlation(nn.Module):
    r"""The bi-equivariant feature of two clouds: that of their points, in the mean over pairs of similar ones.

    .. math:: M = \sum_{ij} p_{ij} \, x_i^T W y_j, \qquad
        p = \operatorname{softmax}_{ij} \langle A x_i, A y_j \rangle / \sqrt d

    with d invariants A x: the pairs with the right partners outweigh the others once invariants tell them apart.
    """

    measured_whole = True  # an audit does not look inside, where the clouds of one batch are in different frames

    def __init__(self, rep: Rep, rep_pair: Rep | str) -> None:
        super().__init__()
        self.pair = PairBilinear(rep, rep, rep_pair)
        self.rep_out = self.pair.rep_out
        self.invariant = Linear(rep, _INVARIANTS * rep.group.trivial, bias=False)

    def forward(self, x: Padded, y: Padded) -> Tensor:
        """``(B, rep_out.dim)``."""
        scores = self.invariant(x.features) @ self.invariant(y.features).mT / _INVARIANTS**0.5
        scores = scores.masked_fill(~(x.mask[:, :, None] & y.mask[:, None]), -torch.inf)
        weights = scores.flatten(1).softmax(1).view_as(scores)
        result: Tensor = self.pair(x.features, weights @ y.features).sum(1)
        return result


class _Matcher(nn.Module):
    """The similarity of points of two clouds, the mean of that from either side, and the score of no partner."""

    def __init__(self, rep: Rep, rep_pair: Rep | str) -> None:
        super().__init__()
        self.pair = _Correlation(rep, rep_pair)
        self.transport = Transport(rep, self.pair.rep_out)
        self.query, self.key = Linear(rep, rep, bias=False), Linear(self.transport.rep_out, rep, bias=False)
        self.bin_score = nn.Parameter(torch.zeros(()))
        self.log_scale = nn.Parameter(torch.ones(()))

    def forward(self, both: Padded) -> Tensor:
        """The similarities ``(B, n, m)`` of the first half of the clouds to the second."""
        other = both.exchanged()
        key = self.key(self.transport(other.features, self.pair(both, other)[:, None]))
        there, back = (self.query(both.features) @ key.mT / key.shape[-1] ** 0.5).split(len(key) // 2)
        result: Tensor = self.log_scale.exp() * (there + back.mT) / 2
        return result


class _Block(nn.Module):
    """Attention to the other cloud and fusion with its mean; the same for both clouds."""

    def __init__(self, rep: Rep, rep_pair: Rep | str) -> None:
        super().__init__()
        self.pair = _Correlation(rep, rep_pair)
        self.attention = PairAttention(rep, self.pair.rep_out)
        self.fusion = PairFusion(rep, rep, self.pair.rep_out, rep)
        self.norm = LayerNorm(rep)

    def forward(self, x: Padded, y: Padded) -> Padded:
        pair = self.pair(x, y)
        features = self.attention(x.features, y.features, pair, y.mask)
        return x.replaced(self.norm(features + self.fusion(features, y.mean(), pair[:, None])))


class _Batched(NamedTuple):
    """The arguments of an encoder for clouds side by side."""

    features: Tensor
    positions: Tensor
    edges: Tensor
    batch: Tensor
    structures: int


def _batched(cloud: Cloud) -> _Batched:
    features, positions, edges, batch, structures = [*cloud, None, None, None][:5]
    assert isinstance(features, Tensor), "features are the first argument of an encoder"
    assert isinstance(positions, Tensor), "positions are the second argument of an encoder"
    if not isinstance(edges, Tensor):
        edges = torch.zeros(2, 0, dtype=torch.int64, device=positions.device)
    assert batch is None or isinstance(batch, Tensor), "the fourth argument says the cloud of each point"
    assert structures is None or isinstance(structures, int), "the fifth argument is the number of clouds"
    return _Batched(features, positions, edges, *resolve_batch(positions, batch, structures))


def _distances(p: Tensor, q: Tensor) -> Tensor:
    """Distances without the cancellation of a matrix product."""
    return torch.cdist(p, q, compute_mode="donot_use_mm_for_euclid_dist")
