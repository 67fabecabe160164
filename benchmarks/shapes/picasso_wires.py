"""The clouds of `picasso.py`: four bent wires at four places, and a class for each way to turn them.

A class is a rotation of each wire about its own center. Wires and places are the same in all classes, so the invariants
of a wire and the distances between the wires say nothing, which `check` shows. A random rotation turns all wires of a
cloud about their own centers: how a wire stands against the places then says nothing either.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from intertwine.groups import SO3

PARTS, POINTS, CLASSES = 4, 8, 8
RADIUS, APART, NOISE = 0.7, 1.6, 0.03


class Problem(NamedTuple):
    """Wires ``(PARTS, POINTS, 3)`` about the origin, places ``(PARTS, 3)``, rotations ``(CLASSES, PARTS, 3, 3)``."""

    wires: Tensor
    places: Tensor
    poses: Tensor


def problem(generator: torch.Generator) -> Problem:
    """Random wires, no two alike and none symmetric; places that keep them apart."""
    steps = torch.randn(PARTS, POINTS, 3, generator=generator, dtype=torch.float64)
    wires = (steps / steps.norm(dim=-1, keepdim=True)).cumsum(1)
    wires = wires - wires.mean(1, keepdim=True)
    wires = RADIUS * wires / wires.norm(dim=-1).amax(1)[:, None, None]
    while True:
        places = 1.5 * torch.randn(PARTS, 3, generator=generator, dtype=torch.float64)
        places = places - places.mean(0)
        if torch.pdist(places).min() > APART and places.norm(dim=1).max() < 2 * APART:
            break
    return Problem(wires, places, SO3().sample(CLASSES * PARTS, generator=generator).unflatten(0, (CLASSES, PARTS)))


def clouds(of: Problem, classes: Tensor, generator: torch.Generator) -> Tensor:
    """A cloud of each class asked for, ``(n, PARTS * POINTS, 3)``: the noise moves points, but no wire's center."""
    count = len(classes)
    like: dict[str, Any] = {"generator": generator, "dtype": torch.float64}
    noise = NOISE * torch.randn(count, PARTS, POINTS, 3, **like)
    wires = of.wires + noise - noise.mean(2, keepdim=True)
    poses = SO3().sample(count, generator=generator)[:, None] @ of.poses[classes]
    points = wires @ poses.mT + of.places[:, None]
    return points.flatten(1, 2) @ SO3().sample(count, generator=generator).mT


def check(of: Problem) -> tuple[float, float]:
    """With the same noise in every class: how much distances change within and between wires, and in the whole cloud.

    The whole is the control: were it zero too, there would be nothing to tell apart.
    """
    drawn = [clouds(of, torch.full((64,), k), torch.Generator().manual_seed(5)) for k in range(CLASSES)]
    points = torch.stack(drawn).unflatten(2, (PARTS, POINTS))
    centers = points.mean(3)
    inside, between, whole = (torch.cdist(x, x) for x in (points, centers, points.flatten(2, 3)))
    change = max(float((x - x[:1]).abs().max()) for x in (inside, between))
    assert change < 1e-12, f"a part's invariants tell the class: they change by {change:.1e}"
    return change, float((whole - whole[:1]).square().mean().sqrt())


def aligned(of: Problem, points: Tensor) -> Tensor:
    """The class whose rotations of wires against the first are nearest to those found by least squares (Kabsch)."""
    wires = points.unflatten(1, (PARTS, POINTS))
    moments = (wires - wires.mean(2, keepdim=True)).mT @ of.wires
    u, _, v = torch.linalg.svd(moments)
    u[..., 2] *= torch.linalg.det(u @ v).sign()[..., None]
    turns = u @ v
    found, known = (x[..., :1, :, :].mT @ x[..., 1:, :, :] for x in (turns, of.poses))
    return torch.einsum("npij,cpij->nc", found, known).argmax(1)
