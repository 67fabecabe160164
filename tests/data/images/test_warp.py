"""Rotations and warps of images, beside a slow obvious one."""

from __future__ import annotations

import math

import pytest
import torch

from intertwine.data.images import ImageSet, rotate_images, warp_images

SIZE = 9


@pytest.fixture
def images():
    return torch.randn(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def slow(image, matrix, shift, fill):
    """One pixel after the other: x to the right, y up, the origin in the center."""
    middle, back = (SIZE - 1) / 2, torch.linalg.inv(matrix)
    result = torch.zeros_like(image)

    def pixel(row, column):
        inside = 0 <= row < SIZE and 0 <= column < SIZE
        return image[:, row, column] if inside else fill

    for row in range(SIZE):
        for column in range(SIZE):
            x, y = (back @ (torch.tensor([column - middle, middle - row], dtype=torch.float64) - shift)).tolist()
            r, c = middle - y, x + middle
            r0, c0 = math.floor(r), math.floor(c)
            result[:, row, column] = sum(
                (1 - abs(r - i)) * (1 - abs(c - j)) * pixel(i, j) for i in (r0, r0 + 1) for j in (c0, c0 + 1)
            )
    return result


def test_warp_is_the_slow_one(images):
    matrices = torch.eye(2, dtype=torch.float64) + 0.3 * torch.randn(2, 2, 2, dtype=torch.float64)
    shifts, fill = torch.tensor([[1.3, -0.4], [0.0, 2.0]], dtype=torch.float64), torch.tensor([0.5, -1.0, 2.0]).double()
    found = warp_images(images, matrices, shifts, fill=fill)
    expected = torch.stack([slow(*each, fill) for each in zip(images, matrices, shifts, strict=True)])
    assert (found - expected).abs().max() < 1e-10


@pytest.mark.parametrize("quarters", range(-1, 5))
def test_quarter_turns_are_exact(images, quarters):
    expected = torch.rot90(images, quarters, (-2, -1))
    assert torch.equal(rotate_images(images, 90.0 * quarters), expected)
    angles = torch.full((2,), 90.0 * quarters)
    assert (rotate_images(images, angles) - expected).abs().max() < 1e-12


def test_a_displacement_of_one_pixel_is_a_shift(images):
    right = torch.zeros(2, 2, SIZE, SIZE, dtype=torch.float64)
    right[:, 0] = 1
    moved = warp_images(images, torch.eye(2).expand(2, 2, 2), displacement=right)
    assert (moved[..., :-1] - images[..., 1:]).abs().max() < 1e-12


def test_classes_are_not_mixed():
    mask = torch.tensor([[[[0.0, 3.0], [7.0, 7.0]]]])
    turned = warp_images(mask, torch.eye(2)[None] * 1.1, fill=torch.tensor([255.0]), nearest=True)
    assert set(turned.flatten().tolist()) <= {0.0, 3.0, 7.0, 255.0}


def test_image_set_selects_splits_and_batches():
    pixels = torch.arange(12, dtype=torch.uint8).reshape(6, 1, 2, 1).expand(6, 1, 2, 2).contiguous()
    images = ImageSet(pixels, {"classes": torch.tensor([0, 1] * 3)}, label_names={"classes": ("a", "b")})
    some = images.select([4, -1])
    assert list(some.names) == ["5", "6"]
    assert some.batch([0]).images.dtype == torch.float32
    assert torch.equal(some.batch([0]).images[0] * 255, pixels[4].float())
    split = images.make_split(seed=1)
    prescribed = ImageSet(images.pixels, images.image_fields, label_names=images.label_names, split=split)
    assert prescribed.make_split(train=2).test.tolist() == split.test.tolist()
    assert len(prescribed.make_split(train=2).train) == 2
    with pytest.raises(TypeError, match="uint8"):
        ImageSet(pixels.double())
    with pytest.raises(ValueError, match=r"\(N, C, H, W\)"):
        ImageSet(pixels[0])
    with pytest.raises(ValueError, match="pixel field"):
        ImageSet(pixels, {}, {"masks": torch.zeros(6, 3, 3, dtype=torch.uint8)})
