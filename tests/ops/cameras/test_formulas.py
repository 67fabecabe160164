"""Cameras against their formulas: lenses by hand, normal equations by automatic derivatives, steps by dense systems."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from intertwine.ops.cameras import (
    CAMERA_MODELS,
    distorted,
    matrix_from_quaternion,
    matrix_from_rotation_vector,
    projection_loss,
    quaternion_from_matrix,
    robust_triangulation,
    triangulate,
    undistorted,
)
from intertwine.ops.cameras import _bundle_adjustment as euclidean
from intertwine.ops.cameras import _projective as projective
from intertwine.ops.cameras._distortion import intrinsic_matrix
from intertwine.ops.cameras._triangulation import _best, _pairs, _support, ray_angles


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def scene(cameras: int = 3, points: int = 8, seed: int = 0):
    """Cameras about points in front of them, and every observation but every fifth."""
    rotations = matrix_from_rotation_vector(0.2 * normal(cameras, 3, seed=seed))
    translations = 0.5 * normal(cameras, 3, seed=seed + 1) + torch.tensor([0.0, 0.0, 6.0])
    X = normal(points, 3, seed=seed + 2)
    camera = torch.arange(cameras).repeat(points)
    point = torch.arange(points).repeat_interleave(cameras)
    kept = torch.arange(len(camera)) % 5 != 4
    camera, point = camera[kept], point[kept]
    seen = torch.einsum("nij,nj->ni", rotations[camera], X[point]) + translations[camera]
    return rotations, translations, X, camera, point, seen[:, :2] / seen[:, 2:]


def test_models_are_numbered_and_sized_as_in_colmap():
    assert {name: (m.number, m.focals, m.size) for name, m in CAMERA_MODELS.items()} == {
        "SIMPLE_PINHOLE": (0, 1, 3),
        "PINHOLE": (1, 2, 4),
        "SIMPLE_RADIAL": (2, 1, 4),
        "RADIAL": (3, 1, 5),
        "OPENCV": (4, 2, 8),
        "OPENCV_FISHEYE": (5, 2, 8),
        "FULL_OPENCV": (6, 2, 12),
        "FOV": (7, 2, 5),
        "SIMPLE_RADIAL_FISHEYE": (8, 1, 4),
        "RADIAL_FISHEYE": (9, 1, 5),
        "THIN_PRISM_FISHEYE": (10, 2, 12),
    }
    one = torch.tensor([5.0, 6.0, 7.0])
    assert intrinsic_matrix("SIMPLE_PINHOLE", one).tolist() == [[5, 0, 6], [0, 5, 7], [0, 0, 1]]
    two = torch.tensor([4.0, 5.0, 6.0, 7.0])
    assert intrinsic_matrix("PINHOLE", two).tolist() == [[4, 0, 6], [0, 5, 7], [0, 0, 1]]


def lens(model: str, k: list[float], x: float, y: float) -> tuple[float, float]:
    """COLMAP's formulas, one point at a time."""
    if model == "FOV":
        r = math.hypot(x, y)
        scale = math.atan(2 * r * math.tan(k[0] / 2)) / (r * k[0])
        return x * scale, y * scale
    if model.endswith("FISHEYE"):
        r = math.hypot(x, y)
        x, y = x * math.atan(r) / r, y * math.atan(r) / r
    r2 = x * x + y * y
    if model in ("OPENCV", "FULL_OPENCV", "THIN_PRISM_FISHEYE"):
        k = k + [0.0] * 8
        radial = 1 + k[0] * r2 + k[1] * r2**2
        dx = 2 * k[2] * x * y + k[3] * (r2 + 2 * x * x)
        dy = 2 * k[3] * x * y + k[2] * (r2 + 2 * y * y)
        if model == "FULL_OPENCV":
            radial = (radial + k[4] * r2**3) / (1 + k[5] * r2 + k[6] * r2**2 + k[7] * r2**3)
        if model == "THIN_PRISM_FISHEYE":
            radial += k[4] * r2**3 + k[5] * r2**4
            dx, dy = dx + k[6] * r2, dy + k[7] * r2
        return x * radial + dx, y * radial + dy
    radial = 1 + sum(c * r2 ** (n + 1) for n, c in enumerate(k))
    return x * radial, y * radial


@pytest.mark.parametrize("model", CAMERA_MODELS)
def test_lenses(model):
    count = CAMERA_MODELS[model].distortion
    k = [0.11, -0.07, 0.05, -0.03, 0.02, 0.04, -0.06, 0.09][:count]
    focal = [500.0, 510.0][: CAMERA_MODELS[model].focals]
    params = torch.tensor([*focal, 320.0, 240.0, *k], dtype=torch.float64)
    xy = torch.tensor([[0.3, -0.2], [-0.5, 0.4], [0.1, 0.6]], dtype=torch.float64)
    expected = [lens(model, k, x, y) for x, y in xy.tolist()] if count else xy.tolist()
    found = distorted(model, params, xy)
    assert found.tolist() == [pytest.approx(row, abs=1e-14) for row in expected]
    K = intrinsic_matrix(model, params)
    pixels = found @ K[:2, :2].T + K[:2, 2]
    assert torch.allclose(undistorted(model, params, pixels), xy @ K[:2, :2].T + K[:2, 2], atol=1e-6)
    assert undistorted(model, params, pixels[:0]).shape == (0, 2)


def test_the_center_of_a_lens_stays():
    for model in ("FOV", "OPENCV_FISHEYE", "RADIAL"):
        params = torch.full((CAMERA_MODELS[model].size,), 0.1, dtype=torch.float64)
        assert distorted(model, params, torch.zeros(1, 2, dtype=torch.float64)).tolist() == [[0, 0]]
    flat = torch.tensor([500.0, 500, 0, 0, 1e-10], dtype=torch.float64)
    xy = torch.tensor([[0.5, 0.25]], dtype=torch.float64)
    assert torch.equal(distorted("FOV", flat, xy), xy)


def test_rotations_agree_with_scipy():
    vectors = torch.cat([normal(20, 3), 1e-9 * normal(2, 3, seed=1), math.pi * torch.eye(3).double()])
    expected = Rotation.from_rotvec(vectors.numpy())
    found = matrix_from_rotation_vector(vectors)
    assert np.allclose(found, expected.as_matrix(), atol=1e-14)
    quaternions = torch.from_numpy(np.roll(expected.as_quat(), 1, axis=1))
    assert np.allclose(matrix_from_quaternion(-3 * quaternions), expected.as_matrix(), atol=1e-14)
    back = quaternion_from_matrix(found)
    assert (back[:, 0] >= 0).all()
    assert torch.allclose((back * quaternions).sum(1).abs(), torch.ones(len(back), dtype=torch.float64))


def test_triangulation_needs_two_observations_of_a_point_that_is_not_at_infinity():
    rotations = torch.eye(3, dtype=torch.float64).repeat(3, 1, 1)
    translations = torch.tensor([[0.0, 0, 0], [-1, 0, 0], [0, -1, 0]], dtype=torch.float64)
    X = torch.tensor([[0.5, 0.25, 4.0]], dtype=torch.float64)
    camera, point = torch.tensor([0, 1, 0, 0, 1]), torch.tensor([0, 0, 1, 2, 2])
    xy = torch.tensor([[0.125, 0.0625], [-0.125, 0.0625], [0, 0], [0.3, 0.2], [0.3, 0.2]], dtype=torch.float64)
    found = triangulate(rotations, translations, camera, point, xy, 4)
    assert torch.allclose(found[0], X[0])
    assert found[1:].isnan().all()


def test_parallax_is_twice_the_largest_angle_to_the_mean_ray():
    rotations, translations, X, camera, point, _ = scene()
    found = ray_angles(rotations, translations, torch.cat([X, X[:1]]), camera, point)
    centers = -torch.einsum("cji,cj->ci", rotations, translations)
    for j in range(len(X)):
        rays = [(X[j] - centers[c]) / (X[j] - centers[c]).norm() for c in camera[point == j].tolist()]
        mean = sum(rays) / len(rays)
        expected = 2 * max(math.acos(min(float(ray @ mean / mean.norm()), 1)) for ray in rays)
        assert float(found[j]) == pytest.approx(expected, rel=1e-6)
    assert float(found[-1]) == 0


def test_pairs_of_observations():
    point = torch.tensor([0, 1, 1, 2, 2, 2])
    first, second = _pairs(point, 4)
    assert sorted(zip(first.tolist(), second.tolist(), strict=True)) == [(1, 2), (3, 4), (3, 5), (4, 5)]
    assert [len(part) for part in _pairs(torch.arange(3), 3)] == [0, 0]
    for size in (8, 9, 20):
        first, second = _pairs(torch.zeros(size, dtype=torch.int64), 1)
        pairs = set(zip(first.tolist(), second.tolist(), strict=True))
        assert len(pairs) == 28
        assert all(0 <= a < b < size for a, b in pairs)
        assert {(0, size - 1)} <= pairs  # the widest
        assert len({b - a for a, b in pairs}) > 5  # and of all widths


def test_support_and_the_best_trial_as_loops():
    rotations, translations, X, camera, point, xy = scene()
    focal = torch.full((len(xy), 2), 100.0, dtype=torch.float64)
    xy = xy + 0.02 * normal(len(xy), 2, seed=9)
    owner = torch.tensor([0, 0, 3, 5, 5, 5])
    tried = X[owner] + 0.1 * normal(6, 3, seed=4)
    tried[3, 2] = -20.0  # behind the cameras
    support, error = _support(rotations, translations, tried, camera, point, xy, focal, owner, 3.0)
    for k in range(6):
        sizes = []
        for row in (point == owner[k]).nonzero()[:, 0].tolist():
            seen = rotations[camera[row]] @ tried[k] + translations[camera[row]]
            gap = 100 * float((seen[:2] / seen[2] - xy[row]).norm())
            sizes.append(gap if seen[2] > 0 else math.inf)
        assert int(support[k]) == sum(size <= 3 for size in sizes)
        assert float(error[k]) == pytest.approx(sum(min(size, 3.0) for size in sizes))
    assert 0 < int(support.sum()) < 15
    best = _best(torch.tensor([2, 3, 3, 1, 0]), torch.tensor([0.0, 2, 1, 0, 5]), torch.tensor([1, 1, 1, 3, 0]), 5)
    assert best.tolist() == [4, 2, -1, 3, -1]


@pytest.mark.parametrize(("degrees", "least", "found"), [(1.6, None, True), (1.4, None, False), (1.4, 1.3, True)])
def test_the_least_parallax(degrees, least, found):
    width = 2 * 10 * math.tan(math.radians(degrees) / 2)
    rotations = torch.eye(3, dtype=torch.float64).repeat(2, 1, 1)
    translations = torch.tensor([[-width / 2, 0, 0], [width / 2, 0, 0]], dtype=torch.float64)
    xy = translations[:, :2] / 10
    options = {} if least is None else {"least_angle": least}
    focal = torch.full((2, 2), 500.0, dtype=torch.float64)
    result = robust_triangulation(
        rotations, translations, torch.arange(2), torch.zeros(2, dtype=torch.int64), xy, focal, 1, **options
    )
    assert bool(result.points.isfinite().all()) == found
    assert result.inliers.tolist() == [found, found]


@pytest.mark.parametrize(("pixels", "threshold", "kept"), [(9.0, None, False), (6.0, None, True), (6.0, 2.0, False)])
def test_the_largest_error_of_an_inlier(pixels, threshold, kept):
    """Three cameras see a point, the third of them by some pixels wrong, across the epipolar lines of the others."""
    rotations = torch.eye(3, dtype=torch.float64).repeat(3, 1, 1)
    translations = torch.tensor([[-1.0, 0, 5], [0, 0, 5], [1, 0, 5]], dtype=torch.float64)
    xy = translations[:, :2] / 5
    xy[2, 1] += pixels / 500
    focal = torch.full((3, 2), 500.0, dtype=torch.float64)
    options = {} if threshold is None else {"threshold": threshold}
    result = robust_triangulation(
        rotations, translations, torch.arange(3), torch.zeros(3, dtype=torch.int64), xy, focal, 1, **options
    )
    assert int(result.inliers.sum()) == (3 if kept else 2)


@pytest.mark.parametrize("scale", [None, 1.5])
def test_normal_equations_are_those_of_automatic_derivatives(scale):
    rotations, translations, X, camera, point, xy = scene()
    xy = xy + 0.02 * normal(len(xy), 2, seed=5)
    focal = 100 + 10 * normal(len(xy), 2, seed=6)
    problem = euclidean.Problem(camera, point, xy, focal, scale, 3, 8)

    def residuals(poses: torch.Tensor, shifts: torch.Tensor) -> torch.Tensor:
        state = euclidean._moved((rotations, translations, X), (poses, shifts))
        seen = torch.einsum("nij,nj->ni", state[0][camera], state[2][point]) + state[1][camera]
        return focal * (seen[:, :2] / seen[:, 2:] - xy)

    check_blocks(problem, euclidean._normal_equations(problem, (rotations, translations, X)), residuals, 6)
    found = residuals(torch.zeros(3, 6).double(), torch.zeros(8, 3).double())
    check_cost(found, scale, euclidean._cost(problem, (rotations, translations, X)))
    behind = translations.clone()
    behind[1, 2] = -6.0
    assert euclidean._cost(problem, (rotations, behind, X)) == math.inf


@pytest.mark.parametrize("scale", [None, 1.5])
def test_projective_normal_equations_are_those_of_automatic_derivatives(scale):
    rotations, translations, X, camera, point, xy = scene()
    P = torch.cat([rotations, translations[..., None]], 2)
    Y = torch.cat([X, torch.ones(8, 1)], 1)
    P, Y = P / P.norm(dim=(1, 2), keepdim=True), Y / Y.norm(dim=1, keepdim=True)
    xy, focal = xy + 0.02 * normal(len(xy), 2, seed=5), 100 + 10 * normal(len(xy), 2, seed=6)
    problem = euclidean.Problem(camera, point, xy, focal, scale, 3, 8)

    def residuals(poses: torch.Tensor, shifts: torch.Tensor) -> torch.Tensor:
        return projective.projective_residuals(*projective._moved((P, Y), (poses, shifts)), camera, point, xy, focal)

    # a camera's length is free, so that its derivative is that of the sum before it is divided by its norm
    def unnormed(poses: torch.Tensor, shifts: torch.Tensor) -> torch.Tensor:
        points = Y + torch.einsum("nij,nj->ni", projective._tangents(Y), shifts)
        return projective.projective_residuals(P + poses.unflatten(1, (3, 4)), points, camera, point, xy, focal)

    check_blocks(problem, projective._normal_equations(problem, (P, Y)), unnormed, 12)
    zero = torch.zeros(3, 12).double(), torch.zeros(8, 3).double()
    seen = torch.einsum("nij,nj->ni", P[camera], Y[point])
    assert torch.allclose(residuals(*zero), focal * (seen[:, :2] / seen[:, 2:] - xy))
    T = projective._tangents(torch.cat([Y, -Y]))
    assert torch.allclose(T.mT @ T, torch.eye(3, dtype=torch.float64).expand(16, 3, 3), atol=1e-12)
    assert torch.allclose(torch.einsum("ni,nij->nj", torch.cat([Y, -Y]), T), torch.zeros(16, 3).double(), atol=1e-12)
    moved = projective._moved((P, Y), (normal(3, 12), normal(8, 3)))
    assert torch.allclose(moved[0].norm(dim=(1, 2)), torch.ones(3, dtype=torch.float64))
    assert torch.allclose(moved[1].norm(dim=1), torch.ones(8, dtype=torch.float64))


def check_cost(residuals: torch.Tensor, scale: float | None, cost: float) -> None:
    squares = residuals.square().sum(1)
    expected = squares if scale is None else 2 * scale**2 * ((1 + squares / scale**2).sqrt() - 1)
    assert cost == pytest.approx(float(expected.sum()))
    assert euclidean.robust_cost(residuals, scale) == pytest.approx(cost)


def check_blocks(problem, blocks, residuals, d: int) -> None:
    m, n = problem.num_cameras, problem.num_points
    zero = torch.zeros(m, d).double(), torch.zeros(n, 3).double()
    r = residuals(*zero)
    weight = torch.ones(len(r)).double()
    if problem.scale is not None:
        weight = 1 / (1 + r.square().sum(1) / problem.scale**2).sqrt()
    by_camera, by_point = torch.autograd.functional.jacobian(residuals, zero)
    A = (by_camera.flatten(2) * weight.sqrt()[:, None, None]).flatten(0, 1)
    B = (by_point.flatten(2) * weight.sqrt()[:, None, None]).flatten(0, 1)
    e = (r * weight.sqrt()[:, None]).flatten()
    full = torch.block_diag(*blocks.cameras)
    assert torch.allclose(full, A.T @ A, atol=1e-7)
    assert torch.allclose(torch.block_diag(*blocks.points), B.T @ B, atol=1e-7)
    assert torch.allclose(blocks.camera_side.flatten(), A.T @ e, atol=1e-7)
    assert torch.allclose(blocks.point_side.flatten(), B.T @ e, atol=1e-7)
    cross = torch.zeros(m, d, n, 3).double()
    for row, (c, p) in enumerate(zip(problem.camera.tolist(), problem.point.tolist(), strict=True)):
        cross[c, :, p] += blocks.coupling[row]
    cross = cross.reshape(d * m, 3 * n)
    assert torch.allclose(cross, A.T @ B, atol=1e-7)

    def damped(each: torch.Tensor, damping: float) -> torch.Tensor:
        parts = [b + torch.diag(damping * b.diagonal() + 1e-9 * b.diagonal().max()) for b in each]
        return torch.block_diag(*parts)

    for damping in (0.01, 2.0):
        system = torch.cat(
            [
                torch.cat([damped(blocks.cameras, damping), cross], 1),
                torch.cat([cross.T, damped(blocks.points, damping)], 1),
            ]
        )
        side = torch.cat([blocks.camera_side.flatten(), blocks.point_side.flatten()])
        expected = -torch.linalg.solve(system, side)
        poses, shifts = euclidean.solve(problem, blocks, damping, fixed_points=False)
        assert torch.allclose(poses.flatten(), expected[: d * m], atol=1e-7)
        assert torch.allclose(shifts.flatten(), expected[d * m :], atol=1e-7)
        poses, shifts = euclidean.solve(problem, blocks, damping, fixed_points=True)
        alone = -torch.linalg.solve(damped(blocks.cameras, damping), blocks.camera_side.flatten())
        assert torch.allclose(poses.flatten(), alone)
        assert not shifts.any()


def test_cameras_and_points_that_nobody_sees_stay():
    rotations, translations, X, camera, point, xy = scene()
    found = euclidean.bundle_adjustment(
        torch.cat([rotations, rotations[:1]]),
        torch.cat([translations, translations[:1]]),
        torch.cat([X, X[:1]]),
        camera,
        point,
        xy + 0.01 * normal(len(xy), 2),
        torch.full_like(xy, 100.0),
        max_iterations=3,
    )
    assert torch.equal(found.points[-1], X[0])
    assert torch.allclose(found.translations[-1], translations[0])
    assert found.iterations <= 3


def minimize(costs: list[float], most: int = 50, tolerance: float = 1e-6):
    """The dampings that are tried where the n-th trial has the n-th cost, and the last state, cost and count."""
    dampings: list[float] = []

    def moved(state, blocks, damping):
        dampings.append(damping)
        return (torch.tensor(float(len(dampings))),)

    def cost_of(state):
        return costs[int(state[0])]

    state, cost, steps = euclidean.levenberg_marquardt(
        (torch.tensor(0.0),), cost_of, lambda state: None, moved, most, tolerance
    )
    return dampings, int(state[0]), cost, steps


def test_damping():
    dampings, state, cost, steps = minimize([10.0, 9.0, 9.0, 9.5, 8.0, *[9.0] * 20])
    expected = [1e-4, 2e-5, 4e-5, 16e-5, 25.6e-5 * 0.125]  # accepted: a fifth; refused: times 2, 4, 8
    assert dampings[:4] == pytest.approx(expected[:4])
    assert dampings[4:14] == pytest.approx([3.2e-5 * 2 ** (k * (k + 1) / 2) for k in range(10)])
    assert (len(dampings), state, cost, steps) == (14, 4, 8.0, 3)


def test_steps_end_with_the_decrease_or_their_number():
    falling = [1000.0 * 0.5**k for k in range(40)]
    assert minimize(falling, most=7)[1:] == (7, falling[7], 7)
    assert minimize(falling, most=0)[1:] == (0, 1000.0, 0)
    slow = [100.0, 90.0, 80.0, 79.5, 70.0]
    assert minimize(slow, tolerance=0.01)[1:] == (3, 79.5, 3)
    assert minimize([7.0, 3.0, 2.0, 1.0], tolerance=0.5)[1:] == (2, 2.0, 2)  # it decreased by half of 2
    dampings = minimize([1e9 * 0.9**k for k in range(60)], most=40)[0]
    assert min(dampings) == 1e-12


def test_projective_triangulation_and_resection_are_exact():
    rotations, translations, X, camera, point, xy = scene(4, 9)
    P = torch.cat([rotations, translations[..., None]], 2)
    Y = torch.cat([X, torch.ones(9, 1)], 1)
    found = projective.projective_triangulation(P, camera, point, xy, 9)
    assert torch.allclose(found / found[:, 3:], Y, atol=1e-9)
    assert torch.allclose(found.norm(dim=1), torch.ones(9, dtype=torch.float64))
    seen = torch.einsum("cij,nj->cni", P, Y)
    cameras = projective.projective_resection(Y.expand(4, 9, 4), seen[..., :2] / seen[..., 2:])
    assert torch.allclose(cameras.norm(dim=(1, 2)), torch.ones(4, dtype=torch.float64))
    for one, true in zip(cameras, P, strict=True):
        assert abs(float((one * true).sum() / true.norm())) == pytest.approx(1)
    adjusted = projective.projective_bundle_adjustment(
        cameras + 1e-3 * normal(4, 3, 4), 3 * found, camera, point, xy, torch.full_like(xy, 100.0)
    )
    assert adjusted.cost < 1e-9
    assert 0 < adjusted.iterations < 50


def test_projection_loss_by_hand():
    camera = torch.eye(3, 4, dtype=torch.float64)[None]
    X = torch.tensor([[3.0, 4.0, 2.0], [1.0, 1.0, -0.5], [0.0, 0.0, 1e-4], [5.0, 5.0, 0.5e-4]], dtype=torch.float64)
    where, xy = torch.zeros(4, dtype=torch.int64), torch.tensor([[1.5, 0.5], [0, 0], [3, 4], [0, 0]]).double()
    expected = [1.5, 1e-4 + 0.5, 5.0, 0.5e-4]
    for row, value in enumerate(expected):
        part = slice(row, row + 1)
        one = projection_loss(camera, X[part], where[part], where[part], xy[part])
        assert float(one) == pytest.approx(value, abs=1e-12)
    whole = projection_loss(camera, X, where, torch.arange(4), xy)
    assert float(whole) == pytest.approx(sum(expected) / 4)


def test_iterations_of_pairs_are_all_of_them():
    assert sorted(itertools.combinations(range(8), 2)) == sorted(
        zip(*(part.tolist() for part in _pairs(torch.zeros(8, dtype=torch.int64), 1)), strict=True)
    )


@pytest.mark.parametrize("points", [3, 4, 5, 8])
def test_the_product_of_couplings_in_chunks_is_the_sparse_one(monkeypatch, points):
    """Chunks of four points, the last of one point or of four."""
    monkeypatch.setattr(euclidean, "_CHUNK", 4)
    camera = torch.tensor([0, 1, 1, 2, *[0, 1, 2] * points])
    point = torch.tensor([0, 0, 0, points - 1, *[each for each in range(points) for _ in range(3)]])
    none = torch.zeros(0)
    problem = euclidean.Problem(camera, point, none, none, None, 3, points)
    blocks = normal(len(camera), 6, 3)
    expected = euclidean._sparse_product(problem, blocks)
    torch.testing.assert_close(euclidean._coupling_product(problem, blocks), expected)
