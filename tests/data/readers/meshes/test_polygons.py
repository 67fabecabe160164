from __future__ import annotations

import numpy as np
import pytest

from intertwine.data._sampling import ShapeError
from intertwine.data.readers.meshes._polygons import polygons_from_lists, triangulate


def area(vertices, triangles):
    corners = vertices[triangles]
    return 0.5 * np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1).sum()


def test_fans_in_order_with_the_polygon_of_each():
    vertices = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0.5, 2, 0]], dtype=float)
    triangles, polygon = triangulate(polygons_from_lists([[0, 1], [0, 1, 2, 4, 3], [2, 1, 0]]), vertices)
    assert triangles.tolist() == [[0, 1, 2], [0, 2, 4], [0, 4, 3], [2, 1, 0]]
    assert polygon.tolist() == [1, 1, 1, 2]


@pytest.mark.parametrize("corners", [8, 30, 200])
@pytest.mark.parametrize("turned", [0, 1])
def test_concave_polygons_keep_their_area(corners, turned):
    angles = 2 * np.pi * (np.arange(corners) + turned) / corners
    radii = 1 + (np.arange(corners) + turned) % 2
    tilt = np.linalg.qr(np.random.RandomState(0).randn(3, 3))[0]
    vertices = np.stack([radii * np.cos(angles), radii * np.sin(angles), 0 * angles], axis=1) @ tilt
    triangles, _ = triangulate(polygons_from_lists([list(range(corners))]), vertices)
    assert len(triangles) == corners - 2
    assert area(vertices, triangles) == pytest.approx(corners * np.sin(2 * np.pi / corners), rel=1e-9)


@pytest.mark.parametrize(
    ("lists", "says"),
    [
        ([[0, 1, 3]], "a face names vertex 3 of 3"),
        ([[0, 1, -1]], "a face names vertex -1 of 3"),
        ([[0, 1, 10**30]], "beyond any count"),
        ([[0, 1], [2]], "none of its 2 faces has three corners"),
    ],
)
def test_polygons_that_are_none(lists, says):
    with pytest.raises(ShapeError, match=says):
        triangulate(polygons_from_lists(lists), np.eye(3))


def test_concave_polygons_behind_others():
    square = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], dtype=float)
    dart = np.array([[0, 0, 1], [2, 1, 1], [0, 2, 1], [1, 1, 1]], dtype=float)[[3, 0, 1, 2]]
    arrow = np.array([[0, 0, 2], [3, 0, 2], [3, 3, 2], [2, 1, 2], [0, 3, 2]], dtype=float)
    vertices = np.concatenate([square, np.roll(dart, 1, axis=0), arrow])
    polygons = polygons_from_lists([[0, 1, 2, 3], [0, 1, 2], [4, 5, 6, 7], [8, 9, 10, 11, 12]])
    triangles, polygon = triangulate(polygons, vertices)
    areas = [area(vertices, triangles[polygon == number]) for number in range(4)]
    assert areas == pytest.approx([1, 0.5, 1, 6])
