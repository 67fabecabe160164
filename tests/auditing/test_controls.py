"""The auditor audited: what is equivariant passes, and each known offender is caught, under the right law."""

import pytest
import torch
from torch import nn

from intertwine.actions import LinearAction, PointCloud, PointFeatures
from intertwine.auditing import EquivarianceError, audit
from intertwine.groups import O3, SO2, SO3, Cyclic


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(1)


def fails(report, *laws):
    """It fails, under these laws and all at once, and under no other."""
    with pytest.raises(EquivarianceError):
        report.check(1e-5)
    assert not report.passed
    assert {law for law, error in report.laws.items() if error > 1e-5} == {*laws, "all"}
    return True


class TestPositive:
    def test_message_passing(self, network, rep):
        report = audit(network(), PointCloud(rep), PointFeatures(rep))
        report.check(1e-5)
        assert 0 < report.max_error < 2e-6
        assert report.errors["float64"] < 1e-13

    def test_pooled_with_a_batch(self, network, rep):
        action = PointCloud(rep)
        features, positions, _ = action.example(torch.Generator().manual_seed(0))
        batch = torch.arange(24) // 8
        near = (torch.cdist(positions, positions) < 2) & (batch[:, None] == batch)
        edges = near.fill_diagonal_(False).nonzero().T
        report = audit(
            network(pooled=True), action, LinearAction(rep), inputs=(features, positions, edges, batch, 3), layers=False
        )
        report.check({"float32": 1e-5, "float64": 1e-12})
        wrong = audit(network(), action, LinearAction(rep), inputs=(features, positions, edges, batch, 3))
        assert fails(wrong, "permutation")

    def test_functions(self):
        O, S, C = O3(), SO3(), Cyclic(5)
        audit(lambda x: x * x.norm(dim=-1, keepdim=True), O.vector, O.vector).check()
        audit(lambda x: x.square().sum(-1, keepdim=True), O.vector, O.trivial).check()
        audit(lambda x: (x[..., :, None] * x[..., None, :]).flatten(-2), S.vector, S.vector * S.vector).check()
        audit(torch.relu, C.regular, C.regular).check()

    def test_outputs_in_a_tuple(self, network, rep):
        """Features and positions both move."""
        net = network()

        def step(features, positions, edges):
            features = net.to(features.dtype)(features, positions, edges)
            return features, positions + features[:, 3:6]

        audit(step, PointCloud(rep), PointCloud(rep)).check()

    def test_data_in_a_dict(self):
        class Pair(LinearAction):
            def __call__(self, transform, data):
                if not isinstance(data, dict):
                    return super().__call__(transform, data)
                return {key: super(Pair, self).__call__(transform, part) for key, part in data.items()}

        x = torch.randn(4, 3, dtype=torch.float64)
        report = audit(lambda a, b: {"sum": a + b}, Pair(SO3().vector), Pair(SO3().vector), inputs={"a": x, "b": 2 * x})
        report.check({"float32": 1e-6, "float64": 1e-14})


class TestNegative:
    def test_plain_mlp(self):
        net = nn.Sequential(nn.Linear(3, 16), nn.Tanh(), nn.Linear(16, 3))
        assert fails(audit(net, SO3().vector, SO3().vector), "rotation")

    def test_componentwise_relu(self):
        assert fails(audit(torch.relu, SO3().vector, SO3().vector), "rotation")

    def test_componentwise_batch_norm(self):
        """In eval mode the running statistics tell the components apart; before any training step they do not."""
        norm = nn.BatchNorm1d(3)
        audit(norm, SO3().vector, SO3().vector).check()
        norm(torch.randn(64, 3) * torch.tensor([1.0, 3.0, 9.0]) + 1)
        assert fails(audit(norm, SO3().vector, SO3().vector), "rotation")

    def test_cross_product_under_reflections(self):
        """Right for SO(3), wrong for O(3) when the result is called a polar vector, right when axial."""

        def cross(x):
            return torch.linalg.cross(x[..., :3], x[..., 3:])

        audit(cross, SO3().rep("2x1"), SO3().rep("1x1")).check()
        audit(cross, O3().rep("2x1o"), O3().rep("1x1e")).check()
        report = audit(cross, O3().rep("2x1o"), O3().rep("1x1o"))
        assert fails(report, "rotation")
        assert "inversion" in report.worst or "reflection" in report.worst
        assert {e.improper for e in report.runs[0].elements if e.error > 1e-5} == {True}

    @pytest.mark.parametrize("leak", [1e-3, 1e-4])
    def test_small_leak(self, network, rep, leak):
        report = audit(network(leak=leak), PointCloud(rep), PointFeatures(rep))
        assert fails(report, "rotation")
        assert leak / 10 < report.max_error < 10 * leak
        assert {row.name for row in report.layers if row.max_error > 1e-5} == {"middle", "last"}

    def test_order_of_points(self, network, rep):
        net = network()

        def ranked(features, positions, edges):
            rank = torch.arange(len(features), dtype=features.dtype)[:, None]
            return net.to(features.dtype)(features * (1 + rank / 24), positions, edges)

        assert fails(audit(ranked, PointCloud(rep), PointFeatures(rep)), "permutation")

    def test_absolute_positions(self, network, rep):
        net = network()

        def anchored(features, positions, edges):
            scale = positions.square().sum(-1, keepdim=True)
            return net.to(features.dtype)(features * scale, positions, edges)

        report = audit(anchored, PointCloud(rep), PointFeatures(rep))
        assert fails(report, "translation")
        assert report.worst.startswith("translation") or "translation" in report.worst
        audit(anchored, PointCloud(rep, translations=False), PointFeatures(rep)).check()

    def test_absolute_directions(self, network, rep):
        """Relative positions as plain numbers: translations and permutations hold, rotations do not."""
        mlp = nn.Sequential(nn.Linear(3, 8), nn.SiLU(), nn.Linear(8, rep.dim))

        def twin(features, positions, edges):
            source, target = edges
            messages = mlp.to(features.dtype)(positions[source] - positions[target])
            return features.index_add(0, target, messages)

        assert fails(audit(twin, PointCloud(rep), PointFeatures(rep)), "rotation")

    def test_planar_group(self):
        spin = torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=torch.float64)
        audit(lambda x: x @ spin.to(x).T, SO2().vector, SO2().vector).check()
        assert fails(audit(lambda x: x.flip(-1), SO2().vector, SO2().vector), "rotation")


class TestNothingProved:
    @pytest.mark.parametrize("bad", [float("nan"), float("inf")])
    def test_not_finite(self, bad):
        report = audit(lambda x: x * bad, SO3().vector, SO3().vector)
        assert not report.passed
        assert "output is not finite" in str(report)
        with pytest.raises(EquivarianceError, match="output is not finite under SO\\(3\\) \\(float32\\)"):
            report.check(1e30)

    def test_not_finite_once(self):
        """One bad number in one output among many, and only when moved."""

        def rare(x):
            y = x.clone()
            y[0] = torch.where(y[0].max() > 1.5, torch.nan, y[0])
            return y

        inputs = torch.zeros(4, 3, dtype=torch.float64)
        inputs[:, 0], inputs[0, 1:] = 1.2, 1.2
        report = audit(rare, SO3().vector, SO3().vector, inputs=inputs)
        assert not report.passed
        assert not report.runs[0].finite

    def test_zero(self):
        report = audit(lambda x: 0 * x, SO3().vector, SO3().vector)
        assert report.max_error == 0
        assert not report.passed
        assert "output is zero" in str(report)
        with pytest.raises(EquivarianceError, match=r"output is zero .* proves nothing"):
            report.check(1.0)

    def test_zero_only_as_given(self):
        """Zero where it should not be is an error, not an excuse."""
        x = torch.tensor([[0.0, 0.0, 1.0]], dtype=torch.float64)
        report = audit(lambda x: x * (x[..., 2:] != 1), SO3().vector, SO3().vector, inputs=x)
        assert report.max_error == 1
        assert not report.passed

    def test_random_function(self):
        report = audit(lambda x: x * (1 + 0.01 * torch.rand(())), SO3().vector, SO3().vector)
        assert not report.passed
        assert "the function is random" in str(report)
