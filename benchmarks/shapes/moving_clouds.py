"""The clouds of `frame_jump.py`: a path on which second moments meet, and how noise turns the principal axes."""

from __future__ import annotations

import torch
from torch import Tensor

from intertwine.groups import SO3
from intertwine.ops import principal_axes

POINTS, SEED = 32, 39
EVENTS = (1 / 3, 2 / 3)
"""Where second moments meet, the larger two and the lesser two."""
SECOND, THIRD = 1.0, 0.7
"""Root mean squares of the cloud along two of its axes; along the other it goes from 1.3 to 0.4 past both."""


def whitened(clouds: Tensor) -> Tensor:
    """Centered clouds ``(B, N, 3)`` with second moments 1, along the axes they have: ``X (X^T X / N)^(-1/2)``."""
    centered = clouds - clouds.mean(1, keepdim=True)
    values, axes = torch.linalg.eigh(centered.mT @ centered / centered.shape[1])
    return centered @ (axes * values.rsqrt()[:, None]) @ axes.mT


def path(places: Tensor) -> Tensor:
    """The clouds at places s in [0, 1], ``(B, N, 3)``."""
    return stretched(places) @ SO3().sample(1, generator=torch.Generator().manual_seed(9))[0].mT


def stretched(places: Tensor) -> Tensor:
    """The same with x, y and z for principal axes."""
    s = places[:, None, None]
    ends = torch.randn(2, POINTS, 3, generator=torch.Generator().manual_seed(SEED), dtype=torch.float64)
    along = torch.stack([1.3 - 0.9 * places, torch.full_like(places, SECOND), torch.full_like(places, THIRD)], 1)
    return whitened((1 - s) * ends[0] + s * ends[1]) * along[:, None]


def sign_change() -> float:
    """Where, of the two longer axes, the third moment along one vanishes: the one place, by bisection."""

    def signs(places: Tensor) -> Tensor:
        clouds = stretched(places)
        longer = clouds.square().mean(1).argsort(1, descending=True)[:, :2].sort(1).values
        return clouds.pow(3).mean(1).sign().gather(1, longer)

    places = torch.linspace(*EVENTS, 200, dtype=torch.float64)[1:-1]
    changed = (signs(places).diff(dim=0) != 0).any(1).nonzero().flatten()
    assert len(changed) == 1, f"one change of sign is wanted between the meetings, found {len(changed)}"
    low, high = places[changed], places[changed + 1]
    for _ in range(40):
        middle = (low + high) / 2
        same = bool((signs(middle) == signs(low)).all())
        low, high = (middle, high) if same else (low, middle)
    return float(low)


def random_clouds(count: int, generator: torch.Generator) -> Tensor:
    """Other clouds of the kind, each stretched and turned its own way."""
    normal = torch.randn(count, POINTS, 3, generator=generator, dtype=torch.float64)
    along = 0.4 + 0.9 * torch.rand(count, 1, 3, generator=generator, dtype=torch.float64)
    return (whitened(normal) * along) @ SO3().sample(count, generator=generator)


def turns_by_noise(points: int, sigma: float, gap: float, draws: int = 200) -> tuple[float, float]:
    """How far noise turns the longest axis: the prediction and the root mean square of the angle, in radians.

    The cloud has the moments ``l_1, l_2 = N (1 +- gap / 2)``, ``l_3 = 0.1 N`` of X^T X. To first order noise N adds
    ``e_1^T (X^T N + N^T X) e_2``, normal with deviation ``sigma sqrt(l_1 + l_2)``, to the moment that mixes both axes,
    and so turns them by that over ``l_1 - l_2``.
    """
    generator = torch.Generator().manual_seed(points)
    clean = whitened(torch.randn(1, points, 3, generator=generator, dtype=torch.float64))
    moments = torch.tensor([1 + gap / 2, 1 - gap / 2, 0.1], dtype=torch.float64)
    cloud = (clean * moments.sqrt()).expand(draws, -1, -1)
    noisy = cloud + sigma * torch.randn(draws, points, 3, generator=generator, dtype=torch.float64)
    batch = torch.arange(draws).repeat_interleave(points)
    along = principal_axes(noisy.flatten(0, 1), batch, draws)[:, 0, 0].abs().clamp(max=1)
    predicted = sigma * float((points * moments[:2].sum()).sqrt()) / (points * gap)
    return predicted, float(along.arccos().square().mean().sqrt())
