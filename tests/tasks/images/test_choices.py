"""Groups of the plane by name, images of several kinds in memory, and groups of examples."""

from __future__ import annotations

import pytest
import torch
from drawn_shapes import write_classes, write_masks

from intertwine._errors import UsageError
from intertwine.data.images import ImageLayout
from intertwine.tasks._example_groups import number
from intertwine.tasks.images import ImageOptions, Images
from intertwine.tasks.images._choices import check_group_name
from intertwine.tasks.images._memory import images_in_memory


@pytest.mark.parametrize("name", ["C1", "C64", "D1", "D64", "SO2", "O2"])
def test_groups_of_the_plane(name):
    assert check_group_name(name) == name


@pytest.mark.parametrize("name", ["C0", "C65", "D65", "c4"])
def test_groups_that_are_too_large_or_misspelled(name):
    with pytest.raises(UsageError, match=r"--group expects C1 to C64"):
        check_group_name(name)


def test_bytes_and_numbers_in_one_list_have_one_scale():
    numbers = torch.rand(1, 5, 5)
    pixels = (255 * numbers).round().to(torch.uint8)
    (found,) = images_in_memory([numbers, pixels], ImageLayout(5, 1), chunk=8)
    assert found.pixels.dtype == torch.float32
    assert (found.pixels[0] - found.pixels[1]).abs().max() < 0.5 / 255 + 1e-6


def test_fewer_than_three_groups_cannot_be_split():
    assert number("abca") == [0, 1, 2, 0]
    with pytest.raises(UsageError, match="gives 2 groups; a split needs three at least"):
        number("abba")


def test_networks_with_rotations_do_not_see_the_corners(tmp_path):
    classes, masks = write_classes(tmp_path / "classes"), write_masks(tmp_path / "masks")

    def sees_corners(data, **values):
        values = {"data": str(data), "widths": "1,1", "validation": "4", "test": "4", "kernel_size": "3"} | values
        model = Images().prepare(ImageOptions.from_values("images", values)).model
        return bool(model.mask[0, 0] > 0)

    assert not sees_corners(classes)
    assert sees_corners(classes, corners="keep")
    assert sees_corners(classes, model="plain")
    assert sees_corners(masks, group="C4")
    assert not sees_corners(masks, group="C4", corners="blank")
