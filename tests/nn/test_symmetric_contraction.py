"""Symmetric contraction: the slow sum over all components, equivariance, elements, derivatives."""

from __future__ import annotations

import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck

from intertwine._errors import UsageError
from intertwine.groups import O3
from intertwine.nn import SymmetricContraction

REP = "3x0e + 3x1o + 3x2e"
ELEMENTS = torch.tensor([2, 0, 1, 1, 0, 2, 2])


def layer(rep_out="3x0e + 3x1o", order=3, rep_in=REP):
    torch.manual_seed(0)
    return SymmetricContraction(rep_in, rep_out, order=order, elements=3).double()


def features(n=7, dim=27):
    return torch.randn(n, dim, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_equivariance(order):
    f, x = layer(order=order), features()
    expected = f(x, ELEMENTS)
    for g in O3().sample(4, generator=torch.Generator().manual_seed(2)):
        rho_in, rho_out = (rep.matrix(g[None])[0] for rep in (f.rep_in, f.rep_out))
        assert (f(x @ rho_in.T, ELEMENTS) - expected @ rho_out.T).abs().max() < 1e-11
    control = torch.linalg.qr(torch.randn(27, 27, dtype=torch.float64))[0]
    assert (f(x @ control.T, ELEMENTS)[:, :3] - expected[:, :3]).abs().max() > 1e-3


def test_polynomials_of_the_order_and_no_higher():
    """Finite differences of one order more vanish, those of the order do not."""
    x = features(1)
    for order in (1, 2, 3):
        f = layer(order=order)
        values = torch.stack([f(t * x, ELEMENTS[:1])[0] for t in range(5)])
        for _ in range(order):
            values = values.diff(dim=0)
        assert values.abs().max() > 1e-3
        assert values.diff(dim=0).abs().max() < 1e-9


def test_channels_and_atoms_are_separate_and_elements_have_weights():
    f, x = layer(), features()
    y = f(x, ELEMENTS)
    alone = torch.cat([f(x[[row]], ELEMENTS[[row]]) for row in range(len(x))])
    assert (alone - y).abs().max() < 1e-12
    other = x.clone()
    other[:, [0, *range(3, 6), *range(12, 17)]] += 1  # the first channel of each irrep
    changed = (f(other, ELEMENTS) - y).abs().amax(0) > 1e-9
    assert changed.nonzero().flatten().tolist() == [0, 3, 4, 5]
    assert (f(x[:1].expand(3, -1), torch.arange(3)).diff(dim=0).abs().amax(1) > 1e-3).all()


def test_masked_evaluation_is_the_same():
    f, x = layer(), features()
    compiled = torch.compile(f, backend="eager")
    assert (compiled(x, ELEMENTS) - f(x, ELEMENTS)).abs().max() < 1e-12


def test_derivatives():
    f, x = layer(rep_in="2x0e + 2x1o", rep_out="2x0e + 2x1o"), features(3, 8).requires_grad_()
    weights = tuple(f.parameters())
    z = ELEMENTS[:3]

    def function(x, *tensors):
        names = [name for name, _ in f.named_parameters()]
        return torch.func.functional_call(f, dict(zip(names, tensors, strict=True)), (x, z))

    assert gradcheck(function, (x, *weights))
    assert gradgradcheck(function, (x, *weights))


def test_no_atoms():
    assert layer()(features(0), ELEMENTS[:0]).shape == (0, 12)


@pytest.mark.parametrize("arguments", [("2x0e + 3x1o", "2x0e"), ("2x0e", "3x0e")])
def test_unequal_copies_are_refused(arguments):
    with pytest.raises(UsageError, match="equally many copies"):
        SymmetricContraction(*arguments)
