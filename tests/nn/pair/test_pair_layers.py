"""Bi-equivariant layers: laws in double precision, exchange, gradients, text, errors, and what modules owe."""

import copy
import pickle

import pytest
import torch
from torch import nn

from intertwine.groups import O3, SO3
from intertwine.nn import PairAttention, PairBilinear, PairFusion
from intertwine.nn.pair import exchange, exchanged_rep

REPS = [(SO3().rep("4x0 + 8x1 + 3x2"), "2x(1,1) + 1x(2,2) + 1x(1,2)"), (O3().rep("2x0e + 4x1o"), "3x(1o,1o)")]


class Whole(nn.Module):
    """Features of two clouds through all layers: the fused features of the first."""

    def __init__(self, rep, pair):
        super().__init__()
        self.bilinear = PairBilinear(rep, rep, pair)
        self.attention = PairAttention(rep, self.bilinear.rep_out)
        self.fusion = PairFusion(rep, rep, self.bilinear.rep_out, rep)

    def forward(self, x, y):
        m = self.bilinear(x.mean(-2), y.mean(-2))
        return m, self.fusion(self.attention(x, y, m), y.mean(-2), m)


@pytest.mark.parametrize(("rep", "pair"), REPS)
def test_laws(rep, pair):
    torch.manual_seed(0)
    net = Whole(rep, pair).double()
    generator = torch.Generator().manual_seed(1)
    x, y = (torch.randn(n, rep.dim, dtype=torch.float64, generator=generator) for n in (7, 5))
    m, out = net(x, y)
    group = net.bilinear.rep_out.group
    for g, h in zip(rep.group.sample(32, generator=generator), rep.group.sample(32, generator=generator), strict=True):
        m2, out2 = net(x @ rep.matrix(g).mT, (y @ rep.matrix(h).mT)[torch.randperm(5, generator=generator)])
        assert torch.allclose(m2, m @ net.bilinear.rep_out.matrix(group.element(g, h)).mT, atol=1e-10)
        assert torch.allclose(out2, out @ rep.matrix(g).mT, atol=1e-10)
        turned = exchanged_rep(net.bilinear.rep_out).matrix(group.element(h, g))
        back = exchange(m2, net.bilinear.rep_out)
        assert torch.allclose(back, exchange(m, net.bilinear.rep_out) @ turned.mT, atol=1e-10)
    assert not torch.allclose(net(x, -y)[0], m)


def test_gradients_are_finite_at_zero_features():
    rep, pair = REPS[0]
    net = Whole(rep, pair)
    x = torch.zeros(3, rep.dim, requires_grad=True)
    net(x, torch.zeros(2, rep.dim))[1].sum().backward()
    assert bool(x.grad.isfinite().all())


def test_modules_can_be_copied_compiled_and_exported():
    rep, pair = REPS[1]
    net = Whole(rep, pair)
    inputs = torch.randn(4, rep.dim), torch.randn(3, rep.dim)
    expected = net(*inputs)[1]
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net)), torch.export.export(net, inputs).module()):
        assert torch.allclose(other(*inputs)[1], expected, atol=1e-6)
    fresh = Whole(rep, pair)
    fresh.load_state_dict(net.state_dict())
    assert torch.allclose(fresh(*inputs)[1], expected)


def test_errors():
    with pytest.raises(ValueError, match="does not occur"):
        PairBilinear("4x1o", "4x1o", "1x(2e,1o)")
    with pytest.raises(ValueError, match="expected a representation of"):
        PairBilinear("4x1o", "4x1o", SO3().vector)
    with pytest.raises(ValueError, match="12"):
        PairBilinear("4x1o", "4x1o", "1x(1o,1o)")(torch.zeros(2, 5), torch.zeros(2, 12))
