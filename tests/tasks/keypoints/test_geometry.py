"""Two-view geometry: models of exact matches, outliers, the least numbers of matches, and what is refused."""

import re

import pytest
import torch

from intertwine.tasks.keypoints import _geometry as module
from intertwine.tasks.keypoints import two_view_geometry

POINTS = 100 * torch.rand(40, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
FOCAL, CENTERS = 80.0, (torch.tensor([50.0, 40.0]).double(), torch.tensor([45.0, 42.0]).double())
H = torch.tensor([[1.1, 0.05, 3.0], [-0.02, 0.95, -2.0], [1e-4, 2e-4, 1.0]], dtype=torch.float64)


def projected(matrix, points):
    moved = torch.cat([points, torch.ones(len(points), 1).double()], 1) @ matrix.mT
    return moved[:, :2] / moved[:, 2:]


def views():
    c, s = 0.995, (1 - 0.995**2) ** 0.5
    turn, shift = torch.tensor([[c, 0, s], [0, 1, 0], [-s, 0, c]]).double(), torch.tensor([20.0, 3, 2]).double()
    world = POINTS + torch.tensor([-50.0, -50, 150]).double()
    cameras = world, world @ turn.mT + shift
    first, second = (FOCAL * x[:, :2] / x[:, 2:] + center for x, center in zip(cameras, CENTERS, strict=True))
    return first, second, turn, shift


def test_a_homography_and_its_outliers():
    pytest.importorskip("cv2")
    first = POINTS[:, :2]
    second = projected(H, first)
    second[:8] += torch.tensor([25.0, -30.0]) * torch.arange(1, 9)[:, None]
    found = two_view_geometry("homography", first, second)
    assert found.kind == "homography"
    assert found.inliers.tolist() == [False] * 8 + [True] * 32
    assert torch.allclose(found.matrix / found.matrix[2, 2], H, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kind", ["fundamental", "essential"])
def test_epipolar_constraints(kind):
    pytest.importorskip("cv2")
    first, second, turn, shift = views()
    found = two_view_geometry(kind, first, second, focal=FOCAL, centers=CENTERS)
    assert found.inliers.all()
    if kind == "essential":
        first, second = ((x - center) / FOCAL for x, center in zip((first, second), CENTERS, strict=True))
        cross = torch.tensor([[0, -2.0, 3], [2, 0, -20], [-3, 20, 0]]).double()
        expected = cross @ turn / (cross @ turn).norm()
        matrix = found.matrix / found.matrix.norm()
        assert min(float((matrix - expected).norm()), float((matrix + expected).norm())) < 1e-5
    x, y = (torch.cat([points, torch.ones(len(points), 1).double()], 1) for points in (first, second))
    residual = (y @ found.matrix * x).sum(1) / (x.norm(dim=1) * y.norm(dim=1) * found.matrix.norm())
    assert residual.abs().max() < 1e-6
    assert shift.shape == (3,)


@pytest.mark.parametrize(("kind", "least"), [("homography", 4), ("fundamental", 8), ("essential", 5)])
def test_the_least_number_of_matches(kind, least):
    pytest.importorskip("cv2")
    first, second, *_ = views()
    if kind == "homography":
        second = projected(H, first)
    few = two_view_geometry(kind, first[: least - 1], second[: least - 1], focal=FOCAL, centers=CENTERS)
    assert few.matrix is None
    assert few.inliers.tolist() == [False] * (least - 1)
    enough = two_view_geometry(kind, first[: least + 2], second[: least + 2], focal=FOCAL, centers=CENTERS)
    assert enough.matrix.shape == (3, 3)
    assert enough.matrix.dtype == torch.float64
    assert module.GEOMETRIES[kind] == least


@pytest.mark.parametrize("matrix", [None, [[1.0] * 3] * 9, [[float("nan")] * 3] * 3])
def test_no_model_is_none_and_no_inliers(monkeypatch, matrix):
    estimate = None if matrix is None else torch.tensor(matrix).numpy()
    monkeypatch.setattr(module, "_estimate", lambda *_: (estimate, torch.ones(40, 1).numpy()))
    monkeypatch.setattr(module, "has_opencv", lambda: True)
    found = two_view_geometry("fundamental", POINTS[:, :2], POINTS[:, 1:])
    assert found.matrix is None
    assert not found.inliers.any()


@pytest.mark.parametrize(
    ("kind", "options", "line"),
    [
        ("affine", {}, 'expected one of homography, fundamental, essential, got "affine"'),
        ("essential", {}, "the essential matrix needs the focal length of the camera: give --focal PIXELS, above 0"),
        ("essential", {"focal": 5.0}, "needs the focal length"),
        ("essential", {"centers": CENTERS}, "needs the focal length"),
        ("essential", {"focal": 0.0, "centers": CENTERS}, "needs the focal length"),
        ("essential", {"focal": float("nan"), "centers": CENTERS}, "needs the focal length"),
    ],
)
def test_what_is_refused(kind, options, line):
    with pytest.raises(ValueError, match=re.escape(line)):
        two_view_geometry(kind, POINTS[:, :2], POINTS[:, :2], **options)


def test_opencv_is_named_where_it_is_missing(monkeypatch):
    monkeypatch.setattr(module, "has_opencv", lambda: False)
    with pytest.raises(ValueError, match=re.escape("needs OpenCV, which is not installed: pip install")):
        two_view_geometry("homography", POINTS[:, :2], POINTS[:, :2])
