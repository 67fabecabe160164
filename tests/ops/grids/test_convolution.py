"""Convolution by Fourier transforms, beside the sum over the pixels of the filter."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from intertwine.groups import Cyclic
from intertwine.nn import GridConv
from intertwine.ops import grid_convolution
from intertwine.ops.grids import _fourier_convolution
from intertwine.ops.grids._convolution import direct_cost, fourier_cost, fourier_is_faster
from intertwine.ops.grids._fourier_convolution import fourier_convolution

CONVOLVE = {4: functional.conv2d, 5: functional.conv3d}
SHAPES = [
    ((28, 28), (5, 5), (2, 2)),
    ((9, 12), (3, 4), (1, 3)),
    ((7, 8), (7, 2), (0, 1)),
    ((1, 5), (1, 3), (0, 0)),
    ((2, 2), (2, 1), (1, 0)),
    ((1, 1), (3, 3), (1, 1)),
    ((6, 7, 5), (3, 5, 3), (1, 2, 0)),
    ((8, 8, 8), (5, 5, 5), (2, 2, 2)),
    ((1, 2, 3), (1, 2, 3), (0, 1, 2)),
]
LARGE = (8, 64, 14, 14), (64, 64, 5, 5)
"""Shapes of fields and filters for which the transform is taken."""


def relative(found, expected):
    return float(((found - expected).norm() / expected.norm()).detach())


def arguments(shape, kernel, dtype):
    parts = ((2, 3, *shape), (4, 3, *kernel), (4,))
    return [torch.randn(part, dtype=dtype, requires_grad=True) for part in parts]


@pytest.mark.parametrize("largest", [1, 100, 160_000])
@pytest.mark.parametrize(("shape", "kernel", "padding"), SHAPES)
def test_fourier_transforms_give_the_convolution_and_its_gradients(shape, kernel, padding, largest, monkeypatch):
    monkeypatch.setattr(_fourier_convolution, "CHUNK", largest)
    for dtype, tolerance in ((torch.float64, 1e-12), (torch.float32, 3e-6)):
        inputs = arguments(shape, kernel, dtype)
        expected = CONVOLVE[inputs[0].ndim](*inputs, padding=padding)
        found = fourier_convolution(*inputs, padding)
        cotangents = torch.randn_like(expected)
        gradients = [torch.autograd.grad(result, inputs, cotangents) for result in (found, expected)]
        assert relative(found, expected) < tolerance
        for mine, torchs in zip(*gradients, strict=True):
            assert mine.shape == torchs.shape
            assert relative(mine, torchs) < tolerance


@pytest.mark.parametrize("needed", [0, 1, 2])
def test_each_gradient_alone(needed):
    inputs = arguments((6, 5), (3, 3), torch.float64)
    inputs = [value if i == needed else value.detach() for i, value in enumerate(inputs)]
    results = fourier_convolution(*inputs, (1, 1)), functional.conv2d(*inputs, padding=1)
    found, expected = (torch.autograd.grad(result.square().sum(), inputs[needed])[0] for result in results)
    torch.testing.assert_close(found, expected)


def test_second_derivatives():
    inputs = [torch.randn(size, dtype=torch.float64, requires_grad=True) for size in ((2, 2, 4, 3), (2, 2, 3, 3), (2,))]

    def convolution(*values):
        return fourier_convolution(*values, (1, 1))

    assert torch.autograd.gradcheck(convolution, inputs)
    assert torch.autograd.gradgradcheck(convolution, inputs)


def test_no_bias_and_strided_tensors():
    fields = torch.randn(2, 6, 7, 3, dtype=torch.float64).permute(0, 3, 2, 1)
    filters = torch.randn(4, 3, 3, 6, dtype=torch.float64)[..., ::2]
    found = fourier_convolution(fields, filters, None, (1, 1))
    torch.testing.assert_close(found, functional.conv2d(fields, filters, padding=1))
    with torch.inference_mode():
        torch.testing.assert_close(fourier_convolution(fields, filters, None, (1, 1)), found)


def test_the_rule_takes_the_transform_where_it_needs_fewer_operations():
    many, few = (torch.zeros(8, channels, 14, 14) for channels in (64, 2))
    assert fourier_is_faster(many, torch.zeros(64, 64, 5, 5), 2)
    assert fourier_is_faster(many.double(), torch.zeros(64, 64, 5, 5).double(), 2)
    assert not fourier_is_faster(many, torch.zeros(64, 64, 1, 1), 0)  # nothing to save
    assert not fourier_is_faster(many, torch.zeros(64, 64, 5, 5), 5)  # more padding than filter
    assert not fourier_is_faster(many, torch.zeros(64, 64, 15, 15), 0)  # a filter larger than the image
    assert not fourier_is_faster(few, torch.zeros(2, 2, 5, 5), 2)
    assert not fourier_is_faster(many[:0], torch.zeros(64, 64, 5, 5), 2)
    assert not fourier_is_faster(many.bfloat16(), torch.zeros(64, 64, 5, 5).bfloat16(), 2)
    assert not fourier_is_faster(many, torch.zeros(64, 64, 5, 5).double(), 2)
    assert not fourier_is_faster(many.to("meta"), torch.zeros(64, 64, 5, 5, device="meta"), 2)
    with torch.autocast("cpu"):
        assert not fourier_is_faster(many, torch.zeros(64, 64, 5, 5), 2)
    wide = (32, 128, 28, 28), (128, 128, 5, 5), 2
    assert direct_cost(*wide) == 2 * 32 * 128 * 128 * 25 * 28 * 28
    assert 3 < direct_cost(*wide) / fourier_cost(*wide) < 6


@pytest.mark.parametrize("options", [{}, {"padding": 2}, {"stride": 2}, {"dilation": 2}, {"groups": 2}])
def test_all_options_of_conv2d(options):
    fields, filters = torch.randn(LARGE[0]), torch.randn(LARGE[1])
    filters = filters[:, : 64 // options.get("groups", 1)]
    expected = functional.conv2d(fields, filters, **options)
    assert relative(grid_convolution(fields, filters, **options), expected) < 2e-6


def test_transforms_and_compilation_see_the_operation_of_torch():
    fields, filters, bias = torch.randn(LARGE[0]), torch.randn(LARGE[1]) / 40, torch.randn(64)
    assert fourier_is_faster(fields, filters, 2)

    def mine(filters):
        return grid_convolution(fields, filters, bias, padding=2).square().mean()

    def plain(filters):
        return functional.conv2d(fields, filters, bias, padding=2).square().mean()

    expected = torch.func.grad(plain)(filters)
    torch.testing.assert_close(torch.func.grad(mine)(filters), expected)
    _, tangent = torch.func.jvp(mine, (filters,), (filters,))
    torch.testing.assert_close(tangent, (expected * filters).sum(), rtol=1e-4, atol=0)
    both = torch.stack((filters, 2 * filters))
    torch.testing.assert_close(torch.vmap(mine)(both), torch.stack([plain(f) for f in both]), rtol=1e-4, atol=0)
    leaf = filters.clone().requires_grad_()
    torch.testing.assert_close(torch.autograd.grad(mine(leaf), leaf)[0], expected, rtol=1e-3, atol=1e-6)
    with torch.autocast("cpu"):
        assert grid_convolution(fields, filters, bias, padding=2).dtype == torch.bfloat16

    class Layer(nn.Module):
        def forward(self, fields):
            return grid_convolution(fields, filters, bias, padding=2)

    program = torch.export.export(Layer(), (fields,))
    assert [node.target for node in program.graph.nodes if node.op == "call_function"] == [
        torch.ops.aten.conv2d.default
    ]


@pytest.mark.parametrize("padding_mode", ["zeros", "circular", "reflect"])
def test_quarter_turns_commute_with_a_layer_that_takes_the_transform(padding_mode):
    group = Cyclic(4)
    layer = GridConv(16 * group.regular, 16 * group.regular, 5, padding="same", padding_mode=padding_mode).double()
    fields = torch.randn(8, 64, 14, 14, dtype=torch.float64)
    assert fourier_is_faster(fields, layer.filter(), 2)

    def turned(values):
        return values.rot90(1, (-2, -1)).unflatten(1, (-1, 4)).roll(1, 2).flatten(1, 2)

    with torch.no_grad():
        assert relative(layer(turned(fields)), turned(layer(fields))) < 1e-12
        assert relative(layer(fields), layer.export()(fields)) < 1e-12


@pytest.mark.parametrize(("shape", "kernel", "padding"), SHAPES)
def test_several_threads_give_what_one_gives(shape, kernel, padding):
    fields, filters, bias = arguments(shape, kernel, torch.float64)
    before = torch.get_num_threads()

    def results(threads):
        torch.set_num_threads(threads)
        result = fourier_convolution(fields, filters, bias, padding)
        return [result, *torch.autograd.grad(result.square().sum(), (fields, filters, bias))]

    try:
        once, again, expected = results(3), results(3), results(1)
    finally:
        torch.set_num_threads(before)
    for first, second, single in zip(once, again, expected, strict=True):
        assert torch.equal(first, second)
        assert relative(first, single) < 1e-13
