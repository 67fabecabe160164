"""Frames around a plain network: exact laws, degenerate clouds, and the jump that equivariant networks do not have."""

import pytest
import torch

from intertwine.actions import PointCloud
from intertwine.groups import O2, O3, SO3
from intertwine.models import FrameAverage, LearnedFrame, PointEncoder, PrincipalFrame
from intertwine.nn import Pool
from intertwine.nn._rotate_features import RotateFeatures
from intertwine.ops import knn_graph, radius_graph
from intertwine.reps import Rep
from intertwine.testing import assert_equivariant

GROUPS = {"SO3": SO3(), "O3": O3()}
IN = {"SO3": "2x0 + 1x1 + 1x2", "O3": "1x0e + 1x0o + 1x1o + 1x2o"}
OUT = {"SO3": "1x0 + 1x1 + 1x3", "O3": "1x0e + 1x0o + 1x1e + 1x1o + 1x3o"}


class PointNet(torch.nn.Module):
    """As plain as can be. It knows of no group, only of sums over points."""

    def __init__(self, rep_in: Rep, rep_out: Rep, by_point: bool = False) -> None:
        super().__init__()
        self.rep_in, self.rep_out, self.by_point = rep_in, rep_out, by_point
        self.first = torch.nn.Linear(rep_in.dim + 3, 16, dtype=torch.float32)
        self.second = torch.nn.Linear(16, rep_out.dim, dtype=torch.float32)
        self.pool = Pool(rep_out, "mean")

    def forward(self, features, positions, edges=None, batch=None, structures=None):
        output = self.second(self.first(torch.cat([features, positions], -1)).tanh())
        return output if self.by_point else self.pool(output, batch, structures)


def net(group: str, by_point: bool = False) -> PointNet:
    torch.manual_seed(0)
    return PointNet(GROUPS[group].rep(IN[group]), GROUPS[group].rep(OUT[group]), by_point)


def ragged(rep: Rep, *sizes: int) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    batch = torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes))
    order = torch.randperm(len(batch), generator=generator)
    features = torch.randn(len(batch), rep.dim, generator=generator, dtype=torch.float64)
    positions = torch.randn(len(batch), 3, generator=generator, dtype=torch.float64) * torch.tensor([3.0, 2.0, 1.0])
    return features, positions, knn_graph(positions, 4, batch[order]), batch[order], len(sizes)


@pytest.mark.parametrize("arm", [PrincipalFrame, FrameAverage, LearnedFrame])
@pytest.mark.parametrize("by_point", [False, True])
@pytest.mark.parametrize("group", GROUPS)
def test_exactly_equivariant_around_a_plain_network(arm, by_point: bool, group: str) -> None:
    options = {"layers": 1} if arm is LearnedFrame else {}
    model = arm(net(group, by_point), by_point=by_point, **options)
    assert_equivariant(model, inputs=ragged(model.rep_in, 9, 11, 8))


@pytest.mark.parametrize("group", GROUPS)
def test_the_plain_network_alone_is_caught(group: str) -> None:
    model = net(group)
    with pytest.raises(AssertionError):
        assert_equivariant(model, action_in=PointCloud(model.rep_in), inputs=ragged(model.rep_in, 12))


def test_one_frame_without_a_rule_for_the_signs_is_caught() -> None:
    class Unsigned(FrameAverage):
        def frames(self, *inputs):
            return super().frames(*inputs)[:1]

    with pytest.raises(AssertionError):
        assert_equivariant(Unsigned(net("SO3")))


@pytest.mark.parametrize(("group", "count"), [("SO3", 4), ("O3", 8)])
def test_the_frames_are_all_choices_of_signs(group: str, count: int) -> None:
    model = FrameAverage(net(group)).double()
    features, positions, edges, batch, size = ragged(model.rep_in, 12, 20)
    frames = model.frames(features, positions, edges, batch, size)
    assert frames.shape == (count, 2, 3, 3)
    determinants = torch.linalg.det(frames)
    torch.testing.assert_close(determinants.abs(), torch.ones(count, 2, dtype=torch.float64))
    assert int((determinants[:, 0] > 0).sum()) == 4
    assert len({tuple(f.round(decimals=6).flatten().tolist()) for f in frames[:, 0]}) == count


@pytest.mark.parametrize("group", GROUPS)
def test_the_principal_frame_is_one_of_them(group: str) -> None:
    inputs = ragged(net(group).rep_in, *[9] * 8)
    (chosen,) = PrincipalFrame(net(group)).double().frames(*inputs)
    near = (FrameAverage(net(group)).double().frames(*inputs) - chosen).flatten(2).norm(dim=2) < 1e-9
    assert (near.sum(0) == 1).all()


def test_the_average_is_the_mean_over_calls_of_one_frame() -> None:
    model = FrameAverage(net("O3")).double()
    features, positions, edges, batch, size = ragged(model.rep_in, 15)
    centered = positions - positions.mean(0)
    total = torch.zeros(1, model.rep_out.dim, dtype=torch.float64)
    for (g,) in model.frames(features, centered, edges, batch, size):
        inner = model.backbone(features @ model.rep_in.matrix(g.T).T, centered @ g, edges, batch, 1)
        total += inner @ model.rep_out.matrix(g).T / 8
    torch.testing.assert_close(model(features, positions, edges), total)


def test_an_encoder_as_backbone_says_by_itself_whether_it_answers_by_point() -> None:
    rep = O3().rep("1x0e + 1x1o")
    for pool in ("sum", None):
        encoder = PointEncoder(rep, rep, layer="message", hidden="8x0e", layers=1, pool=pool)
        model = FrameAverage(encoder)
        assert model.by_point is (pool is None)
        assert_equivariant(model, samples=4)


def test_an_audit_does_not_judge_what_is_seen_from_the_frame() -> None:
    rep = O3().rep("1x0e + 1x1o")
    encoder = PointEncoder(rep, rep, layer="message", hidden="8x0e", layers=1, pool=None)
    assert assert_equivariant(PrincipalFrame(encoder), samples=2).runs[0].layers == ()
    frozen = PrincipalFrame(encoder)
    frozen.measured_whole = False
    assert max(row.max_error for row in assert_equivariant(frozen, samples=2).runs[0].layers) > 1e-2


def test_a_function_serves_with_representations_given_and_tensors_are_turned() -> None:
    vector = O3().vector

    def function(features, positions, edges, batch, structures):
        total = torch.zeros(structures, 9, dtype=features.dtype)
        return total.index_add(0, batch, (features[:, :, None] * positions.exp()[:, None]).flatten(1))

    model = FrameAverage(function, vector, vector * vector)
    assert_equivariant(model)


@pytest.mark.parametrize("rep", ["2x0e + 1x0o + 1x1o + 1x1e + 2x2e + 1x2o + 1x3o + 1x4e"])
def test_turning_is_the_representation(rep: str) -> None:
    rep = O3().rep(rep)
    features = torch.randn(6, rep.dim, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    g = O3().sample(6, generator=torch.Generator().manual_seed(1))
    expected = torch.einsum("nij,nj->ni", rep.matrix(g), features)
    torch.testing.assert_close(RotateFeatures(rep).double()(features, g), expected, rtol=1e-12, atol=1e-12)


DEGENERATE = {
    "one point": torch.zeros(1, 3),
    "all points equal": torch.ones(5, 3),
    "a line": torch.arange(5.0)[:, None] * torch.tensor([1.0, 2.0, 3.0]),
    "a square": torch.tensor([[1.0, 1, 0], [1, -1, 0], [-1, -1, 0], [-1, 1, 0]]),
    "a cube": torch.cartesian_prod(*[torch.tensor([-1.0, 1.0])] * 3),
}


@pytest.mark.parametrize("arm", [PrincipalFrame, FrameAverage, LearnedFrame])
@pytest.mark.parametrize("kind", DEGENERATE)
@pytest.mark.parametrize("group", GROUPS)
def test_degenerate_clouds_have_finite_outputs_and_gradients(arm, kind: str, group: str) -> None:
    model = arm(net(group))
    positions = DEGENERATE[kind].clone().requires_grad_()
    features = torch.ones(len(positions), model.rep_in.dim, requires_grad=True)
    output = model(features, positions, radius_graph(positions, 9.0))
    output.sum().backward()
    assert output.isfinite().all()
    assert all(x.grad is None or x.grad.isfinite().all() for x in (features, positions, *model.parameters()))


def test_no_points_give_a_finite_row_for_each_structure() -> None:
    model = FrameAverage(net("O3"))
    empty = torch.zeros(0, dtype=torch.int64)
    assert model(torch.zeros(0, model.rep_in.dim), torch.zeros(0, 3), None, empty, 2).isfinite().all()


def test_the_gradient_reaches_the_network_that_chooses_the_frame() -> None:
    model = LearnedFrame(net("SO3"), layers=1).double()
    features, positions, edges, batch, size = ragged(model.rep_in, 12, 20)
    model(features, positions, edges, batch, size).square().sum().backward()
    grads = [p.grad for name, p in model.network.named_parameters() if "readout" in name and "weights" in name]
    assert grads
    assert all(grad is not None and grad.abs().max() > 0 for grad in grads)
    single = ragged(model.rep_in, 7)
    assert torch.autograd.gradcheck(lambda x, p: model(x, p, *single[2:]), [x.requires_grad_() for x in single[:2]])


@pytest.mark.parametrize("arm", [PrincipalFrame, FrameAverage])
def test_the_gradient_at_a_constant_frame_moves_with_the_cloud(arm) -> None:
    model = arm(net("O3"))
    assert_equivariant(model, inputs=ragged(model.rep_in, 12, 20), gradients=True, samples=4)


def crossing(t: float) -> torch.Tensor:
    """A cloud whose first two moments are equal at t = 0, along axes that are oblique to its shape."""
    generator = torch.Generator().manual_seed(3)
    points = torch.randn(20, 3, dtype=torch.float64, generator=generator)
    points = points - points.mean(0)
    values, axes = torch.linalg.eigh(points.mT @ points)
    white = points @ axes / values.sqrt() * 2
    return white @ torch.diag(torch.tensor([1 + t, 1 - t, 0.5], dtype=torch.float64))


def steepest(model: torch.nn.Module, step: float) -> float:
    """The largest difference quotient along a path through the crossing."""
    features = torch.ones(20, 1, dtype=torch.float64)
    edges = radius_graph(crossing(0.0), 2.5)
    outputs = [model.double()(features, crossing(t), edges).detach() for t in (-step / 2, step / 2)]
    return float((outputs[1] - outputs[0]).norm() / (step * outputs[0].norm()))


def test_frames_jump_where_two_moments_meet_and_steerable_networks_do_not() -> None:
    torch.manual_seed(0)
    rep = O3().rep("1x0e")
    plain = PointNet(rep, O3().rep("4x0e"))
    torch.nn.init.normal_(plain.first.weight)
    steerable = PointEncoder(rep, "4x0e", hidden="8x0e + 4x1o", layers=1, cutoff=3.0)
    for arm in (PrincipalFrame(plain), FrameAverage(plain)):
        assert steepest(arm, 1e-6) > 1e3  # an input that moves by 1e-6 moves the output by more than a thousandth
        assert steepest(arm, 1e-6) > 100 * steepest(arm, 1e-3)  # as 1 / step: a jump
    assert steepest(steerable, 1e-6) < 10
    assert steepest(steerable, 1e-6) == pytest.approx(steepest(steerable, 1e-3), rel=0.05)  # a derivative


def test_bad_use_says_so() -> None:
    with pytest.raises(ValueError, match="give both"):
        FrameAverage(lambda *inputs: inputs[0])
    with pytest.raises(ValueError, match=r"SO\(3\) or O\(3\)"):
        FrameAverage(net("O3"), SO3().vector, O3().vector)
    with pytest.raises(ValueError, match=r"SO\(3\) or O\(3\)"):
        FrameAverage(net("O3"), O2().vector, O2().vector)
    with pytest.raises(ValueError, match=r"backbone must return \(8, 3\)"):
        FrameAverage(lambda x, *rest: x, O3().vector, O3().vector)(torch.ones(4, 3), torch.rand(4, 3))
    with pytest.raises(ValueError, match=r"positions must be \(4, 3\)"):
        FrameAverage(net("O3"))(torch.ones(4, 10), torch.rand(3, 3))
    with pytest.raises(ValueError, match="needs edges"):
        LearnedFrame(net("O3"))(torch.ones(4, 10), torch.rand(4, 3))
