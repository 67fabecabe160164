"""The same functions written with the peers, with the same weights."""

from __future__ import annotations

import copy

import torch
from e3nn import o3
from torch import Tensor, nn

from intertwine.nn import SteerableConv, e3nn_weights
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
        source, target = edges
        vectors = positions[source] - positions[target]
        lengths = vectors.norm(dim=-1)
        basis = bessel_basis(lengths, self.radial.cutoff, self.radial.sizes[0])
        radial = self.radial.network(basis) * smooth_cutoff(lengths, self.radial.cutoff)[:, None] * self.scale
        harmonics = o3.spherical_harmonics(self.harmonics, vectors, normalize=True, normalization="component")
        messages = self.product(features[source], harmonics, radial @ self.weights)
        return torch.zeros(len(features), messages.shape[1], dtype=messages.dtype).index_add(0, target, messages)


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
