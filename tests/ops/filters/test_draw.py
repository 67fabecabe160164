"""Figures of steerable filters: what is drawn is the filter rotated, and turns with the image."""

import re
from math import pi, radians

import numpy as np
import pytest
import torch
from torch.nn import functional

from intertwine._errors import UsageError
from intertwine.ops.filters import (
    FILTERS,
    SampledFilter,
    draw_filter,
    filter_kernels,
    named_filter,
    steer_filter,
    steered_responses,
)

ANGLE = 0.4


def rotation(angle):
    a = torch.tensor(angle, dtype=torch.float64)
    return torch.stack([torch.stack([a.cos(), -a.sin()]), torch.stack([a.sin(), a.cos()])])


def panels(found):
    """The arrays that are drawn, by the titles above them, and the texts below them."""
    axes = [each for each in draw_filter(found).axes if each.images and each.get_title()]
    return {each.get_title(): np.asarray(each.images[0].get_array()) for each in axes}, [x.get_xlabel() for x in axes]


@pytest.fixture(scope="module")
def image():
    return torch.rand(31, 31, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", FILTERS)
def test_the_steered_filter_is_the_filter_rotated(name):
    found = steer_filter(name, ANGLE)
    turned = filter_kernels(SampledFilter(found.basis[0]), rotation(ANGLE), 61)
    y, x = torch.meshgrid(torch.arange(61.0) - 30, torch.arange(61.0) - 30, indexing="ij")
    inside = torch.hypot(x, y) < 29
    assert (found.kernel - turned)[inside].abs().max() < 1e-3 * turned.abs().max()
    steps = ANGLE - found.angles
    orders = [n for l in found.parts.degrees for n in {l, -l}]
    mean = sum((n * steps).cos() for n in orders) / len(orders)  # what the figure writes as k(t)
    assert torch.allclose(found.weights, mean, atol=1e-12)


def test_what_is_drawn_is_the_sum_that_is_written():
    drawn, texts = panels(steer_filter("G2", radians(20)))
    assert list(drawn) == ["G2 at 20°", "G2 at 0°", "G2 at 60°", "G2 at 120°"]
    assert texts[1:] == ["$k$(20°) = 0.844", "$k$(−40°) = 0.449", "$k$(−100°) = −0.293"]
    weights = [float(re.split("= ", text)[1].replace("−", "-")) for text in texts[1:]]
    steered, *basis = drawn.values()
    assert np.abs(steered - np.tensordot(weights, np.stack(basis), 1)).max() < 1e-3 * np.abs(steered).max()


def test_the_picture_of_a_turned_image_is_turned(image):
    from matplotlib.colors import rgb_to_hsv

    here, _ = panels(steer_filter("H2", ANGLE, image))
    there, _ = panels(steer_filter("H2", ANGLE + pi / 2, torch.rot90(image)))
    response, energy = list(here)[-2:]
    turned = list(there)[-2]
    assert (response, turned) == ("response to H2 at 22.92°", "response to H2 at 112.9°")
    assert np.allclose(np.rot90(here[response]), there[turned], atol=1e-12)
    before, after = np.rot90(rgb_to_hsv(here[energy])), rgb_to_hsv(there[energy])
    assert np.allclose(before[..., 2], after[..., 2], atol=1e-12)
    assert np.allclose((after - before)[..., 0] % 1, 0.5, atol=1e-9)  # by half of the wheel, which is 180 degrees


def test_responses_at_any_angle_are_those_of_the_rotated_filter(image):
    f = named_filter("G3", 1.2)
    kernel = filter_kernels(f, rotation(ANGLE), 13)[None, None]
    found = steered_responses(torch.stack([image, image.T]), f, torch.tensor([0.0, ANGLE], dtype=torch.float64))
    assert found.shape == (2, 2, 31, 31)
    direct = functional.conv2d(functional.pad(image[None, None], (6,) * 4, mode="replicate"), kernel)[0, 0]
    assert torch.allclose(found[1, 0], direct, atol=1e-12)


def test_colors_of_an_image_without_edges():
    drawn, _ = panels(steer_filter("G2", 0.0, torch.full((20, 24), 0.7)))
    assert drawn["oriented energy of G2 and H2"].max() < 0.01


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("G5", 0.0), 'no filter "G5". Known: G1, G2'),
        (("G2", float("nan")), "a finite angle, got nan"),
        (("G2", 0.0, torch.zeros(20, 20), 0.4), "at least 0.5 pixels, got 0.4"),
        (("G2", 0.0, torch.zeros(20, 20), float("inf")), "at least 0.5 pixels, got inf"),
        (("G2", 0.0, torch.zeros(40, 16)), "16 x 40 pixels is smaller than the filters of 17 x 17"),
        (("G2", 0.0, torch.zeros(1, 20, 20)), "an image (height, width)"),
        (("G2", 0.0, torch.zeros(20, 20, dtype=torch.uint8)), "floating-point"),
        (("G2", 0.0, torch.full((20, 20), torch.nan)), "finite"),
    ],
)
def test_mistakes(arguments, message):
    with pytest.raises(UsageError, match=re.escape(message)):
        steer_filter(*arguments)
