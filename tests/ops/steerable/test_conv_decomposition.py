"""Convolutions of operations of ATen alone, beside the operators they stand for."""

from __future__ import annotations

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from intertwine.nn import Geometry, SteerableConv
from intertwine.ops import decompositions, knn_graph
from intertwine.ops.steerable._conv_decomposition import conv_forward, small_conv_forward


class Decomposed(TorchDispatchMode):
    """Calls the decomposition of an operator for it, and counts the calls."""

    def __init__(self, operator, calls):
        super().__init__()
        self.operator, self.calls = operator, calls

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if function is self.operator:
            self.calls.append(function)
            return decompositions()[function](*args)
        return function(*args, **(kwargs or {}))


SMALL, LARGE = ("2x0e + 2x1o", "16x0e + 8x1o + 4x2e"), ("8x0e + 12x1o + 9x2e", "9x0e + 8x1e + 8x2e")


@pytest.mark.parametrize(("reps", "name"), [(SMALL, "small_steerable_conv"), (LARGE, "steerable_conv")])
@pytest.mark.parametrize("queries", [False, True])
def test_they_give_the_same(reps, name, queries):
    generator = torch.Generator().manual_seed(0)
    conv = SteerableConv(*reps, lmax=2).double()
    x, q = (torch.randn(size, 3, generator=generator, dtype=torch.float64) for size in (20, 7))
    edges = knn_graph(x, 5, queries=q) if queries else knn_graph(x, 5)
    geometry = Geometry.from_edges(x, edges, 2, q if queries else None)
    features = torch.randn(20, conv.rep_in.dim, generator=generator, dtype=torch.float64)
    operator = getattr(torch.ops.intertwine, name).default
    calls = []
    with torch.no_grad():
        expected = conv.convolve(features, geometry)
        with Decomposed(operator, calls):
            found = conv.convolve(features, geometry)
    assert len(calls) == 1
    assert torch.allclose(found, expected, atol=1e-12)
    assert decompositions()[operator] is {"steerable_conv": conv_forward}.get(name, small_conv_forward)
