"""SIFT: its law under rotations by 90 degrees, degenerate images, and OpenCV's keypoints beside ours."""

from math import pi

import numpy as np
import pytest
import torch

from intertwine._errors import UsageError
from intertwine.ops.local_features import match_descriptors, sift


def scene(height: int = 150, width: int = 181, blobs: int = 160, seed: int = 0) -> torch.Tensor:
    """Elongated blobs at all scales, within 0 .. 1."""
    x0, y0, size, ratio, turn, sign = torch.rand(
        6, blobs, 1, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)
    )
    y, x = torch.meshgrid(
        torch.arange(height, dtype=torch.float64), torch.arange(width, dtype=torch.float64), indexing="ij"
    )
    dx, dy, a = x - x0 * width, y - y0 * height, 2 * pi * turn
    u, v = dx * a.cos() + dy * a.sin(), dy * a.cos() - dx * a.sin()
    sigma = 1.5 * 10**size
    image = ((sign - 0.5).sign() * torch.exp(-((u / sigma) ** 2 + (v / sigma / (0.4 + 0.6 * ratio)) ** 2) / 2)).sum(0)
    return torch.sigmoid(1.5 * image)


def wrapped(angle: torch.Tensor) -> torch.Tensor:
    return torch.remainder(angle + pi, 2 * pi) - pi


@pytest.mark.parametrize("shape", [(150, 181), (128, 128), (97, 160)])
@pytest.mark.parametrize("turns", [1, 2, 3])
def test_rotation_by_90_degrees(shape, turns):
    image = scene(*shape)
    here, there = sift(image), sift(torch.rot90(image, turns))
    assert len(here.positions) == len(there.positions) > 40
    x, y = here.positions.T
    height, width = shape
    for _ in range(turns):
        x, y, height, width = y, width - 1 - x, width, height
    moved = torch.stack([x, y], 1)
    angles = wrapped(here.angles - turns * pi / 2)
    near = torch.cdist(moved, there.positions) + wrapped(angles[:, None] - there.angles).abs()
    partner = near.argmin(1)
    assert len(set(partner.tolist())) == len(here.positions)
    assert (moved - there.positions[partner]).abs().max() < 1e-3
    assert torch.allclose(here.scales, there.scales[partner], rtol=1e-6)
    assert wrapped(angles - there.angles[partner]).abs().max() * 180 / pi < 0.1
    assert (here.descriptors - there.descriptors[partner]).norm(dim=1).max() < 1e-3
    # A reflection is no rotation: the descriptors of a mirrored image are others.
    mirrored = sift(image.flip(1))
    assert torch.cdist(here.descriptors, mirrored.descriptors).min(1).values.median() > 0.1


def test_scale_and_translation():
    image = scene(140, 140)
    here = sift(image[:120, :120])
    shifted = sift(image[8:128, 16:136])
    # Those whose surroundings lie within both parts, on octaves that the shift is a multiple of.
    inside = ((here.positions - 68).abs().amax(1) < 36) & (here.scales < 3)
    moved = here.positions[inside] - torch.tensor([16.0, 8.0])
    assert (torch.cdist(moved, shifted.positions).min(1).values < 0.05).double().mean() > 0.9
    double = torch.nn.functional.interpolate(image[None, None], scale_factor=2.0, mode="bicubic")[0, 0]
    one, two = sift(image), sift(double)
    large = (one.scales > 2.5) & ((one.positions - 70).abs().amax(1) < 50)
    distance = torch.cdist(2 * one.positions[large] + 0.5, two.positions)
    partner = distance.argmin(1)
    assert (distance.amin(1) < 1).double().mean() > 0.9
    assert (two.scales[partner] / one.scales[large]).median() == pytest.approx(2, rel=0.02)


def test_a_turned_image_is_matched():
    from intertwine.data import rotate_images

    image = scene(201, 201).float()
    turned = rotate_images(image[None, None], 37.0)[0, 0]
    here, there = sift(image), sift(turned)
    pairs, _ = match_descriptors(here.descriptors, there.descriptors)
    a, b = here.positions[pairs[:, 0]] - 100, there.positions[pairs[:, 1]] - 100
    errors = []
    for sign in (1, -1):
        t = torch.tensor(sign * 37 * pi / 180)
        rotation = torch.stack([torch.stack([t.cos(), -t.sin()]), torch.stack([t.sin(), t.cos()])])
        errors.append((a @ rotation.T - b).norm(dim=1).median())
    assert len(pairs) > 40
    assert min(errors) < 0.5


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (3, 3), (11, 11), (40, 12)])
def test_small_and_constant_images_have_no_keypoints(shape):
    for image in (torch.zeros(shape), torch.ones(shape)):
        found = sift(image)
        assert len(found.positions) == 0
        assert found.descriptors.shape == (0, 128)


def test_descriptors_are_unit_vectors_sorted_by_response():
    found = sift(scene().float(), max_keypoints=20)
    assert len(found.positions) == 20
    assert torch.allclose(found.descriptors.norm(dim=1), torch.ones(20), atol=1e-5)
    assert (found.responses.diff() <= 0).all()
    assert found.descriptors.dtype == torch.float32


def test_errors_of_use():
    with pytest.raises(UsageError, match="gray"):
        sift(torch.zeros(3, 8, 8))
    with pytest.raises(UsageError, match="floating"):
        sift(torch.zeros(8, 8, dtype=torch.uint8))
    with pytest.raises(UsageError, match="finite"):
        sift(torch.full((8, 8), torch.nan))
    with pytest.raises(UsageError, match="length"):
        match_descriptors(torch.zeros(2, 3), torch.zeros(2, 4))


def test_matches_are_those_of_all_distances(monkeypatch):
    generator = torch.Generator().manual_seed(0)
    first, second = torch.randn(50, 8, generator=generator), torch.randn(70, 8, generator=generator)
    monkeypatch.setattr("intertwine.ops.local_features._match._CHUNK", 7)
    pairs, distances = match_descriptors(first, second, ratio=0.9)
    matrix = torch.cdist(first, second)
    expected = set()
    for i, row in enumerate(matrix):
        order = row.argsort()
        if row[order[0]] < 0.9 * row[order[1]] and matrix[:, order[0]].argmin() == i:
            expected.add((i, int(order[0])))
    assert set(map(tuple, pairs.tolist())) == expected
    assert torch.allclose(distances, matrix[pairs[:, 0], pairs[:, 1]])
    assert match_descriptors(first[:0], second)[0].shape == (0, 2)
    assert len(match_descriptors(first[:1], second[:1])[0]) == 1


def _compare(image: np.ndarray) -> tuple[float, float]:
    """The part of OpenCV's keypoints that are found, and the median cosine of the matched descriptors."""
    cv2 = pytest.importorskip("cv2")
    keypoints, descriptors = cv2.SIFT_create().detectAndCompute(image, None)
    ours = sift(torch.from_numpy(image).float() / 255)
    positions = torch.tensor([point.pt for point in keypoints])
    angles = torch.tensor([point.angle for point in keypoints]) * pi / 180
    sizes = torch.tensor([point.size for point in keypoints]) / 2
    theirs = torch.nn.functional.normalize(torch.from_numpy(descriptors))
    distance = torch.cdist(positions, ours.positions)
    found = (distance.min(1).values < 1.5).float().mean()
    turn = wrapped(angles[:, None] - ours.angles).abs()
    ratio = (sizes[:, None] / ours.scales).log2().abs()
    same = (distance < 1.5) & (turn < 0.3) & (ratio < 0.3)
    i, j = same.nonzero(as_tuple=True)
    return float(found), float((theirs[i] * ours.descriptors[j]).sum(1).median())


def test_opencv_on_a_drawn_image():
    found, cosine = _compare((scene(240, 320, 400) * 255).round().to(torch.uint8).numpy())
    assert found >= 0.85
    assert cosine > 0.9


@pytest.mark.parametrize("name", ["camera", "coins"])
def test_opencv_on_photos(name):
    data = pytest.importorskip("skimage.data")
    found, cosine = _compare(getattr(data, name)())
    assert found >= 0.85
    assert cosine > 0.9
