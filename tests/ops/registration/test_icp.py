"""The step of iterated closest points beside its formula, point by point."""

import numpy as np
import pytest
from scipy.linalg import expm

from intertwine.ops.registration._icp import _ACROSS, small_motion


def skew(v):
    return np.array([[0, -v[2], v[1]], [v[2], 0, -v[0]], [-v[1], v[0], 0]])


@pytest.mark.parametrize("size", [0.0, 1e-5, 0.3])
def test_the_step_is_that_of_the_sums_over_points(size):
    random = np.random.RandomState(0)
    points, normals = random.randn(2, 40, 3)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    targets, weights = points + size * random.randn(40, 3), random.rand(40)
    matrix, vector = np.zeros((6, 6)), np.zeros(6)
    for x, y, n, w in zip(points, targets, normals, weights, strict=True):
        derivative = np.hstack([-skew(x), np.eye(3)])
        metric = w * (np.outer(n, n) + _ACROSS * np.eye(3))
        matrix += derivative.T @ metric @ derivative
        vector += derivative.T @ metric @ (x - y)
    twist = -np.linalg.solve(matrix, vector)
    generator = np.zeros((4, 4))
    generator[:3, :3], generator[:3, 3] = skew(twist[:3]), twist[3:]
    assert np.allclose(small_motion(points, targets, normals, weights), expm(generator), atol=1e-7)
