"""Training mode, compiled and exported forms, gradients, after training steps."""

import pytest
import torch
from torch import nn

from intertwine.actions import Array, PointCloud, PointFeatures, TupleAction
from intertwine.auditing import EquivarianceError, FunctionError, audit
from intertwine.groups import O3, SO3
from intertwine.testing import assert_equivariant

V = O3().vector
DOUBLE = (torch.float64,)


class Norm(nn.Module):
    """Divides vectors by a learned multiple of their length; its faults come on request."""

    rep_in = rep_out = O3().rep("2x1o")

    def __init__(self, train_leak=0.0, gradient_leak=0.0, compiled_leak=0.0):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.train_leak, self.gradient_leak, self.compiled_leak = train_leak, gradient_leak, compiled_leak

    def forward(self, x):
        vectors = x.unflatten(-1, (2, 3))
        y = (vectors / (1 + self.scale * vectors.norm(dim=-1, keepdim=True))).flatten(-2)
        if self.training:
            y = y + self.train_leak
        if torch.compiler.is_compiling():
            y = y + self.compiled_leak
        return y + self.gradient_leak * (x - x.detach()) * torch.arange(6).to(x)


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(2)


class TestModes:
    def test_both(self):
        report = audit(Norm(), V + V, V + V, samples=4, modes=("eval", "train"))
        assert list(report.errors) == ["float32", "float64", "float32, train", "float64, train"]
        assert report.passed

    def test_a_fault_in_training_only(self):
        report = audit(Norm(train_leak=1e-3), V + V, V + V, samples=4, modes=("eval", "train"))
        assert report.errors["float64"] < 1e-14
        assert report.errors["float64, train"] > 1e-4
        with pytest.raises(EquivarianceError, match=r"\(float32, train\)"):
            report.check()
        audit(Norm(train_leak=1e-3), V + V, V + V, samples=4).check()

    def test_tolerance_of_a_condition(self):
        report = audit(Norm(train_leak=1e-3), V + V, V + V, samples=4, modes=("eval", "train"))
        report.check({"float32, train": 1.0, "float64, train": 1.0})
        with pytest.raises(EquivarianceError, match="float64, train"):
            report.check({"float32, train": 1.0})
        with pytest.raises(EquivarianceError, match=r"> 1e-10 \(float32\)"):
            report.check({"float32": 1e-10, "float32, train": 1.0})

    def test_batch_norm_per_component_fails_in_training_at_once(self):
        norm = nn.BatchNorm1d(3)
        report = audit(norm, SO3().vector, SO3().vector, modes=("eval", "train"))
        assert report.errors["float32"] < 1e-6
        assert report.errors["float32, train"] > 1e-2
        assert norm.running_mean.abs().max() == 0

    def test_dropout_draws_the_same_numbers(self):
        """Components dropped one by one break the law, whole vectors do not."""
        action = SO3().vector
        modes = ("train",)
        assert not audit(nn.Dropout(0.5), action, action, modes=modes).passed
        vectors = torch.randn(1, 16, 3, dtype=torch.float64)
        audit(nn.Dropout1d(0.5), action, action, modes=modes, inputs=vectors).check()


class TestForms:
    def test_all(self):
        report = audit(Norm(), V + V, V + V, samples=2, execution=("eager", "compiled", "exported"), dtypes=DOUBLE)
        assert list(report.errors) == ["float64", "float64, compiled", "float64, exported"]
        report.check(1e-12)

    def test_point_clouds(self, network, rep):
        execution = ("compiled", "exported")
        report = audit(network(), PointCloud(rep), PointFeatures(rep), samples=2, execution=execution, dtypes=DOUBLE)
        report.check(1e-12)

    @pytest.mark.parametrize("execution", ["compiled", "exported"])
    def test_a_fault_in_this_form_only(self, execution):
        report = audit(Norm(compiled_leak=1e-2), V + V, V + V, samples=2, execution=("eager", execution), dtypes=DOUBLE)
        assert report.errors["float64"] < 1e-14
        with pytest.raises(EquivarianceError, match=f"float64, {execution}.*layers are not measured when {execution}"):
            report.check()

    @pytest.mark.parametrize("execution", ["compiled", "exported"])
    def test_what_does_not_compile_is_said(self, execution):
        def branches(x):
            return x if float(x.detach().sum()) > 0 else 2 * x

        with pytest.raises(
            FunctionError, match=f'branches {execution} raised .* leave "{execution}" out of execution='
        ):
            audit(branches, V, V, samples=2, execution=(execution,), dtypes=DOUBLE)

    def test_functions_and_dicts(self):
        def scaled(x, y):
            return x * y

        action = TupleAction(x=V, y=O3().trivial)
        audit(scaled, action, V, samples=2, execution=("compiled", "exported"), dtypes=DOUBLE).check(1e-13)


class TestGradients:
    def test_hold(self, network, rep):
        report = audit(network(), PointCloud(rep), PointFeatures(rep), samples=3, gradients=True)
        assert list(report.errors)[2:] == ["float32, gradient", "float64, gradient"]
        assert report.errors["float64, gradient"] < 1e-12
        report.check()
        assert report.laws == audit(network(), PointCloud(rep), PointFeatures(rep), samples=3).laws

    def test_caught_where_values_are_right(self):
        report = audit(Norm(gradient_leak=1e-2), V + V, V + V, samples=4, gradients=True)
        assert report.errors["float64"] < 1e-14
        assert report.errors["float64, gradient"] > 1e-4
        with pytest.raises(EquivarianceError, match=r"\(float32, gradient\).*layers are not measured with gradients"):
            report.check()

    def test_of_weights(self):
        """The data's gradient is right, the weight's depends on the frame."""

        class Crooked(nn.Module):
            def __init__(self):
                super().__init__()
                self.w = nn.Parameter(torch.ones(()))

            def forward(self, x):
                return x + (self.w - self.w.detach()) * x[..., :1]

        report = audit(Crooked(), V, V, samples=4, gradients=True, dtypes=DOUBLE)
        assert report.errors["float64"] < 1e-14
        assert report.errors["float64, gradient"] > 1e-2

    def test_equal_to_the_jacobian(self):
        """The same by the dense Jacobian: J(g x) g = g J(x)."""
        x, g = torch.randn(3, dtype=torch.float64), O3().sample(generator=torch.Generator().manual_seed(0))
        jacobian = torch.autograd.functional.jacobian

        def f(x):
            return x * x.norm()

        assert torch.allclose(jacobian(f, g @ x) @ g, g @ jacobian(f, x))
        assert audit(f, V, V, gradients=True, dtypes=DOUBLE).errors["float64, gradient"] < 1e-13

    def test_permutations(self):
        rows = Array("rows columns")
        audit(lambda x: x.softmax(1), rows, rows, gradients=True, samples=4).check()

    def test_no_gradient(self):
        with pytest.raises(FunctionError, match="does not depend differentiably"):
            audit(lambda x: x.detach(), V, V, gradients=True)


class TestSteps:
    def test_a_fault_that_shows_after_training(self):
        """A weight that starts at zero hides the fault."""

        class Shy(nn.Module):
            rep_in = rep_out = V

            def __init__(self):
                super().__init__()
                self.bias = nn.Parameter(torch.zeros(3))

            def forward(self, x):
                return x + self.bias

        net = Shy()
        assert_equivariant(net)
        with pytest.raises(EquivarianceError):
            assert_equivariant(net, steps=3)
        assert torch.equal(net.bias, torch.zeros(3))

    def test_batch_norm_per_component(self):
        inputs = torch.randn(64, 3, dtype=torch.float64) * torch.tensor([1.0, 3.0, 9.0], dtype=torch.float64)
        audit(nn.BatchNorm1d(3), SO3().vector, SO3().vector, inputs=inputs).check()
        assert not audit(nn.BatchNorm1d(3), SO3().vector, SO3().vector, inputs=inputs, steps=3).passed

    def test_equivariant_stays(self, network, rep):
        net = network()
        before = [p.clone() for p in net.parameters()]
        report = audit(net, PointCloud(rep), PointFeatures(rep), samples=3, steps=5)
        report.check({"float32": 1e-5, "float64": 1e-12})
        assert report.errors != audit(net, PointCloud(rep), PointFeatures(rep), samples=3).errors
        assert all(torch.equal(a, b) for a, b in zip(before, net.parameters(), strict=True))
        assert report == audit(net, PointCloud(rep), PointFeatures(rep), samples=3, steps=5)

    def test_only_modules(self):
        with pytest.raises(TypeError, match=r"steps= needs a torch\.nn\.Module to train, got function"):
            audit(lambda x: x, V, V, steps=1)


def test_everything_at_once():
    report = assert_equivariant(
        Norm(), samples=2, modes=("eval", "train"), execution=("eager", "compiled", "exported"), gradients=True, steps=1
    )
    assert len(report.runs) == 24
    page = report.to_html()
    assert "error by condition" in page
    assert "float64, train, exported, gradient" in page


@pytest.mark.parametrize(
    "wrong", [{"modes": "train"}, {"modes": ("test",)}, {"execution": ()}, {"execution": ("scripted",)}]
)
def test_unknown_conditions(wrong):
    with pytest.raises(ValueError, match="is a tuple of some of"):
        audit(lambda x: x, V, V, **wrong)
