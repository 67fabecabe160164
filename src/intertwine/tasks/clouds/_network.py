"""The backbone of networks on clouds: an encoder, then invariants of each point and of the whole cloud."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from intertwine.actions import PointCloud
from intertwine.groups import Group
from intertwine.models import ScalarBatchNorm, ShapeDescriptor
from intertwine.ops import segment_max, segment_mean
from intertwine.tasks.clouds._builders import build_encoder
from intertwine.tasks.clouds._choices import normal_kinds
from intertwine.tasks.clouds._encoders import thins_points


class CloudNetwork(nn.Module):
    """Encoder, then invariants by point and of the whole cloud.

        h_i = encoder((1, v_i . r_i, r_i, v_i), x)_i,   r_i = x_i - center,    p_i = silu(norm(W norm(h_i))),
        whole = (mean_i p_i, max_i p_i, descriptor(x))

    The encoder is asked for invariants; whether it gives them is its own law. The norm is over the batch: what all
    points, or all clouds, have in common says nothing and would drown the rest.

    A first vector n_i that is known up to sign, the unoriented normal, goes in as ``(n_i . r_i)^2`` and
    ``(n_i . r_i) n_i`` instead. Where a network tells kinds of normals apart, each has a place of its own among the
    first vectors, with zeros in the others: n_i is their sum, and their squared lengths but the first go in too.

    Args:
        encoder: What `describe_encoder` gave.
        vectors: How many vectors v_i of each point go in as well: the normal of the surface, the up vector. If the
            descriptor has normals, the first are normals up to sign, one of each kind.
        channels: Invariants of a point.
        by_point: Whether each point is asked for; if not, those at which the encoder ends will do.
        descriptor: Arguments of `ShapeDescriptor`, whose result is appended to the invariants of the whole; or None.

    Attributes:
        channels: Invariants of the whole cloud.
        categories: How many categories of clouds `forward` takes one of as its last argument; 0 for none.

    Law: for an encoder that commutes with its group, ``p(g v, g x + t) = p(v, x)``, whatever the points' numbering.
    """

    categories: int = 0

    def __init__(
        self,
        encoder: Mapping[str, Any],
        *,
        vectors: int,
        channels: int,
        by_point: bool,
        descriptor: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.vectors = vectors
        self.unoriented = normal_kinds({"descriptor": descriptor})
        self._at_some_points = not by_point and encoder["frame"] == "none" and thins_points(encoder)
        told = max(0, self.unoriented - 1)
        rep_in = f"{1 + vectors}x0e + {1 + vectors - told}x1o"
        self.encoder = build_encoder(encoder, rep_in, f"{channels}x0e", by_point=by_point)
        self.point = nn.Sequential(_batch_norm(channels), *layer(channels, channels))
        rep: Any = self.encoder.rep_in
        group: Group = rep.group
        self.group = group
        self.action_in = PointCloud(max(1, vectors) * group.vector)
        self.channels = 2 * channels
        self.descriptor: ShapeDescriptor | None = None
        if descriptor is not None:
            self.descriptor = ShapeDescriptor(vectors=vectors - self.unoriented, **descriptor)
            self.channels += self.descriptor.rep_out.dim

    def invariants(
        self, vectors: Tensor | None, positions: Tensor, edges: Tensor, batch: Tensor, structures: int
    ) -> tuple[Tensor, Tensor]:
        """Invariants of the points at the encoder's end, and ``(structures, self.channels)`` of the whole.

        Arguments as the models' forward.

        Raises:
            ValueError: There are more vectors than wanted, or fewer.
        """
        encoded, cloud = self._encoded(vectors, positions, edges, batch, structures)
        points: Tensor = self.point(encoded)
        mean = segment_mean(points, cloud, structures)
        whole = [mean, segment_max(points, cloud, structures)]
        if self.descriptor is not None:
            whole.append(self.descriptor(vectors, positions, edges, batch, structures))
        return points, torch.cat(whole, 1)

    def _encoded(
        self, vectors: Tensor | None, positions: Tensor, edges: Tensor, batch: Tensor, structures: int
    ) -> tuple[Tensor, Tensor]:
        vectors = positions[:, :0] if vectors is None else vectors
        if vectors.shape[1] != 3 * self.vectors:
            raise ValueError(f"this network takes {self.vectors} vectors of each point, got {vectors.shape[1] / 3:g}")
        centered = positions - segment_mean(positions, batch, structures).index_select(0, batch)
        normals, others = vectors.unflatten(1, (self.vectors, 3)).tensor_split([self.unoriented], 1)
        heights = (others * centered[:, None]).sum(2)
        if self.unoriented:
            normal = normals.sum(1)
            height = (normal * centered).sum(1, keepdim=True)
            heights = torch.cat([normals[:, 1:].square().sum(2), height.square(), heights], 1)
            others = torch.cat([(height * normal)[:, None], others], 1)
        features = torch.cat([torch.ones_like(positions[:, :1]), heights, centered, others.flatten(1)], 1)
        inputs = features, centered, edges, batch, structures
        encoder: Any = self.encoder
        return encoder.at_points(*inputs) if self._at_some_points else (encoder(*inputs), batch)


def layer(channels: int, out: int) -> list[nn.Module]:
    """Linear, normalized over the batch, silu."""
    return [nn.Linear(channels, out, bias=False, dtype=torch.float32), _batch_norm(out), nn.SiLU()]


def _batch_norm(channels: int) -> ScalarBatchNorm:
    """Batch normalization for encoders whose outputs start small and drift in training."""
    return ScalarBatchNorm(channels, eps=1e-8, momentum=0.3)


def head(channels: int, hidden: int, out: int, dropout: float) -> nn.Sequential:
    """Two hidden layers with dropout behind each, then logits."""
    return nn.Sequential(
        *layer(channels, hidden),
        nn.Dropout(dropout),
        *layer(hidden, hidden),
        nn.Dropout(dropout),
        nn.Linear(hidden, out, dtype=torch.float32),
    )
