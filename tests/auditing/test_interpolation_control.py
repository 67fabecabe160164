"""The size of the control: what interpolation alone explains, neither more nor less, and where it is measured."""

import pytest
import torch

from intertwine.actions import LinearAction, RotatedImages, TupleAction
from intertwine.auditing import audit
from intertwine.auditing._measure import distance
from intertwine.groups import SO2, Cyclic
from intertwine.reps import Rep


@pytest.fixture
def rotated():
    return RotatedImages(Cyclic(8).trivial)


@pytest.fixture
def noise():
    return torch.randn(1, 1, 33, 33, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def relative(actual, expected, action):
    return distance(actual, expected, action).whole


def test_control_of_the_identity(rotated, noise):
    """There and back on the input, there and back on the output, and twice the high frequencies of the output."""
    report = audit(lambda x: x, rotated, rotated, inputs=noise, samples=6, dtypes=(torch.float64,))
    generator = torch.Generator().manual_seed(0)
    sizes = []
    for transform in [rotated.sample(noise, generator) for _ in range(6)]:
        for law in [*rotated.laws, "all"] if len(rotated.laws) > 1 else rotated.laws:
            g = transform if law == "all" else rotated.factor(transform, law)
            again = relative(rotated(g.inverse, rotated(g, noise)), noise, rotated)
            smooth = relative(rotated.lossless_part(noise), noise, rotated)
            sizes.append(2 * again + 2 * smooth)
    assert max(sizes) > 0.01
    assert report.control == pytest.approx(max(sizes), rel=1e-9)


def test_the_error_is_what_exceeds_the_control(rotated):
    """A defect of a known size, far above the control of smooth images, is reported at its size."""
    ramp = torch.linspace(-1, 1, 41, dtype=torch.float64)

    def tilted(x):
        return x * (1 + 0.1 * ramp.to(x.dtype))

    smooth = rotated.example(torch.Generator().manual_seed(0))
    found = audit(tilted, rotated, rotated, inputs=smooth, samples=8, dtypes=(torch.float64,))
    assert 0.01 < found.max_error < 0.2
    assert found.control < 1e-3


@pytest.mark.parametrize("side", ["input", "output"])
def test_one_inexact_action_is_enough(side):
    """A control is measured if either action interpolates."""
    images, vectors = RotatedImages(SO2().trivial), LinearAction(SO2().trivial)
    pattern = images.example(torch.Generator().manual_seed(0))[:1]

    def to_image(x):
        radius = torch.linspace(-1, 1, 41, dtype=x.dtype).square()
        return x.mean() * torch.exp(-6 * (radius[:, None] + radius))[None, None]

    if side == "input":
        report = audit(lambda x: x.mean((-1, -2, -3))[:, None], images, vectors, inputs=pattern, samples=4)
    else:
        report = audit(to_image, vectors, images, inputs=torch.ones(4, 1), samples=4)
    assert report.control > 0
    with pytest.raises(ValueError, match="exact actions"):
        audit(lambda x: x, *((images, vectors) if side == "input" else (vectors, images)), gradients=True)


def test_a_tuple_is_exact_if_all_entries_are():
    rep: Rep = SO2().trivial
    assert TupleAction(LinearAction(rep), LinearAction(rep)).exact
    assert not TupleAction(LinearAction(rep), RotatedImages(rep)).exact
    assert not TupleAction(RotatedImages(rep), RotatedImages(rep)).exact
