"""An encoder of small clouds: steerable convolutions between all pairs of points, by matrix products."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from intertwine.groups import SO3
from intertwine.models.pair._padding import padded
from intertwine.nn import LayerNorm, Linear
from intertwine.ops.graph import resolve_batch
from intertwine.reps import Rep, as_rep


class DenseEncoder(nn.Module):
    r"""Scalars and vectors of the points of small clouds, from convolutions between all pairs of points.

    For each of the radii the kernels of degree 0 and 1 are fixed, normalized over the cloud,

    .. math:: K_{ij} = \frac{w_{ij}}{\sum_k w_{ik}}, \qquad
        \vec K_{ij} = K_{ij} \frac{x_j - x_i}{\sqrt{|x_j - x_i|^2 + r^2}}, \qquad
        w_{ij} = \exp \Bigl( - \frac{|x_j - x_i|^2}{2 r^2} \Bigr),

    and are applied to all channels at once by matrix products: scalars become scalars and vectors, vectors become
    vectors, scalars (the inner product with :math:`\vec K`) and vectors (the cross product). What is learned mixes
    channels and radii. Scalars see the inner products of vectors, and vectors are gated by scalars.

    Args:
        rep_in: Representation of the features of a point, of SO(3), or its text.
        scalars: Channels of invariants.
        vectors: Channels of vectors.
        layers: Number of convolutions.
        radii: In the unit of the positions.
        mixed: Channels of each kind that are convolved.

    Law: ``f(rho_in(g) x, g p + t) = rho_out(g) f(x, p)`` for rotations g, and all points may be renumbered. Mirror
    images are told apart.

    Cost: the square of the number of points of a cloud.

    Example:
        >>> encoder = DenseEncoder(SO3().rep("2x0"), scalars=8, vectors=4, layers=1, mixed=2)
        >>> encoder(torch.ones(5, 2), torch.randn(5, 3)).shape
        torch.Size([5, 20])
    """

    def __init__(
        self,
        rep_in: Rep | str,
        *,
        scalars: int = 48,
        vectors: int = 16,
        layers: int = 2,
        radii: tuple[float, ...] = (0.15, 0.35, 0.8),
        mixed: int = 16,
    ) -> None:
        super().__init__()
        group = SO3()
        self.rep_in = as_rep(rep_in, group.trivial)
        self.rep_out = group.rep(f"{scalars}x0 + {vectors}x1")
        self.radii = radii
        self.embed = Linear(self.rep_in, self.rep_out)
        self.layers = nn.ModuleList(_DenseLayer(scalars, vectors, len(radii), mixed) for _ in range(layers))
        self.scalars = scalars

    def forward(
        self,
        features: Tensor,
        positions: Tensor,
        edges: Tensor | None = None,
        batch: Tensor | None = None,
        structures: int | None = None,
    ) -> Tensor:
        """Encode a cloud, or a batch of clouds side by side.

        Args:
            features: ``(N, rep_in.dim)``.
            positions: ``(N, 3)``.
            edges: Not used: all pairs of points of a cloud are.
            batch: ``(N,)`` cloud of each point; ``None`` for a single cloud.
            structures: Number of clouds; derived from ``batch`` by default.

        Returns:
            ``(N, rep_out.dim)``.
        """
        batch, structures = resolve_batch(positions, batch, structures)
        order = batch.argsort(stable=True)
        cloud = padded(self.embed(features), positions, batch, structures)
        kernels = _kernels(cloud.positions, cloud.mask, self.radii)
        plain, vectors = cloud.features[..., : self.scalars], cloud.features[..., self.scalars :]
        vectors = vectors.unflatten(-1, (-1, 3)).mT
        for layer in self.layers:
            plain, vectors = layer(plain, vectors, kernels)
        every = torch.cat([plain, vectors.mT.flatten(2)], -1)[cloud.mask]
        result: Tensor = every.new_empty(every.shape).index_copy(0, order, every)
        return result


class _DenseLayer(nn.Module):
    """A residual convolution: scalars ``(B, n, S)`` and vectors ``(B, n, 3, V)`` to the same."""

    products: Tensor

    def __init__(self, scalars: int, vectors: int, radii: int, mixed: int) -> None:
        super().__init__()
        self.sizes, self.mixed = (scalars, vectors), mixed
        self.norm = LayerNorm(SO3().rep(f"{scalars}x0 + {vectors}x1"))
        self.before_scalars = nn.Linear(scalars, mixed, bias=False)
        self.before_vectors = nn.Linear(vectors, mixed, bias=False)
        self.register_buffer("products", _products(), persistent=False)
        self.pair = nn.Linear(vectors + 3 * radii * mixed, 2 * vectors, bias=False)
        self.hidden = nn.Linear(scalars + 2 * radii * mixed + vectors, 2 * scalars)
        self.update = nn.Linear(2 * scalars, scalars + vectors)
        self.mix = nn.Linear(vectors + 3 * radii * mixed, vectors, bias=False)

    def forward(self, plain: Tensor, vectors: Tensor, kernels: Tensor) -> tuple[Tensor, Tensor]:
        """Features of the next layer; kernels as from `_kernels`."""
        joined = self.norm(torch.cat([plain, vectors.mT.flatten(2)], -1))
        s, v = joined[..., : self.sizes[0]], joined[..., self.sizes[0] :].unflatten(-1, (-1, 3)).mT
        moved = torch.cat([self.before_scalars(s), self.before_vectors(v).flatten(2)], -1)
        sums = (kernels.flatten(1, 3) @ moved).unflatten(1, kernels.shape[1:4]).unflatten(-1, (4, self.mixed))
        sums = sums.permute(0, 3, 1, 5, 2, 4).flatten(4) @ self.products  # (B, n, R, C, 2 + 9)
        mapped, turned = sums.split((2, 9), -1)
        every = torch.cat([v, turned.unflatten(-1, (3, 3)).permute(0, 1, 4, 2, 3, 5).flatten(3)], -1)
        first, second = self.pair(every).chunk(2, -1)
        invariants = [s, mapped.flatten(2), (first * second).sum(2)]
        update = self.update(functional.silu(self.hidden(torch.cat(invariants, -1))))
        change, gates = update.split(self.sizes, -1)
        return plain + change, vectors + torch.sigmoid(gates)[:, :, None] * self.mix(every)


def _products() -> Tensor:
    """``(16, 11)``: components (a, b) of a kernel and a feature to 2 scalars and 3 vectors, components first.

    Index 0 is the scalar. The scalars are the product of scalars and the inner product; the vectors the two products of
    a vector and a scalar, and the cross product.
    """
    maps = torch.zeros(4, 4, 11)
    maps[0, 0, 0] = 1
    for k in range(3):
        i, j = (k + 1) % 3, (k + 2) % 3
        maps[k + 1, k + 1, 1] = 1
        maps[0, k + 1, 2 + 3 * k] = maps[k + 1, 0, 3 + 3 * k] = 1
        maps[i + 1, j + 1, 4 + 3 * k], maps[j + 1, i + 1, 4 + 3 * k] = 1, -1
    return maps.flatten(0, 1)


def _kernels(positions: Tensor, mask: Tensor, radii: tuple[float, ...]) -> Tensor:
    """The kernels ``(B, R, 4, n, n)`` of a radius: of degree 0, then the components of degree 1."""
    offsets = positions[:, None] - positions[:, :, None]
    squares = offsets.square().sum(-1)
    kernels = []
    for radius in radii:
        weights = torch.exp(-0.5 * squares / radius**2) * mask[:, None]
        weights = weights / weights.sum(-1, keepdim=True).clamp_min(1e-12)
        directions = offsets / (squares + radius**2).sqrt()[..., None]
        kernels.append(torch.cat([weights[:, None], (weights[..., None] * directions).movedim(-1, 1)], 1))
    return torch.stack(kernels, 1)
