"""Steerable filters: minimal bases, interpolation functions, errors, and the representation that they span."""

from math import cos, pi, sin, sqrt

import numpy as np
import pytest
import torch
from torch.nn import functional

from intertwine import SO2, SO3
from intertwine._errors import UsageError
from intertwine.ops.filters import (
    PolynomialFilter,
    SampledFilter,
    angular_decomposition,
    filter_kernels,
    gaussian_derivative,
    hilbert_fit,
)

ORDERS = range(1, 9)


def rotation(degrees: float) -> torch.Tensor:
    a = pi * degrees / 180
    return torch.tensor([[cos(a), -sin(a)], [sin(a), cos(a)]], dtype=torch.float64)


def decompose(f):
    return angular_decomposition(f, f.extent, f.degree, f.dimension)


def rotated(f, g, points):
    return f(points @ g)


@pytest.mark.parametrize("family", [gaussian_derivative, hilbert_fit])
@pytest.mark.parametrize("order", ORDERS)
def test_rotated_copies_are_sums_of_base_copies(family, order):
    f = family(order)
    parts = decompose(f)
    points = torch.randn(200, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(order))
    base = parts.base_rotations()
    for g in SO2().sample(32, generator=torch.Generator().manual_seed(order)):
        k, error = parts.interpolation(base, g)
        steered = sum(k_j * rotated(f, g_j, points) for k_j, g_j in zip(k, base, strict=True))
        assert (steered - rotated(f, g, points)).abs().max() < 1e-12
        assert error < 1e-12


@pytest.mark.parametrize("order", ORDERS)
def test_the_basis_of_a_derivative_is_minimal(order):
    parts = decompose(gaussian_derivative(order))
    assert parts.basis_size == order + 1
    assert parts.degrees == tuple(range(order % 2, order + 1, 2))
    assert decompose(hilbert_fit(order)).basis_size == order + 2
    # The rank of many copies is the size of the basis; one copy less leaves an error.
    copies = filter_kernels(gaussian_derivative(order), SO2().sample(40), 33, 0.25).flatten(1)
    assert torch.linalg.matrix_rank(copies, rtol=1e-10) == order + 1
    short = parts.base_rotations()[:-1]
    assert parts.interpolation(short, parts.base_rotations()[-1])[1] > 1e-4


def test_interpolation_functions_of_the_reference():
    for degrees in (0, 17, 130):
        t = pi * degrees / 180
        g1, g2, g4 = (decompose(gaussian_derivative(n)) for n in (1, 2, 4))
        k1 = g1.interpolation(torch.stack([rotation(0), rotation(90)]), rotation(degrees))[0]
        assert torch.allclose(k1, torch.tensor([cos(t), sin(t)], dtype=torch.float64), atol=1e-14)
        k2 = g2.interpolation(torch.stack([rotation(a) for a in (0, 60, 120)]), rotation(degrees))[0]
        expected = [(1 + 2 * cos(2 * (t - pi * j / 3))) / 3 for j in range(3)]
        assert torch.allclose(k2, torch.tensor(expected, dtype=torch.float64), atol=1e-13)
        base = g4.base_rotations()
        assert torch.allclose(base, torch.stack([rotation(36 * j) for j in range(5)]))
        steps = [t - pi * j / 5 for j in range(5)]
        expected = [(1 + 2 * cos(2 * s) + 2 * cos(4 * s)) / 5 for s in steps]
        assert torch.allclose(
            g4.interpolation(base, rotation(degrees))[0], torch.tensor(expected, dtype=torch.float64), atol=1e-13
        )


def test_coefficients_of_the_reference():
    g2, h2 = gaussian_derivative(2).coefficients, hilbert_fit(2).coefficients
    assert np.allclose(g2, (-0.9213, 0, 2 * 0.9213), atol=1e-4)
    assert np.allclose(h2, (0, -2.254 * 0.9780, 0, 0.9780), atol=3e-3)
    g4, h4 = gaussian_derivative(4).coefficients, hilbert_fit(4).coefficients
    assert np.allclose(g4, (1.246 * 0.75, 0, -3 * 1.246, 0, 1.246), atol=2e-3)
    assert np.allclose(h4, (0, 0.3975 * 7.189, 0, -0.3975 * 7.501, 0, 0.3975), atol=6e-3)


def test_the_norm_is_one_in_the_plane_and_in_space():
    for f in (gaussian_derivative(3, 1.7), hilbert_fit(2, 0.6).normalized(), gaussian_derivative(2, 0.9, 3)):
        assert decompose(f).norm == pytest.approx(1, abs=1e-10)


def test_any_filter_has_as_many_copies_as_fourier_coefficients():
    def wheel(points):
        z = torch.view_as_complex(points.contiguous())
        r = z.abs()
        return (1 + (z**3).real + r * (z**5 * (1 + 2j * r)).real) * torch.exp(-(r**2))

    parts = angular_decomposition(wheel, 8.0, 9)
    assert parts.degrees == (0, 3, 5)
    assert parts.basis_size == 5  # n = 0, 3, -3, 5, -5
    assert parts.interpolation(parts.base_rotations(), rotation(211))[1] < 1e-12


def test_copies_span_a_representation():
    parts = decompose(gaussian_derivative(3))
    base = parts.base_rotations()

    def matrix(g):  # rho(g) f_j = sum_i M_ij f_i
        return parts.interpolation(base, g @ base)[0].T

    g, h = SO2().sample(2)
    assert torch.allclose(matrix(g) @ matrix(h), matrix(g @ h), atol=1e-12)
    # It is the sum of irreps that `rep` says: the characters agree, and k is a row of the transpose.
    assert torch.trace(matrix(g)) == pytest.approx(float(torch.trace(parts.rep.matrix(g))), abs=1e-12)
    assert torch.allclose(matrix(g).T[0], parts.interpolation(base, g @ base[0])[0], atol=1e-13)


def test_convolution_commutes_with_steering():
    f = gaussian_derivative(4, 2.0)
    parts = decompose(f)
    image = torch.randn(1, 1, 40, 40, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    base = parts.base_rotations()
    g = rotation(23.4)
    k, _ = parts.interpolation(base, g)
    responses = functional.conv2d(image, filter_kernels(f, base, 17)[:, None])
    steered = torch.einsum("j,bjhw->bhw", k, responses)
    direct = functional.conv2d(image, filter_kernels(f, g, 17)[None, None])
    assert (steered - direct[:, 0]).abs().max() < 1e-12


def test_least_squares_steering_has_the_error_it_says():
    def corner(points):  # a wedge: all frequencies
        x, y = points[..., 0], points[..., 1]
        return torch.sigmoid(8 * x) * torch.sigmoid(6 * y) * torch.exp(-points.square().sum(-1))

    parts = angular_decomposition(corner, 5.0, 24)
    errors = []
    for count in (3, 6, 12):
        base = torch.stack([rotation(360 * j / count) for j in range(count)])
        g = rotation(41)
        k, bound = parts.interpolation(base, g)
        axis = torch.linspace(-5, 5, 401, dtype=torch.float64)
        points = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), -1)
        steered = sum(k_j * rotated(corner, g_j, points) for k_j, g_j in zip(k, base, strict=True))
        seen = (steered - rotated(corner, g, points)).norm() / corner(points).norm()
        assert float(seen) == pytest.approx(float(bound), rel=1e-3)
        errors.append(float(bound))
    assert errors == sorted(errors, reverse=True)


def test_the_best_approximation_is_the_strongest_degrees():
    f = PolynomialFilter((1.0, 0.3, 2.0, 0.1))
    parts = decompose(f)
    assert parts.degrees == (0, 1, 2, 3)
    assert parts.truncated(7) == ((0, 1, 2, 3), pytest.approx(0, abs=1e-9))
    kept, error = parts.truncated(3)
    lost = [float(parts.coefficients[l].norm()) for l in parts.degrees if l not in kept]
    assert error == pytest.approx(sqrt(sum(x**2 for x in lost)) / parts.norm, abs=1e-9)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_filters_in_space(order):
    f = gaussian_derivative(order, 0.8, dimension=3)
    parts = decompose(f)
    assert parts.basis_size == {1: 3, 2: 6, 3: 10}[order]  # symmetric tensors
    points = torch.randn(100, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(order))
    base = parts.base_rotations()
    rotations = SO3().sample(32, generator=torch.Generator().manual_seed(order))
    k, error = parts.interpolation(base, rotations)
    copies = torch.stack([rotated(f, g, points) for g in base])
    direct = torch.stack([rotated(f, g, points) for g in rotations])
    assert (k @ copies - direct).abs().max() < 1e-12
    assert error.max() < 1e-12


def test_a_filter_in_space_without_an_axis_needs_more_copies():
    def blob(points):
        x, y, z = points.unbind(-1)
        return (x + y * points.square().sum(-1) + x * y * z) * torch.exp(-points.square().sum(-1))

    parts = angular_decomposition(blob, 7.0, 4, dimension=3)
    assert parts.degrees == (1, 3)
    assert parts.basis_size == 2 * 3 + 7
    copies = filter_kernels(blob, SO3().sample(60), 15, 0.4).flatten(1)
    assert torch.linalg.matrix_rank(copies, rtol=1e-9) == 13
    assert parts.interpolation(parts.base_rotations(), SO3().sample(8))[1].max() < 1e-11


def test_a_filter_given_by_pixels():
    f = gaussian_derivative(2, 4.0)
    pixels = filter_kernels(f, torch.eye(2), 61)
    given = SampledFilter(pixels)
    parts = angular_decomposition(given, given.extent, 4)
    exact = decompose(f)
    assert parts.norm == pytest.approx(exact.norm, rel=1e-4)
    for l in (0, 2):
        assert float(parts.coefficients[l].norm()) == pytest.approx(float(exact.coefficients[l].norm()), rel=1e-3)
    assert parts.truncated(3)[1] < 2e-3


def test_pixels_stand_where_they_are():
    generator = torch.Generator().manual_seed(0)
    for shape in ((5, 7), (3, 5, 7)):
        pixels = torch.randn(shape, generator=generator, dtype=torch.float64)
        centers = [torch.arange(size, dtype=torch.float64) - (size - 1) / 2 for size in shape]
        grid = torch.stack(torch.meshgrid(*centers, indexing="ij"), dim=-1).flip(-1)  # x is the last axis
        if len(shape) == 2:
            grid = grid * torch.tensor([1.0, -1.0], dtype=torch.float64)  # y points up, rows go down
        assert (SampledFilter(pixels)(grid) - pixels).abs().max() < 1e-12
        assert SampledFilter(pixels)(grid[0]).shape == shape[1:]


def test_interpolation_functions_of_pyrtools():
    pyrtools = pytest.importorskip("pyrtools")
    angles = np.arange(4) * pi / 4
    parts = decompose(gaussian_derivative(3))
    base = torch.stack([rotation(45 * j) for j in range(4)])
    to_harmonics = pyrtools.pyramids.steer_to_harmonics_mtx(np.array([1, 3]), angles, even_phase=True)
    for degrees in (10.0, 100.0):
        t = pi * degrees / 180
        basis = np.array([cos(t), sin(t), cos(3 * t), sin(3 * t)])
        theirs = basis @ to_harmonics
        ours = parts.interpolation(base, rotation(degrees))[0].numpy()
        assert np.allclose(ours, theirs, atol=1e-12)


def test_errors_of_use():
    with pytest.raises(UsageError, match="order"):
        gaussian_derivative(-1)
    with pytest.raises(UsageError, match="order"):
        hilbert_fit(0)
    with pytest.raises(UsageError, match="sigma"):
        gaussian_derivative(2, 0.0)
    with pytest.raises(UsageError, match="extent"):
        angular_decomposition(gaussian_derivative(2), 0.0, 3)
    with pytest.raises(UsageError, match="finite"):
        angular_decomposition(lambda p: p[..., 0] / 0, 1.0, 3)
    with pytest.raises(UsageError, match="zero"):
        _ = angular_decomposition(lambda p: 0 * p[..., 0], 1.0, 3).rep
    with pytest.raises(UsageError, match="pixels"):
        SampledFilter(torch.zeros(3))
