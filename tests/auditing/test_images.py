"""Convolutions: under shifts, strides and turns, and what interpolation hides."""

from importlib import import_module

import pytest
import torch
from torch import nn
from torch.nn import functional

from intertwine.actions import Images, LinearAction, RotatedImages, Transform
from intertwine.auditing import EquivarianceError, audit
from intertwine.groups import O2, SO2, Cyclic, Dihedral
from intertwine.hom import intertwiners

SHIFTS, EVEN = Images(Cyclic(1).trivial), Images(Cyclic(1).trivial, step=2)


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(3)


def conv(**options):
    return nn.Conv2d(1, 1, 3, padding=1, padding_mode=options.pop("padding_mode", "circular"), **options)


class TestShifts:
    def test_convolution(self):
        report = audit(nn.Sequential(conv(), nn.ReLU(), conv()), SHIFTS, SHIFTS)
        report.check({"float32": 1e-6, "float64": 1e-14})

    def test_stride_under_odd_shifts(self):
        """Two pixels are one pixel of the output; one pixel is none."""
        strided = conv(stride=2)
        audit(strided, EVEN, Images(Cyclic(1).trivial, stride=2)).check(1e-6)
        full = nn.Sequential(strided, nn.Upsample(scale_factor=2))
        audit(full, EVEN, EVEN).check(1e-6)
        report = audit(full, SHIFTS, SHIFTS)
        assert not report.passed
        assert report.laws["translation"] > 0.1
        with pytest.raises(ValueError, match=r"the output does not fit .* not a whole-pixel shift .*step=2"):
            audit(strided, SHIFTS, Images(Cyclic(1).trivial, stride=2))

    def test_pooling(self):
        """What is pooled over all pixels is invariant, if no stride comes before."""
        report = audit(nn.Sequential(conv(stride=2), nn.ReLU(), nn.AdaptiveAvgPool2d(1)), SHIFTS, SHIFTS)
        assert report.laws["translation"] > 1e-3
        audit(nn.Sequential(conv(), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()), SHIFTS, _scalar()).check()
        assert not audit(nn.Sequential(conv(), nn.MaxPool2d(2), nn.Upsample(scale_factor=2)), SHIFTS, SHIFTS).passed

    def test_zero_padding_breaks_the_border_and_nothing_else(self):
        padded = conv(padding_mode="zeros")
        assert not audit(padded, SHIFTS, SHIFTS).passed
        inside = Images(Cyclic(1).trivial, reach=3, margin=4)
        audit(padded, inside, inside).check({"float32": 1e-6, "float64": 1e-14})
        closer = Images(Cyclic(1).trivial, reach=3, margin=3)
        assert not audit(padded, closer, closer).passed

    def test_convolutions_are_what_commutes_with_shifts(self):
        """A linear map whose rows are not one row shifted is no convolution."""
        weight = torch.randn(16, 16, dtype=torch.float64)
        action = Images(Cyclic(1).trivial)
        circulant = torch.stack([weight[0].roll(k) for k in range(16)])
        for matrix, passes in ((circulant, True), (weight, False)):
            report = audit(lambda x, m=matrix: x @ m.to(x), action, action, samples=8)
            assert (report.laws["translation"] < 1e-5) == passes


class TestQuarterTurns:
    def test_plain_convolution_does_not_turn(self):
        action = Images(Cyclic(4).trivial)
        report = audit(conv(), action, action)
        assert report.laws["rotation"] > 0.1
        assert report.laws["translation"] < 1e-6
        assert report.worst.startswith("rotation")

    def test_symmetric_filter_turns(self):
        net = conv()
        weight = net.weight.data
        turned = sum(torch.rot90(weight, k, (-2, -1)) for k in range(4))
        net.weight.data = turned + turned.flip(-1)
        action = Images(Dihedral(4).trivial)
        audit(net, action, action).check({"float32": 1e-6, "float64": 1e-14})

    def test_lifting_convolution(self):
        """One filter in four directions: the channels are permuted as the regular representation says."""
        weight = torch.randn(1, 1, 3, 3, dtype=torch.float64)

        def lift(x, sense=1):
            filters = torch.cat([torch.rot90(weight, sense * k, (-2, -1)) for k in range(4)]).to(x)
            return functional.conv2d(functional.pad(x, (1, 1, 1, 1), mode="circular"), filters)

        source, target = Images(Cyclic(4).trivial), Images(Cyclic(4).regular)
        audit(lift, source, target).check({"float32": 1e-6, "float64": 1e-14})
        assert not audit(lambda x: lift(x, -1), source, target).passed

    def test_gradient_of_an_image_is_a_vector(self):
        def gradient(x):
            dx = (x.roll(-1, -1) - x.roll(1, -1)) / 2
            dy = (x.roll(1, -2) - x.roll(-1, -2)) / 2
            return torch.cat([dx, dy], -3)

        source = Images(Dihedral(4).trivial)
        audit(gradient, source, Images(Dihedral(4).vector), gradients=True).check()
        assert not audit(gradient, source, Images(Dihedral(4).rep("2xA1"))).passed


@pytest.mark.parametrize("group", [Cyclic(4), Dihedral(4)], ids=str)
class TestGroupConvolution:
    """Kernels K(h x) = rho(h) K(x) rho(h)^-1 between regular channels, by averaging any kernel over the group."""

    @staticmethod
    def average(group, kernels):
        action = Images(group.regular * group.regular, step=0)
        transformed = [action(Transform(h), kernels.flatten(-4, -3)) for h in group.elements]
        return torch.stack(transformed).mean(0).reshape(kernels.shape)

    def kernel(self, group):
        return self.average(group, torch.randn(group.order, group.order, 3, 3, dtype=torch.float64))

    def test_how_many(self, group):
        """k k |H| numbers are free, the trace of the average."""
        order = group.order
        basis = torch.eye(order * order * 9, dtype=torch.float64).reshape(-1, order, order, 3, 3)
        averaged = self.average(group, basis)
        assert averaged.flatten(1).trace() == pytest.approx(9 * order)

    def test_exact(self, group):
        kernel, regular = self.kernel(group), Images(group.regular)

        def layer(x):
            return functional.conv2d(functional.pad(x, (1, 1, 1, 1), mode="circular"), kernel.to(x)).relu()

        report = audit(lambda x: layer(layer(x)), regular, regular, samples=16)
        report.check({"float32": 1e-6, "float64": 1e-12})
        pooled = audit(lambda x: layer(x).amax(-3, keepdim=True), regular, Images(group.trivial), samples=16)
        pooled.check({"float32": 1e-6, "float64": 1e-12})

    def test_a_kernel_out_of_the_space(self, group):
        kernel, regular = self.kernel(group), Images(group.regular)
        kernel[0, 0, 0, 0] += 1e-3

        def layer(x):
            return functional.conv2d(functional.pad(x, (1, 1, 1, 1), mode="circular"), kernel.to(x))

        report = audit(layer, regular, regular)
        assert 1e-5 < report.laws["rotation"] < 1e-2
        assert report.laws["translation"] < 1e-6

    @pytest.mark.parametrize(("size", "holds"), [(17, True), (16, False)])
    def test_stride_and_turns(self, group, size, holds):
        """A stride of 2 keeps the center of an odd image and loses that of an even one."""
        kernel, turns = self.kernel(group), Images(group.regular, step=0)
        inputs = torch.randn(1, group.order, size, size, dtype=torch.float64)
        report = audit(lambda x: functional.conv2d(x, kernel.to(x), stride=2), turns, turns, inputs=inputs)
        assert (report.max_error < 1e-6) == holds
        assert report.passed == holds


@pytest.mark.parametrize("n", [4, 7, 12])
def test_what_commutes_with_cyclic_shifts_is_a_convolution(n):
    """The commutant of the shift has dimension n, and all of it is circulant."""
    regular = Cyclic(n).regular
    basis = intertwiners(regular, regular)
    assert len(basis) == n
    for row in range(1, n):
        assert torch.allclose(basis[:, row], basis[:, 0].roll(row, -1), atol=1e-12)
    kernel = basis[0, 0]

    def convolve(x):
        return torch.stack([x.roll(k, -1) * kernel[-k] for k in range(n)]).sum(0).to(x)

    assert torch.allclose(convolve(torch.eye(n, dtype=torch.float64)), basis[0].T, atol=1e-12)
    audit(convolve, regular, regular, elements=Cyclic(n).elements).check(1e-6)


class TestInterpolated:
    def test_radial_filter_passes(self):
        report = audit(blur, RotatedImages(SO2().trivial, 5), RotatedImages(SO2().trivial, 5), samples=4)
        report.check()
        assert 0 < report.control < 1e-4
        assert "note  interpolation alone explains" in str(report)

    def test_crooked_filter_fails(self):
        action = RotatedImages(O2().trivial, 5)
        report = audit(lambda x: x.roll(1, -1), action, action, samples=4)
        assert report.max_error > 0.1
        with pytest.raises(EquivarianceError):
            report.check(1e-2)

    def test_small_leak(self):
        action = RotatedImages(SO2().trivial, 5)
        report = audit(lambda x: blur(x) + 1e-3 * x.roll(1, -1), action, action, samples=4)
        assert 1e-4 < report.max_error < 1e-2

    def test_rough_images_are_not_held_against_the_function(self):
        """Noise cannot be interpolated: the error of the identity is all control."""
        action = RotatedImages(SO2().trivial, 5)
        noise = torch.randn(1, 1, 25, 25, dtype=torch.float64)
        report = audit(lambda x: x + 0, action, action, inputs=noise, samples=4)
        report.check(1e-6)
        assert report.control > 0.01

    def test_the_control_is_what_saves_it(self, monkeypatch):
        """Without it, a rough non-linearity is blamed for the grid."""
        action = RotatedImages(SO2().trivial, 5)

        def kink(x):
            return blur(x).relu()

        with_control = audit(kink, action, action, samples=4).max_error
        monkeypatch.setattr(RotatedImages, "exact", True)
        for name in ("_audit", "_run"):
            monkeypatch.setattr(import_module(f"intertwine.auditing.{name}"), "check_action", lambda *_: None)
        without = audit(kink, action, action, samples=4).max_error
        assert with_control < without / 5

    def test_gradients_need_exact_actions(self):
        action = RotatedImages(SO2().trivial)
        with pytest.raises(ValueError, match="gradients=True needs exact actions"):
            audit(blur, action, action, gradients=True)


def blur(x):
    axis = torch.arange(-7, 8, dtype=x.dtype)
    kernel = torch.exp(-axis.square() / (2 * 1.2**2))
    kernel = kernel[:, None] * kernel / kernel.sum() ** 2
    return functional.conv2d(x, kernel[None, None], padding=7)


def _scalar():
    return LinearAction(Cyclic(1).trivial)
