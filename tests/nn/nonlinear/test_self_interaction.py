"""The attentive self-interaction beside a loop over its formula, its law, and what it does not reach."""

import pytest
import torch

from intertwine.groups import O3, SO2, SO3
from intertwine.nn import AttentiveSelfInteraction
from intertwine.testing import assert_equivariant


def test_equals_the_loop_over_copies() -> None:
    torch.manual_seed(0)
    layer = AttentiveSelfInteraction(O3().rep("2x0e + 3x1o + 1x1o"), O3().rep("2x1o + 1x0e + 1x2e"), hidden=8).double()
    x = torch.randn(5, layer.rep_in.dim, dtype=torch.float64)
    output = layer(x)
    for point, found in zip(x, output, strict=True):
        scalars, vectors = point[:2, None], point[2:].view(4, 3)
        parts = []
        for network, own, copies in ((layer.networks[0], vectors, 2), (layer.networks[1], scalars, 1)):
            products = torch.stack([a @ b / own.shape[1] for a in own for b in own])
            weights = network(products).view(len(own), copies)
            parts += [sum(weights[c, o] * own[c] for c in range(len(own))) for o in range(copies)]
        parts.append(torch.zeros(5, dtype=torch.float64))  # no 2e comes in
        torch.testing.assert_close(found, torch.cat(parts), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    "rep",
    [O3().rep("3x0e + 1x0o + 2x1o + 2x2e"), SO3().rep("2x0 + 2x3"), 2 * SO2().vector + 2 * SO2().trivial],
    ids=str,
)
def test_its_law(rep) -> None:
    torch.manual_seed(0)
    assert_equivariant(AttentiveSelfInteraction(rep, rep, hidden=8))


def test_it_is_no_linear_map_and_smooth_at_zero() -> None:
    torch.manual_seed(0)
    rep = O3().rep("2x0e + 2x1o")
    layer = AttentiveSelfInteraction(rep, rep, hidden=8).double()
    x = torch.randn(4, rep.dim, dtype=torch.float64)
    assert (layer(2 * x) - 2 * layer(x)).norm() > 1e-3 * layer(x).norm()
    zero = torch.zeros(1, rep.dim, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(layer, zero)
    assert torch.autograd.gradgradcheck(layer, zero)


def test_bad_use_says_so() -> None:
    rep = O3().rep("2x0e + 1x1o")
    with pytest.raises(ValueError, match="one group"):
        AttentiveSelfInteraction(rep, SO3().rep("1x0"))
    with pytest.raises(ValueError, match="hidden"):
        AttentiveSelfInteraction(rep, rep, hidden=0)
    with pytest.raises(ValueError, match=r"expected features \(\.\.\., 5\)"):
        AttentiveSelfInteraction(rep, rep)(torch.ones(2, 4))
