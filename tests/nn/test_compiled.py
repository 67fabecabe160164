"""Compiled layers of one structure whose output is a single number: values and gradients, with two threads.

The default backend of torch writes C++ and compiles it, which takes many seconds for a layer: here a few do, and with
``--backend inductor`` (``make conformance``) all. Other backends are tried by the conformance tests.
"""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from intertwine.groups import O3, Cyclic
from intertwine.models import DGCNN, HierarchicalEncoder, LearnedFrame, PointEncoder, PointNet, PrincipalFrame
from intertwine.nn import (
    BatchNorm,
    DepthwiseConv,
    Gate,
    GroupPointConv,
    GroupPool,
    LayerNorm,
    Linear,
    MessageConv,
    NormInvariants,
    NormNonlinearity,
    Pool,
    SO2Conv,
    SteerableAttention,
    SteerableConv,
    TensorSquare,
)
from intertwine.ops import radius_graph

POINTS = 6
REP, ONE = O3().rep("2x0e + 1x1o"), O3().rep("1x0e")
FEATURES = torch.randn(POINTS, REP.dim, generator=torch.Generator().manual_seed(0))
POSITIONS = torch.randn(POINTS, 3, generator=torch.Generator().manual_seed(1))
CLOUD = (FEATURES, POSITIONS, radius_graph(POSITIONS, 3.0))
BATCH = (torch.zeros(POINTS, dtype=torch.int64), 1)
PLANE = (torch.randn(POINTS, 4, generator=torch.Generator().manual_seed(2)), POSITIONS[:, :2].contiguous(), CLOUD[2])
SMALL = {"radial_basis": 4, "radial_hidden": (4,), "cutoff": 3.0}
C4 = Cyclic(4)


def encoder(layer: str) -> PointEncoder:
    hidden = None if layer in ("message", "vector", "lifted") else "2x0e + 1x1o"
    return PointEncoder(REP, ONE, layer=layer, hidden=hidden, layers=1, lmax=1, width=4, cutoff=3.0)


class InOrder(nn.Module):
    """Two layers, one after the other."""

    def __init__(self, first: nn.Module, second: nn.Module) -> None:
        super().__init__()
        self.first, self.second = first, second

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        return self.second(self.first(*inputs))


def followed(layer: nn.Module) -> nn.Module:
    """A layer, and the linear map of its output to one number."""
    both = InOrder(layer, Linear(layer.rep_out, ONE))
    both.rep_out = ONE
    return both


class Summed(nn.Module):
    """The sum over the points of a layer's outputs."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer, self.pool = layer, Pool(layer.rep_out)

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        return self.pool(self.layer(*inputs), *BATCH)


class Invariant(nn.Module):
    """Squares of distances times invariants: the vectors among the features are not used, and have no gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = Linear(REP, ONE)

    def forward(self, features: torch.Tensor, positions: torch.Tensor, edges: torch.Tensor) -> torch.Tensor:
        arrows = positions.index_select(0, edges[0]) - positions.index_select(0, edges[1])
        return (self.layer(features).index_select(0, edges[0]) * arrows.square().sum(1, keepdim=True)).sum(0)


def network(make: type, **options: object) -> nn.Module:
    return make("2x0e + 1x1o", "1x0e", widths=(4, 5), embedding_dim=6, head=(8,), dropout=0.0, **options)


LAYERS: dict[str, tuple[Callable[[], nn.Module], tuple[object, ...]]] = {
    "pool": (lambda: Pool(ONE), (FEATURES[:, :1], *BATCH)),
    "pool, mean": (lambda: Pool(ONE, "mean"), (FEATURES[:, :1], *BATCH)),
    "pool, largest": (lambda: Pool(ONE, "max"), (FEATURES[:, :1], *BATCH)),
    "linear": (lambda: Summed(Linear(REP, ONE)), (FEATURES,)),
    "linear, unused vectors": (Invariant, CLOUD),
    "gate": (lambda: Summed(Gate(ONE)), (FEATURES[:, :1],)),
    "norm nonlinearity": (lambda: Summed(NormNonlinearity(ONE)), (FEATURES[:, :1],)),
    "invariants": (lambda: Summed(NormInvariants(O3().vector)), (POSITIONS,)),
    "layer norm": (lambda: Summed(LayerNorm(ONE)), (FEATURES[:, :1],)),
    "batch norm": (lambda: Summed(BatchNorm(ONE)), (FEATURES[:, :1],)),
    "tensor square": (lambda: Summed(TensorSquare(REP, ONE)), (FEATURES,)),
    "group pool": (lambda: Summed(GroupPool(C4.regular, "mean")), (PLANE[0],)),
    "group point conv": (
        lambda: InOrder(Summed(GroupPointConv(C4.regular, C4.regular, cutoff=3.0)), GroupPool(C4.regular, "mean")),
        PLANE,
    ),
    "steerable conv": (lambda: Summed(SteerableConv(REP, ONE, **SMALL)), CLOUD),
    "depthwise conv": (lambda: Summed(followed(DepthwiseConv(REP, ONE, **SMALL))), CLOUD),
    "edge frame conv": (lambda: Summed(SO2Conv(REP, ONE, **SMALL)), CLOUD),
    "message conv": (lambda: Summed(MessageConv(REP, ONE, hidden=4, cutoff=3.0)), CLOUD),
    "attention": (lambda: Summed(SteerableAttention(REP, ONE, heads=1, **SMALL)), CLOUD),
    **{
        f"{layer} encoder": (lambda layer=layer: encoder(layer), (*CLOUD, *BATCH))
        for layer in ("steerable", "message", "vector", "attention", "lifted", "depthwise", "egnn")
    },
    "hierarchical": (
        lambda: HierarchicalEncoder(REP, ONE, hidden=REP, levels=1, ratio=2, layers=1, lmax=1, cutoff=3.0, k=2),
        (FEATURES, POSITIONS, None, *BATCH),
    ),
    "principal frame": (lambda: PrincipalFrame(encoder("message")), (*CLOUD, *BATCH)),
    "learned frame": (lambda: LearnedFrame(encoder("message"), cutoff=3.0, layers=1), (*CLOUD, *BATCH)),
    "pointnet": (lambda: network(PointNet), (*CLOUD, *BATCH)),
    "dgcnn": (lambda: network(DGCNN, k=3), (*CLOUD, *BATCH)),
}
BY_INDUCTOR = ("pool",)
"""Those that the default backend compiles whenever the tests run."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    chosen = metafunc.config.getoption("backends", None)
    few = [(name, "inductor") for name in BY_INDUCTOR]
    pairs = [(name, backend) for backend in chosen for name in LAYERS] if chosen else few
    metafunc.parametrize(("name", "backend"), pairs, ids=[", ".join(pair) for pair in pairs])


def values_and_gradients(function: Callable[..., torch.Tensor], module: nn.Module, inputs: tuple[object, ...]):
    moved = [x.clone().requires_grad_() if isinstance(x, torch.Tensor) and x.is_floating_point() else x for x in inputs]
    output = function(*moved)
    leaves = [*(x for x in moved if isinstance(x, torch.Tensor) and x.requires_grad), *module.parameters()]
    if not output.requires_grad:
        return [output]
    return [output, *torch.autograd.grad(output.square().sum(), leaves, allow_unused=True)]


def test_a_single_number(name: str, backend: str) -> None:
    make, inputs = LAYERS[name]
    torch.manual_seed(0)
    module = make().eval()
    expected = values_and_gradients(module, module, inputs)
    assert expected[0].numel() == 1
    threads = torch.get_num_threads()
    torch.compiler.reset()
    try:
        torch.set_num_threads(2)
        compiled = torch.compile(module, fullgraph=True, backend=backend)
        found = values_and_gradients(compiled, module, inputs)
    finally:
        torch.set_num_threads(threads)
        torch.compiler.reset()
    largest = max(float(value.detach().abs().max()) for value in expected if value is not None)
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5 * min(1.0, largest))
