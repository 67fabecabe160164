"""The parts of a registration against their formulas, written as loops."""

import math

import numpy as np
import pytest
from scipy.linalg import expm
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from intertwine.ops.alignment import rotation_grid
from intertwine.ops.registration import feature_histograms, poisson_disk_subset
from intertwine.ops.registration._candidates import (
    Matches,
    Pair,
    Ranked,
    feature_gaps,
    feature_matches,
    given_matches,
    merge,
    motions_from_rotations,
    refine,
    support,
)
from intertwine.ops.registration._confidence import Evidence, confidence_of
from intertwine.ops.registration._consistency import _refit, _spread_seeds, compatibility, consistent_motions
from intertwine.ops.registration._feature_histograms import descriptor_gaps, mutually_nearest
from intertwine.ops.registration._fine_pair import FinePair
from intertwine.ops.registration._fine_surface import fine_surface
from intertwine.ops.registration._icp import iterated_closest_points
from intertwine.ops.registration._motions import Motions, stack
from intertwine.ops.registration._normals import estimate_normals
from intertwine.ops.registration._register import _comes_first, _evidence, _exchanged, _finish, _registration
from intertwine.ops.registration._sampling import packing_spacing, surface_area
from intertwine.ops.registration._scale import estimate_scale, refine_scale
from intertwine.ops.registration._score import contradicted, covered
from intertwine.ops.registration._surfels import (
    Surfels,
    common_spacing,
    interior_points,
    natural_spacing,
    random_rows,
    surfels,
    without_outliers,
)


def draw(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.RandomState(seed).standard_normal(shape)


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def ellipsoid(count: int, seed: int = 0) -> np.ndarray:
    """Points of a bent ellipsoid, which has no symmetry."""
    points = unit(draw(count, 3, seed=seed)) * [1.0, 0.7, 0.45]
    return points + 0.25 * points[:, :1] ** 2 * [0, 1, 0.5] + 0.2 * points[:, 1:2] ** 2 * [1, 0, 0]


def surface(count: int, seed: int = 0) -> Surfels:
    points = ellipsoid(count, seed)
    tree = cKDTree(points)
    return Surfels(points, estimate_normals(points, tree, points), tree, np.ones(count, dtype=bool))


def turns(*vectors: tuple[float, ...]) -> np.ndarray:
    return np.stack([Rotation.from_rotvec(vector).as_matrix() for vector in vectors])


def random_motions(count: int, seed: int = 3, size: float = 0.2) -> Motions:
    return Motions(Rotation.from_rotvec(size * draw(count, 3, seed=seed)).as_matrix(), size * draw(count, 3, seed=seed))


def test_normals_are_the_axes_of_least_variance():
    points, queries = draw(60, 3), draw(7, 3, seed=1)
    for k, size in ((20, 20), (5, 5), (100, 60)):
        found = estimate_normals(points, cKDTree(points), queries, k)
        for query, normal in zip(queries, found, strict=True):
            near = points[np.argsort(np.linalg.norm(points - query, axis=1))[:size]]
            axis = np.linalg.svd(near - near.mean(axis=0))[2][2]
            assert abs(normal @ axis) == pytest.approx(1)
    default, explicit = (estimate_normals(points, cKDTree(points), queries, *k) for k in ((), (20,)))
    assert (default == explicit).all()


def test_normals_of_a_line_are_its_direction():
    line = np.linspace(0, 1, 9)[:, None] * np.array([1.0, 2, 2]) / 3
    for bend, expected in ((0.0, [1 / 3, 2 / 3, 2 / 3]), (1e-3, None)):
        points = line + bend * np.array([0, 1.0, -1.0]) * (np.arange(9) % 2)[:, None]
        normal = estimate_normals(points, cKDTree(points), points)[0]
        if expected is None:
            assert abs(normal @ [1 / 3, 2 / 3, 2 / 3]) < 1e-2
        else:
            assert abs(normal @ expected) == pytest.approx(1)


def slow_histograms(points: np.ndarray, normals: np.ndarray, radius: float, sign: float) -> np.ndarray:
    def spread(value: float, into: np.ndarray, weight: float) -> None:
        place = min(max(value * 11 - 0.5, 0.0), 10 - 1e-9)
        into[int(place)] += weight * (1 - place + int(place))
        into[int(place) + 1] += weight * (place - int(place))

    size = len(points)
    near = [
        [j for j in range(size) if j != i and 1e-12 * radius < np.linalg.norm(points[j] - points[i]) <= radius]
        for i in range(size)
    ]

    def own(i: int, n: np.ndarray) -> np.ndarray:
        found = np.zeros((3, 11))
        for j in near[i]:
            d = unit(points[j] - points[i])
            m = normals[j] * (1 if normals[j] @ normals[i] >= 0 else -1) * (1 if n @ normals[i] > 0 else -1)
            v = np.cross(n, d)
            v = v / (np.linalg.norm(v) + 1e-12)
            w = np.cross(n, v)
            for row, value in enumerate(((v @ m + 1) / 2, (n @ d + 1) / 2, math.atan2(w @ m, n @ m) / math.pi + 0.5)):
                spread(value, found[row], 1 / len(near[i]))
        return found

    result = []
    for i in range(size):
        n = sign * normals[i]
        mean = np.zeros((3, 11))
        for j in near[i]:
            aligned = normals[j] * (1 if normals[j] @ normals[i] >= 0 else -1) * sign
            mean += own(j, aligned) / np.linalg.norm(points[j] - points[i])
        total = mean.sum(-1, keepdims=True)
        result.append(np.sqrt(np.concatenate([own(i, n), mean / np.where(total > 0, total, 1)]).reshape(-1)))
    return np.stack(result)


def test_feature_histograms_as_loops():
    points = np.concatenate([draw(22, 3), draw(1, 3), [[50.0, 0, 0]]])  # the first point twice, and one far away
    normals = unit(draw(24, 3, seed=1))
    found = feature_histograms(points, normals, 1.3)
    for descriptor, sign in zip(found, (1.0, -1.0), strict=True):
        assert descriptor.shape == (24, 66)
        assert np.allclose(descriptor, slow_histograms(points, normals, 1.3, sign), atol=2e-4)
    assert (found[0][-1] == 0).all()


def test_normals_at_right_angles_agree():
    points = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0.5, 0.5, 1]])
    normals = np.array([[0.0, 0, 1], [0, 1, 0], [1, 0, 0], unit(np.array([1.0, 2, 3]))])
    for descriptor, sign in zip(feature_histograms(points, normals, 1.5), (1.0, -1.0), strict=True):
        assert np.allclose(descriptor, slow_histograms(points, normals, 1.5, sign), atol=2e-4)


def test_mutual_matches_as_loops():
    first, second, third = (draw(n, 5, seed=n).astype(np.float32) for n in (9, 7, 8))
    third = third[:7]
    gaps = np.array([[min(((a - b) ** 2).sum(), ((a - c) ** 2).sum()) for b, c in zip(second, third, strict=True)]
                     for a in first])  # fmt: skip
    expected = [[i, j] for i in range(9) for j in range(7) if gaps[i].argmin() == j and gaps[:, j].argmin() == i]
    assert mutually_nearest(descriptor_gaps(first, (second, third))).tolist() == expected
    assert 0 < len(expected) < 7
    assert mutually_nearest(descriptor_gaps(first[:0], (second, third))).shape == (0, 2)
    assert mutually_nearest(descriptor_gaps(first, (second[:0], third[:0]))).shape == (0, 2)


def test_coverage_and_contradiction_as_loops():
    first, second, motions = surface(40), surface(50, 1), random_motions(3)
    second = second._replace(interior=np.arange(50) % 3 > 0)
    distance, reach = 0.3, 0.5
    near, against = np.zeros((3, 40)), np.zeros(3)
    for s in range(3):
        for i in range(40):
            x = motions.rotations[s] @ first.points[i] + motions.translations[s]
            n = motions.rotations[s] @ first.normals[i]
            gaps = np.linalg.norm(second.points - x, axis=1)
            j, gap = int(gaps.argmin()), gaps.min()
            alike = abs(n @ second.normals[j]) > 0.7
            near[s, i] = 1 - (gap / distance) ** 2 if alike and gap < distance else 0
            against[s] += second.interior[j] and gap < reach and not (alike and gap < distance)
    assert np.allclose(covered(first, second, motions, distance), near)
    assert np.allclose(contradicted(first, second, motions, distance, reach), against / 40)
    assert 0 < (near > 0).sum() < 120
    assert against.min() > 0


@pytest.mark.parametrize(("degrees", "counts"), [(44.0, True), (46.0, False)])
def test_normals_within_45_degrees(degrees, counts):
    angle = math.radians(degrees)
    flat = Surfels(np.zeros((1, 3)), np.array([[0.0, 0, 1]]), cKDTree(np.zeros((1, 3))), np.ones(1, dtype=bool))
    bent = flat._replace(normals=np.array([[math.sin(angle), 0, math.cos(angle)]]))
    still = Motions(np.eye(3)[None], np.zeros((1, 3)))
    assert covered(flat, bent, still, 1.0).tolist() == [[1.0 if counts else 0.0]]
    assert contradicted(flat, bent, still, 1.0, 2.0).tolist() == [0.0 if counts else 1.0]


def test_motions():
    motions, points = random_motions(4, size=1.0), draw(5, 3)
    for s in range(4):
        for i in range(5):
            expected = motions.rotations[s] @ points[i] + motions.translations[s]
            assert np.allclose(motions.apply(points)[s, i], expected)
            assert np.allclose(motions.inverse().apply(expected[None])[s, 0], points[i])
    assert np.allclose(motions.take(np.array([2, 0])).translations, motions.translations[[2, 0]])
    assert np.allclose(stack([motions, motions.inverse()]).translations[4:], motions.inverse().translations)


def test_motions_that_differ():
    rotations = turns((0, 0, 0), (0, 0, 0.1), (0, 0, 0.3), (0.19, 0, 0), (0, 0, 0), (0, 0, math.pi))
    translations = np.array([[0, 0, 0], [0.5, 0, 0], [0, 0, 0], [0.9, 0, 0], [1.1, 0, 0], [0, 0, 0]])
    motions = Motions(rotations, translations)

    def kept(most: int) -> list[list[float]]:
        found = motions.distinct(np.zeros(3), 0.2, 1.0, most)
        return [[*np.round(Rotation.from_matrix(r).as_rotvec(), 6), t[0]] for r, t in zip(*found, strict=True)]

    assert kept(9) == [[0, 0, 0, 0], [0, 0, 0.3, 0], [0, 0, 0, 1.1], [0, 0, round(math.pi, 6), 0]]
    assert kept(2) == [[0, 0, 0, 0], [0, 0, 0.3, 0]]
    shifted = motions.distinct(np.array([10.0, 0, 0]), 0.2, 1.0, 9)  # the center moves with a rotation
    assert len(shifted.rotations) == 5


def test_compatibility_as_loops():
    a, b = draw(6, 3), draw(6, 3, seed=1) * 0.1
    n, m = unit(draw(6, 3, seed=2)), unit(draw(6, 3, seed=3))
    b = a + b
    found = compatibility(a, b, n, m, 0.4)
    for i in range(6):
        for j in range(6):
            gap = abs(np.linalg.norm(a[i] - a[j]) - np.linalg.norm(b[i] - b[j])) / 0.4
            turned = abs(abs(n[i] @ n[j]) - abs(m[i] @ m[j]))
            expected = 0 if i == j else max(1 - gap**2, 0) * max(1 - (turned / 0.5) ** 2, 0)
            assert found[i, j] == pytest.approx(expected, abs=1e-5)


def test_seeds_are_the_strongest_of_their_neighborhood_first():
    points = np.array([[0.0, 0, 0], [0.5, 0, 0], [3, 0, 0], [3.2, 0, 0], [9, 0, 0], [10, 0, 0]])
    strength = np.array([1, 5, 4, 4, 2, 3], dtype=np.float32)
    assert _spread_seeds(points, strength, 1.0, 9).tolist() == [1, 2, 3, 5, 4, 0]
    assert _spread_seeds(points, strength, 1.1, 9).tolist() == [1, 2, 3, 5, 4, 0]
    assert _spread_seeds(points, strength, 0.4, 9).tolist() == [1, 2, 3, 5, 4, 0]
    strength = np.array([5, 1, 4, 3, 2, 2.5], dtype=np.float32)
    assert _spread_seeds(points, strength, 1.0, 9).tolist() == [0, 2, 5, 4, 3, 1]  # 4 and 5 are exactly 1 apart
    assert _spread_seeds(points, strength, 1.1, 9).tolist() == [0, 2, 5, 3, 4, 1]
    assert _spread_seeds(points, strength, 1.0, 3).tolist() == [0, 2, 5]


@pytest.mark.parametrize("count", [1, 2, 12, 40])
def test_matches_that_agree_have_their_motion(count):
    R, t = Rotation.from_rotvec([0.4, -1.0, 2.0]).as_matrix(), np.array([1.0, 2, 3])
    points, normals = draw(count, 3), unit(draw(count, 3, seed=1))
    wrong = 12 if count == 40 else 0
    moved = points @ R.T + t
    moved[:wrong] = 3 * draw(wrong, 3, seed=5)
    found = consistent_motions(points, moved, normals, normals @ R.T, 0.05, seeds=5)
    assert len(found.rotations) == min(5, count)
    assert np.allclose(found.apply(points)[0, wrong:], moved[wrong:], atol=1e-4)
    if count >= 12:
        assert np.allclose(found.rotations[0], R, atol=1e-6)
        assert np.allclose(found.translations[0], t, atol=1e-6)


def test_motions_are_solved_again_from_three_matches():
    """The motion with the most support comes first, as sums of 1 - (gap / tolerance)^2; fewer than 3 matches: kept."""
    points = draw(6, 3)
    near = Motions(turns((0.02, 0, 0)), np.array([[0.01, 0, 0]]))
    for agreeing in (2, 3, 6):
        targets = points.copy()
        targets[agreeing:] += 50
        found = _refit(near, points, targets, 0.2)
        if agreeing == 2:
            assert np.array_equal(found.rotations, near.rotations)
        else:
            assert np.allclose(found.apply(points)[0, :agreeing], targets[:agreeing], atol=1e-6)
    both = Motions(np.stack([np.eye(3)] * 2), np.array([[5.0, 0, 0], [0, 0, 0]]))
    targets = points + np.array([[5.0, 0, 0]] * 2 + [[0, 0, 0]] * 4)
    assert np.allclose(_refit(both, points, targets, 0.2).translations[0], 0, atol=1e-6)


def slow_icp_step(first: Surfels, second: Surfels, R: np.ndarray, t: np.ndarray, d: float) -> np.ndarray:
    """The moved points after one step, of the sum in the docstring made linear in a twist about the center."""
    center = second.points.mean(axis=0)
    rows, values = [], []
    moved = first.points @ R.T + t
    for x, n in zip(moved, first.normals @ R.T, strict=True):
        gaps = np.linalg.norm(second.points - x, axis=1)
        j, gap = int(gaps.argmin()), float(gaps.min())
        m = second.normals[j]
        if gap >= d or abs(n @ m) <= 0.6:
            continue
        w = (1 - (gap / d) ** 2) ** 2
        r, arm = x - second.points[j], x - center
        skew = np.array([[0, -arm[2], arm[1]], [arm[2], 0, -arm[0]], [-arm[1], arm[0], 0]])
        jacobian = np.concatenate([-skew, np.eye(3)], axis=1)  # of x in (omega, shift)
        rows += [math.sqrt(w) * m @ jacobian, *(math.sqrt(0.05 * w) * jacobian)]
        values += [math.sqrt(w) * m @ r, *(math.sqrt(0.05 * w) * r)]
    twist = -np.linalg.lstsq(np.stack(rows), np.array(values), rcond=None)[0]
    a, b, c = twist[:3]
    generator = np.zeros((4, 4))
    generator[:3, :3] = [[0, -c, b], [c, 0, -a], [-b, a, 0]]
    generator[:3, 3] = twist[3:]
    step = expm(generator)
    return (moved - center) @ step[:3, :3].T + step[:3, 3] + center


@pytest.mark.parametrize("size", [1.0, 100.0])
def test_one_step_of_closest_points(size):
    first, second = surface(300), surface(320, 1)
    first, second = (Surfels(size * s.points, s.normals, cKDTree(size * s.points), s.interior) for s in (first, second))
    R, t = turns((0.05, 0.02, -0.04))[0], size * np.array([0.03, -0.02, 0.05])
    found = iterated_closest_points(first, second, R, t, 0.3 * size, steps=1)
    expected = slow_icp_step(first, second, R, t, 0.3 * size)
    assert np.allclose(first.points @ found[0].T + found[1], expected, atol=1e-6 * size)
    assert np.abs(expected - first.points @ R.T - t).max() > 0.01 * size


def test_closest_points_come_to_rest_and_need_three_pairs():
    first = surface(400)
    R, t = turns((0.03, 0.01, -0.02))[0], np.array([0.02, -0.01, 0.01])
    found = iterated_closest_points(first, first, R, t, 0.3, steps=60)
    assert np.allclose(found[0], np.eye(3), atol=1e-8)
    assert np.allclose(found[1], 0, atol=1e-8)
    assert np.allclose(found[0] @ found[0].T, np.eye(3), atol=1e-13)
    for count, moves in ((2, False), (3, True)):
        few = Surfels(first.points[:count], first.normals[:count], first.tree, first.interior)
        rotation, _ = iterated_closest_points(few, first, R, t, 0.15, steps=1)
        assert np.allclose(rotation, R, atol=1e-12) != moves


def test_areas_and_spacings():
    points = np.concatenate([np.random.RandomState(0).rand(300, 3) * [2, 1, 0], [[40.0, 40, 40]]])
    eighth = np.array([np.sort(np.linalg.norm(points - x, axis=1))[8] for x in points])
    areas = np.pi * eighth**2 / 8
    expected = sum(min(area, 4 * np.median(areas)) for area in areas)
    assert surface_area(points, cKDTree(points)) == pytest.approx(expected)
    assert surface_area(points[:8], cKDTree(points[:8])) == pytest.approx(np.ptp(points[:8], axis=0).max() ** 2)
    assert surface_area(points[:9], cKDTree(points[:9])) != pytest.approx(np.ptp(points[:9], axis=0).max() ** 2)
    assert packing_spacing(1.436 * 50, 2) == pytest.approx(5.0)
    assert packing_spacing(1.436, 0) == packing_spacing(1.436, 1) == pytest.approx(1.0)
    cloud = draw(301, 3)
    assert natural_spacing(cloud) == pytest.approx(packing_spacing(surface_area(cloud, cKDTree(cloud)), 180))
    many = draw(5005, 3)
    assert natural_spacing(many) == pytest.approx(packing_spacing(surface_area(many, cKDTree(many)), 3000))
    for count in (2, 50):
        gaps = np.linalg.norm(cloud[:count, None] - cloud[:count], axis=2) + 1e9 * np.eye(count)
        assert natural_spacing(cloud[:count]) == pytest.approx(np.median(gaps.min(1)) / 2)
    assert natural_spacing(cloud[:51]) == pytest.approx(
        packing_spacing(surface_area(cloud[:51], cKDTree(cloud[:51])), 30)
    )
    assert (common_spacing(1, 3), common_spacing(3, 2), common_spacing(0, 3), common_spacing(2, 4)) == (2, 3, 3, 4)


def test_large_clouds_are_cut_to_30000_points_and_their_area_asks_4000():
    points = np.random.RandomState(1).rand(30_001, 3)
    assert random_rows(points[:30_000]) is not None
    assert np.array_equal(random_rows(points[:30_000]), points[:30_000])
    kept = random_rows(points)
    assert len(kept) == 30_000
    assert np.array_equal(np.sort(np.searchsorted(np.sort(points[:, 0]), kept[:, 0])), np.unique(
        np.searchsorted(np.sort(points[:, 0]), kept[:, 0])))  # fmt: skip
    places = [int(np.flatnonzero(points[:, 0] == x)[0]) for x in kept[::3000, 0]]
    assert places == sorted(places)


def test_outliers_are_far_and_on_no_plane():
    plane = np.random.RandomState(0).rand(400, 3) * [1, 1, 0]
    off = np.array([[0.5, 0.5, 0.4], [0.3, 0.2, -0.4]])
    on = np.array([[1.5, 0.5, 0.0]])  # far, on the plane of its neighbors
    assert np.array_equal(without_outliers(np.concatenate([plane, off, on])), np.concatenate([plane, on]))
    few = np.concatenate([plane[:48], off * [1, 1, 2.5]])
    assert without_outliers(few) is few
    more = np.concatenate([plane[:49], off * [1, 1, 2.5]])
    assert np.array_equal(without_outliers(more), more[:49])


def test_interior_points_as_loops():
    points = np.random.RandomState(0).rand(300, 3) * [1, 1, 0]
    normals = np.tile([0.0, 0, 1], (300, 1))
    found = interior_points(points, normals, cKDTree(points))
    for i in range(300):
        near = points[np.argsort(np.linalg.norm(points - points[i], axis=1))[1:17]] - points[i]
        mean = near.mean(axis=0)
        mean -= (mean @ normals[i]) * normals[i]
        assert found[i] == (np.linalg.norm(mean) < 0.25 * np.linalg.norm(near, axis=1).max())
    assert 0 < found.sum() < 300
    assert not interior_points(points[:50], normals[:50], cKDTree(points[:50])).any()
    assert interior_points(points[:51], normals[:51], cKDTree(points[:51])).any()


def test_surfels_are_spaced_and_not_alone():
    cloud = np.concatenate([np.random.RandomState(0).rand(900, 3) * [1, 1, 0], [[9.0, 9, 9]]])
    found = surfels(cloud, 0.05)
    thinned = cloud[poisson_disk_subset(cloud, 0.05)]
    fourth = np.sort(np.linalg.norm(thinned[:, None] - thinned, axis=2), axis=1)[:, 4]
    assert np.array_equal(found.points, thinned[fourth < 2.5 * 0.05])
    assert not (found.points == 9).any()
    assert np.allclose(np.abs(found.normals[:, 2]), 1)
    assert len(surfels(cloud[:50], 0.5).points) == 50
    assert len(surfels(cloud[:51], 0.5).points) < 20
    part = found.every(50)
    step = len(found.points) // 50
    assert np.array_equal(part.points, found.points[::step])
    assert np.array_equal(part.normals, found.normals[::step])
    assert found.every(10**6).points.shape == found.points.shape


def test_confidence_is_a_logistic_model():
    evidence = Evidence(agreeing=19, matches=40, overlap=(0.8, 0.6), closeness=0.7, margin=0.5, fit=0.9)
    assert evidence.features == (math.log(20), 0.7, 0.5, -math.log(1.02 - 0.9))
    logit = -19.27 + 0.959 * math.log(20) + 9.401 * 0.7 + 2.599 * 0.5 - 1.886 * math.log(1.02 - 0.9)
    assert confidence_of(evidence) == pytest.approx(1 / (1 + math.exp(-logit)), rel=1e-12)
    assert confidence_of(evidence._replace(agreeing=10**30)) == pytest.approx(1 / (1 + math.exp(-30)), abs=0)
    assert confidence_of(evidence._replace(closeness=-100.0)) == pytest.approx(1 / (1 + math.exp(30)), rel=1e-12)


def small_pair() -> Pair:
    first, second = surface(70), surface(80, 1)
    matches = Matches(first.points[:9], second.points[:9], first.normals[:9], second.normals[:9])
    return Pair(first, second, 0.1, matches)


def test_support_and_scores():
    points = np.zeros((4, 3))
    targets = np.array([[0.0, 0, 0], [0.249, 0, 0], [0.25, 0, 0], [0, 0.3, 0]])
    still = Motions(np.eye(3)[None], np.zeros((1, 3)))
    assert support(Matches(points, targets, points, points), still, 0.1).tolist() == [2]
    pair, motions = small_pair(), random_motions(4)
    part = pair.first.every(35)
    expected = covered(part, pair.second, motions, 0.3).mean(axis=1) + 1.5 * support(pair.matches, motions, 0.1) / 9
    assert np.allclose(pair.scores(part, motions, 0.3), expected)
    empty = pair._replace(matches=Matches(*(x[:0] for x in pair.matches)))
    assert np.allclose(empty.scores(part, motions, 0.3), covered(part, pair.second, motions, 0.3).mean(axis=1))


def test_ranks_are_scores_less_contradictions():
    pair, motions = small_pair(), random_motions(5, size=0.1)
    ranked = pair.rank(motions, 35)
    parts = pair.first.every(35), pair.second.every(35)
    agreement = pair.scores(parts[0], motions, 0.15)
    there = contradicted(parts[0], pair.second, motions, 0.15, 0.6)
    back = contradicted(parts[1], pair.first, motions.inverse(), 0.15, 0.6)
    scores = agreement - 4 * (there + back) / 2
    order = np.argsort(-scores)
    assert np.allclose(ranked.scores, scores[order])
    assert np.allclose(ranked.agreement, agreement[order])
    assert np.allclose(ranked.motions.translations, motions.translations[order])
    assert (np.diff(ranked.scores) <= 0).all()


@pytest.mark.parametrize("best", [2.0, -2.0])
def test_motions_that_are_as_good(best):
    scores = best - abs(best) * np.array([0.0, 0.09, 0.11])
    ranked = Ranked(random_motions(3), scores, np.full(3, abs(best)))
    assert len(ranked.equal(0.1).rotations) == 2
    other = Ranked(random_motions(2, seed=9), scores[:2] - 0.01, scores[:2] + 5)
    both = merge([ranked, other])
    assert np.allclose(both.scores, np.sort(np.concatenate([ranked.scores, other.scores]))[::-1])
    assert both.agreement[1] == pytest.approx(scores[0] + 5)
    assert np.allclose(both.motions.rotations[1], other.motions.rotations[0])


def test_candidates_from_rotations_keep_the_centers():
    found = motions_from_rotations((np.array([1.0, 2, 3]), np.array([4.0, 5, 6])))
    assert np.allclose(found.rotations, rotation_grid(2).rotations.numpy())
    assert np.allclose(found.apply(np.array([[1.0, 2, 3]])), [4, 5, 6])


def test_matches_by_features_and_given_ones():
    first, second = surface(200), surface(200)
    found = feature_matches(first, second, feature_gaps(first, second, 0.1))
    histograms = [feature_histograms(s.points, s.normals, 0.6) for s in (first, second)]
    rows = mutually_nearest(descriptor_gaps(histograms[0][0], histograms[1]))
    assert np.array_equal(found.points_1, first.points[rows[:, 0]])
    assert np.array_equal(found.normals_2, second.normals[rows[:, 1]])
    points = draw(1600, 3)
    given = given_matches(points, points + 1, first, second)
    assert len(given.points_1) == 1500
    nearest = np.linalg.norm(second.points - (points[7] + 1), axis=1).argmin()
    assert np.array_equal(given.normals_2[7], second.normals[nearest])


def test_candidates_are_refined_and_finished():
    first = surface(300)
    second = first._replace(points=first.points + 0.5, tree=cKDTree(first.points + 0.5))
    pair = Pair(first, second, 0.08, Matches(first.points, second.points, first.normals, second.normals))
    start = Motions(
        turns((2.0, 0, 0), (0.05, 0, 0.05), (0.06, 0, 0.05)), np.array([[3.0, 0, 0], [0.53] * 3, [0.53] * 3])
    )
    ranked = refine(pair, start)
    assert len(ranked.scores) == 2  # the third is the second
    assert np.allclose(ranked.motions.rotations[0], np.eye(3), atol=1e-3)
    assert len(refine(pair, start, refined=1).scores) == 1
    assert len(refine(pair, start, screened=1).scores) == 1
    fine = fine_surface(first.points, 0.08), fine_surface(second.points, 0.08)
    answers, every = _finish(FinePair(pair, *fine), ranked)
    assert len(every.scores) == 2
    assert len(answers.rotations) == 1
    assert np.allclose(answers.translations, 0.5, atol=1e-6)


def test_evidence_of_an_answer():
    first = surface(120)
    pair = Pair(
        first, first, 0.1, Matches(first.points[:10], first.points[:10], first.normals[:10], first.normals[:10])
    )
    still = Motions(np.eye(3)[None], np.zeros((1, 3)))
    others = Motions(turns((0, 0, 0), (0, 0, 0.1), (0, 0, 2.0)), np.zeros((3, 3)))
    ranked = Ranked(others, np.array([1.0, 0.9, 0.1]), np.array([2.0, 1.9, 1.5]))
    plane = fine_surface(first.points, 0.1)
    fine = FinePair(pair, plane, plane)
    found = _evidence(fine, still, ranked)
    assert found == Evidence(10, 10, (1.0, 1.0), 1.0, 0.45, 1.0)
    alone = Ranked(others.take(np.arange(2)), np.array([1.0, 0.9]), np.array([2.0, 1.9]))
    assert _evidence(fine, still, alone).margin == 1.0
    better = ranked._replace(scores=np.array([1.0, 0.5, 3.0]))
    assert _evidence(fine, still, better).margin == 0.0


def test_scales_are_recovered():
    cloud = ellipsoid(1200)
    R, t = turns((0.3, 0.2, -0.5))[0], np.array([1.0, 0, 2])
    assert estimate_scale(cloud, 7.0 * cloud @ R.T + t) == pytest.approx(7.0, rel=1e-3)
    assert estimate_scale(cloud[:3], cloud) == 1.0
    assert estimate_scale(np.zeros((9, 3)), cloud) == 1.0
    spacing = natural_spacing(cloud)
    first, second = surfels(cloud, spacing), surfels(1.02 * cloud, spacing)
    factor, motions = refine_scale(first, second, Motions(np.eye(3)[None], np.zeros((1, 3))), spacing)
    assert factor == pytest.approx(1.02, abs=5e-3)
    assert np.allclose(motions.rotations[0], np.eye(3), atol=1e-2)
    far = Motions(np.stack([np.eye(3)] * 2), np.array([[90.0, 0, 0], [1.0, 0, 0]]))
    factor, motions = refine_scale(first, second, far, spacing)
    assert factor == 1.0
    assert np.array_equal(motions.translations, far.translations)


def test_the_order_of_two_clouds():
    a = draw(5, 3)
    assert _comes_first(a, draw(6, 3))
    assert not _comes_first(draw(6, 3), a)
    assert _comes_first(a, 1.1 * a)
    assert not _comes_first(1.1 * a, a)
    assert not _comes_first(a, a)
    assert not _comes_first(a, a * (1 + 1e-12))


def test_the_inverse_of_a_registration():
    import torch

    matrix = torch.eye(4, dtype=torch.float64)[None].repeat(2, 1, 1)
    matrix[:, :3, :3] = 2 * torch.from_numpy(turns((0, 0, 0.5), (0, 0, 1.0)))
    matrix[:, :3, 3] = torch.tensor([1.0, 2, 3])
    evidence = Evidence(1, 2, (0.25, 0.5), 0.5, 0.5, 0.5)
    words = ("the first cloud is 20 times as large as the second one: are their units the same?",)
    found = _registration(matrix, 2.0, (0.25, 0.5), 0.75, words, evidence)
    assert torch.allclose(found.rotation, matrix[0, :3, :3] / 2)
    assert found.translation.tolist() == [1, 2, 3]
    back = _exchanged(found)
    for k in range(2):
        assert torch.allclose(back.answers[k] @ found.answers[k], torch.eye(4, dtype=torch.float64), atol=1e-12)
    assert (back.scale, back.overlap, back.confidence) == (0.5, (0.5, 0.25), 0.75)
    assert back.evidence.overlap == (0.5, 0.25)
    assert back.remarks == ("the second cloud is 20 times as large as the first one: are their units the same?",)
    assert torch.allclose(back.rotation @ found.rotation, torch.eye(3, dtype=torch.float64))
