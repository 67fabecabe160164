"""Surfaces at the resolution of their clouds: planes, residuals, and shapes that nearly have a symmetry."""

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from intertwine.ops.registration import _fine_pair, register
from intertwine.ops.registration._fine_surface import fine_surface, fit_planes, plane_residuals
from intertwine.ops.registration._motions import Motions
from intertwine.ops.registration._surfels import Surfels, surfels

SPACING = 0.1


def shape(count, seed, noise=0.0, bump=0.05):
    """A box-like surface with a half-turn about the upright, but for a wave of one side."""
    random = np.random.RandomState(seed)
    directions = random.randn(count, 3)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    x, y, z = directions.T
    radius = 1 + 0.25 * np.cos(2 * np.arctan2(y, x)) * (1 - z**2) + 0.2 * z**3 + 0.15 * x * y * z
    radius += bump * np.sin(5 * x) * (1 - z**2)
    return directions * radius[:, None] * [1.0, 0.8, 1.3] + noise * random.randn(count, 3)


def motion(seed):
    return Rotation.random(random_state=seed).as_matrix(), np.random.RandomState(seed).randn(3)


@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_residuals_are_small_in_units_of_the_roughness_where_a_motion_is_right(noise):
    bump = 0.05 + 5 * noise
    first, second = shape(6000, 0, noise, bump), shape(6000, 1, noise, bump)
    surface, own = fine_surface(second, SPACING), fine_surface(first, SPACING)
    if noise:
        assert np.median(surface.roughness) == pytest.approx(noise, rel=0.4)
    still = Motions(np.eye(3)[None], np.zeros((1, 3)))
    half_turn = Motions(np.diag([-1.0, -1.0, 1.0])[None], np.zeros((1, 3)))
    right, wrong = (plane_residuals(first[:500], own.roughness[:500], surface, m) for m in (still, half_turn))
    assert (right < 3).mean() > 0.97
    assert (wrong < 3).mean() < 0.7


def test_fitted_motions_are_near_the_right_one_and_move_with_both_clouds():
    cloud, second = shape(2000, 0), shape(6000, 1)
    first = surfels(cloud, 0.05)
    start = Rotation.from_rotvec([0.02, -0.03, 0.02]).as_matrix(), np.array([0.02, 0.0, -0.02])
    rotation, shift = fit_planes(first, fine_surface(second, SPACING), *start, distance=0.2, steps=20)
    assert np.abs(rotation - np.eye(3)).max() < 2e-3
    assert np.abs(shift).max() < 2e-3
    (g, s), (h, t) = motion(1), motion(2)
    begin = h @ start[0] @ g.T
    surface = fine_surface(second @ h.T + t, SPACING)
    moved_first = Surfels(first.points @ g.T + s, first.normals @ g.T, first.tree, first.interior)
    moved, place = fit_planes(moved_first, surface, begin, h @ start[1] + t - begin @ s, distance=0.2, steps=20)
    expected = h @ rotation @ g.T
    assert np.allclose(moved, expected, atol=1e-6)
    assert np.allclose(place, h @ shift + t - expected @ s, atol=1e-6)


def test_few_points_tell_no_planes():
    points = np.random.RandomState(0).randn(6, 3)
    few = fine_surface(points, SPACING)
    assert (few.roughness == SPACING).all()
    rotation, shift = motion(3)
    found = fit_planes(surfels(points, SPACING), few, rotation, shift, distance=1.0, steps=5)
    assert np.allclose(found[0], rotation)
    assert np.allclose(found[1], shift)


def views(overlap=0.5):
    """Two views of one shape, cut upright, that share a half; a half-turn lays most of one on the other."""
    first, second = (shape(12_000, seed, bump=0.02) for seed in (2, 3))
    share = 1 / (2 - overlap)
    axis = np.array([0.9, 0.1, 0.2])
    first = first[first @ axis <= np.quantile(first @ axis, share)]
    return first, second[second @ axis >= np.quantile(second @ axis, 1 - share)]


def turned_by(weight, monkeypatch):
    """The angle in degrees by which the motion between the views is wrong, for a weight of diverging points."""
    monkeypatch.setattr(_fine_pair, "_DIVERGENCE", weight)
    first, second = views()
    rotation, shift = motion(4)
    found = register(torch.from_numpy(first), torch.from_numpy(second @ rotation.T + shift))
    return np.degrees(Rotation.from_matrix(found.rotation.numpy() @ rotation.T).magnitude())


def test_a_shape_that_nearly_has_a_symmetry_is_registered_by_what_breaks_it(monkeypatch):
    assert turned_by(_fine_pair._DIVERGENCE, monkeypatch) < 1
    assert turned_by(0.0, monkeypatch) > 150
