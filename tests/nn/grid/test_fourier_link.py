"""Group convolutions and steerable convolutions are one network in two bases; harmonic networks are a case."""

import math

import pytest
import torch

from intertwine.groups import SO2, Cyclic, Dihedral
from intertwine.nn import GridConv, GridFourierNonlinearity, GridPointwiseNonlinearity, RingBasis, band_limited_regular
from intertwine.nn.grid._kernels import sampled_kernels
from intertwine.ops import kernel_points, smooth_ring


def _change_of_basis(matrix, fields, copies):
    """Regular fields to irreps: each copy by the same orthogonal matrix, the copies of an irrep together."""
    return torch.einsum("gk,bcgxy->bckxy", matrix, fields.unflatten(1, (copies, -1))).flatten(1, 2)


@pytest.mark.parametrize("group", [Cyclic(8), Dihedral(4)], ids=str)
def test_regular_fields_by_the_transform_along_the_group(group):
    """The Fourier transform along the group axis makes a layer between regular fields one between irreps: the same
    space of layers, and the same layer after the change of basis.
    """
    matrix, irreps = group.regular.decompose()
    torch.manual_seed(0)
    lifted = GridConv(group.regular, group.regular, 5, bias=False).double()
    steerable = GridConv(irreps, irreps, 5, bias=False, basis=lifted.basis).double()
    assert sum(w.numel() for w in lifted.weights) == sum(w.numel() for w in steerable.weights)
    target = torch.einsum("gk,ghxy,hn->knxy", matrix, lifted.filter(), matrix)
    columns = []
    for weight in steerable.weights:
        for place in range(weight.numel()):
            with torch.no_grad():
                for other in steerable.weights:
                    other.zero_()
                weight.view(-1)[place] = 1
            columns.append(steerable.filter().detach().flatten())
    solution = torch.linalg.lstsq(torch.stack(columns, 1), target.flatten()[:, None]).solution
    values = solution.flatten().split([w.numel() for w in steerable.weights])
    with torch.no_grad():
        for weight, value in zip(steerable.weights, values, strict=True):
            weight.copy_(value.view_as(weight))
    fields = torch.randn(2, group.order, 9, 9, dtype=torch.float64)
    by_irreps = steerable(_change_of_basis(matrix, fields, 1))
    torch.testing.assert_close(by_irreps, _change_of_basis(matrix, lifted(fields), 1), rtol=0, atol=1e-10)


def _sampled(rep, order):
    """Functions on the circle with frequencies 0 .. M at the elements of C_n."""
    layer = GridFourierNonlinearity(rep, "relu", samples=Cyclic(order)).double()
    return layer.sampling(), layer.projection()


def test_band_limited_functions_on_the_circle():
    """A pointwise function of the samples of C_n, transformed back, is the Fourier nonlinearity with n samples; with
    more samples it converges to the integral: the error falls by orders of magnitude for a smooth function.
    """
    rep, fields = band_limited_regular(SO2(), 2), torch.randn(1, 5, 3, 3, dtype=torch.float64)
    lifted = GridPointwiseNonlinearity(Cyclic(16).regular, "tanh")
    sample, project = _sampled(rep, 16)
    there = lifted(torch.einsum("gk,bkxy->bgxy", sample, fields))
    back = torch.einsum("kg,bgxy->bkxy", project, there)
    layer = GridFourierNonlinearity(rep, "tanh", samples=Cyclic(16)).double()
    torch.testing.assert_close(back, layer(fields), rtol=0, atol=1e-12)
    exact = GridFourierNonlinearity(rep, "tanh", samples=Cyclic(256)).double()(fields)
    errors = []
    for order in (8, 16, 32):
        sampled = GridFourierNonlinearity(rep, "tanh", samples=Cyclic(order)).double()
        errors.append(float((sampled(fields) - exact).norm() / exact.norm()))
    assert errors[0] > 10 * errors[1] > 100 * errors[2]


def _circular_harmonic(order, radial, phase, size):
    """W_m(r, phi) = R(r) e^{i (m phi + beta)} on the pixels; complex."""
    points = kernel_points(size, 2)
    radius, angle = points.norm(dim=-1), torch.atan2(points[:, 1], points[:, 0])
    profile = torch.where(radius == 0, float(order == 0), 1.0) * radial(radius)
    return torch.polar(profile, order * angle + phase).view(size, size)


@pytest.mark.parametrize("orders", [(0, 1), (1, 2), (1, 1), (2, 1), (2, 0)])
def test_harmonic_convolution(orders):
    """The complex filters of a harmonic network, as the steerable layer between frequencies after the map of weights.

    A complex feature of order n transforms by e^{i n theta}; the filter between orders n_in and n_out has the order
    n_out - n_in, and n_out + n_in on the conjugate: both are in the space of the steerable layer.
    """
    n_in, n_out = orders
    G, size = SO2(), 5
    rep_in, rep_out = G.irrep(n_in), G.irrep(n_out)
    basis = sampled_kernels(rep_in, rep_out, size, RingBasis(band_limit=4.0))
    generator = torch.Generator().manual_seed(sum(orders))
    field = torch.randn(rep_in.dim, 9, 9, generator=generator, dtype=torch.float64)
    complex_field = torch.complex(field[0], field[1] if n_in else torch.zeros_like(field[0]))
    for conjugate in {False, n_in > 0}:
        order = n_out + n_in if conjugate else n_out - n_in
        degree, sign = abs(order), 1 if order >= 0 else -1
        ring = 1.0
        profile = smooth_ring(ring, degree, RingBasis(band_limit=4.0).sigma, kernel_points(size, 2))
        radial = dict(zip(kernel_points(size, 2).norm(dim=-1).tolist(), profile.tolist(), strict=True))

        def radial_of(radius, table=radial):
            return torch.tensor([table[float(r)] for r in radius], dtype=torch.float64)

        wave = _circular_harmonic(sign * degree, radial_of, 0.7, size)
        inputs = complex_field.conj() if conjugate else complex_field
        patches = inputs.unfold(0, size, 1).unfold(1, size, 1)
        harmonic = torch.einsum("xyij,ij->xy", patches, wave)
        parts = torch.stack([harmonic.real, harmonic.imag])[: rep_out.dim]
        # the real filter of this complex one, and its coefficients in the steerable basis
        filters = torch.stack([wave.real, -wave.imag, wave.imag, wave.real]).view(2, 2, -1)
        if conjugate:
            filters = filters * torch.tensor([1.0, -1.0])[None, :, None]
        filters = filters[: rep_out.dim, : rep_in.dim].to(torch.float64)
        columns = basis.flatten(1).mT
        weights = torch.linalg.lstsq(columns, filters.flatten()[:, None]).solution
        torch.testing.assert_close(columns @ weights, filters.flatten()[:, None], rtol=0, atol=1e-10)
        layer = GridConv(rep_in, rep_out, size, bias=False, basis=RingBasis(band_limit=4.0)).double()
        with torch.no_grad():
            layer.weights[0].copy_(weights.view_as(layer.weights[0]))
        torch.testing.assert_close(layer(field[None])[0], parts, rtol=0, atol=1e-10)


def test_orders_add_up_along_a_path():
    """A quarter turn multiplies a feature of order m by e^{i m pi / 2}."""
    G = SO2()
    first, second = (
        GridConv(G.trivial, G.irrep(1), 5, bias=False).double(),
        GridConv(G.irrep(1), G.irrep(3), 5, bias=False).double(),
    )
    image = torch.randn(1, 1, 13, 13, dtype=torch.float64)
    turned = second(first(torch.rot90(image, 1, (-2, -1))))
    expected = torch.rot90(second(first(image)), 1, (-2, -1))
    angle = 3 * math.pi / 2
    rotation = torch.tensor(
        [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]], dtype=torch.float64
    )
    torch.testing.assert_close(turned, torch.einsum("ij,bjxy->bixy", rotation, expected), rtol=0, atol=1e-12)
