"""What every module must do: its law; export, compile, copy, pickle; change its dtype; come back from its weights."""

import copy
import io
import pickle

import pytest
import torch

from intertwine.groups import O3, SO3
from intertwine.models import DGCNN, PointEncoder, PointNet, VectorDGCNN, VectorPointNet
from intertwine.nn import (
    Gate,
    Invariants,
    Linear,
    MessageConv,
    NormNonlinearity,
    Pool,
    Radial,
    SteerableConv,
    VectorBatchNorm,
    VectorEdgeConv,
    VectorInvariant,
    VectorLeakyReLU,
    VectorLift,
    VectorMaxPool,
)
from intertwine.ops import radius_graph
from intertwine.testing import assert_equivariant

REP = O3().rep("4x0e + 2x1o + 1x2e")
POSITIONS = torch.randn(9, 3, generator=torch.Generator().manual_seed(0))
EDGES = radius_graph(POSITIONS, 2.0)
FEATURES = torch.randn(9, REP.dim, generator=torch.Generator().manual_seed(1))
BATCH = torch.tensor([0] * 4 + [1] * 5)
VECTORS = O3().rep("4x1o")
CLOUD = (torch.cat([torch.ones(9, 1), POSITIONS], 1), POSITIONS, EDGES, BATCH, 2)


def encoder(layer: str, pool: str | None = "sum") -> PointEncoder:
    return PointEncoder(
        REP, "2x0e + 1x1o", layer=layer, hidden="6x0e + 3x1o", layers=2, lmax=1, width=8, cutoff=2.0, pool=pool
    )


def vector_encoder() -> PointEncoder:
    return PointEncoder("1x0e + 1x1o", "2x0e + 1x1o", layer="vector", hidden="6x1o", layers=1)


def network(make: type, **options) -> torch.nn.Module:
    return make("1x0e + 1x1o", "3x0e", widths=(4, 5), embedding=6, head=(8,), dropout=0.0, **options)


MODULES = {
    "linear": (lambda: Linear(REP, REP), (FEATURES,)),
    "linear, tensors": (lambda: Linear(O3().vector * O3().vector, REP), (torch.randn(3, 9),)),
    "gate": (lambda: Gate(REP), (torch.randn(9, Gate(REP).rep_in.dim),)),
    "norm nonlinearity": (lambda: NormNonlinearity(REP), (FEATURES,)),
    "invariants": (lambda: Invariants(REP), (FEATURES,)),
    "pool": (lambda: Pool(REP, "mean"), (FEATURES, BATCH, 2)),
    "pool, largest": (lambda: Pool(O3().rep("3x0e"), "max"), (FEATURES[:, :3], BATCH, 2)),
    "radial": (lambda: Radial((4, 8), 2.0), (torch.rand(12) * 3,)),
    "steerable conv": (lambda: SteerableConv(REP, REP, radial=(4, 8), cutoff=2.0), (FEATURES, POSITIONS, EDGES)),
    "message conv": (lambda: MessageConv(REP, REP, hidden=8, cutoff=2.0), (FEATURES, POSITIONS, EDGES)),
    "steerable encoder": (lambda: encoder("steerable"), (FEATURES, POSITIONS, EDGES, BATCH, 2)),
    "steerable encoder, by point": (lambda: encoder("steerable", None), (FEATURES, POSITIONS, EDGES)),
    "message encoder": (lambda: encoder("message"), (FEATURES, POSITIONS, EDGES, BATCH, 2)),
    "vector leaky relu": (lambda: VectorLeakyReLU(VECTORS, norm=VectorBatchNorm(VECTORS)), (torch.randn(9, 12),)),
    "vector batch norm": (lambda: VectorBatchNorm(VECTORS), (torch.randn(9, 12),)),
    "vector max pool": (lambda: VectorMaxPool(VECTORS), (torch.randn(9, 12), BATCH, 2)),
    "vector invariant": (lambda: VectorInvariant(VECTORS), (torch.randn(9, 12), BATCH, 2)),
    "vector edge conv": (lambda: VectorEdgeConv(VECTORS, VECTORS), (torch.randn(9, 12), POSITIONS, EDGES)),
    "vector lift": (
        lambda: VectorLift(VECTORS, VECTORS, norm=VectorBatchNorm(VECTORS)),
        (torch.randn(9, 12), POSITIONS, EDGES),
    ),
    "vector encoder": (vector_encoder, CLOUD),
    "vector pointnet": (lambda: network(VectorPointNet, neighbours=4), CLOUD),
    "vector dgcnn": (lambda: network(VectorDGCNN, neighbours=4), CLOUD),
    "pointnet": (lambda: network(PointNet), CLOUD),
    "dgcnn": (lambda: network(DGCNN, neighbours=4), CLOUD),
}
UNSTEERED = ("radial", "message conv", "message encoder", "pool", "pool, largest", "pointnet", "dgcnn")
STEERED = [name for name in MODULES if name not in UNSTEERED]


@pytest.fixture(params=MODULES, ids=str)
def case(request: pytest.FixtureRequest):
    torch.manual_seed(0)
    make, inputs = MODULES[request.param]
    return make().eval(), inputs


def doubled(inputs):
    return tuple(x.double() if isinstance(x, torch.Tensor) and x.is_floating_point() else x for x in inputs)


@pytest.mark.parametrize("name", STEERED)
def test_its_law(name: str) -> None:
    torch.manual_seed(0)
    assert_equivariant(MODULES[name][0]())


@pytest.mark.parametrize("name", STEERED)
def test_its_law_after_training_steps(name: str) -> None:
    torch.manual_seed(0)
    make, inputs = MODULES[name]
    module = make()
    if not any(parameter.requires_grad for parameter in module.parameters()):
        pytest.skip("nothing to train")
    optimiser = torch.optim.Adam(module.parameters(), lr=0.05)
    for _ in range(5):
        optimiser.zero_grad()
        (module(*inputs) - 1).square().mean().backward()
        optimiser.step()
    assert_equivariant(module)


@pytest.mark.parametrize("layer", ["conv", "encoder"])
def test_message_passing_is_caught_under_rotation(layer: str) -> None:
    torch.manual_seed(0)
    module = MODULES[f"message {layer}"][0]()
    with pytest.raises(AssertionError):
        assert_equivariant(module)


def test_copies_and_pickles(case) -> None:
    module, inputs = case
    expected = module(*inputs)
    torch.testing.assert_close(copy.deepcopy(module)(*inputs), expected, rtol=0, atol=0)
    torch.testing.assert_close(pickle.loads(pickle.dumps(module))(*inputs), expected, rtol=0, atol=0)


def test_comes_back_from_its_weights(case) -> None:
    module, inputs = case
    stream = io.BytesIO()
    torch.save(module.state_dict(), stream)
    stream.seek(0)
    fresh = copy.deepcopy(module)
    for parameter in fresh.parameters():
        torch.nn.init.zeros_(parameter)
    fresh.load_state_dict(torch.load(stream, weights_only=True))
    torch.testing.assert_close(fresh(*inputs), module(*inputs), rtol=0, atol=0)


def test_changes_its_dtype_without_losing_digits(case) -> None:
    module, inputs = case
    straight = copy.deepcopy(module).double()
    detour = copy.deepcopy(straight).half().double()
    detour.load_state_dict(straight.state_dict())
    expected = straight(*doubled(inputs))
    assert expected.dtype == torch.float64
    torch.testing.assert_close(detour(*doubled(inputs)), expected, rtol=1e-15, atol=1e-15)
    assert module(*inputs).dtype == torch.float32


@pytest.mark.parametrize("default", [torch.float64, torch.float16])
def test_does_not_read_the_default_dtype(case, default: torch.dtype, request: pytest.FixtureRequest) -> None:
    make, inputs = MODULES[request.node.callspec.params["case"]]
    before = torch.get_default_dtype()
    torch.set_default_dtype(default)
    try:
        module = make()
        assert all(parameter.dtype == torch.float32 for parameter in module.parameters())
        assert module(*inputs).dtype == torch.float32
    finally:
        torch.set_default_dtype(before)


def test_exports(case) -> None:
    module, inputs = case
    exported = torch.export.export(module, inputs)
    torch.testing.assert_close(exported.module()(*inputs), module(*inputs))


def test_compiles_in_one_graph(case) -> None:
    module, inputs = case
    torch._dynamo.reset()
    compiled = torch.compile(module, fullgraph=True, backend="aot_eager")
    output = compiled(*inputs)
    torch.testing.assert_close(output, module(*inputs))


def test_the_groups_of_so3_serve_as_well() -> None:
    rep = SO3().rep("3x0 + 2x1")
    model = PointEncoder(rep, SO3().rep("1x0 + 1x1"), hidden=rep, layers=1, lmax=2)
    assert_equivariant(model)
