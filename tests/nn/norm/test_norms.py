"""Layer and batch normalization: laws in both modes, values beside e3nn, torch and a loop, zero and empty inputs."""

import pytest
import torch
from e3nn.nn import BatchNorm as TheirBatchNorm

from intertwine.groups import O2, O3, SO2, SO3, Dihedral
from intertwine.nn import BatchNorm, LayerNorm
from intertwine.reps import Rep
from intertwine.testing import assert_equivariant

REP = O3().rep("4x0e + 2x0o + 3x1o + 2x2e")
REPS = [
    REP,
    O3().rep("3x1o + 4x0e + 2x1o + 1x0e"),
    SO3().rep("2x1 + 1x3"),
    SO3().rep("3x0"),
    SO2().rep("2x0 + 2x1"),
    O2().vector + 2 * O2().trivial,
    Dihedral(4).regular.decompose().irreps,
]


def shaken(layer: torch.nn.Module) -> torch.nn.Module:
    torch.manual_seed(0)
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter)
    return layer


@pytest.mark.parametrize("rep", REPS, ids=str)
@pytest.mark.parametrize("make", [LayerNorm, BatchNorm])
def test_equivariant_in_both_modes(make, rep: Rep) -> None:
    assert_equivariant(shaken(make(rep)), modes=("eval", "train"))


@pytest.mark.parametrize("make", [torch.nn.LayerNorm, torch.nn.BatchNorm1d])
def test_what_torch_does_to_vectors_is_caught(make) -> None:
    layer = make(6)
    layer.rep_in = layer.rep_out = O3().rep("2x1o")
    with pytest.raises(AssertionError):
        assert_equivariant(layer, modes=("train",))


def test_batch_norm_is_e3nns_in_training_and_after() -> None:
    torch.manual_seed(0)
    ours, theirs = BatchNorm(REP).double(), TheirBatchNorm(str(REP)).double()
    with torch.no_grad():
        ours.scale.copy_(theirs.weight.normal_())
        ours.bias.copy_(theirs.bias.normal_())
    for _ in range(3):
        x = 1 + 2 * torch.randn(5, 7, REP.dim, dtype=torch.float64)
        torch.testing.assert_close(ours(x), theirs(x), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(ours.running_mean, theirs.running_mean)
    torch.testing.assert_close(ours.running_power, theirs.running_var)
    torch.testing.assert_close(ours.eval()(x), theirs.eval()(x), rtol=1e-12, atol=1e-12)


def test_invariants_are_normalized_as_torch_does() -> None:
    x = 3 + 2 * torch.randn(50, 8, generator=torch.Generator().manual_seed(0))
    rep = O3().rep("5x0e + 3x0e")
    torch.testing.assert_close(BatchNorm(rep)(x), torch.nn.BatchNorm1d(8)(x))
    torch.testing.assert_close(LayerNorm(rep)(x), torch.nn.LayerNorm(8)(x))


def test_layer_norm_is_the_loop_over_points() -> None:
    layer = shaken(LayerNorm(REP)).double()
    x = torch.randn(3, 2, REP.dim, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = layer(x).flatten(0, 1)
    for row, out in zip(x.flatten(0, 1), found, strict=True):
        s = row[:4]
        scaled = (s - s.mean()) / (s.var(unbiased=False) + 1e-5).sqrt()
        torch.testing.assert_close(out[:4], layer.scale * scaled + layer.bias)
        copies = [*row[4:6].split(1), *row[6:15].split(3), *row[15:].split(5)]
        power = sum(copy.square().sum() / len(copy) for copy in copies) / len(copies)
        expected = [g * copy / (power + 1e-5).sqrt() for g, copy in zip(layer.gain, copies, strict=True)]
        torch.testing.assert_close(out[4:], torch.cat(expected))


def test_degrees_keep_their_proportions_through_the_layer_norm() -> None:
    x = torch.tensor([[0.0, 3.0, 0.0, 0.0, 0.001, 0.0, 0.0, 0.0]])
    y = LayerNorm(O3().rep("1x1o + 1x2e"))(x)
    torch.testing.assert_close(y[0, 4] / y[0, 1], x[0, 4] / x[0, 1])


@pytest.mark.parametrize("make", [LayerNorm, BatchNorm])
@pytest.mark.parametrize("points", [0, 1, 4])
def test_zero_and_no_points_are_finite(make, points: int) -> None:
    layer = make(REP)
    x = torch.zeros(points, REP.dim, requires_grad=True)
    y = layer(x)
    y.sum().backward()
    assert y.shape == x.shape
    assert y.isfinite().all()
    assert x.grad is not None
    assert x.grad.isfinite().all()
    assert all(buffer.isfinite().all() for buffer in layer.buffers())


def test_an_empty_batch_leaves_the_statistics_alone() -> None:
    layer = BatchNorm(REP)
    layer(torch.zeros(0, REP.dim))
    assert (layer.running_power == 1).all()
    layer.eval()(torch.randn(3, REP.dim))
    assert (layer.running_power == 1).all()


def test_derivatives_of_both_orders() -> None:
    rep = O3().rep("2x0e + 1x1o + 1x2e")
    x = torch.randn(3, rep.dim, dtype=torch.float64, generator=torch.Generator().manual_seed(0), requires_grad=True)
    for layer in (LayerNorm(rep).double(), BatchNorm(rep).double()):
        assert torch.autograd.gradcheck(layer, (x,))
        assert torch.autograd.gradgradcheck(layer, (x,))


@pytest.mark.parametrize("make", [LayerNorm, BatchNorm])
def test_bad_use_says_so(make) -> None:
    with pytest.raises(ValueError, match="sum of irreps"):
        make(O3().vector * O3().vector)
    with pytest.raises(ValueError, match="eps"):
        make(REP, eps=0.0)
    with pytest.raises(ValueError, match=r"expected features \(\.\.\., 25\)"):
        make(REP)(torch.zeros(2, 24))
