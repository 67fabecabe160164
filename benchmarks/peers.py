"""The same functions written with the peers, with the same weights."""

from __future__ import annotations

import copy

import torch
from e3nn import o3
from torch import Tensor, nn

from intertwine.nn import SteerableAttention, SteerableConv, e3nn_weights
from intertwine.ops import bessel_basis, smooth_cutoff


class E3nnConv(nn.Module):
    """A `SteerableConv` as users of e3nn write it: a tensor product on every edge with its own weights, then a sum."""

    def __init__(self, conv: SteerableConv) -> None:
        super().__init__()
        self.irreps_in, self.irreps_out = o3.Irreps(str(conv.rep_in)), o3.Irreps(str(conv.rep_out))
        self.harmonics = o3.Irreps.spherical_harmonics(conv.lmax)
        self.product = o3.FullyConnectedTensorProduct(
            self.irreps_in, self.harmonics, self.irreps_out, shared_weights=False
        )
        self.radial = copy.deepcopy(conv.radial)
        self.scale = conv.neighbours**-0.5
        self.weights = nn.Parameter(e3nn_weights(conv).detach().clone())

    def forward(self, features: Tensor, positions: Tensor, edges: Tensor) -> Tensor:
        messages = self.messages(features, positions, edges)
        result = torch.zeros(len(features), messages.shape[1], dtype=messages.dtype)
        return result.index_add(0, edges[1], messages)

    def messages(self, features: Tensor, positions: Tensor, edges: Tensor) -> Tensor:
        """What is summed: ``(E, dim_out)``."""
        source, target = edges
        vectors = positions[source] - positions[target]
        lengths = vectors.norm(dim=-1)
        basis = bessel_basis(lengths, self.radial.cutoff, self.radial.sizes[0])
        radial = self.radial.network(basis) * smooth_cutoff(lengths, self.radial.cutoff)[:, None] * self.scale
        harmonics = o3.spherical_harmonics(self.harmonics, vectors, normalize=True, normalization="component")
        messages: Tensor = self.product(features[source], harmonics, radial @ self.weights)
        return messages


class CuEquivarianceConv(E3nnConv):
    """The same with cuEquivariance's product, whose weights stand in e3nn's order."""

    def __init__(self, conv: SteerableConv) -> None:
        import cuequivariance as cue
        import cuequivariance_torch as cuet

        super().__init__(conv)
        irreps = (cue.Irreps("O3", str(part)) for part in (self.irreps_in, self.harmonics, self.irreps_out))
        self.product = cuet.FullyConnectedTensorProduct(
            *irreps, layout=cue.mul_ir, shared_weights=False, internal_weights=False
        )


class E3nnAttention(nn.Module):
    """A `SteerableAttention` as users of e3nn write it: a key and a value for every edge, a softmax of each node."""

    def __init__(self, attention: SteerableAttention) -> None:
        super().__init__()
        self.heads, self.cutoff, self.scale = attention.heads, attention.cutoff, attention.neighbours
        self.keys, self.values = E3nnConv(attention.keys), E3nnConv(attention.values)
        irreps_in, self.irreps_key = o3.Irreps(str(attention.rep_in)), o3.Irreps(str(attention.key))
        self.query = o3.Linear(irreps_in, self.irreps_key)
        with torch.no_grad():
            ours = iter(attention.query.weights)
            for instruction, weight in zip(self.query.instructions, self.query.weight_views(), strict=True):
                weight.copy_(next(ours)[0] / instruction.path_weight)

    def alpha(self, features: Tensor, positions: Tensor, edges: Tensor) -> Tensor:
        """``(E, heads)``."""
        source, target = edges
        keys = self._split(self.keys.messages(features, positions, edges), self.irreps_key)
        queries = self._split(self.query(features), self.irreps_key)[target]
        logits = (queries * keys).sum(-1) / keys.shape[-1] ** 0.5
        ended = smooth_cutoff((positions[source] - positions[target]).norm(dim=-1), self.cutoff)[:, None]
        at = target[:, None].expand_as(logits)
        none = torch.full((len(features), self.heads), -torch.inf, dtype=logits.dtype)
        exponentials = ended * (logits - none.scatter_reduce(0, at, logits.detach(), "amax")[target]).exp()
        total = torch.zeros_like(none).index_add(0, target, exponentials)
        return exponentials / total[target].clamp_min(torch.finfo(total.dtype).tiny)

    def forward(self, features: Tensor, positions: Tensor, edges: Tensor) -> Tensor:
        alpha = self.alpha(features, positions, edges) * self.scale
        values = self.values.messages(features, positions, edges)  # over sqrt(n), hence the n above
        irreps = self.values.irreps_out
        parts = [
            (values[:, where].view(len(values), self.heads, -1) * alpha[..., None]).flatten(1)
            for where in irreps.slices()
        ]
        result = torch.zeros(len(features), irreps.dim, dtype=values.dtype)
        return result.index_add(0, edges[1], torch.cat(parts, 1))

    def _split(self, flat: Tensor, irreps: o3.Irreps) -> Tensor:
        """``(..., dim)`` to ``(..., heads, dim / heads)``."""
        return torch.cat([flat[:, where].view(len(flat), self.heads, -1) for where in irreps.slices()], -1)
