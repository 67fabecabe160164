"""The same functions written with the peers, with the same weights."""

from __future__ import annotations

import copy

import torch
from e3nn import o3
from torch import Tensor, nn

from intertwine.nn import DepthwiseConv, SO2Conv, SteerableAttention, SteerableConv, e3nn_weights
from intertwine.ops import bessel_basis, path_weights, smooth_cutoff


class _E3nnLayer(nn.Module):
    """A layer as users of e3nn write it: a tensor product on every edge with its own weights, then a sum."""

    def __init__(self, conv: SteerableConv | DepthwiseConv, product: o3.TensorProduct, weights: Tensor) -> None:
        super().__init__()
        self.lmax, self.product, self.radial = conv.lmax, product, copy.deepcopy(conv.radial)
        self.scale = conv.avg_num_neighbors**-0.5
        self.weights = nn.Parameter(weights)

    def messages(self, features: Tensor, positions: Tensor, edges: Tensor) -> Tensor:
        """``(E, dim)``: what is summed."""
        source, target = edges
        vectors = positions[source] - positions[target]
        lengths = vectors.norm(dim=-1)
        basis = bessel_basis(lengths, self.radial.cutoff, self.radial.radial_basis)
        radial = self.radial.network(basis) * smooth_cutoff(lengths, self.radial.cutoff)[:, None] * self.scale
        degrees = list(range(self.lmax + 1))
        harmonics = o3.spherical_harmonics(degrees, vectors, normalize=True, normalization="component")
        return self.product(features[source], harmonics, radial @ self.weights)

    def forward(self, features: Tensor, positions: Tensor, edges: Tensor) -> Tensor:
        messages = self.messages(features, positions, edges)
        return torch.zeros(len(features), messages.shape[1], dtype=messages.dtype).index_add(0, edges[1], messages)


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


class E3nnAttention(nn.Module):
    """A `SteerableAttention` as users of e3nn write it: a key and a value for every edge, a softmax of each node."""

    def __init__(self, attention: SteerableAttention) -> None:
        super().__init__()
        self.heads, self.cutoff, self.scale = attention.heads, attention.cutoff, attention.avg_num_neighbors
        self.keys, self.values = E3nnConv(attention.keys), E3nnConv(attention.values)
        irreps_in, self.irreps_key = o3.Irreps(str(attention.rep_in)), o3.Irreps(str(attention.rep_key))
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
        irreps = self.values.product.irreps_out
        parts = [
            (values[:, where].view(len(values), self.heads, -1) * alpha[..., None]).flatten(1)
            for where in irreps.slices()
        ]
        result = torch.zeros(len(features), irreps.dim, dtype=values.dtype)
        return result.index_add(0, edges[1], torch.cat(parts, 1))

    def _split(self, flat: Tensor, irreps: o3.Irreps) -> Tensor:
        """``(..., dim)`` to ``(..., heads, dim / heads)``."""
        return torch.cat([flat[:, where].view(len(flat), self.heads, -1) for where in irreps.slices()], -1)


class E3nnEdgeConv(nn.Module):
    """An `SO2Conv` as e3nn's tensor product over all paths; each edge scales the channels of shared matrices."""

    def __init__(self, conv: SO2Conv) -> None:
        super().__init__()
        self.irreps_in, self.irreps_out = o3.Irreps(str(conv.rep_in)), o3.Irreps(str(conv.rep_out))
        self.harmonics = o3.Irreps.spherical_harmonics(self.irreps_in.lmax + self.irreps_out.lmax)
        self.product = o3.FullyConnectedTensorProduct(
            self.irreps_in, self.harmonics, self.irreps_out, shared_weights=False
        )
        self.radial = copy.deepcopy(conv.radial)
        self.scale = conv.avg_num_neighbors**-0.5
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
