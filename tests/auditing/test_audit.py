"""How the audit behaves: reproducible, leaves no trace, says what is wrong with the question."""

import pytest
import torch
from torch import nn

from intertwine.actions import PointCloud, PointFeatures
from intertwine.auditing import FunctionError, audit
from intertwine.groups import O3, SO2, SO3


def hooks(module):
    return sum(len(part._forward_hooks) for part in module.modules())


def test_reproducible(network, rep):
    def report(seed):
        return audit(network(), PointCloud(rep), PointFeatures(rep), samples=4, seed=seed)

    assert report(5) == report(5)
    assert report(5).runs[0].elements != report(6).runs[0].elements


def test_leaves_the_module_as_it_was(network, rep):
    net = network()
    net.train()
    net.middle.eval()
    state = {key: value.clone() for key, value in net.state_dict().items()}
    modes = [module.training for module in net.modules()]
    audit(net, PointCloud(rep), PointFeatures(rep), samples=2)
    assert [module.training for module in net.modules()] == modes
    assert all(torch.equal(value, state[key]) for key, value in net.state_dict().items())
    assert all(value.dtype == state[key].dtype for key, value in net.state_dict().items())
    assert hooks(net) == 0
    assert all(p.grad is None and p.requires_grad for p in net.parameters())


def test_leaves_the_module_as_it_was_when_it_raises():
    class Broken(nn.Module):
        def __init__(self):
            super().__init__()
            self.part = nn.Linear(3, 3)
            self.part.rep_out = SO3().vector

        def forward(self, x):
            self.part(x)
            raise KeyError("no")

    net = Broken().train()
    with pytest.raises(FunctionError):
        audit(net, SO3().vector, SO3().vector)
    assert net.training
    assert hooks(net) == 0
    assert torch.is_grad_enabled()


def test_leaves_the_random_numbers_and_the_inputs_alone(rep):
    def careless(features, positions, edges):
        features.mul_(positions.square().sum(-1, keepdim=True))
        return features + 0 * torch.rand(())

    action = PointCloud(rep, translations=False)
    data = action.example(torch.Generator().manual_seed(0), torch.float32)
    copies = [part.clone() for part in data]
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    audit(careless, action, PointFeatures(rep), inputs=data).check()
    assert torch.equal(torch.rand(3), expected)
    assert all(torch.equal(a, b) for a, b in zip(data, copies, strict=True))


def test_no_gradients_but_a_force_may_take_its_own():
    seen = []

    def force(x):
        seen.append(torch.is_grad_enabled())
        with torch.enable_grad():
            x = x.requires_grad_()
            return torch.autograd.grad(x.norm(dim=-1).pow(3).sum(), x)[0]

    audit(force, O3().vector, O3().vector).check()
    assert not any(seen)


def test_eval_mode():
    net = nn.Sequential(nn.Dropout(0.5)).train()
    audit(net, SO3().vector, SO3().vector).check()


@pytest.mark.parametrize("default", [torch.float32, torch.float64])
def test_global_dtype_is_not_read(default, network, rep):
    before = torch.get_default_dtype()
    net = network()
    try:
        torch.set_default_dtype(default)
        report = audit(net, PointCloud(rep), PointFeatures(rep), samples=2)
    finally:
        torch.set_default_dtype(before)
    assert report == audit(net, PointCloud(rep), PointFeatures(rep), samples=2)


class TestInputs:
    def test_several(self, network, rep):
        action = PointCloud(rep)
        several = [action.example(torch.Generator().manual_seed(k)) for k in range(3)]
        report = audit(network(), action, PointFeatures(rep), inputs=several, samples=32)
        assert report.samples == 33
        assert len(report.runs[0].elements) == 33 * 4

    def test_the_worst_input_counts(self):
        def odd(x):
            return x + (x[..., :1] > 50)

        good, bad = torch.randn(4, 3, dtype=torch.float64), 100 * torch.ones(4, 3, dtype=torch.float64)
        audit(odd, SO3().vector, SO3().vector, inputs=[good]).check()
        assert not audit(odd, SO3().vector, SO3().vector, inputs=[good, bad, good]).passed

    def test_module_knows_its_dtype_and_callable_gets_it(self):
        seen = set()

        def f(x):
            seen.add(x.dtype)
            return x

        report = audit(f, SO3().vector, SO3().vector, dtypes=(torch.float64,))
        assert seen == {torch.float64}
        assert list(report.errors) == ["float64"]

    def test_callable_of_one_dtype(self):
        weight = torch.eye(3, dtype=torch.float32)
        with pytest.raises(FunctionError, match="dtypes= that it supports") as caught:
            audit(lambda x: x @ weight, SO3().vector, SO3().vector)
        assert isinstance(caught.value.__cause__, RuntimeError)
        audit(lambda x: x @ weight, SO3().vector, SO3().vector, dtypes=(torch.float32,)).check()


class TestErrors:
    def test_two_groups(self):
        with pytest.raises(ValueError, match=r"input action is of O\(3\) and the output action of SO\(3\)"):
            audit(lambda x: x, O3().vector, SO3().vector)
        with pytest.raises(ValueError, match=r"input action is of SO\(2\) and the output action of SO\(3\)"):
            audit(lambda x: x, SO2().vector, SO3().vector)
        audit(lambda x: x, SO3().vector, O3().vector).check()

    def test_wrong_output_dimension(self):
        with pytest.raises(ValueError, match=r"expected a tensor \(\.\.\., 3\)"):
            audit(lambda x: x[..., :2], SO3().vector, SO3().vector)

    def test_no_tensor(self):
        with pytest.raises(TypeError, match=r"the output does not fit .*expected a tensor \(\.\.\., 3\)"):
            audit(lambda x: None, SO3().vector, SO3().vector)

    def test_neither_action_nor_rep(self):
        with pytest.raises(TypeError, match="expected an Action or a Rep"):
            audit(lambda x: x, "1x1o", O3().vector)

    def test_no_samples(self):
        with pytest.raises(ValueError, match="at least one sample"):
            audit(lambda x: x, SO3().vector, SO3().vector, samples=0)
        with pytest.raises(ValueError, match="empty list"):
            audit(lambda x: x, SO3().vector, SO3().vector, inputs=[])

    def test_shape_depends_on_the_element(self):
        with pytest.raises(ValueError, match="shape of the output depends"):
            audit(lambda x: x[x[:, 0] > 0], SO3().vector, SO3().vector)
