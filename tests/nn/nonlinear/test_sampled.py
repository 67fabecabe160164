"""Sampled nonlinearities: e3nn's with the same activation, their error against the grid, and what they refuse."""

from itertools import pairwise

import pytest
import torch
from e3nn.nn import S2Activation

from intertwine.groups import O2, O3, SO2, SO3, Dihedral
from intertwine.nn import FourierNonlinearity, SphereNonlinearity
from intertwine.nn.nonlinear._sampled import ACTIVATIONS
from intertwine.testing import assert_equivariant

SPHERE = {lmax: O3().rep(" + ".join(f"20x{l}{'eo'[l % 2]}" for l in range(lmax + 1))) for lmax in (1, 2, 3, 4, 6)}


class Scaled(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return ACTIVATIONS["silu"][1] * torch.nn.functional.silu(x)


def error(layer: torch.nn.Module, dtype: torch.dtype = torch.float64, samples: int = 8) -> float:
    return assert_equivariant(layer, tolerance=10.0, dtypes=(dtype,), samples=samples).max_error


@pytest.mark.parametrize("lmax", SPHERE)
def test_usual_grids_keep_the_law_to_1e_5(lmax: int) -> None:
    layer = SphereNonlinearity(SPHERE[lmax])
    assert_equivariant(layer, tolerance={"float32": 1e-5, "float64": 1e-5}, samples=32)
    assert error(layer) < 5e-6


def test_the_error_falls_with_the_degree_of_the_grid_and_a_coarse_one_is_caught() -> None:
    errors = [error(SphereNonlinearity(SPHERE[2], degree=degree)) for degree in (7, 11, 15, 21, 29, 41)]
    assert errors[0] > 5e-3
    assert all(later < earlier / 4 for earlier, later in pairwise(errors))
    assert errors[-1] < 1e-10
    with pytest.raises(AssertionError):
        assert_equivariant(SphereNonlinearity(SPHERE[2], degree=11))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_is_equivariant_on_a_fine_grid(activation: str) -> None:
    assert_equivariant(SphereNonlinearity(SPHERE[1], activation=activation, degree=71))


@pytest.mark.parametrize("rep", ["4x0 + 4x1 + 4x2", "2x1 + 3x0 + 1x1 + 5x2", "2x2 + 1x3", "3x0"])
def test_rotations_alone_and_degrees_with_fewer_copies(rep: str) -> None:
    assert_equivariant(SphereNonlinearity(SO3().rep(rep), degree=83))


def test_equal_to_e3nn_with_the_same_activation() -> None:
    theirs = S2Activation("0e + 1o + 2e + 3o", torch.nn.functional.silu, res=100).double()
    theirs.act = Scaled()  # theirs is scaled by a random estimate
    ours = SphereNonlinearity(O3().rep("1x0e + 1x1o + 1x2e + 1x3o"), degree=71).double()
    x = torch.randn(5, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(ours(x), theirs(x), rtol=1e-6, atol=1e-6)


def test_channels_are_functions_of_their_own() -> None:
    layer = SphereNonlinearity(O3().rep("3x0e + 1x1o + 2x0e")).double()
    x = torch.randn(4, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    alone = SphereNonlinearity(O3().rep("1x0e + 1x1o"), degree=13).double()
    torch.testing.assert_close(layer(x)[:, [0, 3, 4, 5]], alone(x[:, [0, 3, 4, 5]]))
    constant = 1.6765324703310909 * torch.nn.functional.silu(x[:, [1, 2, 6, 7]])
    torch.testing.assert_close(layer(x)[:, [1, 2, 6, 7]], constant)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations_keep_the_mean_square(activation: str) -> None:
    function, factor = ACTIVATIONS[activation]
    x = torch.linspace(-12, 12, 24001, dtype=torch.float64)
    density = torch.exp(-x.square() / 2) * 0.001 / (2 * torch.pi) ** 0.5
    assert float(((factor * function(x)).square() * density).sum()) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize(
    "rep", [SO2().rep("4x0 + 4x1 + 4x2"), O2().rep("3x0+ + 2x1 + 4x3"), SO2().rep("2x2 + 1x1")], ids=str
)
def test_the_circle(rep) -> None:
    assert_equivariant(FourierNonlinearity(rep, degree=100))
    assert error(FourierNonlinearity(rep)) < 1e-5
    assert error(FourierNonlinearity(rep, degree=2 * max(irrep.frequency for _, irrep in rep.irreps))) > 1e-3


@pytest.mark.parametrize("make", [lambda: SphereNonlinearity(SPHERE[1]), lambda: FourierNonlinearity(SO2().rep("2x1"))])
def test_gradients_are_right_and_finite_at_zero(make) -> None:
    layer = make().double()
    for x in (torch.zeros(2, layer.rep_in.dim), torch.randn(2, layer.rep_in.dim)):
        x = x.double().requires_grad_()
        assert torch.autograd.gradcheck(layer, (x,))
    assert layer(x[:0]).shape == (0, layer.rep_in.dim)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: SphereNonlinearity(O3().rep("1x0e + 1x1e")), "parity"),
        (lambda: SphereNonlinearity(Dihedral(4).vector), "sphere"),
        (lambda: SphereNonlinearity(SPHERE[2], degree=3), "at least"),
        (lambda: SphereNonlinearity(SPHERE[1], activation="relu"), "silu, gelu, tanh"),
        (lambda: SphereNonlinearity(SPHERE[1])(torch.zeros(2)), "expected features"),
        (lambda: FourierNonlinearity(O2().rep("1x0- + 1x1")), "0-"),
        (lambda: FourierNonlinearity(SO3().vector), "circle"),
        (lambda: FourierNonlinearity(SO2().rep("1x3"), degree=5), "at least"),
    ],
)
def test_bad_use_says_so(call, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()
