"""The page of a scene: what is in view."""

import torch

from intertwine.tasks.sfm.writing._page import _RADIUS, _frame


def test_all_cameras_and_most_points_are_in_view():
    generator = torch.Generator().manual_seed(0)
    points = torch.randn(1000, 3, generator=generator, dtype=torch.float64)
    points[:20] *= 1e4
    centers = torch.tensor([[30.0, 0, 0], [31, 2, 0]], dtype=torch.float64)
    middle, scale = _frame(points, centers)
    assert float(((centers - middle) / scale).norm(dim=1).max()) <= _RADIUS + 1e-12
    inside = ((points - middle) / scale).norm(dim=1) <= _RADIUS + 1e-12
    assert 0.9 <= float(inside.double().mean()) < 1
    assert 10 < float(middle[0]) < 20


def test_a_scene_without_points():
    middle, scale = _frame(torch.zeros(0, 3), torch.tensor([[1.0, 2, 3]]))
    assert torch.equal(middle, torch.tensor([1.0, 2, 3]))
    assert float(scale) > 0
