"""Convolution with filters that a reflection through their center maps to themselves, beside the plain one."""

import pytest
import torch
from torch.nn import functional

from intertwine.groups import O2, SO2, Cyclic, Dihedral
from intertwine.nn import GridConv
from intertwine.ops import grid_convolution, point_reflection
from intertwine.ops.grids._convolution import fourier_cost, fourier_is_faster
from intertwine.ops.grids._fourier_convolution import fourier_convolution
from intertwine.ops.grids._reflection import FilterReflection, PointReflection, Run

MIXED = PointReflection((Run(3, 2, 0), Run(1, 3, 1), Run(1, 2, -1), Run(2, 1, 0)))
OTHER = PointReflection((Run(1, 2, -1), Run(2, 4, 0), Run(1, 1, 1)))


def matrix(reflection):
    """P: 1 of sums, -1 of differences."""
    size = reflection.even + reflection.odd
    whole = torch.eye(size, dtype=torch.float64)
    combinations = reflection.split(whole[None], torch.empty_like(whole)[None])[0]
    signs = torch.ones(size, dtype=torch.float64)
    signs[reflection.even :] = -1
    return torch.linalg.solve(combinations, signs[:, None] * combinations)


def symmetric(filters, reflection):
    """The part of filters with K(-z) = P_out K(z) P_in."""
    reflected = filters.flip(list(range(2, filters.ndim)))
    after, before = matrix(reflection.after), matrix(reflection.before)
    return (filters + torch.einsum("ab,bc...,cd->ad...", after, reflected, before)) / 2


def relative(found, expected):
    return float(((found - expected).norm() / expected.norm()).detach())


def test_what_is_exchanged_and_what_changes_its_sign():
    exchange = torch.tensor([[0, 0, 1, 0], [0, 0, 0, 1], [1, 0, 0, 0], [0, 1, 0, 0]]).double()
    found = point_reflection([(5, exchange), (2, -torch.eye(3).double()), (1, torch.block_diag(exchange, exchange))])
    assert found == PointReflection((Run(5, 2, 0), Run(2, 3, -1), Run(2, 2, 0)))
    assert (found.even, found.odd) == (14, 20)
    assert point_reflection([(1, torch.tensor([[0.6, 0.8], [0.8, -0.6]]).double())]) is None
    assert point_reflection([(1, torch.diag(torch.tensor([1.0, -1.0])).double())]) is None
    expected = torch.zeros(8, 8).double()
    for first, second in ((0, 2), (1, 3), (2, 0), (3, 1), (4, 4)):
        expected[first, second] = 1
    expected[5:, 5:] = -torch.eye(3)
    torch.testing.assert_close(matrix(PointReflection((Run(1, 2, 0), Run(1, 1, 1), Run(1, 3, -1)))), expected)


def test_combinations_turn_back():
    values = torch.randn(2, MIXED.even + MIXED.odd, 3, dtype=torch.float64)
    combinations = MIXED.split(values, torch.empty_like(values))
    again = MIXED.join(combinations * MIXED.scale(values)[:, None], torch.empty_like(values))
    torch.testing.assert_close(again, values)


@pytest.mark.parametrize("needed", [(0, 1, 2), (0,), (1,)])
@pytest.mark.parametrize(("shape", "kernel"), [((9, 8), (5, 3)), ((1, 2), (1, 3)), ((4, 5, 6), (3, 3, 5))])
def test_the_convolution_and_its_gradients(shape, kernel, needed):
    reflection, padding = FilterReflection(MIXED, OTHER), tuple(size // 2 for size in kernel)
    sizes = MIXED.even + MIXED.odd, OTHER.even + OTHER.odd
    filters = symmetric(torch.randn(sizes[1], sizes[0], *kernel, dtype=torch.float64), reflection)
    for dtype, tolerance in ((torch.float64, 1e-12), (torch.float32, 3e-6)):
        inputs = [torch.randn(3, sizes[0], *shape), filters, torch.randn(sizes[1])]
        inputs = [value.to(dtype).requires_grad_(i in needed) for i, value in enumerate(inputs)]
        found = fourier_convolution(*inputs, padding, reflection)
        expected = (functional.conv2d if len(kernel) == 2 else functional.conv3d)(*inputs, padding=padding)
        assert relative(found, expected) < tolerance
        cotangents, learned = torch.randn_like(expected), [inputs[i] for i in needed]
        pairs = zip(*(torch.autograd.grad(y, learned, cotangents) for y in (found, expected)), strict=True)
        for i, (mine, torchs) in zip(needed, pairs, strict=True):
            torchs = symmetric(torchs.double(), reflection) if i == 1 else torchs
            assert relative(mine, torchs) < tolerance


def test_second_derivatives():
    swap = PointReflection((Run(1, 1, 0),))
    reflection = FilterReflection(swap, swap)
    inputs = [torch.randn(1, 2, 3, 2), symmetric(torch.randn(2, 2, 3, 3).double(), reflection)]
    inputs = [value.double().requires_grad_() for value in inputs]

    def convolution(fields, filters):
        return fourier_convolution(fields, symmetric(filters, reflection), None, (1, 1), reflection)

    assert torch.autograd.gradcheck(convolution, inputs)
    assert torch.autograd.gradgradcheck(convolution, inputs)


@pytest.mark.parametrize(
    ("rep", "is_used"),
    [
        (8 * Cyclic(8).regular, True),
        (4 * Dihedral(8).regular + Dihedral(8).trivial, True),
        (SO2().rep("16x0 + 12x1 + 8x2"), True),
        (O2().rep("16x0+ + 8x0- + 12x1"), True),
        (Cyclic(8).regular * Cyclic(8).irrep(1) + 48 * Cyclic(8).trivial, False),
        (12 * Cyclic(5).regular, False),
    ],
)
def test_layers_have_the_symmetry_of_their_group(rep, is_used):
    layer = GridConv(rep, rep, 5, padding="same").double()
    reflection, fields = layer._reflection, torch.randn(4, rep.dim, 14, 14, dtype=torch.float64, requires_grad=True)
    assert (reflection is not None) == is_used
    if reflection is not None:
        kept = symmetric(layer.filter(), reflection)
        assert relative(kept, layer.filter()) < 1e-12
        assert fourier_is_faster(fields, layer.filter(), 2, reflection)
    learned = [fields, *layer.parameters()]
    plain = functional.conv2d(fields, layer.filter(), layer.bias_vector(), padding=2)
    cotangents = torch.randn_like(plain)
    for mine, torchs in zip(
        (layer(fields), *torch.autograd.grad(layer(fields), learned, cotangents)),
        (plain, *torch.autograd.grad(plain, learned, cotangents)),
        strict=True,
    ):
        assert relative(mine, torchs) < 1e-12


def test_the_symmetry_needs_its_padding_and_halves_the_products():
    reflection = FilterReflection(*[PointReflection((Run(8, 4, 0),))] * 2)
    filters = symmetric(torch.randn(64, 64, 5, 5, dtype=torch.float64), reflection)
    fields = torch.randn(8, 64, 14, 14, dtype=torch.float64)
    for padding in (0, 1, 2):
        found = grid_convolution(fields, filters, padding=padding, reflection=reflection)
        assert relative(found, functional.conv2d(fields, filters, padding=padding)) < 1e-12
    sizes = fields.shape, filters.shape, 2
    products = 8 * 16 * 9 * 64 * 64 * (8 + 5)
    assert fourier_cost(*sizes) - fourier_cost(*sizes, parts=1) == products / 2
