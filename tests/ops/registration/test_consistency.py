"""Matches that agree on a motion: outliers, several motions, the law of motions, the compatibility in loops."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from intertwine.ops.registration import feature_histograms
from intertwine.ops.registration._candidates import Matches, unexplained
from intertwine.ops.registration._consistency import compatibility, consistent_motions, second_order_compatibility
from intertwine.ops.registration._feature_histograms import fine_histograms

TOLERANCE = 0.05


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def planted(counts, outliers, seed=0):
    """Matches by one random motion for each count, then outliers; the motions, and the matches."""
    random = np.random.RandomState(seed)
    size = sum(counts) + outliers
    points, normals = random.randn(2, size, 3)
    others, turned = random.randn(2, size, 3)
    motions, start = [], 0
    for count in counts:
        rotation, shift = Rotation.random(random_state=random).as_matrix(), random.randn(3)
        rows = slice(start, start + count)
        others[rows] = points[rows] @ rotation.T + shift + 0.2 * TOLERANCE * random.randn(count, 3)
        turned[rows] = normals[rows] @ rotation.T
        motions.append((rotation, shift))
        start += count
    return motions, Matches(points, others, unit(normals), unit(turned))


def angle(a, b):
    return np.arccos(np.clip((np.trace(a.T @ b) - 1) / 2, -1, 1))


@pytest.mark.parametrize(("inliers", "outliers"), [(80, 120), (20, 180)])
def test_planted_matches_are_found_among_outliers(inliers, outliers):
    [(rotation, shift)], matches = planted([inliers], outliers)
    found = consistent_motions(*matches, tolerance=TOLERANCE)
    assert angle(found.rotations[0], rotation) < 0.03
    assert np.linalg.norm(found.translations[0] - shift) < TOLERANCE
    one, other = planted([0], 200)[1][:2], consistent_motions(*planted([0], 200)[1], tolerance=TOLERANCE)
    gaps = np.linalg.norm(other.apply(one[0]) - one[1], axis=-1)
    assert (gaps < TOLERANCE).sum(1).max() < 10


def test_a_second_motion_is_found_among_the_matches_that_the_first_one_leaves():
    motions, matches = planted([120, 30], 60)
    first = consistent_motions(*matches, tolerance=TOLERANCE).take(np.arange(1))
    assert angle(first.rotations[0], motions[0][0]) < 0.03
    rest = unexplained(matches, first, TOLERANCE / 2.5)
    assert len(rest.points_1) < 95
    second = consistent_motions(*rest, tolerance=TOLERANCE)
    assert angle(second.rotations[0], motions[1][0]) < 0.05


def test_the_motions_move_with_both_sides():
    _, matches = planted([80], 60)
    g, h = Rotation.random(2, random_state=5).as_matrix()
    s, t = np.random.RandomState(6).randn(2, 3)
    moved = Matches(
        matches.points_1 @ g.T + s, matches.points_2 @ h.T + t, matches.normals_1 @ g.T, -matches.normals_2 @ h.T
    )
    found, again = (consistent_motions(*each, tolerance=TOLERANCE) for each in (matches, moved))
    expected = h @ found.rotations[0] @ g.T
    assert np.allclose(again.rotations[0], expected, atol=1e-6)
    assert np.allclose(again.translations[0], h @ found.translations[0] + t - expected @ s, atol=1e-6)


def test_compatibility_equals_its_formula_in_loops():
    _, (p, q, n, m) = planted([6], 9)
    size, slow = len(p), np.zeros((len(p), len(p)))
    for i in range(size):
        for j in range(size):
            gap = np.linalg.norm(p[i] - p[j]) - np.linalg.norm(q[i] - q[j])
            turn = abs(n[i] @ n[j]) - abs(m[i] @ m[j])
            slow[i, j] = max(1 - (gap / 0.4) ** 2, 0) * max(1 - 4 * turn**2, 0) * (i != j)
    fast = compatibility(p, q, n, m, 0.4)
    assert np.allclose(fast, slow, atol=1e-5)
    partners = np.array([[slow[i, j] * sum(slow[i, k] * slow[k, j] for k in range(size)) for j in range(size)]
                         for i in range(size)])  # fmt: skip
    assert np.allclose(second_order_compatibility(fast), partners, atol=1e-4)
    assert partners[:6, :6].sum() > 5 * partners[6:].sum()


def test_histograms_are_invariant_under_rotations_and_not_under_reflections():
    random = np.random.RandomState(0)
    points, normals = random.rand(300, 3), unit(random.randn(300, 3))
    one, other = feature_histograms(points, normals, 0.3)
    for turn in Rotation.random(32, random_state=1).as_matrix():
        moved, _ = feature_histograms(points @ turn.T + 1, normals @ turn.T, 0.3)
        assert abs(moved - one).max() < 1e-4
    fine = fine_histograms(points, normals, points, normals, 0.3)
    assert all(np.allclose(f, own[:, :33]) for f, own in zip(fine, (one, other), strict=True))
    mirror = np.diag([1.0, 1.0, -1.0])
    assert all(abs(h - one).max() > 0.1 for h in feature_histograms(points @ mirror, normals @ mirror, 0.3))
