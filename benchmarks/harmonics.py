"""Spherical harmonics of many points with their gradient, beside sphericart."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from measure import largest, paired, table

from intertwine.ops import spherical_harmonics

POINTS = 100_000


def slopes(function: Callable[[torch.Tensor], torch.Tensor], points: torch.Tensor, weights: torch.Tensor) -> object:
    return torch.autograd.grad(function(points), points, weights)


def harmonics() -> str:
    from sphericart.torch import SphericalHarmonics

    lines = []
    for lmax in (3, 6, 10):
        peer, points = SphericalHarmonics(lmax), torch.randn(POINTS, 3, requires_grad=True)
        weights = torch.randn(POINTS, (lmax + 1) ** 2)
        ours = partial(spherical_harmonics, lmax, normalization="integral")
        polar_axis_z = points[:, [2, 0, 1]].detach()
        assert (ours(points) - peer(polar_axis_z)).abs().max() < 1e-4, "not the same harmonics"
        steps = [partial(slopes, function, points, weights) for function in (ours, peer)]
        time = paired(*steps, repeats=9)
        lines.append(
            f"| l <= {lmax} | {1e3 * time.ours:.0f} ms | {1e3 * time.peer:.0f} ms | {time.ratio:.2f}x "
            f"| {largest(steps[0])} |"
        )
        print(lines[-1], flush=True)
    return f"""## Spherical harmonics

{POINTS:,} points with the gradient in the points.

{table("degrees|ours|sphericart|time|our largest item", lines)}"""
