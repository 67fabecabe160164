"""Batch normalization of fields, copy by copy."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from intertwine.hom import hom_dimension
from intertwine.nn.grid._layer import GridLayer, join_terms, permutes, split_axis, split_terms
from intertwine.nn.norm import is_distributed, synchronize_moments
from intertwine.ops import normalize_copies
from intertwine.reps import Rep


class GridBatchNorm(GridLayer):
    """Batch normalization of each copy of each term, over the batch, the pixels and the components together.

        regular, quotient, trivial:  v -> w (v - E v) / sqrt(Var v + eps) + b
        without invariants:          v -> w v / sqrt(E |v|^2 / dim + eps)

    E is the mean over the batch of all processes in training, and its running average in evaluation. Statistics of
    permuted components together, and of lengths, are invariant.

    Args:
        rep_in: Representation of input and output, or its text.
        eps: Added to the variances.
        momentum: Weight of the newest batch in the running averages.

    Raises:
        ValueError: If a term has invariants and does not permute its components: decompose it.

    Law: ``f(rho(g) x) = rho(g) f(x)`` exactly, in training as well, for one g that moves the whole batch.

    Reference: Ioffe and Szegedy, ICML 2015; Cohen and Welling, ICML 2016; Weiler et al., NeurIPS 2018.

    Example:
        >>> from intertwine.groups import Cyclic
        >>> C4 = Cyclic(4)
        >>> norm = GridBatchNorm(3 * C4.regular)
        >>> norm(torch.randn(2, 12, 5, 5)).shape, norm.weight.shape
        (torch.Size([2, 12, 5, 5]), torch.Size([3]))
    """

    running_mean: Tensor
    running_power: Tensor
    copy: Tensor
    centered: Tensor

    def __init__(self, rep_in: Rep | str, *, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__(rep_in, rep_in)
        if not eps > 0 or not 0 <= momentum <= 1:
            raise ValueError(f"eps must be positive and momentum between 0 and 1, got {eps} and {momentum}")
        self.eps, self.momentum = float(eps), float(momentum)
        self._sizes = [(copies, term.dim) for copies, term in self.rep_in.terms]
        self._shifted = [permutes(term) for _, term in self.rep_in.terms]
        for (_, term), shifted in zip(self.rep_in.terms, self._shifted, strict=True):
            if not shifted and hom_dimension(self.rep_in.group.trivial, term):
                raise ValueError(f"GridBatchNorm needs irreps, or regular and quotient representations, got {term}")
        copies = sum(count for count, _ in self._sizes)
        shifts = sum(count for (count, _), shifted in zip(self._sizes, self._shifted, strict=True) if shifted)
        self.weight = nn.Parameter(torch.ones(copies, dtype=torch.float32))
        self.bias = nn.Parameter(torch.zeros(shifts, dtype=torch.float32))
        widths = torch.tensor([width for count, width in self._sizes for _ in range(count)], dtype=torch.int64)
        self.register_buffer("copy", torch.arange(copies).repeat_interleave(widths), persistent=False)
        centered = [
            shifted for (count, _), shifted in zip(self._sizes, self._shifted, strict=True) for _ in range(count)
        ]
        self.register_buffer("centered", torch.tensor(centered, dtype=torch.bool), persistent=False)
        self.register_buffer("running_mean", torch.zeros(shifts, dtype=torch.float32))
        self.register_buffer("running_power", torch.ones(copies, dtype=torch.float32))

    def transform(self, fields: Tensor) -> Tensor:
        """Normalize each part by its own statistics."""
        mean, power = self.running_mean, self.running_power
        if self.training and self._sizes and is_distributed():
            mean, power = self._batch_statistics(fields)
        elif self.training and self._sizes and fields.numel():
            return self._normalize_one_term(fields) if self._shifted == [True] else self._normalize_terms(fields)
        scale, shift = self._affine(mean, power)
        axes = (1, -1) + (1,) * self.dimension
        return torch.addcmul(shift.view(axes), fields, scale.view(axes))

    def _normalize_one_term(self, fields: Tensor) -> Tensor:
        """Copies of one term that permutes its components, as channels of images ``width`` times as high."""
        ((copies, width),) = self._sizes
        high = fields.reshape(len(fields), copies, width * fields.shape[2], -1)
        normal, mean, inverse = torch.native_batch_norm(
            high, self.weight, self.bias, None, None, True, self.momentum, self.eps
        )
        self._update(mean, (inverse.detach().double() ** -2 - self.eps).clamp_min(0))
        return normal.view(fields.shape)

    def _normalize_terms(self, fields: Tensor) -> Tensor:
        """Copies of terms of any width."""
        bias = torch.cat(self._shifts(self.bias))
        normal, mean, power = normalize_copies(fields, self.weight, bias, self.copy, self.centered, self.eps)
        self._update(mean[self.centered], power)
        return normal

    @torch.no_grad()
    def _update(self, mean: Tensor, power: Tensor) -> None:
        """Move the running averages towards the statistics of a batch."""
        self.running_mean.lerp_(mean.to(self.running_mean), self.momentum)
        self.running_power.lerp_(power.to(self.running_power), self.momentum)

    def _affine(self, mean: Tensor, power: Tensor) -> tuple[Tensor, Tensor]:
        """The factor and the summand of every channel."""
        factors = (self.weight * (power + self.eps).rsqrt()).split([copies for copies, _ in self._sizes])
        means, biases = self._shifts(mean), self._shifts(self.bias)
        scale, shift = [], []
        for factor, m, b, (copies, width) in zip(factors, means, biases, self._sizes, strict=True):
            scale.append(factor[:, None].expand(copies, width).flatten())
            shift.append((b - m * factor)[:, None].expand(copies, width).flatten())
        empty = self.weight.new_zeros(0)
        return torch.cat([empty, *scale]), torch.cat([empty, *shift])

    def _shifts(self, values: Tensor) -> list[Tensor]:
        """One value for each copy: zero where the components have no common mean."""
        sizes = [copies if shifted else 0 for (copies, _), shifted in zip(self._sizes, self._shifted, strict=True)]
        parts = zip(values.split(sizes), self._sizes, self._shifted, strict=True)
        return [part if shifted else part.new_zeros(copies) for part, (copies, _), shifted in parts]

    def _batch_statistics(self, fields: Tensor) -> tuple[Tensor, Tensor]:
        """Means, and variances or mean squares, over the batch of all processes; updates the running averages."""
        pixels = fields.transpose(0, 1).flatten(1)  # channels, (batch, pixels)
        count = pixels.shape[1]
        var, mean = torch.var_mean(pixels, 1, correction=0) if count else (pixels.sum(1), pixels.sum(1))
        means, powers = [], []
        sizes = [copies * width for copies, width in self._sizes]
        parts = zip(mean.split(sizes), var.split(sizes), self._sizes, self._shifted, strict=True)
        for m, v, size, shifted in parts:
            m, v = m.unflatten(0, size), v.unflatten(0, size)
            center = m.mean(1, keepdim=True) if shifted else torch.zeros_like(m[:, :1])
            means.append(center[:, 0])
            powers.append((v + (m - center).square()).mean(1))
        mean, power, total = torch.cat(means), torch.cat(powers), float(count)
        if is_distributed():
            mean, power, total = synchronize_moments(mean, power, count)
        blocks = zip(mean.split([copies for copies, _ in self._sizes]), self._shifted, strict=True)
        mean = torch.cat([self.running_mean[:0], *(block for block, has_mean in blocks if has_mean)])
        if total > 0:
            self._update(mean, power)
        return mean, power

    def export(self) -> nn.Module:
        """``torch.nn.BatchNorm2d`` or ``BatchNorm3d`` with the running statistics."""
        plain = nn.BatchNorm2d if self.dimension == 2 else nn.BatchNorm3d
        norm = plain(self._size, eps=self.eps, device=self.weight.device, dtype=self.weight.dtype).eval()

        def spread(values: list[Tensor]) -> Tensor:
            pairs = zip(values, self._sizes, strict=True)
            return torch.cat([value.detach().repeat_interleave(width) for value, (_, width) in pairs])

        copies = [count for count, _ in self._sizes]
        with torch.no_grad():
            norm.weight.copy_(spread(list(self.weight.split(copies))))
            norm.bias.copy_(spread(self._shifts(self.bias)))
            if norm.running_mean is not None and norm.running_var is not None:
                norm.running_mean.copy_(spread(self._shifts(self.running_mean)))
                norm.running_var.copy_(spread(list(self.running_power.split(copies))))
        return norm

    def extra_repr(self) -> str:
        """The representation and the constants."""
        return f"{self.rep_in}, eps={self.eps}, momentum={self.momentum}"


class GridLayerNorm(GridLayer):
    """Layer normalization at each pixel: of all permuted components together, of all other ones by their mean square.

        regular, quotient, trivial:  v -> w (v - mean v) / sqrt(var v + eps) + b
        without invariants:          v -> w v / sqrt(mean v^2 + eps)

    with the means over all copies and components of the kind, and w and b for each copy. It does not depend on the rest
    of the batch.

    Args:
        rep_in: Representation of input and output, or its text.
        eps: Added to the variances.

    Law: ``f(rho(g) x) = rho(g) f(x)`` exactly.

    Reference: Ba, Kiros, Hinton, Layer normalization, 2016; Liu et al., A ConvNet for the 2020s, CVPR 2022, for pixels.

    Example:
        >>> from intertwine.groups import SO2
        >>> GridLayerNorm(SO2().rep("4x0 + 4x1"))(torch.randn(2, 12, 5, 5)).shape
        torch.Size([2, 12, 5, 5])
    """

    def __init__(self, rep_in: Rep | str, *, eps: float = 1e-5) -> None:
        super().__init__(rep_in, rep_in)
        if not eps > 0:
            raise ValueError(f"eps must be positive, got {eps}")
        self.eps = float(eps)
        self._sizes = [(copies, term.dim) for copies, term in self.rep_in.terms]
        self._shifted = [permutes(term) for _, term in self.rep_in.terms]
        copies = sum(count for count, _ in self._sizes)
        shifts = sum(count for (count, _), shifted in zip(self._sizes, self._shifted, strict=True) if shifted)
        self.weight = nn.Parameter(torch.ones(copies, dtype=torch.float32))
        self.bias = nn.Parameter(torch.zeros(shifts, dtype=torch.float32))

    def transform(self, fields: Tensor) -> Tensor:
        """Normalize the two kinds of components."""
        parts = split_terms(fields, self._sizes)
        normal: list[Tensor | None] = [None] * len(parts)
        for kind in (True, False):
            places = [i for i, shifted in enumerate(self._shifted) if shifted == kind]
            if not places:
                continue
            joined = torch.cat([parts[i].flatten(1, 2) for i in places], 1)
            if kind:
                joined = joined - joined.mean(1, keepdim=True)
            joined = joined * (joined.square().mean(1, keepdim=True) + self.eps).rsqrt()
            for i, part in zip(places, split_terms(joined, [self._sizes[i] for i in places]), strict=True):
                normal[i] = part
        weights = split_axis(self.weight, [copies for copies, _ in self._sizes], 0)
        counts = [copies for (copies, _), shifted in zip(self._sizes, self._shifted, strict=True) if shifted]
        shifts = iter(split_axis(self.bias, counts, 0))
        axes = (-1, 1) + (1,) * self.dimension
        scaled = []
        for block, weight, shifted in zip(normal, weights, self._shifted, strict=True):
            assert block is not None, "every term is of one of the two kinds"
            factor = block * weight.view(axes)
            scaled.append(factor + next(shifts).view(axes) if shifted else factor)
        return join_terms(scaled, fields)

    def extra_repr(self) -> str:
        """The representation."""
        return f"{self.rep_in}, eps={self.eps}"
