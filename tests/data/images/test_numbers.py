"""Numbers of images: 16 bits, floating point, and arrays of any range, at the limits of each."""

from pathlib import Path

import numpy as np
import pytest
import torch

from intertwine.data.images._arrays import parse_idx
from intertwine.data.images._image_file import _deep_pixels
from intertwine.data.images._labels import label_fields, mask_classes
from intertwine.data.images._layout import ImageLayout, fit_mask, fit_to_square, unfit_mask, with_channels
from intertwine.data.images._unpack import channels_first


@pytest.mark.parametrize(
    ("values", "expected", "remark"),
    [
        ([0, 65535], [0, 1], "16 bit"),
        ([0, 2], [0, 2 / 65535], "16 bit"),
        ([0, 1], [0, 1], "floating-point numbers"),
        ([0.25, 0.5], [0.25, 0.5], "floating-point numbers"),
        ([0, 2.5], [0, 1], "numbers scaled by their own range"),
        ([-1, 1], [0, 1], "numbers scaled by their own range"),
        ([-1, 0.5], [0, 1], "numbers scaled by their own range"),
        ([0, 65536], [0, 1], "numbers scaled by their own range"),
        ([1.5, 3.5], [0, 1], "numbers scaled by their own range"),
    ],
)
def test_pixels_of_more_than_a_byte(values, expected, remark):
    found, remarks = _deep_pixels(np.array([values], dtype=np.float64), Path("x"))
    assert found.tolist() == [[pytest.approx(expected)]]
    assert remarks == (remark,)
    with pytest.raises(ValueError, match="x: a pixel is not a finite number"):
        _deep_pixels(np.array([[0.0, np.inf]]), Path("x"))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0, 1], [0, 1]),
        ([0, 255], [0, 1]),
        ([0, 2], [0, 2 / 255]),
        ([0, 256], [0, 256 / 65535]),
        ([0, 65535], [0, 1]),
        ([0, 65536], [0, 1]),
        ([-1, 1], [0, 1]),
        ([-2, 300], [0, 1]),
    ],
)
def test_arrays_of_numbers(values, expected):
    found = channels_first(np.array([[values]], dtype=np.float64), Path("x"))
    assert found.dtype == torch.float32
    assert found.tolist() == [[[pytest.approx(expected)]]]


def test_axes_of_arrays():
    for shape, expected in {
        (2, 5, 7): (2, 1, 5, 7),
        (2, 5, 7, 3): (2, 3, 5, 7),
        (2, 3, 5, 7): (2, 3, 5, 7),
        (2, 3, 5, 3): (2, 3, 5, 3),
        (2, 1, 5, 3): (2, 1, 5, 3),
    }.items():
        assert tuple(channels_first(np.zeros(shape, dtype=np.uint8), Path("x")).shape) == expected
    for shape in ((2, 5), (2, 5, 7, 2), (2, 2, 5, 7), (2, 0, 7), (2, 5, 7, 3, 1)):
        with pytest.raises(ValueError, match="expected images"):
            channels_first(np.zeros(shape), Path("x"))
    with pytest.raises(ValueError, match="image 1 has a number that is not finite"):
        channels_first(np.array([[[0.0]], [[np.nan]]]), Path("x"))
    with pytest.raises(ValueError, match="expected images of numbers"):
        channels_first(np.array([[["a"]]]), Path("x"))


def test_idx():
    content = bytes([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, *range(6)])
    assert parse_idx(content, "x").tolist() == [[0, 1, 2], [3, 4, 5]]
    shorts = bytes([0, 0, 11, 1, 0, 0, 0, 2, 1, 0, 0, 2])
    assert parse_idx(shorts, "x").tolist() == [256, 2]
    assert parse_idx(bytes([0, 0, 8, 0, 7]), "x").tolist() == 7
    for bad in (content[:3], b"\1\0\10\2" + content[4:], b"\0\1\10\2" + content[4:], b"\0\0\7\2" + content[4:]):
        with pytest.raises(ValueError, match="x: no IDX file"):
            parse_idx(bad, "x")
    for bad, there in ((content[:-1], 5), (content + b"x", 7), (content[:10], 0)):
        with pytest.raises(ValueError, match=f"truncated or damaged.*there are {there}"):
            parse_idx(bad, "x")


def test_labels_that_are_classes_or_numbers():
    assert label_fields(["10", "9", "b", "a"], None, "x")[1] == {"classes": ("9", "10", "a", "b")}
    assert label_fields(["1.5", "2"], None, "x")[0]["values"].tolist() == [1.5, 2]
    assert label_fields(["1", "2"], None, "x")[0]["classes"].tolist() == [0, 1]
    assert label_fields(["1.0", "2.0"], "numbers", "x")[0]["values"].tolist() == [1, 2]
    assert label_fields(["1.5", "2"], "classes", "x")[1]["classes"] == ("1.5", "2")
    for labels, kind, says in [
        (["a", ""], None, "x: image 2 has no label"),
        (["1", "a"], "numbers", 'the label "a" is not a finite number'),
        (["1", "inf"], "numbers", 'the label "inf" is not a finite number'),
        (["a", "a"], None, 'one class only, "a"'),
        (["a", "b"], "masks", "there are no masks here"),
    ]:
        with pytest.raises(ValueError, match=says):
            label_fields(labels, kind, "x")


def test_values_of_masks():
    def classes(*values):
        return mask_classes(torch.tensor([[values]], dtype=torch.uint8))

    assert classes(0, 255)[:2][1] == ("0", "255")
    found, names, remarks = classes(3, 7, 255)
    assert (found.tolist(), names) == ([[[0, 1, 255]]], ("3", "7"))
    assert remarks == ("pixels of value 255 in masks are left out",)
    assert classes(0, 1)[2] == ()
    for values in ((4,), (255,)):
        with pytest.raises(ValueError, match=f"one class only, {values[0]}"):
            classes(*values)


def test_the_layout_of_images():
    def layout(*shapes, **options):
        found, remarks = ImageLayout.of_images(shapes, **options)
        return found.size, found.channels, remarks

    assert layout((28, 28, 1)) == (28, 1, ())
    assert layout((128, 128, 3)) == (128, 3, ())
    assert layout((129, 129, 3)) == (128, 3, ("images 129 x 129 scaled to 128 x 128", "--size keeps more"))
    assert layout((20, 28, 1)) == (28, 1, ("images 20 x 28 padded to 28 x 28",))
    assert layout((20, 28, 1), size=14) == (14, 1, ("images 20 x 28 scaled and padded to 14 x 14",))
    size, _, remarks = layout((10, 20, 1), (30, 40, 1), (50, 50, 1))
    assert size == 40
    assert remarks == ("images of mixed sizes, 10 x 20 to 50 x 50, each scaled to fit 40 x 40 and padded",)
    assert layout((8, 8, 3), (8, 8, 1))[1:] == (3, ("gray images repeated as colors",))
    assert layout((8, 8, 3), channels=1)[1:] == (1, ("colors reduced to gray",))
    assert layout((200, 200, 1), size=200)[2] == ()


def test_images_and_masks_in_a_square():
    image = torch.arange(6, dtype=torch.uint8).reshape(1, 2, 3) * 10
    found = fit_to_square(image, 3)
    assert found[0, :2].tolist() == [[0, 10, 20], [30, 40, 50]]
    assert set(found[0, 2].tolist()) == {20}  # the median of the border: 0 10 20 30 40 50, the lower middle
    assert fit_to_square(image[:, :, :2], 2) is not None
    mask = torch.tensor([[1, 2, 3], [4, 5, 6]], dtype=torch.uint8)
    squared = fit_mask(mask, 3, 255)
    assert squared.tolist() == [[1, 2, 3], [4, 5, 6], [255, 255, 255]]
    assert torch.equal(unfit_mask(squared, 2, 3), mask)
    tall = torch.tensor([[1], [2], [3], [4]], dtype=torch.uint8)
    assert fit_mask(tall, 4, 9).tolist() == [[9, 1, 9, 9], [9, 2, 9, 9], [9, 3, 9, 9], [9, 4, 9, 9]]
    assert torch.equal(unfit_mask(fit_mask(tall, 4, 9), 4, 1), tall)
    half = fit_mask(mask.repeat_interleave(2, 0).repeat_interleave(2, 1), 3, 255)
    assert half.tolist() == squared.tolist()
    red = torch.tensor([255, 0, 0], dtype=torch.uint8).reshape(3, 1, 1)
    assert [int(with_channels(red.roll(k, 0), 1)) for k in range(3)] == [76, 150, 29]
    assert with_channels(red[:1], 3).flatten().tolist() == [255] * 3
    assert with_channels(red.float() / 255, 1).item() == pytest.approx(0.299)
