"""What every module must do: its law; export, compile, copy, pickle; change its dtype; come back from its weights."""

import copy
import io
import pickle

import pytest
import torch

from intertwine.groups import O2, O3, SO3, Cyclic, Tetrahedral
from intertwine.models import (
    DGCNN,
    FrameAverage,
    HierarchicalEncoder,
    LearnedFrame,
    PointEncoder,
    PointNet,
    PrincipalFrame,
    VectorDGCNN,
    VectorPointNet,
)
from intertwine.nn import (
    AttentiveSelfInteraction,
    BatchNorm,
    DepthwiseConv,
    EGNNConv,
    FourierNonlinearity,
    Gate,
    GroupPointConv,
    GroupPool,
    InterPointConv,
    IntraGroupConv,
    LayerNorm,
    LiftToGroup,
    Linear,
    MessageConv,
    NormInvariants,
    NormNonlinearity,
    PointwiseNonlinearity,
    Pool,
    ProjectFromGroup,
    Radial,
    RegularBatchNorm,
    RotationReadout,
    SO2Conv,
    SphereNonlinearity,
    SteerableAttention,
    SteerableConv,
    SteerableCrossAttention,
    TensorSquare,
    VectorBatchNorm,
    VectorEdgeConv,
    VectorInvariant,
    VectorLeakyReLU,
    VectorMaxPool,
    VectorPositionConv,
    VelocityEGNNConv,
)
from intertwine.ops import radius_graph
from intertwine.testing import assert_equivariant

REP = O3().rep("4x0e + 2x1o + 1x2e")
POSITIONS = torch.randn(9, 3, generator=torch.Generator().manual_seed(0))
EDGES = radius_graph(POSITIONS, 2.0)
FEATURES = torch.randn(9, REP.dim, generator=torch.Generator().manual_seed(1))
BATCH = torch.tensor([0] * 4 + [1] * 5)
T, PLANE = Tetrahedral(), 2 * Cyclic(4).regular
LIFTED, OUTER = 2 * T.regular, T.trivial + 2 * T.vector
ON_T = torch.randn(9, LIFTED.dim, generator=torch.Generator().manual_seed(2))
IN_PLANE = (torch.randn(9, PLANE.dim, generator=torch.Generator().manual_seed(3)), POSITIONS[:, :2].contiguous(), EDGES)

VECTORS = O3().rep("4x1o")
CLOUD = (torch.cat([torch.ones(9, 1), POSITIONS], 1), POSITIONS, EDGES, BATCH, 2)


def encoder(layer: str, pool: str | None = "sum", hidden: str = "6x0e + 3x1o") -> PointEncoder:
    return PointEncoder(
        REP, "2x0e + 1x1o", layer=layer, hidden=hidden, layers=2, lmax=1, width=8, cutoff=2.0, pool=pool
    )


def hierarchical(layer: str | dict[str, str], pool: str | None = "sum", layers: int = 1) -> HierarchicalEncoder:
    options = {"levels": 2, "ratio": 2, "layers": layers, "lmax": 1, "width": 8, "cutoff": 2.0, "k": 3}
    return HierarchicalEncoder(REP, "2x0e + 1x1o", layer=layer, hidden="6x0e + 3x1o", pool=pool, **options)


class Plainest(torch.nn.Module):
    """As plain as can be: it knows of no group, only of sums over points."""

    def __init__(self, by_point: bool = False) -> None:
        super().__init__()
        self.rep_in, self.rep_out, self.by_point = REP, O3().rep("2x0e + 1x1o"), by_point
        self.first = torch.nn.Linear(REP.dim + 3, 8, dtype=torch.float32)
        self.second = torch.nn.Linear(8, self.rep_out.dim, dtype=torch.float32)
        self.pool = Pool(self.rep_out, "mean")

    def forward(self, features, positions, edges=None, batch=None, structures=None):
        output = self.second(self.first(torch.cat([features, positions], -1)).tanh())
        return output if self.by_point else self.pool(output, batch, structures)


CIRCLE = O2().rep("3x0+ + 2x1 + 2x2")


class OneCloud(torch.nn.Module):
    """A layer between two clouds, both the same."""

    def __init__(self, layer: torch.nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, features: torch.Tensor, positions: torch.Tensor, edges: torch.Tensor) -> torch.Tensor:
        return self.layer((features, positions), (features, positions), edges)


class OneOutput(torch.nn.Module):
    """A layer that gives features and positions, side by side."""

    def __init__(self, layer: torch.nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        return torch.cat(self.layer(*inputs), -1)


SCALARS = O3().rep("4x0e")


def vector_encoder() -> PointEncoder:
    return PointEncoder("1x0e + 1x1o", "2x0e + 1x1o", layer="vector", hidden="6x1o", layers=1)


def network(make: type, **options) -> torch.nn.Module:
    return make("1x0e + 1x1o", "3x0e", widths=(4, 5), embedding_dim=6, head=(8,), dropout=0.0, **options)


MODULES = {
    "linear": (lambda: Linear(REP, REP), (FEATURES,)),
    "linear, tensors": (lambda: Linear(O3().vector * O3().vector, REP), (torch.randn(3, 9),)),
    "gate": (lambda: Gate(REP), (torch.randn(9, Gate(REP).rep_in.dim),)),
    "norm nonlinearity": (lambda: NormNonlinearity(REP), (FEATURES,)),
    "invariants": (lambda: NormInvariants(REP), (FEATURES,)),
    "pool": (lambda: Pool(REP, "mean"), (FEATURES, BATCH, 2)),
    "pool, largest": (lambda: Pool(O3().rep("3x0e"), "max"), (FEATURES[:, :3], BATCH, 2)),
    "layer norm": (lambda: LayerNorm(REP), (FEATURES,)),
    "batch norm": (lambda: BatchNorm(REP), (FEATURES,)),
    "tensor square": (lambda: TensorSquare(REP, O3().rep("2x1o + 3x0e + 1x1e")), (FEATURES,)),
    "sphere nonlinearity": (lambda: SphereNonlinearity(REP, degree=53), (FEATURES,)),
    "fourier nonlinearity": (lambda: FourierNonlinearity(CIRCLE, degree=80), (torch.randn(5, CIRCLE.dim),)),
    "radial": (lambda: Radial(4, (8,), 2.0), (torch.rand(12) * 3,)),
    "steerable conv": (
        lambda: SteerableConv(REP, REP, radial_basis=4, radial_hidden=(8,), cutoff=2.0),
        (FEATURES, POSITIONS, EDGES),
    ),
    "depthwise conv": (
        lambda: DepthwiseConv(REP, REP, radial_basis=4, radial_hidden=(8,), cutoff=2.0),
        (FEATURES, POSITIONS, EDGES),
    ),
    "edge frame conv": (
        lambda: SO2Conv(REP, REP, radial_basis=4, radial_hidden=(8,), cutoff=2.0),
        (FEATURES, POSITIONS, EDGES),
    ),
    "message conv": (lambda: MessageConv(REP, REP, hidden=8, cutoff=2.0), (FEATURES, POSITIONS, EDGES)),
    "attention": (
        lambda: SteerableAttention(
            REP, O3().rep("4x0e + 2x1o"), heads=2, radial_basis=4, radial_hidden=(8,), cutoff=2.0
        ),
        (FEATURES, POSITIONS, EDGES),
    ),
    "cross attention": (
        lambda: OneCloud(SteerableCrossAttention(REP, REP, REP, heads=1, radial_basis=4, radial_hidden=(), cutoff=2.0)),
        (FEATURES, POSITIONS, EDGES),
    ),
    "attentive self-interaction": (lambda: AttentiveSelfInteraction(REP, REP, hidden=8), (FEATURES,)),
    "egnn layer": (
        lambda: OneOutput(EGNNConv(SCALARS, hidden=8)),
        (FEATURES[:, :4], POSITIONS, EDGES),
    ),
    "egnn layer, velocities": (
        lambda: OneOutput(VelocityEGNNConv(SCALARS, attributes=1, hidden=8)),
        (FEATURES[:, :4], POSITIONS, EDGES, FEATURES[:, 4:7], POSITIONS[EDGES[0], :1]),
    ),
    "attention encoder": (lambda: encoder("attention"), (FEATURES, POSITIONS, EDGES, BATCH, 2)),
    "egnn encoder": (lambda: encoder("egnn"), (FEATURES, POSITIONS, EDGES, BATCH, 2)),
    "lift": (lambda: LiftToGroup(OUTER, LIFTED), (torch.randn(9, OUTER.dim),)),
    "project": (lambda: ProjectFromGroup(LIFTED, OUTER), (ON_T,)),
    "intra group conv": (lambda: IntraGroupConv(LIFTED, LIFTED), (ON_T,)),
    "inter point conv": (lambda: InterPointConv(LIFTED, LIFTED, cutoff=2.0), (ON_T, POSITIONS, EDGES)),
    "group point conv": (lambda: GroupPointConv(PLANE, PLANE, cutoff=2.0), IN_PLANE),
    "pointwise nonlinearity": (lambda: PointwiseNonlinearity(LIFTED), (ON_T,)),
    "regular batch norm": (lambda: RegularBatchNorm(LIFTED), (ON_T,)),
    "group pool": (lambda: GroupPool(LIFTED, "attention"), (ON_T,)),
    "rotation readout": (lambda: RotationReadout(LIFTED, hidden=8), (ON_T, ON_T.flip(0))),
    "steerable encoder": (lambda: encoder("steerable"), (FEATURES, POSITIONS, EDGES, BATCH, 2)),
    "steerable encoder, by point": (lambda: encoder("steerable", None), (FEATURES, POSITIONS, EDGES)),
    "lifted encoder": (lambda: encoder("lifted", hidden="2"), (FEATURES, POSITIONS, EDGES, BATCH, 2)),
    "message encoder": (lambda: encoder("message"), (FEATURES, POSITIONS, EDGES, BATCH, 2)),
    "hierarchical": (lambda: hierarchical("steerable"), (FEATURES, POSITIONS, None, BATCH, 2)),
    "hierarchical, normed": (
        lambda: hierarchical({"name": "steerable", "norm": "batch"}, "mean", layers=0),
        (FEATURES, POSITIONS, None, BATCH, 2),
    ),
    "hierarchical message": (lambda: hierarchical("message", None, layers=0), (FEATURES, POSITIONS, None, BATCH, 2)),
    "principal frame": (lambda: PrincipalFrame(Plainest()), (FEATURES, POSITIONS, None, BATCH, 2)),
    "frame average": (lambda: FrameAverage(Plainest(True), by_point=True), (FEATURES, POSITIONS)),
    "learned frame": (
        lambda: LearnedFrame(Plainest(), cutoff=3.0, layers=1),
        (FEATURES, POSITIONS, EDGES, BATCH, 2),
    ),
    "plainest": (Plainest, (FEATURES, POSITIONS, EDGES, BATCH, 2)),
    "vector leaky relu": (lambda: VectorLeakyReLU(VECTORS, norm=VectorBatchNorm(VECTORS)), (torch.randn(9, 12),)),
    "vector batch norm": (lambda: VectorBatchNorm(VECTORS), (torch.randn(9, 12),)),
    "vector max pool": (lambda: VectorMaxPool(VECTORS), (torch.randn(9, 12), BATCH, 2)),
    "vector invariant": (lambda: VectorInvariant(VECTORS), (torch.randn(9, 12), BATCH, 2)),
    "vector edge conv": (lambda: VectorEdgeConv(VECTORS, VECTORS), (torch.randn(9, 12), POSITIONS, EDGES)),
    "vector lift": (
        lambda: VectorPositionConv(VECTORS, VECTORS, norm=VectorBatchNorm(VECTORS)),
        (torch.randn(9, 12), POSITIONS, EDGES),
    ),
    "vector encoder": (vector_encoder, CLOUD),
    "vector pointnet": (lambda: network(VectorPointNet, k=4), CLOUD),
    "vector dgcnn": (lambda: network(VectorDGCNN, k=4), CLOUD),
    "pointnet": (lambda: network(PointNet), CLOUD),
    "dgcnn": (lambda: network(DGCNN, k=4), CLOUD),
}
PLAIN = ("radial", "message conv", "message encoder", "hierarchical message", "plainest", "pointnet", "dgcnn")
OTHERWISE = ("pool", "pool, largest", "rotation readout", "cross attention", "egnn layer", "egnn layer, velocities")
STEERED = [name for name in MODULES if name not in (*PLAIN, *OTHERWISE)]


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
    optimizer = torch.optim.Adam(module.parameters(), lr=0.05)
    for _ in range(5):
        optimizer.zero_grad()
        (module(*inputs) - 1).square().mean().backward()
        optimizer.step()
    assert_equivariant(module)


@pytest.mark.parametrize("name", ["message conv", "message encoder", "hierarchical message"])
def test_message_passing_is_caught_under_rotation(name: str) -> None:
    torch.manual_seed(0)
    module = MODULES[name][0]()
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
