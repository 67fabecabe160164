"""Images turn the right way, exactly where they can, and say where they cannot."""

import math

import pytest
import torch

from intertwine.actions import Images, LinearAction, RotatedImages, Transform
from intertwine.groups import O2, SO2, SO3, Cyclic, Dihedral

EXACT = [
    Images(Dihedral(4).regular),
    Images(Dihedral(4).vector, step=2),
    Images(Cyclic(4).vector + 2 * Cyclic(4).trivial),
    Images(Cyclic(1).trivial, reach=3),
    Images(Dihedral(2).regular, step=0),
]


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(4)


def dot(x, y, size=5):
    """One pixel at x to the right and y up from the center."""
    image = torch.zeros(1, size, size, dtype=torch.float64)
    image[0, size // 2 - y, size // 2 + x] = 1
    return image


@pytest.mark.parametrize("action", EXACT, ids=repr)
class TestAxioms:
    def test_composition(self, action, generator):
        data = action.example(generator)
        for _ in range(8):
            a, b = action.sample(data, generator), action.sample(data, generator)
            assert torch.allclose(action(a @ b, data), action(a, action(b, data)), atol=1e-14)

    def test_inverse(self, action, generator):
        data = action.example(generator)
        transform = action.sample(data, generator)
        assert torch.allclose(action(transform.inverse, action(transform, data)), data, atol=1e-14)
        assert torch.equal(action(Transform(action.group.identity), data), data)

    def test_values_are_only_moved(self, action, generator):
        data = action.example(generator)
        transformed = action(action.sample(data, generator), data)
        assert torch.allclose(transformed.norm(), data.norm())

    def test_reproducible(self, action):
        def draw(seed):
            generator = torch.Generator().manual_seed(seed)
            data = action.example(generator)
            return action(action.sample(data, generator), data)

        assert torch.equal(draw(3), draw(3))
        assert not torch.equal(draw(3), draw(4))

    def test_laws_are_sampled(self, action, generator):
        transform = action.sample(action.example(generator), generator)
        assert (transform.translation is not None) == ("translation" in action.laws)
        assert ("rotation" in action.laws) == (action.group.order > 1 or not action.step)


class TestDirections:
    """x right, y up: a pixel goes where the matrix says."""

    @pytest.mark.parametrize("element", range(8))
    def test_dot(self, element):
        group = Dihedral(4)
        g = group.elements[element]
        x, y = (g @ torch.tensor([2.0, 1.0], dtype=torch.float64)).round().int().tolist()
        for action in (Images(group.trivial), RotatedImages(O2().trivial, margin=0)):
            transformed = action(Transform(g), dot(2, 1))
            assert torch.allclose(transformed, dot(x, y), atol=1e-13)

    def test_shift(self):
        transform = Transform(torch.eye(2, dtype=torch.float64), torch.tensor([1.0, 2.0], dtype=torch.float64))
        assert torch.equal(Images(Cyclic(1).trivial)(transform, dot(0, 0)), dot(1, 2))
        assert torch.equal(Images(Cyclic(1).trivial, stride=1)(transform.inverse, dot(0, 0)), dot(-1, -2))

    def test_vectors_turn_with_the_image(self):
        """The field (x, y) points away from the center, however it is turned."""
        axis = torch.linspace(-1, 1, 7, dtype=torch.float64)
        y, x = torch.meshgrid(-axis, axis, indexing="ij")
        field = torch.stack([x, y])
        for g in Dihedral(4).elements:
            assert torch.allclose(Images(Dihedral(4).vector)(Transform(g), field), field, atol=1e-14)
        assert not torch.allclose(Images(Cyclic(4).rep("2x0"))(Transform(Cyclic(4).elements[1]), field), field)

    def test_not_square(self):
        data = torch.arange(6.0).reshape(1, 2, 3)
        action = Images(Cyclic(4).trivial)
        assert action(Transform(Cyclic(4).elements[1]), data).tolist() == [[[2, 5], [1, 4], [0, 3]]]


class TestInterpolation:
    @pytest.mark.parametrize("angle", [7.0, 45.0, 120.0, 299.0])
    def test_gaussian_is_exact(self, angle):
        """A soft blob turns into the blob at the turned place."""
        axis = torch.arange(-20, 21, dtype=torch.float64)

        def blob(x0, y0):
            return torch.exp(-((axis - x0).square() + (-axis[:, None] - y0).square()) / 8)[None]

        turn = math.radians(angle)
        g = torch.tensor([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]], dtype=torch.float64)
        x, y = (g @ torch.tensor([5.0, 2.0], dtype=torch.float64)).tolist()
        transformed = RotatedImages(SO2().trivial)(Transform(g), blob(5.0, 2.0))
        assert (transformed - blob(x, y)).abs().max() < 1e-8

    @pytest.mark.parametrize("size", [(16, 16), (15, 17), (16, 9)])
    def test_half_turn_and_flips_lose_nothing(self, size, generator):
        data = torch.randn(3, *size, generator=generator, dtype=torch.float64)
        exact, soft = Images(Dihedral(2).rep("3xA1"), step=0), RotatedImages(O2().rep("3x0+"))
        for g in Dihedral(2).elements:
            assert torch.allclose(exact(Transform(g), data), soft(Transform(g), data), atol=1e-12)

    def test_dtype_and_gradient(self, generator):
        action = RotatedImages(SO2().vector)
        data = action.example(generator, torch.float32).requires_grad_()
        transformed = action(action.sample(data, generator), data)
        assert transformed.dtype == torch.float32
        transformed.sum().backward()
        assert torch.isfinite(data.grad).all()

    def test_only_the_disc_is_seen(self):
        shown = RotatedImages(SO2().trivial, margin=1).compared_region(torch.ones(1, 9, 9))
        assert shown[0, 4, 4] == 1
        assert shown[0, 4, 1] == 1
        assert shown[0, 4, 0] == shown[0, 1, 1] == 0


def test_margin_is_not_seen():
    shown = Images(Cyclic(4).trivial, margin=2).compared_region(torch.ones(1, 6, 7))
    assert shown.shape == (1, 2, 3)


def test_reach_and_step(generator):
    action = Images(Cyclic(1).trivial, step=2, reach=5)
    data = action.example(generator)
    shifts = torch.stack([action.sample(data, generator).translation for _ in range(50)])
    assert set(shifts.flatten().tolist()) == {-4.0, -2.0, 0.0, 2.0, 4.0}


def test_features_inside_a_network():
    action, data = Images(Cyclic(4).trivial), torch.zeros(2, 1, 16, 16)
    regular = Cyclic(4).regular
    assert action.feature_action(regular, torch.zeros(2, 4, 8, 8), data) == Images(regular, stride=2)
    assert action.feature_action(regular, torch.zeros(2, 4), data) == LinearAction(regular)
    assert action.feature_action(regular, torch.zeros(2, 3, 8, 8), data) is None


class TestErrors:
    def test_not_a_quarter_turn(self):
        with pytest.raises(ValueError, match=r"SO\(2\) does not map the pixel grid to itself: use RotatedImages"):
            Images(SO2().trivial)
        with pytest.raises(ValueError, match="C_8 does not map the pixel grid"):
            Images(Cyclic(8).regular)
        with pytest.raises(ValueError, match="expected a rotation by 90"):
            Images(Cyclic(4).trivial)(Transform(Cyclic(8).elements[1]), torch.zeros(1, 4, 4))

    def test_not_planar(self):
        with pytest.raises(
            ValueError, match=r"a group of the plane such as .*, got SO\(3\), which acts in 3 dimensions"
        ):
            RotatedImages(SO3().trivial)

    def test_wrong_channels(self):
        with pytest.raises(ValueError, match=r"expected images \(\.\.\., 2, height, width\), channels of type .*, got"):
            Images(Cyclic(4).vector).sample(torch.zeros(1, 3, 8, 8))

    def test_half_a_pixel(self):
        transform = Transform(translation=torch.tensor([3.0, 0.0]))
        with pytest.raises(
            ValueError, match=r"a shift by \(3, 0\) pixels is not a whole-pixel shift .* stride 2.*step=2"
        ):
            Images(Cyclic(1).trivial, stride=2)(transform, torch.zeros(1, 4, 4))

    def test_nothing_left(self):
        with pytest.raises(ValueError, match="a margin of 2 pixels leaves nothing of an image 4 x 8"):
            Images(Cyclic(1).trivial, margin=2).compared_region(torch.zeros(1, 4, 8))
        with pytest.raises(ValueError, match="a margin of 9 pixels leaves nothing"):
            RotatedImages(SO2().trivial, margin=9).compared_region(torch.zeros(1, 8, 8))
        with pytest.raises(ValueError, match="at least 0 pixels"):
            Images(Cyclic(1).trivial, margin=-1)
