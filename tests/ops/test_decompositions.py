"""Decompositions of operators: the same results from operations of ATen alone."""

from __future__ import annotations

import pytest
import torch
from torch.fx.experimental.proxy_tensor import make_fx

from intertwine.ops import Coupling, Graph, decompositions

N, E = 7, 40


def _inputs(name):
    random = torch.Generator().manual_seed(0)

    def normal(*shape):
        return torch.randn(*shape, generator=random, dtype=torch.float64)

    index = torch.randint(0, N, (E,), generator=random).sort().values
    coupling = Coupling.depthwise([((0, 1), 3), ((1, -1), 2)], [(0, 1), (1, -1), (1, 1)], 2)
    channels = sum(channels for _, channels in coupling.outputs)
    convolution = (
        normal(N, 9), normal(E, 9), normal(E, 4), normal(4, channels), coupling.clebsch_gordan(),
        torch.randint(0, N, (E,), generator=random), *Graph.from_edges(torch.stack([index, index]), N).indices[1:],
        coupling.encode(),
    )  # fmt: skip
    return {
        "depthwise_conv": [convolution],
        "depthwise_conv_backward": [(normal(N, coupling.dim_out), *convolution, [False, True, True, True, True])],
        "silu": [(normal(E, 3),)],
        "silu_backward": [(normal(E, 3), normal(E, 3))],
        "solid_harmonics": [(normal(E, 3), lmax, "component") for lmax in (0, 1, 3, 6)],
        "solid_harmonics_vjp": [(normal(E, (lmax + 1) ** 2), normal(E, (lmax + 1) ** 2), "norm") for lmax in (1, 4)],
        "unit_vectors": [(normal(E, 3),)],
        "unit_vectors_vjp": [(normal(3, E), normal(3, E), normal(1, E))],
        "segment_outer": [(normal(E, 3), normal(E, 5), index, N)],
        "segment_apply": [(normal(N, 3, 5), normal(E, 5), index)],
        "piecewise_polynomial": [(torch.linspace(-0.1, 1.1, E, dtype=torch.float64), normal(6, 4, 3))],
    }[name]


ELSEWHERE = ("steerable_conv", "small_steerable_conv")  # see steerable/test_conv_decomposition.py
HERE = [operator for operator in decompositions() if operator.name().split("::")[1] not in ELSEWHERE]


@pytest.mark.parametrize("operator", HERE, ids=lambda operator: operator.name().split("::")[1])
def test_a_decomposition_gives_the_same(operator):
    plain = decompositions()[operator]
    for inputs in _inputs(operator.name().split("::")[1]):
        for found, expected in zip(_parts(plain(*inputs)), _parts(operator(*inputs)), strict=True):
            assert torch.allclose(found, expected, rtol=1e-10, atol=1e-10)
        tensors = [value for value in inputs if isinstance(value, torch.Tensor)]

        def function(*given, inputs=inputs):
            rest = iter(given)
            return plain(*(next(rest) if isinstance(value, torch.Tensor) else value for value in inputs))

        graph = make_fx(function, tracing_mode="symbolic", _allow_non_fake_inputs=True)(*tensors)
        targets = {str(node.target) for node in graph.graph.nodes}
        assert not any(target.startswith("intertwine") for target in targets)


def _parts(result):
    return result if isinstance(result, tuple) else (result,)
