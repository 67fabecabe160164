"""Equivariant batch normalization of sums of irreps."""

from __future__ import annotations

from math import prod

import torch
from torch import Tensor, nn

from intertwine.nn._blocks import Blocks
from intertwine.nn.norm._synchronize import is_distributed, synchronize_moments
from intertwine.reps import Rep, as_rep


class BatchNorm(nn.Module):
    """Batch normalization, copy by copy: invariants as usual, other irreps by their mean squared length over the batch.

        invariants:  s -> w (s - E s) / sqrt(E (s - E s)^2 + eps) + b
        the rest:    v -> w v / sqrt(E |v|^2 / dim + eps)

    E is the mean over everything but the last axis in training, of all processes where several train together, and its
    running average in evaluation. Of other than invariants no mean is subtracted: it would have to be invariant, hence
    zero.

    Args:
        rep_in: Representation of input and output: a sum of irreps that act orthogonally, or its text.
        eps: Added to the variances.
        momentum: Weight of the newest batch in the running averages.

    Raises:
        ValueError: If ``rep_in`` is not a sum of irreps; in ``forward`` if the shape does not fit.

    Law: ``f(rho(g) x) = rho(g) f(x)`` exactly, in training too, for one g that moves the whole batch.

    Reference: Weiler et al., 3D steerable CNNs, NeurIPS 2018, appendix; Ioffe, Szegedy, ICML 2015, for the invariants.
    Without torch's factor n / (n - 1) in the running variance.

    Example:
        >>> from intertwine.groups import SO3
        >>> norm = BatchNorm(SO3().rep("1x1"))
        >>> norm(torch.tensor([[0.0, 0.0, 100.0], [0.0, 0.0, 0.0]])).round(decimals=2).tolist()
        [[0.0, 0.0, 2.450000047683716], [0.0, 0.0, 0.0]]
    """

    running_mean: Tensor
    running_power: Tensor

    def __init__(self, rep_in: Rep | str, *, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__()
        if not eps > 0 or not 0 <= momentum <= 1:
            raise ValueError(f"eps must be positive and momentum between 0 and 1, got {eps} and {momentum}")
        self.rep_in = self.rep_out = as_rep(rep_in)
        self.eps, self.momentum = float(eps), float(momentum)
        self._blocks = Blocks.of(self.rep_in)
        sizes = zip(self._blocks.copies, self._blocks.trivial, strict=True)
        self._invariant = [copies if trivial else 0 for copies, trivial in sizes]
        copies, invariant = sum(self._blocks.copies), sum(self._invariant)
        self.scale = nn.Parameter(torch.ones(copies, dtype=torch.float32))
        self.bias = nn.Parameter(torch.zeros(invariant, dtype=torch.float32))
        self.register_buffer("running_mean", torch.zeros(invariant, dtype=torch.float32))
        self.register_buffer("running_power", torch.ones(copies, dtype=torch.float32))

    def forward(self, features: Tensor) -> Tensor:
        """Map ``(..., rep_in.dim)`` to the same shape."""
        self._blocks.check(features, "BatchNorm")
        rows = features.reshape(prod(features.shape[:-1]), self._blocks.dim)
        parts = self._blocks.split(rows)
        mean, power = self.running_mean, self.running_power
        if self.training and parts and (rows.shape[0] > 0 or is_distributed()):
            mean, power, centered = self._batch_statistics(parts)
        else:
            centered = self._centered(parts, mean)
        factors = ((power + self.eps).rsqrt() * self.scale).split(self._blocks.copies)
        biases = self.bias.split(self._invariant)
        scaled = [part * factor for part, factor in zip(centered, factors, strict=True)]
        pairs = zip(scaled, biases, self._invariant, strict=True)
        blocks = [part + bias if n else part for part, bias, n in pairs]
        return Blocks.join(blocks, rows).reshape(features.shape)

    def _batch_statistics(self, parts: list[Tensor]) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Means and powers over the batch of all processes, and the centered blocks; updates the running averages."""
        count = parts[0].shape[0]
        invariants = [part[:, 0] for part, n in zip(parts, self._invariant, strict=True) if n]
        mean = torch.cat([x.sum(0) / max(count, 1) for x in invariants] or [self.running_mean])
        centered = self._centered(parts, mean)
        power = torch.cat([part.square().sum((0, 1)) / max(count * part.shape[1], 1) for part in centered])
        total = float(count)
        if is_distributed():
            means, power, total = synchronize_moments(self._expand(mean), power, count)
            mean = torch.cat([m[:n] for m, n in zip(means.split(self._blocks.copies), self._invariant, strict=True)])
            centered = self._centered(parts, mean)
        if total > 0:
            with torch.no_grad():
                self.running_mean.lerp_(mean.to(self.running_mean), self.momentum)
                self.running_power.lerp_(power.to(self.running_power), self.momentum)
        return mean, power, centered

    def _expand(self, mean: Tensor) -> Tensor:
        """One mean for each copy: zero but for invariants."""
        means = zip(mean.split(self._invariant), self._blocks.copies, self._invariant, strict=True)
        return torch.cat([m if n else m.new_zeros(copies) for m, copies, n in means])

    def _centered(self, parts: list[Tensor], mean: Tensor) -> list[Tensor]:
        means = mean.split(self._invariant)
        return [part - m if n else part for part, m, n in zip(parts, means, self._invariant, strict=True)]

    def extra_repr(self) -> str:
        """The representation and the constants."""
        return f"{self.rep_in}, eps={self.eps}, momentum={self.momentum}"
