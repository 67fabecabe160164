from __future__ import annotations

import hashlib

import numpy as np
import pytest

from intertwine.data._sampling import Cloud, ShapeError, Surface, _draw, sample, to_unit_sphere

SQUARE = Surface(
    np.array([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 5], [0, 0, 5]]),
    np.array([[0, 1, 2], [0, 2, 3], [0, 4, 5]]),
    np.array([7, 8, 9]),
)
"""Two halves of a unit square, and a face without an area."""

FROZEN = "f98558f6b4f29d22"


def two_triangles(small, large):
    """Two right triangles far apart, of these areas."""
    side, longer = np.sqrt(2 * small), np.sqrt(2 * large)
    vertices = [[0, 0, 0], [side, 0, 0], [0, side, 0], [0, 0, 9], [longer, 0, 9], [0, longer, 9]]
    return Surface(np.array(vertices), np.array([[0, 1, 2], [3, 4, 5]]))


def test_points_lie_on_the_surface_in_proportion_to_its_areas():
    points = sample(two_triangles(1.0, 3.0), 40_000, 0).points
    assert set(np.unique(points[:, 2])) == {0.0, 9.0}
    assert (points[:, 2] == 9).mean() == pytest.approx(0.75, abs=0.01)  # a standard deviation is 0.0022
    low = points[points[:, 2] == 0]
    assert (low[:, :2] >= 0).all()
    assert low[:, :2].sum(axis=1).max() <= np.sqrt(2) + 1e-12
    assert low.mean(axis=0) == pytest.approx([np.sqrt(2) / 3, np.sqrt(2) / 3, 0], abs=0.01)


def test_a_slow_obvious_sampler_agrees():
    surface, count, seed = two_triangles(1.0, 3.0), 500, 3
    generator = np.random.RandomState(seed)
    where, weights = generator.random_sample(count) * 4.0, generator.random_sample((count, 2))
    expected = []
    for place, (u, v) in zip(where, weights, strict=True):
        a, b, c = surface.vertices[surface.faces[0 if place < 1.0 else 1]]
        if u + v > 1:
            u, v = 1 - u, 1 - v
        expected.append(a + u * (b - a) + v * (c - a))
    np.testing.assert_allclose(sample(surface, count, seed).points, expected, atol=1e-12)


def test_normals_and_labels_belong_to_the_face():
    cloud = sample(SQUARE, 2000, 1)
    np.testing.assert_allclose(cloud.normals, np.tile([0.0, 0, 1], (2000, 1)))
    below = cloud.points[:, 1] < cloud.points[:, 0]
    assert (cloud.labels == np.where(below, 7, 8)).all()  # 9 has no area


def test_labels_of_vertices_go_to_the_nearest_corner():
    surface = Surface(np.eye(3), np.array([[0, 1, 2]]), vertex_labels=np.array([4, 5, 6]))
    cloud = sample(surface, 1000, 0)
    assert (cloud.labels == 4 + cloud.points.argmax(axis=1)).all()


def test_one_seed_one_cloud_byte_for_byte():
    first, again, other = (sample(SQUARE, 512, seed).points for seed in (5, 5, 6))
    assert first.tobytes() == again.tobytes()
    assert not np.array_equal(first, other)
    # frozen: a release that changes this line changes everybody's clouds
    assert hashlib.sha256((np.round(first, 9) + 0).tobytes()).hexdigest()[:16] == FROZEN
    state = np.random.get_state()[1].tolist()
    sample(SQUARE, 10, 5)
    assert np.random.get_state()[1].tolist() == state


def test_clouds_are_thinned_without_repetition_and_filled_with_all():
    points = np.arange(30.0).reshape(10, 3)
    cloud = Cloud(points, np.eye(3)[np.arange(10) % 3], np.arange(10))
    few = sample(cloud, 4, 0)
    assert len({tuple(point) for point in few.points}) == 4
    many = sample(cloud, 25, 0)
    assert np.array_equal(many.points[:10], points)
    for thinned in (few, many):
        assert np.array_equal(thinned.points[:, 0], 3.0 * thinned.labels)
        assert np.array_equal(thinned.normals.argmax(axis=1), thinned.labels % 3)
    assert np.array_equal(sample(cloud, 10, 0).points, points)


@pytest.mark.parametrize(
    "points",
    [
        np.array([[3.0, 4, 5]]),
        np.tile([1e9, -1e9, 0.1], (7, 1)),
        np.array([[0.0, 0, 0], [2, 0, 0]]),
        np.outer(np.arange(5.0), [1, 2, 3]),
        np.random.RandomState(0).rand(20, 3) * [1, 1, 0],
        np.random.RandomState(0).rand(20, 3) * 1e-9 + 1e-6,
        np.random.RandomState(0).rand(20, 3) * 1e100,
        np.random.RandomState(0).rand(20, 3) + 1e6,
    ],
    ids=["one", "equal", "two", "collinear", "coplanar", "tiny", "huge", "far"],
)
def test_unit_sphere(points):
    result = to_unit_sphere(points)
    assert np.isfinite(result).all()
    np.testing.assert_allclose(result.mean(axis=0), 0, atol=1e-9)
    largest = np.sqrt((result**2).sum(axis=1).max())
    assert largest == pytest.approx(0 if len(np.unique(points, axis=0)) == 1 else 1)


def test_unit_sphere_forgets_place_and_size_and_keeps_turns():
    points = np.random.RandomState(1).rand(50, 3)
    np.testing.assert_allclose(to_unit_sphere(40 * points + [1, 2, 3]), to_unit_sphere(points), atol=1e-12)
    turn = np.linalg.qr(np.random.RandomState(2).randn(3, 3))[0]
    np.testing.assert_allclose(to_unit_sphere(points @ turn.T), to_unit_sphere(points) @ turn.T, atol=1e-12)


@pytest.mark.parametrize(
    ("shape", "says"),
    [
        (Surface(np.eye(3), np.zeros((0, 3), dtype=np.int64)), "a mesh without faces"),
        (Surface(np.eye(3), np.array([[0, 1, 3]])), "a face names vertex 3 of 3"),
        (Surface(np.eye(3), np.array([[0, 1, 1], [2, 2, 2]])), "none of its 2 faces has an area"),
        (Surface(np.ones((3, 3)), np.array([[0, 1, 2]])), "none of its 1 faces has an area"),
        (Surface(np.eye(3) * [1, np.nan, 1], np.array([[0, 1, 2]])), "a coordinate of face 1 is not finite"),
        (Cloud(np.zeros((0, 3))), "no points"),
        (Cloud(np.array([[0, 0, 0], [0, np.inf, 0]])), "a coordinate of point 2 is not finite"),
    ],
    ids=["no faces", "past the end", "slivers", "one place", "NaN", "no points", "infinite"],
)
def test_what_cannot_be_sampled_is_said(shape, says):
    with pytest.raises(ShapeError, match=says):
        sample(shape, 10, 0)


class Edge(np.random.RandomState):
    """Draws nothing but the ends of the interval."""

    def __init__(self, value):
        self.value = value

    def random_sample(self, shape):
        return np.full(shape, self.value)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_faces_without_an_area_are_not_drawn_at_the_ends_either(value):
    surface = SQUARE._replace(faces=SQUARE.faces[[2, 0, 1, 2]], face_labels=np.array([9, 7, 8, 9]))
    cloud = _draw(surface, 3, Edge(value))
    assert set(cloud.labels.tolist()) == {7 if value == 0 else 8}


def test_a_vertex_that_no_face_uses_may_be_anything():
    stray = SQUARE._replace(vertices=np.vstack([SQUARE.vertices, [np.nan, np.inf, 0]]))
    assert np.array_equal(sample(stray, 50, 0).points, sample(SQUARE, 50, 0).points)


@pytest.mark.parametrize("scale", [1e-150, 1e-12, 1e100])
def test_areas_neither_overflow_nor_vanish(scale):
    small = sample(SQUARE._replace(vertices=SQUARE.vertices * scale), 64, 0)
    np.testing.assert_allclose(small.points / scale, sample(SQUARE, 64, 0).points, rtol=1e-12)
    assert np.isfinite(small.normals).all()
