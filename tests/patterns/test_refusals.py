"""What patterns refuse: the last value that is accepted, the first that is not, and what is said of it."""

import os
import re
from fractions import Fraction

import pytest
import torch

from intertwine.patterns import Canvas, detect, draw_pattern, read_image, wallpaper, write_image
from intertwine.patterns.crystal._crystal_classes import crystal_class
from intertwine.patterns.crystal._crystal_group import CrystalGroup
from intertwine.patterns.crystal._integers import inverse
from intertwine.patterns.crystal._operation import Operation

CANVASES = [
    ({"width": 31}, "pictures are 32 to 8192 pixels wide and high, got 31 x 768"),
    ({"height": 8193}, "pictures are 32 to 8192 pixels wide and high, got 768 x 8193"),
    ({"rotation": float("inf")}, "the rotation expects a finite number of degrees, got inf"),
    ({"rotation": float("nan")}, "the rotation expects a finite number of degrees, got nan"),
    ({"cells": 1.49}, "cells across are 1.5 to 24, got 1.49"),
    ({"cells": 24.1}, "cells across are 1.5 to 24, got 24.1"),
    ({"cells": float("nan")}, "cells across are 1.5 to 24, got nan"),
]


@pytest.mark.parametrize(("fields", "message"), CANVASES)
def test_canvases(fields, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        Canvas(**fields)


def test_the_largest_and_smallest_canvases():
    for fields in ({"width": 32, "height": 32}, {"width": 8192, "height": 8192}, {"cells": 1.5}, {"cells": 24.0}):
        assert Canvas(**fields)
    assert Canvas() == Canvas(768, 768, 4.0, 0.0)


def test_seeds_and_palettes():
    small = Canvas(32, 32)
    for seed in (2**63, -(2**63) - 1):
        with pytest.raises(ValueError, match=r"the seed expects a whole number below 2\^63, got"):
            draw_pattern("p2", small, seed=seed)
    for seed in (2**63 - 1, -(2**63)):
        assert draw_pattern("p2", small, seed=seed).shape == (3, 32, 32)
    with pytest.raises(ValueError, match=r'no palette "grey"\. Known: alhambra, morris, delft, sand, plum, reef'):
        draw_pattern("p2", small, palette="grey")
    assert torch.equal(draw_pattern("p2", small, seed=3), draw_pattern("p2", small, seed=3))
    colors = draw_pattern("p2", Canvas(96, 96), palette="delft").flatten(1)
    for ink in ((0x0B, 0x25, 0x45), (0xEE, 0xF4, 0xED)):  # its lines and its background
        assert float((colors - torch.tensor(ink, dtype=torch.float64)[:, None] / 255).abs().amax(0).min()) < 0.1


def test_pictures_that_cannot_be_read_or_written(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "text.png").write_text("no picture")
    picture = torch.rand(3, 40, 50)
    write_image(tmp_path / "good.png", picture)
    assert torch.allclose(read_image(tmp_path / "good.png"), picture, atol=0.5 / 255 + 1e-6)
    whole = (tmp_path / "good.png").read_bytes()
    (tmp_path / "half.png").write_bytes(whole[: len(whole) // 2])
    for name, message in [
        ("pipe.png", "is a pipe or a device, expected a picture"),
        ("folder.png", "is a folder, expected a picture"),
        ("text.png", "is no picture that can be read"),
        ("half.png", "half.png cannot be read: "),
        ("none.png", "none.png: no such file"),
    ]:
        with pytest.raises(ValueError, match=re.escape(message)):
            read_image(tmp_path / name)
    for name, message in [
        ("folder.png", "is a folder, expected the name of a picture"),
        ("picture.txt", 'got "picture.txt"'),
        ("missing/picture.png", "is no folder: make it first, or write the picture elsewhere"),
    ]:
        with pytest.raises(ValueError, match=re.escape(message)):
            write_image(tmp_path / name, picture)


def test_a_picture_with_too_many_pixels_is_refused_by_its_header(tmp_path):
    from PIL import Image

    Image.new("1", (6325, 6325)).save(tmp_path / "large.png")
    with pytest.raises(ValueError, match=r"large.png has 6325 x 6325 pixels; at most 40,000,000 are read"):
        read_image(tmp_path / "large.png")


@pytest.mark.parametrize(
    ("image", "error", "message"),
    [
        ("wall.png", TypeError, "expected an image as a tensor (channels, height, width), got str"),
        (torch.rand(2, 3, 64, 64), ValueError, "expected an image (channels, height, width) or (height, width), got"),
        (torch.rand(64), ValueError, "(height, width), got shape (64,)"),
        (torch.rand(3, 31, 64), ValueError, "the image is too small: 64 x 31 pixels, at least 32 x 32 are needed"),
        (torch.full((64, 64), float("nan")), ValueError, "the image has pixels that are not finite numbers"),
        (torch.full((3, 64, 64), 0.3), ValueError, "the image is all of one color: there is no pattern to name"),
        (torch.zeros(64, 64), ValueError, "the image is all of one color: there is no pattern to name"),
    ],
)
def test_images_without_a_pattern(image, error, message):
    with pytest.raises(error, match=re.escape(message)):
        detect(image)


@pytest.mark.parametrize("tolerance", [-1e-9, 1.0, float("nan")])
def test_tolerances(tolerance):
    with pytest.raises(ValueError, match="tolerance expects a number from 0 to below 1, got"):
        detect(torch.rand(64, 64), tolerance=tolerance)


def test_crystal_groups_and_operations():
    step = Operation.parse("x+1/2, -y")
    for rank in (0, 3):
        with pytest.raises(ValueError, match=rf"the lattice has rank 1 .. 2, got {rank}"):
            CrystalGroup("pg", (step,), rank, 2)
    assert CrystalGroup("pg", (step,), 2, 2).order == 2
    with pytest.raises(ValueError, match="P1 acts on 3 coordinates, but its generator"):
        CrystalGroup("P1", (step,), 3, 3)
    with pytest.raises(ValueError, match="W must be d x d and w have d entries"):
        Operation(((1, 0), (0, 1)), (Fraction(0),))
    with pytest.raises(ValueError, match="W must be d x d and w have d entries"):
        Operation(((1, 0), (0, 1, 0)), (Fraction(0), Fraction(0)))
    with pytest.raises(ValueError, match="W must have determinant 1 or -1"):
        Operation(((1, 0), (0, 2)), (Fraction(0), Fraction(0)))
    with pytest.raises(ValueError, match='"x, z" contains z but has only 2 coordinates'):
        Operation.parse("x, z")
    with pytest.raises(ValueError, match="does not map a lattice onto itself"):
        Operation.parse("x, x")
    for text in ("x", "x, y, z, x", "x, q", "x,", ""):
        with pytest.raises(ValueError, match='expected an operation such as "-y, x-y"'):
            Operation.parse(text)
    with pytest.raises(ValueError, match="has no order up to 6: no lattice has this symmetry"):
        _ = Operation(((1, 1), (0, 1)), (Fraction(0), Fraction(0))).order
    orders = {"x, y": 1, "-x, -y": 2, "-y, x-y": 3, "-y, x": 4, "x-y, x": 6, "-x, -y, z": 2, "-y, x-y, -z": 6}
    assert {text: Operation.parse(text).order for text in orders} == orders
    assert Operation.parse("-x + 1/2 , y- 1/3").translation == (Fraction(1, 2), Fraction(-1, 3))
    with pytest.raises(ValueError, match="a singular matrix has no inverse"):
        inverse([[1, 2], [2, 4]])
    matrix = [[1, 2, 0], [0, 1, 3], [1, 0, 1]]
    product = [[sum(a * b for a, b in zip(row, column, strict=True)) for column in zip(*inverse(matrix), strict=True)]
               for row in matrix]  # fmt: skip
    assert product == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    with pytest.raises(ValueError, match="2 matrices of these types are no crystallographic point group"):
        crystal_class([((1, 0), (0, 1)), ((0, -1), (1, 0))])
    assert crystal_class([each.linear for each in wallpaper("p4g").elements]) == "4mm"
