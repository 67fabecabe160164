"""Conformance tests of every module of nn and models; the families of point encoders are in tests/models."""

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
from intertwine.testing import ModuleCase, ModuleTests, assert_equivariant

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

    def forward(self, features, positions, edges, velocities=None, attributes=None) -> torch.Tensor:
        rest = () if velocities is None else (velocities, attributes)
        return torch.cat(self.layer(features, positions, edges, *rest), -1)


SCALARS = O3().rep("4x0e")


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
    "lift": (lambda: LiftToGroup(OUTER, LIFTED), (torch.randn(9, OUTER.dim),)),
    "project": (lambda: ProjectFromGroup(LIFTED, OUTER), (ON_T,)),
    "intra group conv": (lambda: IntraGroupConv(LIFTED, LIFTED), (ON_T,)),
    "inter point conv": (lambda: InterPointConv(LIFTED, LIFTED, cutoff=2.0), (ON_T, POSITIONS, EDGES)),
    "group point conv": (lambda: GroupPointConv(PLANE, PLANE, cutoff=2.0), IN_PLANE),
    "pointwise nonlinearity": (lambda: PointwiseNonlinearity(LIFTED), (ON_T,)),
    "regular batch norm": (lambda: RegularBatchNorm(LIFTED), (ON_T,)),
    "group pool": (lambda: GroupPool(LIFTED, "attention"), (ON_T,)),
    "rotation readout": (lambda: RotationReadout(LIFTED, hidden=8), (ON_T, ON_T.flip(0))),
    "steerable encoder, by point": (lambda: encoder("steerable", None), (FEATURES, POSITIONS, EDGES)),
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
    "vector pointnet": (lambda: network(VectorPointNet, k=4), CLOUD),
    "vector dgcnn": (lambda: network(VectorDGCNN, k=4), CLOUD),
    "pointnet": (lambda: network(PointNet), CLOUD),
    "dgcnn": (lambda: network(DGCNN, k=4), CLOUD),
}
PLAIN = ("radial", "message conv", "hierarchical message", "plainest", "pointnet", "dgcnn")
OTHERWISE = ("pool", "pool, largest", "rotation readout", "cross attention", "egnn layer", "egnn layer, velocities")


class TestModules(ModuleTests):
    def cases(self):
        return {
            name: ModuleCase(make, inputs, equivariant=name not in (*PLAIN, *OTHERWISE))
            for name, (make, inputs) in MODULES.items()
        }


@pytest.mark.parametrize("name", ["message conv", "hierarchical message"])
def test_message_passing_is_caught_under_rotation(name: str) -> None:
    torch.manual_seed(0)
    module = MODULES[name][0]()
    with pytest.raises(AssertionError):
        assert_equivariant(module)


def test_the_groups_of_so3_serve_as_well() -> None:
    rep = SO3().rep("3x0 + 2x1")
    model = PointEncoder(rep, SO3().rep("1x0 + 1x1"), hidden=rep, layers=1, lmax=2)
    assert_equivariant(model)
