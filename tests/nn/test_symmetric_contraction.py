"""The symmetric contraction beside the polynomials that define it, and its derivatives."""

from math import factorial, sqrt

import pytest
import torch
from torch import Tensor, nn

from intertwine.groups import O3
from intertwine.hom import symmetric_couplings
from intertwine.nn import SymmetricContraction
from intertwine.reps import direct_sum
from intertwine.testing import ModuleTests

ELEMENTS = torch.tensor([0, 1, 1, 0, 1])


def reference(layer: SymmetricContraction, x: Tensor, elements: Tensor) -> Tensor:
    """Sum over orders and couplings of weight times U(x, .., x), one channel by itself."""
    even_first = sorted(layer.rep_in.terms, key=lambda term: -term[1].parity)
    V = direct_sum(layer.rep_in.group, ((1, irrep) for _, irrep in even_first))
    sizes = [copies * irrep.dim for copies, irrep in layer.rep_in.terms]
    blocks = dict(zip([irrep for _, irrep in layer.rep_in.terms], x.split(sizes, 1), strict=True))
    components = torch.cat([blocks[irrep].unflatten(1, (layer.channels, -1)) for _, irrep in even_first], 2)
    weights = dict(zip(sorted(layer.rep_out.terms, key=lambda term: -term[1].parity), layer.weights, strict=True))
    outputs = []
    for term in layer.rep_out.terms:
        total, first = 0, 0
        for order in range(1, layer.order + 1):
            U = symmetric_couplings(V, direct_sum(V.group, [(1, term[1])]), order)
            letters = "abd"[:order]
            factors = ",".join(f"nc{letter}" for letter in letters)
            values = torch.einsum(f"pm{letters},{factors}->ncpm", U.to(x), *[components] * order)
            weight = weights[term][elements][:, :, first : first + len(U)] * sqrt(term[1].dim / factorial(order))
            total = total + torch.einsum("ncp,ncpm->ncm", weight, values)
            first += len(U)
        outputs.append(total.flatten(1))
    return torch.cat(outputs, 1)


@pytest.fixture(params=[("0e + 1o + 2e", "0e + 1o", 3), ("1o + 0e + 1e", "1e + 0o + 1o", 2), ("0e + 2e", "0e", 3)])
def layer(request: pytest.FixtureRequest) -> SymmetricContraction:
    torch.manual_seed(0)
    rep_in, rep_out, order = request.param
    copies = [" + ".join(f"2x{irrep}" for irrep in rep.split(" + ")) for rep in (rep_in, rep_out)]
    return SymmetricContraction(*copies, order=order, elements=2).double()


def test_atoms_in_any_order_as_each_element() -> None:
    """More elements than there are channels, components or atoms of each."""
    torch.manual_seed(0)
    layer = SymmetricContraction("2x0e + 2x1o", "2x0e + 2x1o", order=2, elements=9).double()
    elements = torch.tensor([8, 3, 0, 8, 1, 7])
    x = torch.randn(4, 2, len(elements), dtype=torch.float64)
    order = torch.argsort(elements, stable=True)
    sorted_atoms = layer.contract(x[:, :, order], elements[order], torch.bincount(elements, minlength=9).tolist())
    masked = layer.contract(x, elements, None)
    torch.testing.assert_close(masked[:, :, order], sorted_atoms)
    assert masked.flatten(0, 1).abs().amax(0).min() > 1e-3


def test_values_and_derivatives_are_those_of_the_polynomials(layer: SymmetricContraction) -> None:
    x = torch.randn(5, layer.rep_in.dim, dtype=torch.float64, requires_grad=True)
    direction = torch.randn(5, layer.rep_out.dim, dtype=torch.float64)
    found = []
    for y in (layer(x, ELEMENTS), reference(layer, x, ELEMENTS)):
        (slope,) = torch.autograd.grad((y * direction).sum(), x, create_graph=True)
        loss = slope.square().sum() + y.pow(3).sum()
        second = torch.autograd.grad(loss, [x, *layer.parameters()], create_graph=True)
        third = torch.autograd.grad(second[0].square().sum(), [x, *layer.parameters()], allow_unused=True)
        found.append([y, slope, *second, *(value for value in third if value is not None)])
    for fast, slow in zip(*found, strict=True):
        torch.testing.assert_close(fast, slow, atol=1e-10 * float(slow.detach().abs().max()), rtol=1e-9)


def test_elements_without_atoms_have_no_gradient() -> None:
    layer = SymmetricContraction("2x0e + 2x1o", "2x0e", elements=3)
    x, elements = torch.randn(4, layer.rep_in.dim), torch.tensor([0, 2, 2, 0])
    torch.use_deterministic_algorithms(True)  # Memory that nothing was written to is not a number.
    try:
        layer(x, elements).sum().backward()
    finally:
        torch.use_deterministic_algorithms(False)
    for weight in layer.weights:
        assert weight.grad is not None
        assert not weight.grad[1].any()
        assert weight.grad[[0, 2]].any()


def test_shapes_that_do_not_depend_on_elements_give_the_same(layer: SymmetricContraction) -> None:
    x = torch.randn(5, layer.rep_in.dim, dtype=torch.float64)
    components = torch.cat([layer._in.split(x)[index].permute(1, 2, 0) for index in layer._order_in])
    order = torch.argsort(ELEMENTS, stable=True)
    masked = layer.contract(components, ELEMENTS, None)
    ordered = layer.contract(components[..., order], ELEMENTS[order], [2, 3])
    torch.testing.assert_close(masked[..., order], ordered)


def test_coefficients_are_kept_while_the_weights_are_the_same(layer: SymmetricContraction) -> None:
    with torch.no_grad():
        first = layer.coefficients()
        assert layer.coefficients() is first
        layer.weights[0].data.mul_(2)
        second = layer.coefficients()
    assert second is not first
    torch.testing.assert_close(second, layer.coefficients())
    assert layer.coefficients()[0].requires_grad


def test_without_atoms(layer: SymmetricContraction) -> None:
    assert layer(torch.zeros(0, layer.rep_in.dim).double(), ELEMENTS[:0]).shape == (0, layer.rep_out.dim)


def test_bad_use_says_so() -> None:
    with pytest.raises(ValueError, match="equally many copies"):
        SymmetricContraction("2x0e + 1x1o", "2x0e")
    with pytest.raises(ValueError, match="order of 1 to 3"):
        SymmetricContraction("2x0e + 2x1o", "2x0e", order=4)
    with pytest.raises(ValueError, match="expected features"):
        SymmetricContraction("2x0e + 2x1o", "2x0e")(torch.ones(2, 7), torch.zeros(2, dtype=torch.int64))


class _OfElements(nn.Module):
    """The layer on features alone: the rows have elements 0, 1, 0, 1, ..."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = SymmetricContraction("3x0e + 3x1o + 3x2e", "3x0e + 3x1o", order=3, elements=2)
        self.rep_in, self.rep_out = self.layer.rep_in, self.layer.rep_out

    def forward(self, features: Tensor) -> Tensor:
        elements = torch.arange(features.shape[0], device=features.device) % 2
        output: Tensor = self.layer(features, elements)
        return output


class TestConformance(ModuleTests):
    def make_module(self) -> nn.Module:
        return _OfElements()


def test_the_peer_has_as_many_weights_or_more() -> None:
    pytest.importorskip("mace")
    from e3nn import o3
    from mace.tools.cg import U_matrix_real

    irreps = o3.Irreps("0e + 1o + 2e")
    for order in (1, 2, 3):
        peer = U_matrix_real(irreps, o3.Irreps("0e"), order, dtype=torch.float64)[-1]
        paths = peer.reshape(-1, peer.shape[-1]).T
        ours = symmetric_couplings(O3().rep("0e + 1o + 2e"), O3().rep("0e"), order)
        assert len(ours) == int(torch.linalg.matrix_rank(paths)) <= len(paths)
