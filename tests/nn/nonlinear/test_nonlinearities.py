"""Nonlinearities, invariants and pooling: laws, values, and finite gradients where a vector vanishes."""

import pytest
import torch

from intertwine.groups import O2, O3, SO2, SO3, Dihedral
from intertwine.nn import Gate, NormInvariants, NormNonlinearity, Pool
from intertwine.reps import Rep
from intertwine.testing import assert_equivariant

REPS = [
    O3().rep("4x0e + 2x0o + 3x1o + 2x2e"),
    O3().rep("3x1o + 4x0e"),
    SO3().rep("2x0 + 2x1 + 1x3"),
    SO2().rep("2x0 + 2x1"),
    O2().vector + 2 * O2().trivial,
    Dihedral(4).regular.decompose().irreps,
]


@pytest.mark.parametrize("rep", REPS, ids=str)
@pytest.mark.parametrize("make", [Gate, NormNonlinearity, NormInvariants])
def test_equivariant(make, rep: Rep) -> None:
    layer = make(rep)
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter)
    assert_equivariant(layer)


def test_an_elementwise_nonlinearity_is_caught() -> None:
    class Elementwise(torch.nn.Module):
        rep_in = rep_out = O3().rep("2x1o")

        def forward(self, features: torch.Tensor) -> torch.Tensor:
            return features.relu()

    with pytest.raises(AssertionError):
        assert_equivariant(Elementwise())


def test_the_gate_reads_one_gate_for_each_steered_copy() -> None:
    gate = Gate(O3().rep("4x0e + 2x1o + 1x2e"))
    assert str(gate.rep_in) == "7x0e + 2x1o + 1x2e"
    x = torch.zeros(1, gate.rep_in.dim)
    x[0, 0] = 100.0  # the gate of the first vector, wide open
    x[0, 1] = -100.0  # the gate of the second, shut
    x[0, 7:13] = 1.0
    out = gate(x)[0]
    assert out[4:7].tolist() == pytest.approx([1.8467] * 3)
    assert out[7:10].abs().max() < 1e-20


def test_gates_keep_the_mean_square() -> None:
    rep = O3().rep("4000x0e + 2000x1o")
    x = torch.randn(50, Gate(rep).rep_in.dim, generator=torch.Generator().manual_seed(0))
    out = Gate(rep)(x)
    assert out[:, :4000].square().mean() == pytest.approx(1, abs=0.02)
    assert out[:, 4000:].square().mean() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("make", [Gate, NormNonlinearity, NormInvariants])
def test_gradients_are_finite_at_zero(make) -> None:
    layer = make(O3().rep("2x0e + 2x1o"))
    x = torch.zeros(3, layer.rep_in.dim, requires_grad=True)
    layer(x).sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()


def test_pooling_sums_or_averages_each_structure() -> None:
    rep = O3().rep("1x0e + 1x1o")
    features = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    batch = torch.tensor([0, 0, 0, 2, 2, 2])
    total = Pool(rep, "sum")(features, batch, 4)
    torch.testing.assert_close(total[[0, 2]], torch.stack([features[:3].sum(0), features[3:].sum(0)]))
    assert (total[[1, 3]] == 0).all()
    torch.testing.assert_close(Pool(rep, "mean")(features, batch, 4), total / 3)
    torch.testing.assert_close(Pool(rep, "sum")(features), features.sum(0, keepdim=True))
    with pytest.raises(ValueError, match='"sum", "mean" or "max"'):
        Pool(rep, "median")
    with pytest.raises(ValueError, match="invariants only"):
        Pool(rep, "max")
