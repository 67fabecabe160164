"""Equivariant batch normalization of sums of irreps."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from intertwine.nn._blocks import Blocks
from intertwine.reps import Rep, as_rep


class BatchNorm(nn.Module):
    """Batch normalization, copy by copy: invariants as usual, other irreps by their mean squared length over the batch.

        invariants:  s -> w (s - E s) / sqrt(E (s - E s)^2 + eps) + b
        the rest:    v -> w v / sqrt(E |v|^2 / dim + eps)

    E is the mean over everything but the last axis in training, and its running average in evaluation. Of other
    than invariants no mean is subtracted: it would have to be invariant, hence zero.

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
        parts = self._blocks.split(features.reshape(-1, self._blocks.dim))
        mean, power = self.running_mean, self.running_power
        if self.training and len(parts[0]) > 0:
            mean = torch.cat([p[:, 0].mean(0) for p, n in zip(parts, self._invariant, strict=True) if n] or [mean])
        centered = self._centered(parts, mean)
        if self.training and len(parts[0]) > 0:
            power = torch.cat([part.square().mean((0, 1)) for part in centered])
            with torch.no_grad():
                self.running_mean.lerp_(mean.to(self.running_mean), self.momentum)
                self.running_power.lerp_(power.to(self.running_power), self.momentum)
        factors = ((power + self.eps).rsqrt() * self.scale).split(self._blocks.copies)
        biases = self.bias.split(self._invariant)
        scaled = [part * factor for part, factor in zip(centered, factors, strict=True)]
        pairs = zip(scaled, biases, self._invariant, strict=True)
        return Blocks.join([part + bias if n else part for part, bias, n in pairs]).reshape(features.shape)

    def _centered(self, parts: list[Tensor], mean: Tensor) -> list[Tensor]:
        means = mean.split(self._invariant)
        return [part - m if n else part for part, m, n in zip(parts, means, self._invariant, strict=True)]

    def extra_repr(self) -> str:
        """The representation and the constants."""
        return f"{self.rep_in}, eps={self.eps}, momentum={self.momentum}"
