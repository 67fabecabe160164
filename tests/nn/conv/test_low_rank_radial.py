"""Low-rank radial functions beside the network evaluated at every edge: values, gradients, forces, and where not."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from intertwine.nn import DepthwiseConv, SO2Conv, SteerableConv
from intertwine.nn.conv import _low_rank_radial
from intertwine.nn.conv._radial import Radial
from intertwine.ops import knn_graph

EDGES = 8192


def relative(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).norm() / expected.norm())


@pytest.mark.parametrize("hidden", [(64,), (48, 64)])
def test_values_and_gradients(hidden: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    radial = Radial(8, hidden, 3.0)
    lengths, cotangent = 3 * torch.rand(EDGES), torch.randn(EDGES, 64)
    factors = radial.factors(lengths)
    assert factors.coefficients is not None
    assert factors.functions.shape[1] < 52
    product = factors.functions @ factors.coefficients
    exact = copy.deepcopy(radial).double()
    values = exact.values(lengths.double())
    assert relative(product, values) < 3e-6
    assert (product - values).abs().max() < 1e-5 * values.abs().max()
    found = torch.autograd.grad((product * cotangent).sum(), list(radial.parameters()))
    expected = torch.autograd.grad((values * cotangent).sum(), list(exact.parameters()))
    for ours, theirs in zip(found, expected, strict=True):
        assert relative(ours, theirs) < 1e-4


def test_stated_error() -> None:
    """What is left out, on other lengths than the nodes and without rounding."""
    torch.manual_seed(1)
    radial = Radial(8, (64,), 3.0)
    factors = radial.factors(torch.linspace(0, 3, EDGES))
    exact = copy.deepcopy(radial).double().values(torch.linspace(0, 3, EDGES).double())
    fitted = factors.functions.double() @ torch.linalg.lstsq(factors.functions.double(), exact).solution
    assert relative(fitted, exact) < 2 * _low_rank_radial.TOLERANCE


@pytest.mark.parametrize(
    "make",
    [
        lambda: SteerableConv("4x0e + 4x1o", "4x0e + 4x1o", cutoff=3.0),
        lambda: DepthwiseConv("4x0e + 4x1o", "0e + 1o", cutoff=3.0),
    ],
)
def test_layer_and_forces(make: Callable[[], nn.Module], monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    conv, positions = make(), torch.randn(300, 3)
    features, edges = torch.randn(300, 16), knn_graph(positions, 16)

    def run() -> tuple[Tensor, Tensor, Tensor]:
        moving = positions.clone().requires_grad_()
        value = conv(features, moving, edges)
        (forces,) = torch.autograd.grad(value.square().sum(), moving, create_graph=True)
        gradients = torch.autograd.grad(forces.square().sum(), list(conv.parameters()))
        return value.detach(), forces.detach(), torch.cat([gradient.flatten() for gradient in gradients])

    fast = run()
    used = conv.radial.factors(torch.rand(edges.shape[1])).coefficients
    assert used is not None
    monkeypatch.setattr(_low_rank_radial, "_MIN_EDGES", 1 << 60)
    for found, expected, limit in zip(fast, run(), (5e-6, 2e-5, 2e-4), strict=True):
        assert relative(found, expected) < limit


def test_direct_evaluation_where_it_must_be() -> None:
    torch.manual_seed(0)
    radial, lengths = Radial(8, (64,), 3.0), torch.rand(EDGES)
    assert radial.factors(lengths[:100]).coefficients is None, "few edges"
    assert copy.deepcopy(radial).double().factors(lengths.double()).coefficients is None, "float64"
    assert Radial(8, (16,), 3.0).factors(lengths).coefficients is None, "few functions"
    rough = copy.deepcopy(radial)
    with torch.no_grad():
        rough.network[0].weight *= 30
    assert rough.factors(lengths).coefficients is None, "full rank"
    with torch.no_grad():
        rough.network[0].weight.fill_(torch.nan)
    assert rough.factors(lengths).functions.isnan().all(), "not a number stays one"


def test_transforms_of_torch_func() -> None:
    torch.manual_seed(0)
    radial, lengths = Radial(8, (64,), 3.0), torch.rand(2, EDGES)
    batched = torch.func.vmap(lambda x: radial.factors(x).functions.sum(1))(lengths)
    assert batched.shape == (2, EDGES)
    slope = torch.func.grad(lambda x: (radial.factors(x).functions @ radial.factors(x).coefficients).sum())(lengths[0])
    expected = torch.func.grad(lambda x: radial.values(x).sum())(lengths[0])
    assert relative(slope, expected) < 1e-4


def test_deterministic() -> None:
    radial, lengths = Radial(8, (64,), 3.0), torch.rand(EDGES)
    assert torch.equal(radial.factors(lengths).functions, radial.factors(lengths).functions)


def test_so2_conv_folds_its_scales(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    conv, positions = SO2Conv("4x0e + 4x1o", "4x0e + 4x1o", cutoff=3.0), torch.randn(300, 3)
    features, edges = torch.randn(300, 16), knn_graph(positions, 16)
    fast = conv(features, positions, edges)
    monkeypatch.setattr(_low_rank_radial, "_MIN_EDGES", 1 << 60)
    assert relative(fast, conv(features, positions, edges)) < 5e-6
