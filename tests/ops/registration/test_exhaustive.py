"""The search over SE(3) for the normals of two surfaces, without features."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from intertwine import SO3
from intertwine.ops import register
from intertwine.ops.functions import spherical_harmonics
from intertwine.ops.registration import _register as steps
from intertwine.ops.registration._normal_fields import correlated_motions
from intertwine.ops.registration._surfels import natural_spacing, surfels


def normal(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def blob(count: int, seed: int) -> torch.Tensor:
    """Points on one bumpy surface without symmetry."""
    directions = torch.nn.functional.normalize(normal(count, 3, seed=seed), dim=1)
    bumps = spherical_harmonics(6, directions, normalization="norm") @ normal(49, seed=99)
    return directions * (1 + 0.12 * bumps)[:, None]


def degrees(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(torch.rad2deg(torch.acos((((a * b).sum() - 1) / 2).clamp(-1, 1))))


@pytest.fixture(scope="module")
def views():
    """Two views of a bumpy blob, the second moved, and the motion."""
    first, second = blob(3000, 1), blob(3000, 2)
    axis = torch.nn.functional.normalize(normal(3, seed=8), dim=0)
    R, t = SO3().sample(generator=torch.Generator().manual_seed(5)), normal(3, seed=5)
    return first[first @ axis < 0.3], second[second @ axis > -0.3] @ R.mT + t, R, t


def test_the_true_motion_is_among_the_first(views):
    first, second, R, t = views
    spacing = natural_spacing(first.numpy())
    found = correlated_motions(*(surfels(cloud.numpy(), spacing) for cloud in (first, second)), spacing, 10)
    angles = [degrees(torch.from_numpy(rotation), R) for rotation in found.rotations]
    center = first.mean(0)
    places = torch.from_numpy(found.apply(center.numpy()[None])[:, 0])
    near = (np.array(angles) < 25) & ((places - R @ center - t).norm(dim=1).numpy() < 0.3)
    assert near.any()
    assert len(found.rotations) == 10


def test_the_search_finds_what_features_do_not(views, monkeypatch):
    first, second, R, t = views
    still = steps.Motions(np.eye(3)[None], np.zeros((1, 3)))
    monkeypatch.setattr(steps, "_feature_motions", lambda pair, gaps: [steps.refine(pair, still)])
    monkeypatch.setattr(steps, "_tried_rotations", lambda pair, centers: steps.refine(pair, still))
    assert degrees(register(first, second).rotation, R) > 20
    found = register(first, second, exhaustive=True)
    assert degrees(found.rotation, R) < 2
    assert float((found.translation - t).norm()) < 0.05


def test_clouds_of_very_different_sizes_are_searched_on_a_coarser_lattice(views):
    first, second, _, _ = views
    found = register(first, 1000 * second, exhaustive=True)
    assert torch.isfinite(found.matrix).all()
    assert any("units" in remark for remark in found.remarks)
