"""Questions that are badly put: one line that says what, where, and how to mend it."""

from dataclasses import dataclass

import pytest
import torch
from torch import nn

from intertwine.actions import Action, Images, LinearAction, PointCloud, Transform, TupleAction
from intertwine.auditing import FunctionError, audit
from intertwine.groups import O3, SO3, Cyclic
from intertwine.reps import Rep

V = SO3().vector


def message(kind, *args, **options):
    with pytest.raises(kind) as caught:
        audit(*args, **options)
    said = str(caught.value)
    assert "\n" not in said
    return said


def same(x):
    return x


class TestDimensions:
    def test_input(self):
        said = message(ValueError, same, V, V, inputs=torch.zeros(4, 5))
        assert said.startswith("the input does not fit the input action: expected a tensor (..., 3) of type 1")
        assert "got shape (4, 5)" in said

    def test_input_of_points(self):
        said = message(ValueError, same, PointCloud(V), V, inputs=(torch.zeros(4, 3), torch.zeros(5, 3)))
        assert "the input does not fit the input action: expected one row of features for each of 5 points" in said
        said = message(TypeError, same, PointCloud(V), V, inputs=torch.zeros(4, 3))
        assert "expected a tuple (features, positions, edges, ...)" in said

    def test_output(self):
        said = message(ValueError, lambda x: x[..., :2], V, V)
        assert said.startswith("the output does not fit the output action: expected a tensor (..., 3)")

    def test_output_of_a_dict(self):
        said = message(ValueError, lambda x: {"a": x}, V, TupleAction(a=V, b=V))
        assert "the output does not fit the output action: expected a dict with the keys a, b, got keys a" in said


class TestRaisingFunction:
    def test_where_and_what(self):
        class Deep(nn.Module):
            def __init__(self):
                super().__init__()
                self.ok = nn.Identity()
                self.block = nn.Sequential(nn.Identity(), nn.Linear(4, 4))

            def forward(self, x):
                return self.block(self.ok(x))

        said = message(FunctionError, Deep(), V, V)
        assert said.startswith("Deep raised RuntimeError: mat1 and mat2 shapes cannot be multiplied")
        assert "in layer block.1, called with float32 (16, 3); give inputs= that it accepts" in said

    def test_a_layer_that_is_done_is_not_blamed(self):
        class After(nn.Module):
            def __init__(self):
                super().__init__()
                self.done = nn.Identity()

            def forward(self, x):
                raise KeyError(self.done(x).shape)

        assert "in layer" not in message(FunctionError, After(), V, V)

    def test_the_cause_is_kept(self):
        with pytest.raises(FunctionError) as caught:
            audit(lambda x: {}["key"], V, V)
        assert isinstance(caught.value.__cause__, KeyError)

    def test_wrong_number_of_arguments(self):
        said = message(FunctionError, lambda a: a, TupleAction(V, V), V)
        assert "raised TypeError" in said
        assert "called with float32 (16, 3), float32 (16, 3)" in said

    def test_cannot_be_copied(self):
        net = nn.Identity()
        net.cache = torch.ones(3, requires_grad=True) * 2
        assert message(FunctionError, net, V, V).startswith("Identity cannot be copied: Only Tensors created")

    def test_raises_while_training(self):
        class Careless(nn.Module):
            def forward(self, x):
                if self.training:
                    raise KeyError("label")
                return x

        assert audit(Careless(), V, V, samples=2).passed
        assert message(FunctionError, Careless(), V, V, steps=1).startswith("Careless raised KeyError: 'label'")

    def test_hooks_are_gone(self):
        net = nn.Sequential(nn.Linear(4, 4))
        with pytest.raises(FunctionError):
            audit(net, V, V)
        assert not net[0]._forward_hooks
        assert not net[0]._forward_pre_hooks


class TestElements:
    def test_given(self):
        C = Cyclic(4)
        report = audit(same, C.vector, C.vector, elements=C.elements)
        assert report.samples == 4
        assert [round(e.angle) for e in report.runs[0].elements] == [0, 90, 180, 90]

    def test_given_to_point_clouds(self):
        g = torch.diag(torch.tensor([1.0, 1.0, -1.0]))[None]

        def cross(features, positions):
            return torch.linalg.cross(features, positions)

        cloud = PointCloud(O3().vector, translations=False, permutations=False)
        report = audit(cross, cloud, O3().vector, elements=g, inputs=(torch.randn(4, 3), torch.randn(4, 3)))
        assert report.worst == "reflection in the plane normal to (0.00, 0.00, 1.00)"

    def test_not_orthogonal(self):
        g = torch.eye(3, dtype=torch.float64).repeat(2, 1, 1)
        g[1, 0, 1] = 0.3
        said = message(ValueError, same, V, V, elements=g)
        assert said.startswith("element 1 is not in SO(3): g g^T - 1 is as large as 3.0e-01, det g = 1;")
        assert said.endswith("sample them with the group's sample, or use the group that they belong to")

    def test_foreign(self):
        assert "element 0 is not in SO(3): det g = -1" in message(ValueError, same, V, V, elements=-torch.eye(3)[None])
        assert "a matrix (2, 2)" in message(ValueError, same, V, V, elements=torch.eye(2)[None])
        assert "is not in C_4" in message(
            ValueError, same, Cyclic(4).vector, Cyclic(4).vector, elements=Cyclic(8).elements
        )

    def test_shapes(self):
        for wrong in (torch.eye(3), torch.zeros(0, 3, 3), [1, 2]):
            assert "elements are a tensor (n, d, d)" in message(ValueError, same, V, V, elements=wrong)

    def test_drawn_by_a_careless_action(self):
        class Stretch(LinearAction):
            def sample(self, data, generator=None):
                return Transform(2 * self.group.identity)

        assert "element 0 is not in SO(3)" in message(ValueError, same, Stretch(V), V)


@dataclass(frozen=True, repr=False)
class Transposed(Rep):
    """g^T in the place of g: of a product it makes the product in the wrong order."""

    @property
    def dim(self):
        return 3

    def matrix(self, g):
        return g.mT

    def algebra(self, X):
        return X.mT

    def __str__(self):
        return "transposed"


class TestNoAction:
    def test_no_representation(self):
        wrong = Transposed(SO3())
        said = message(ValueError, same, wrong, wrong)
        assert said.startswith("the input action is not a group action: (a b) x and a (b x) differ by")
        assert "differ by " in said
        assert "for a = rotation" in said
        assert said.endswith("correct the representation transposed of LinearAction")
        assert message(ValueError, same, V, wrong).startswith("the output action is not a group action")

    def test_no_action(self):
        class Sheared(LinearAction):
            def __call__(self, transform, data):
                return super().__call__(transform, data) + transform.linear[0].to(data)

        assert "is not a group action" in message(ValueError, same, Sheared(V), V)

    def test_what_is_one_passes(self):
        for action in (LinearAction(V * V), PointCloud(O3().vector), Images(Cyclic(4).regular)):
            assert audit(lambda *x: x[0] if len(x) == 1 else x, action, action, samples=3).passed


class TestTwoMethods:
    """A user's own action is a class with two methods."""

    class Flip(Action):
        def sample(self, data, generator=None):
            return "backwards"

        def __call__(self, transform, data):
            return data.flip(-1)

    def test_passes_and_fails(self):
        data = torch.randn(3, 8)
        report = audit(lambda x: x.square(), self.Flip(), self.Flip(), inputs=data, gradients=True)
        assert report.passed
        assert dict(report.symbols) == {"transform": "Flip", "all": "Flip"}
        report = audit(lambda x: x.cumsum(-1), self.Flip(), self.Flip(), inputs=data)
        assert not report.passed
        assert report.worst == "backwards"
        assert "Flip" in str(report)
        assert report.to_html()
        assert report.to_json()

    def test_has_no_examples(self):
        assert "Flip has no example: give inputs=" in message(TypeError, same, self.Flip(), self.Flip())

    def test_output_by_a_representation(self):
        said = message(ValueError, same, self.Flip(), V, inputs=torch.zeros(2, 3))
        assert "the output action is of SO(3)" in said


@pytest.mark.parametrize(("defect", "refused"), [(1e-3, True), (1e-5, True), (1e-9, False)])
def test_an_action_that_is_nearly_a_group_action(defect, refused):
    """(a b) x and a (b x) may differ by rounding, not by more."""

    class Bent(LinearAction):
        def __call__(self, transform, data):
            moved = super().__call__(transform, data)
            return moved + defect * moved.roll(1, -1)

    action = Bent(SO3().vector)
    if refused:
        with pytest.raises(ValueError, match="is not a group action"):
            audit(lambda x: x, action, action, samples=4)
    else:
        audit(lambda x: x, action, action, samples=4).check()


def test_the_seed_is_that_of_a_random_function_too():
    drawn = []

    def noisy(x):
        drawn.append(float(torch.rand(())))
        return x

    for seed in (1, 1, 2):
        start = len(drawn)
        audit(noisy, SO3().vector, SO3().vector, inputs=torch.ones(2, 3), samples=1, seed=seed)
        drawn.append(("first", drawn[start]))
    first = [entry[1] for entry in drawn if isinstance(entry, tuple)]
    assert first[0] == first[1] != first[2]
