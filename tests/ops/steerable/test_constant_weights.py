"""What is computed from weights alone is computed once under ``constant_weights``, and again where they change."""

import pytest
import torch

from intertwine import ops
from intertwine._constant_weights import constant_weights, from_weights
from intertwine.groups import O3
from intertwine.nn import SteerableAttention, SteerableConv

REP = O3().rep("4x0e + 2x1o")


def _arguments():
    positions = torch.randn(8, 3, generator=torch.Generator().manual_seed(0))
    features = torch.randn(8, REP.dim, generator=torch.Generator().manual_seed(1))
    return features, positions, ops.radius_graph(positions, 3.0)


@pytest.mark.parametrize("layer", [SteerableConv(REP, REP), SteerableAttention(REP, REP, heads=2)])
def test_a_change_of_the_weights_is_noticed(layer):
    arguments = _arguments()
    with torch.no_grad():
        with constant_weights():
            first, again = layer(*arguments), layer(*arguments)
            for weight in layer.parameters():
                weight.mul_(1.5)
            changed = layer(*arguments)
        torch.testing.assert_close(changed, layer(*arguments))
    torch.testing.assert_close(first, again, rtol=0, atol=0)
    assert (changed - first).abs().max() > 1e-3


def test_only_parameters_without_gradients_are_kept():
    calls = []

    def build():
        calls.append(None)
        return len(calls)

    weight, made = torch.nn.Parameter(torch.ones(2)), torch.ones(2)
    with torch.no_grad(), constant_weights():
        assert [from_weights(build, "a", [weight]) for _ in range(3)] == [1, 1, 1]
        assert from_weights(build, "b", [weight]) == 2
        assert [from_weights(build, "a", [made]) for _ in range(2)] == [3, 4]
        with torch.enable_grad():
            assert from_weights(build, "a", [weight]) == 5
    with torch.no_grad():
        assert from_weights(build, "a", [weight]) == 6


def test_gradients_are_those_without():
    layer, arguments = SteerableConv(REP, REP), _arguments()
    weights = list(layer.parameters())
    expected = torch.autograd.grad(layer(*arguments).sum(), weights)
    with constant_weights():
        with torch.no_grad():
            layer(*arguments)
        found = torch.autograd.grad(layer(*arguments).sum(), weights)
    torch.testing.assert_close(found, expected)
