"""Rotations, distortion, triangulation and bundle adjustment of pinhole cameras."""

import numpy as np
import pytest
import torch

from intertwine import SO3
from intertwine._errors import UsageError
from intertwine.data.tracks import synthetic_tracks, with_outliers
from intertwine.ops import similarity_alignment
from intertwine.ops.cameras import (
    CAMERA_MODELS,
    bundle_adjustment,
    camera_centers,
    distorted,
    intrinsic_matrix,
    matrix_from_quaternion,
    matrix_from_rotation_vector,
    projection_loss,
    quaternion_from_matrix,
    ray_angles,
    reprojection_residuals,
    robust_triangulation,
    triangulate,
    undistorted,
)

PARAMS = {
    "SIMPLE_PINHOLE": [],
    "PINHOLE": [],
    "SIMPLE_RADIAL": [-0.08],
    "RADIAL": [-0.08, 0.02],
    "OPENCV": [-0.08, 0.02, 0.001, -0.002],
    "OPENCV_FISHEYE": [0.02, -0.01, 0.002, 0.001],
    "FULL_OPENCV": [-0.08, 0.02, 0.001, -0.002, 0.003, 0.01, 0.002, 0.001],
    "FOV": [0.6],
    "SIMPLE_RADIAL_FISHEYE": [0.02],
    "RADIAL_FISHEYE": [0.02, -0.01],
    "THIN_PRISM_FISHEYE": [0.02, -0.01, 0.001, -0.002, 0.003, 0.01, 0.002, 0.001],
}


def test_rotation_vector_is_the_exponential():
    vectors = torch.randn(32, 3, dtype=torch.float64) * torch.logspace(-9, 0.3, 32, dtype=torch.float64)[:, None]
    x, y, z = vectors.unbind(-1)
    zero = torch.zeros_like(x)
    skew = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).view(-1, 3, 3)
    torch.testing.assert_close(matrix_from_rotation_vector(vectors), torch.linalg.matrix_exp(skew), atol=1e-14, rtol=0)


def test_quaternions_give_their_rotations_back():
    rotations = SO3().sample(64)
    half_turns = 2 * torch.eye(3, dtype=torch.float64)[:, :, None] * torch.eye(3, dtype=torch.float64)[:, None]
    rotations = torch.cat([rotations, half_turns - torch.eye(3, dtype=torch.float64)])
    torch.testing.assert_close(matrix_from_quaternion(quaternion_from_matrix(rotations)), rotations, atol=1e-13, rtol=0)


@pytest.mark.parametrize("model", CAMERA_MODELS)
def test_distortion_is_undone(model):
    focals = CAMERA_MODELS[model].focals
    params = torch.tensor([*[900.0, 950.0][:focals], 500.0, 400.0, *PARAMS[model]], dtype=torch.float64)
    xy = torch.rand(100, 2, dtype=torch.float64) - 0.5
    matrix = intrinsic_matrix(model, params)
    focal, center = matrix.diagonal()[:2], matrix[:2, 2]
    seen = distorted(model, params, xy) * focal + center
    assert ("PINHOLE" in model) == bool(torch.equal(seen, xy * focal + center))
    torch.testing.assert_close(undistorted(model, params, seen), xy * focal + center, atol=1e-8, rtol=0)


def test_distortion_agrees_with_colmap():
    pycolmap = pytest.importorskip("pycolmap")
    xy = torch.rand(20, 2, dtype=torch.float64) - 0.5
    for model, extra in PARAMS.items():
        params = [*[900.0, 950.0][: CAMERA_MODELS[model].focals], 500.0, 400.0, *extra]
        camera = pycolmap.Camera(model=model, width=1000, height=800, params=params)
        matrix = intrinsic_matrix(model, torch.tensor(params, dtype=torch.float64))
        ours = distorted(model, torch.tensor(params, dtype=torch.float64), xy) * matrix.diagonal()[:2] + matrix[:2, 2]
        for point, seen in zip(xy.tolist(), ours.tolist(), strict=True):
            assert camera.img_from_cam([*point, 1.0]).tolist() == pytest.approx(seen, abs=1e-8)


def test_points_beyond_the_distortion_are_not_a_number():
    params = torch.tensor([500.0, 0.0, 0.0, -0.5], dtype=torch.float64)
    assert undistorted("SIMPLE_RADIAL", params, torch.tensor([[9000.0, 0.0]], dtype=torch.float64)).isnan().all()
    with pytest.raises(UsageError, match="4 parameters"):
        undistorted("SIMPLE_RADIAL", params[:3], torch.zeros(1, 2, dtype=torch.float64))
    with pytest.raises(UsageError, match="not known"):
        undistorted("LENS", params, torch.zeros(1, 2, dtype=torch.float64))


def by_points(tracks):
    order = torch.argsort(tracks.point, stable=True)
    return tracks.select(order)


def test_triangulation_is_exact_without_noise():
    tracks, points = synthetic_tracks(6, 50, noise=0.0)
    found = triangulate(*tracks.poses, tracks.camera, tracks.point, tracks.normalized(), 50)
    torch.testing.assert_close(found, points, atol=1e-9, rtol=0)
    alone = tracks.select(tracks.camera == 0)
    assert triangulate(*tracks.poses, alone.camera, alone.point, alone.normalized(), 50).isnan().all()


def test_robust_triangulation_finds_the_outliers():
    tracks, points = synthetic_tracks(12, 100, visible=0.7, noise=0.3)
    wrong = by_points(with_outliers(tracks, 0.3))
    found = robust_triangulation(
        *tracks.poses, wrong.camera, wrong.point, wrong.normalized(), wrong.focal(), 100
    )  # fmt: skip
    truth = reprojection_residuals(
        *tracks.poses, points, wrong.camera, wrong.point, wrong.normalized(), wrong.focal()
    )[0].norm(dim=1)  # fmt: skip
    good = found.points.isfinite().all(1)
    assert good.sum() >= 98
    assert (found.points - points)[good].norm(dim=1).median() < 2e-3
    assert (found.inliers == (truth < 4))[good[wrong.point]].double().mean() > 0.99
    plain = triangulate(*tracks.poses, wrong.camera, wrong.point, wrong.normalized(), 100)
    assert (plain - points).norm(dim=1).median() > 0.05


def test_parallax_of_two_rays():
    rotations = torch.eye(3, dtype=torch.float64).expand(2, 3, 3)
    translations = torch.tensor([[1.0, 0, 0], [-1, 0, 0]], dtype=torch.float64)
    point = torch.tensor([[0.0, 0, 1]], dtype=torch.float64)
    angle = ray_angles(rotations, translations, point, torch.tensor([0, 1]), torch.tensor([0, 0]))
    assert angle.rad2deg().item() == pytest.approx(90)


def disturbed(tracks, points, size=0.02):
    generator = torch.Generator().manual_seed(1)
    turns = matrix_from_rotation_vector(size * torch.randn(tracks.num_cameras, 3, generator=generator).double())
    shifts = size * torch.randn(tracks.num_cameras, 3, generator=generator).double()
    moved = points + size * torch.randn(len(points), 3, generator=generator).double()
    return turns @ tracks.poses.rotations, tracks.poses.translations + shifts, moved


def adjusted(tracks, start, **options):
    return bundle_adjustment(*start, tracks.camera, tracks.point, tracks.normalized(), tracks.focal(), **options)


def test_bundle_adjustment_finds_the_truth():
    tracks, points = synthetic_tracks(8, 60, noise=0.0)
    found = adjusted(tracks, disturbed(tracks, points), tolerance=1e-14)
    assert found.cost < 1e-12
    centers = camera_centers(found.rotations, found.translations)
    fit = similarity_alignment(centers, camera_centers(*tracks.poses))
    moved = fit.scale * found.points @ fit.rotation.mT + fit.translation
    torch.testing.assert_close(moved, points, atol=1e-7, rtol=0)


def test_bundle_adjustment_agrees_with_scipy():
    from scipy.optimize import least_squares

    tracks, points = synthetic_tracks(4, 20, visible=0.9, noise=1.0)
    start = disturbed(tracks, points, 0.005)
    found = adjusted(tracks, start, tolerance=1e-14, max_iterations=200)

    def residuals(values):
        turns, shifts, moved = torch.from_numpy(values).split([12, 12, 60])
        rotations = matrix_from_rotation_vector(turns.view(4, 3)) @ start[0]
        return reprojection_residuals(
            rotations, start[1] + shifts.view(4, 3), start[2] + moved.view(20, 3), tracks.camera, tracks.point,
            tracks.normalized(), tracks.focal(),
        )[0]  # fmt: skip

    def soft(values):
        # The robust losses of scipy are of each residual, ours of each distance: residuals whose squares add up to it.
        errors = residuals(values)
        squares = errors.square().sum(1, keepdim=True)
        return (errors * (2 / (1 + (1 + squares).sqrt())).sqrt()).flatten().numpy()

    other = least_squares(soft, np.zeros(84), max_nfev=30)
    assert found.cost == pytest.approx(2 * other.cost, rel=1e-6)


def test_dense_and_sparse_products_agree(monkeypatch):
    from intertwine.ops.cameras import _bundle_adjustment

    tracks, points = synthetic_tracks(6, 40)
    start = disturbed(tracks, points)
    dense = adjusted(tracks, start, max_iterations=3)
    monkeypatch.setattr(_bundle_adjustment, "_DENSE_CAMERAS", 1)
    torch.testing.assert_close(adjusted(tracks, start, max_iterations=3), dense)


def test_robust_loss_bears_outliers():
    tracks, points = synthetic_tracks(8, 80, visible=0.8, noise=0.3)
    wrong = with_outliers(tracks, 0.03)
    start = (*tracks.poses, points)
    errors = []
    for scale in (1.0, None):
        found = adjusted(wrong, start, loss_scale=scale)
        keep = (wrong.xy == tracks.xy).all(1)
        residuals, _ = reprojection_residuals(
            found.rotations, found.translations, found.points, tracks.camera, tracks.point, tracks.normalized(),
            tracks.focal(),
        )  # fmt: skip
        errors.append(residuals[keep].norm(dim=1).median())
    assert errors[0] < 0.6 < 2 < errors[1]


def test_bundle_adjustment_commutes_with_permutations():
    tracks, points = synthetic_tracks(6, 40)
    start = disturbed(tracks, points)
    cameras, order = torch.randperm(6), torch.randperm(40)
    moved = tracks.permuted(cameras, order)
    inverse, other = torch.argsort(cameras), torch.argsort(order)
    found = adjusted(tracks, start, max_iterations=5)
    again = adjusted(moved, (start[0][inverse], start[1][inverse], start[2][other]), max_iterations=5)
    torch.testing.assert_close(again.rotations, found.rotations[inverse], atol=1e-9, rtol=0)
    torch.testing.assert_close(again.points, found.points[other], atol=1e-9, rtol=0)


def test_projection_loss_pulls_points_before_the_camera():
    camera = torch.eye(3, 4, dtype=torch.float64)[None]
    point = torch.tensor([[0.1, 0.2, -3.0]], dtype=torch.float64, requires_grad=True)
    where = torch.zeros(1, dtype=torch.int64)
    loss = projection_loss(camera, point, where, where, torch.zeros(1, 2, dtype=torch.float64))
    loss.backward()
    assert loss.item() == pytest.approx(3.0001)
    torch.testing.assert_close(point.grad, torch.tensor([[0.0, 0.0, -1.0]], dtype=torch.float64))


def test_projection_loss_scales_gradients():
    tracks, points = synthetic_tracks(3, 10, visible=1.0)
    projections = torch.cat([tracks.poses.rotations, tracks.poses.translations[..., None]], 2).requires_grad_()
    loss = projection_loss(projections, points, tracks.camera, tracks.point, tracks.normalized())
    loss.backward()
    expected = tracks.poses.translations.new_tensor(1 / 30)
    lengths = projections.grad[:, :, 3].norm(dim=1)
    assert 0 < lengths.max() <= 10 * expected + 1e-12
    assert projections.grad.isfinite().all()


def test_projection_loss_times_a_factor_has_its_gradient_times_it():
    tracks, points = synthetic_tracks(3, 10, visible=1.0)
    given = torch.cat([tracks.poses.rotations, tracks.poses.translations[..., None]], 2)
    gradients = []
    for factor in (1.0, 0.01):
        projections = given.clone().requires_grad_()
        loss = projection_loss(projections, points, tracks.camera, tracks.point, tracks.normalized())
        (factor * loss).backward()
        gradients.append(projections.grad)
    torch.testing.assert_close(gradients[1], 0.01 * gradients[0])
