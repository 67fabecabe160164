"""Y(R x) = D(R) Y(x), the addition theorem, e3nn and scipy as oracles, and finite gradients everywhere."""

from math import pi

import numpy as np
import pytest
import torch
from e3nn import o3
from scipy.special import eval_legendre, sph_harm_y

from intertwine.groups import O3
from intertwine.ops import spherical_harmonics
from intertwine.reps import wigner_matrices

LMAX = 12


@pytest.fixture
def points() -> torch.Tensor:
    return torch.randn(64, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def by_degree(values: torch.Tensor) -> list[torch.Tensor]:
    return [values[..., degree**2 : (degree + 1) ** 2] for degree in range(int(values.shape[-1] ** 0.5))]


@pytest.mark.parametrize("default", [torch.float32, torch.float64])
def test_rotating_the_point_rotates_the_harmonics(points: torch.Tensor, default: torch.dtype) -> None:
    before = torch.get_default_dtype()
    torch.set_default_dtype(default)
    try:
        g = O3().sample(64, generator=torch.Generator().manual_seed(1))
        turned = by_degree(spherical_harmonics(LMAX, torch.einsum("nij,nj->ni", g, points)))
        rotations = g * torch.linalg.det(g)[:, None, None]
        for degree, (D, y) in enumerate(
            zip(wigner_matrices(LMAX, rotations), by_degree(spherical_harmonics(LMAX, points)), strict=True)
        ):
            parity = torch.linalg.det(g)[:, None] ** degree
            expected = parity * torch.einsum("nij,nj->ni", D, y)
            assert (turned[degree] - expected).abs().max() <= 1e-12 * (2 * degree + 1), degree
    finally:
        torch.set_default_dtype(before)


def test_the_wrong_rotation_is_noticed(points: torch.Tensor) -> None:
    g = O3().sample(generator=torch.Generator().manual_seed(1))
    turned = spherical_harmonics(2, points @ g.mT)[:, 4:]
    wrong = spherical_harmonics(2, points)[:, 4:] @ wigner_matrices(2, g.mT)[2].mT
    assert (turned - wrong).abs().max() > 0.1


@pytest.mark.parametrize("normalization", ["component", "norm", "integral"])
@pytest.mark.parametrize("normalize", [True, False])
def test_equal_to_e3nn_in_order_sign_and_scale(points: torch.Tensor, normalization: str, normalize: bool) -> None:
    ours = spherical_harmonics(11, points, normalize=normalize, normalization=normalization)
    theirs = o3.spherical_harmonics(list(range(12)), points, normalize=normalize, normalization=normalization)
    torch.testing.assert_close(ours, theirs, rtol=1e-11, atol=1e-11)


def test_equal_to_the_textbook_with_the_polar_axis_on_y(points: torch.Tensor) -> None:
    x, y, z = (points / points.norm(dim=-1, keepdim=True)).numpy().T
    polar, azimuth = np.arccos(y), np.arctan2(x, z)
    ours = by_degree(spherical_harmonics(6, points, normalization="integral"))
    for degree in range(7):
        for m in range(1, degree + 1):
            textbook = (-1) ** m * np.sqrt(2) * sph_harm_y(degree, m, polar, azimuth)
            np.testing.assert_allclose(ours[degree][:, degree + m], textbook.real, atol=1e-12)
            np.testing.assert_allclose(ours[degree][:, degree - m], textbook.imag, atol=1e-12)
        zonal = sph_harm_y(degree, 0, polar, azimuth).real
        np.testing.assert_allclose(ours[degree][:, degree], zonal, atol=1e-12)


def test_addition_theorem(points: torch.Tensor) -> None:
    a, b = points[:32], points[32:]
    cosine = torch.nn.functional.cosine_similarity(a, b)
    pairs = zip(
        by_degree(spherical_harmonics(LMAX, a, normalization="integral")),
        by_degree(spherical_harmonics(LMAX, b, normalization="integral")),
        strict=True,
    )
    for degree, (ya, yb) in enumerate(pairs):
        expected = (2 * degree + 1) / (4 * pi) * eval_legendre(degree, cosine.numpy())
        np.testing.assert_allclose((ya * yb).sum(-1), expected, atol=1e-12)


def test_degree_one_is_x_y_z(points: torch.Tensor) -> None:
    torch.testing.assert_close(spherical_harmonics(1, points, normalize=False, normalization="norm")[:, 1:], points)


def test_gradients_are_finite_at_the_poles_and_at_zero() -> None:
    special = torch.tensor([[0.0, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [1, 0, 0], [1e-30, 0, 0]])
    for dtype in (torch.float32, torch.float64):
        at = special.to(dtype, copy=True).requires_grad_()
        spherical_harmonics(8, at).square().sum(-1).sum().backward()
        spherical_harmonics(8, at).sum().backward()
        assert at.grad is not None
        assert at.grad.isfinite().all()
        assert (at.grad[0] == 0).all()
    values = spherical_harmonics(2, special)
    assert (values[0, 1:] == 0).all()
    assert values[0, 0] == 1


def test_first_and_second_derivatives_are_right(points: torch.Tensor) -> None:
    at = torch.cat([points[:3], torch.tensor([[0.0, 1, 0], [0, -1, 0]], dtype=torch.float64)]).requires_grad_()
    assert torch.autograd.gradcheck(lambda v: spherical_harmonics(5, v), at)
    assert torch.autograd.gradgradcheck(lambda v: spherical_harmonics(5, v), at)


@pytest.mark.parametrize("normalization", ["component", "norm", "integral"])
def test_solid_harmonics_have_the_derivatives_of_homogeneous_harmonic_functions(normalization: str) -> None:
    """Euler: x . grad Y_l = l Y_l; Laplace: the trace of the second derivatives is zero."""
    at = torch.randn(3, dtype=torch.float64, generator=torch.Generator().manual_seed(2))

    def solid(v: torch.Tensor, lmax: int = 4) -> torch.Tensor:
        return spherical_harmonics(lmax, v, normalize=False, normalization=normalization)

    values, along = torch.autograd.functional.jvp(lambda v: solid(v, LMAX), at, at)
    (slope,) = torch.autograd.functional.vjp(lambda v: solid(v, LMAX), at, values)[1:]
    degrees = torch.arange(LMAX + 1).repeat_interleave(2 * torch.arange(LMAX + 1) + 1)
    torch.testing.assert_close(along, degrees * values, rtol=1e-11, atol=1e-11)
    torch.testing.assert_close(at @ slope, (degrees * values.square()).sum(), rtol=1e-11, atol=1e-11)
    turns = torch.autograd.functional.jacobian(
        lambda v: torch.autograd.functional.jacobian(solid, v, create_graph=True), at
    )
    assert turns.diagonal(dim1=1, dim2=2).sum(1).abs().max() <= 1e-10 * turns.abs().max()
    assert turns.abs().max() > 1


def test_third_derivatives_and_more_points_than_a_chunk() -> None:
    at = torch.randn(2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(3), requires_grad=True)
    (first,) = torch.autograd.grad(spherical_harmonics(4, at).pow(3).sum(), at, create_graph=True)
    assert torch.autograd.gradgradcheck(
        lambda v: torch.autograd.grad(spherical_harmonics(4, v).pow(3).sum(), v, create_graph=True)[0], at
    )
    many = torch.randn(5000, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    many[4999], many[2500] = at.detach()
    values = spherical_harmonics(4, many)
    torch.testing.assert_close(values[[4999, 2500]], spherical_harmonics(4, at))
    many.requires_grad_()
    (slopes,) = torch.autograd.grad(spherical_harmonics(4, many).pow(3).sum(), many)
    torch.testing.assert_close(slopes[[4999, 2500]], first.detach())


@pytest.mark.parametrize("shape", [(3,), (0, 3), (2, 5, 3)])
def test_any_number_of_axes(shape: tuple[int, ...]) -> None:
    vectors = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    values = spherical_harmonics(3, vectors)
    assert values.shape == (*shape[:-1], 16)
    torch.testing.assert_close(values.reshape(-1, 16), spherical_harmonics(3, vectors.reshape(-1, 3)))


@pytest.mark.parametrize("lmax", [0, 1, 3])
def test_the_operators_pass_torchs_own_examination(lmax: int) -> None:
    vectors = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    torch.library.opcheck(torch.ops.intertwine.solid_harmonics.default, (vectors, lmax, "norm"))
    first, second = torch.randn(2, 4, (lmax + 1) ** 2, dtype=torch.float64, requires_grad=True)
    torch.library.opcheck(torch.ops.intertwine.solid_harmonics_vjp.default, (first, second, "norm"))
    torch.library.opcheck(torch.ops.intertwine.solid_harmonics_jvp.default, (vectors, first, "norm"))
    torch.library.opcheck(torch.ops.intertwine.solid_harmonics_grad.default, (vectors, first, "norm"))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: spherical_harmonics(2, torch.zeros(4, 2)), "shape"),
        (lambda: spherical_harmonics(-1, torch.zeros(4, 3)), "lmax"),
        (lambda: spherical_harmonics(1, torch.zeros(4, 3), normalization="unit"), "component"),
    ],
)
def test_bad_use_says_so(call, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()
