"""The same functions written with the peers, with the same weights."""

from __future__ import annotations

import copy

import torch
from e3nn import o3
from torch import Tensor, nn

from intertwine.nn import EdgeFrameConv, SteerableConv
from intertwine.ops import bessel_basis, path_weights, smooth_cutoff


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
        self.weights = nn.Parameter(self._weights(conv))

    def _weights(self, conv: SteerableConv) -> Tensor:
        """``(H, weight_numel)``: the last layer of the radial network, in e3nn's order and normalisation."""
        width, matrices = conv.radial.width, {}
        for (i, o), weight in zip(conv.coupling.pairs(), conv.weights, strict=True):
            paths = conv.coupling.paths(i, o)
            for degree, matrix in zip(paths, weight.detach().unflatten(0, (len(paths), -1, width)), strict=True):
                matrices[i, degree, o] = matrix.transpose(0, 1)
        flat = []
        for path in self.product.instructions:
            ours = (2 * self.irreps_out[path.i_out].ir.l + 1) ** 0.5 / path.path_weight
            flat.append(ours * matrices[path.i_in1, path.i_in2, path.i_out].flatten(1))
        return torch.cat(flat, 1)

    def forward(self, features: Tensor, positions: Tensor, edges: Tensor) -> Tensor:
        source, target = edges
        vectors = positions[source] - positions[target]
        lengths = vectors.norm(dim=-1)
        basis = bessel_basis(lengths, self.radial.cutoff, self.radial.sizes[0])
        radial = self.radial.network(basis) * smooth_cutoff(lengths, self.radial.cutoff)[:, None] * self.scale
        harmonics = o3.spherical_harmonics(self.harmonics, vectors, normalize=True, normalization="component")
        messages = self.product(features[source], harmonics, radial @ self.weights)
        return torch.zeros(len(features), messages.shape[1], dtype=messages.dtype).index_add(0, target, messages)


class E3nnEdgeConv(nn.Module):
    """An `EdgeFrameConv` as e3nn's tensor product over all paths; each edge scales the channels of shared matrices."""

    def __init__(self, conv: EdgeFrameConv) -> None:
        super().__init__()
        self.irreps_in, self.irreps_out = o3.Irreps(str(conv.rep_in)), o3.Irreps(str(conv.rep_out))
        self.harmonics = o3.Irreps.spherical_harmonics(self.irreps_in.lmax + self.irreps_out.lmax)
        self.product = o3.FullyConnectedTensorProduct(
            self.irreps_in, self.harmonics, self.irreps_out, shared_weights=False
        )
        self.radial = copy.deepcopy(conv.radial)
        self.scale = conv.neighbours**-0.5
        channels = [conv.coupling.inputs[i][1] for i in conv.coupling.scale_order()]
        parts = dict(zip(conv.coupling.scale_order(), conv.scales.detach().split(channels, 1), strict=True))
        self.scales = nn.ParameterList(nn.Parameter(parts[i].clone()) for i in range(len(channels)))
        paths = path_weights(conv.coupling, [weight.detach() for weight in conv.weights])
        self.paths = nn.ParameterList()
        for path in self.product.instructions:
            ours = (2 * self.irreps_out[path.i_out].ir.l + 1) ** 0.5 / path.path_weight
            self.paths.append(nn.Parameter(ours * paths[path.i_in1, path.i_in2, path.i_out]))

    def forward(self, features: Tensor, positions: Tensor, edges: Tensor) -> Tensor:
        source, target = edges
        vectors = positions[source] - positions[target]
        radial = self.radial(vectors.norm(dim=-1)) * self.scale
        scales = [radial @ part for part in self.scales]
        instructions = zip(self.product.instructions, self.paths, strict=True)
        weights = torch.cat([(scales[path.i_in1][:, :, None] * matrix).flatten(1) for path, matrix in instructions], 1)
        harmonics = o3.spherical_harmonics(self.harmonics, vectors, normalize=True, normalization="component")
        messages = self.product(features[source], harmonics, weights)
        return torch.zeros(len(features), messages.shape[1], dtype=messages.dtype).index_add(0, target, messages)
