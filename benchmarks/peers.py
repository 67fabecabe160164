"""The same functions written with the peers, with the same weights."""

from __future__ import annotations

import copy

import torch
from e3nn import o3
from torch import Tensor, nn

from intertwine.nn import DepthwiseConv, SteerableConv, e3nn_weights
from intertwine.ops import bessel_basis, smooth_cutoff


class _E3nnLayer(nn.Module):
    """A layer as users of e3nn write it: a tensor product on every edge with its own weights, then a sum."""

    def __init__(self, conv: SteerableConv | DepthwiseConv, product: o3.TensorProduct, weights: Tensor) -> None:
        super().__init__()
        self.lmax, self.product, self.radial = conv.lmax, product, copy.deepcopy(conv.radial)
        self.scale = conv.neighbours**-0.5
        self.weights = nn.Parameter(weights)

    def forward(self, features: Tensor, positions: Tensor, edges: Tensor) -> Tensor:
        source, target = edges
        vectors = positions[source] - positions[target]
        lengths = vectors.norm(dim=-1)
        basis = bessel_basis(lengths, self.radial.cutoff, self.radial.sizes[0])
        radial = self.radial.network(basis) * smooth_cutoff(lengths, self.radial.cutoff)[:, None] * self.scale
        degrees = list(range(self.lmax + 1))
        harmonics = o3.spherical_harmonics(degrees, vectors, normalize=True, normalization="component")
        messages = self.product(features[source], harmonics, radial @ self.weights)
        return torch.zeros(len(features), messages.shape[1], dtype=messages.dtype).index_add(0, target, messages)


class E3nnConv(_E3nnLayer):
    """A `SteerableConv`: e3nn's fully connected tensor product."""

    def __init__(self, conv: SteerableConv) -> None:
        harmonics = o3.Irreps.spherical_harmonics(conv.lmax)
        irreps = o3.Irreps(str(conv.rep_in)), harmonics, o3.Irreps(str(conv.rep_out))
        product = o3.FullyConnectedTensorProduct(*irreps, shared_weights=False)
        super().__init__(conv, product, e3nn_weights(conv).clone())


class CuEquivarianceConv(E3nnConv):
    """The same with cuEquivariance's product, whose weights stand in e3nn's order."""

    def __init__(self, conv: SteerableConv) -> None:
        import cuequivariance as cue
        import cuequivariance_torch as cuet

        super().__init__(conv)
        product = self.product
        irreps = (cue.Irreps("O3", str(part)) for part in (product.irreps_in1, product.irreps_in2, product.irreps_out))
        self.product = cuet.FullyConnectedTensorProduct(
            *irreps, layout=cue.mul_ir, shared_weights=False, internal_weights=False
        )


class E3nnDepthwise(_E3nnLayer):
    """A `DepthwiseConv`: e3nn's tensor product with "uvu" paths, its output sorted, as NequIP and MACE write it."""

    def __init__(self, conv: DepthwiseConv) -> None:
        irreps_in, harmonics = o3.Irreps(str(conv.rep_in)), o3.Irreps.spherical_harmonics(conv.lmax)
        kept = [irrep for _, irrep in o3.Irreps(str(conv.rep_out))]
        paths = [
            (i, j, copies, irrep)
            for i, (copies, irrep_in) in enumerate(irreps_in)
            for j, (_, degree) in enumerate(harmonics)
            for irrep in irrep_in * degree
            if irrep in kept
        ]
        irreps_out, place, _ = o3.Irreps([(copies, irrep) for *_, copies, irrep in paths]).sort()
        instructions = sorted(
            ((i, j, place[k], "uvu", True) for k, (i, j, *_) in enumerate(paths)), key=lambda path: path[2]
        )
        product = o3.TensorProduct(irreps_in, harmonics, irreps_out, instructions, shared_weights=False)
        super().__init__(conv, product, conv.weights.detach().clone())
