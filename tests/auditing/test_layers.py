"""Which layers are measured, by what action, and under which name."""

import torch
from torch import nn

from intertwine.actions import LinearAction, PointCloud, PointFeatures
from intertwine.auditing import audit
from intertwine.auditing._layers import Recorder
from intertwine.groups import O3, SO2, SO3


class Declared(nn.Module):
    def __init__(self, f, **declared):
        super().__init__()
        self.f = f
        for name, value in declared.items():
            setattr(self, name, value)

    def forward(self, *data):
        return self.f(*data)


class Chain(nn.Module):
    def __init__(self, **components):
        super().__init__()
        for name, part in components.items():
            self.add_module(name, part)

    def forward(self, x):
        for part in self.children():
            x = part(x)
        return x


V = SO3().vector


def scale(x):
    return x * x.norm(dim=-1, keepdim=True)


def test_recorder_removes_its_hooks_and_numbers_the_calls():
    net = Chain(part=Declared(scale, rep_out=V), other=Declared(scale))
    with Recorder(net) as recorder:
        net(torch.ones(2, 3))
        assert list(recorder.outputs) == ["part"]
        recorder.restart()
        net.part(torch.ones(2, 3, dtype=torch.float32))
        net.part(torch.ones(2, 3))
        assert list(recorder.outputs) == ["part", "part (2)"]
        assert recorder.outputs["part"].dtype == torch.float64
    recorder.restart()
    net(torch.ones(2, 3))
    assert recorder.outputs == {}
    assert not net.part._forward_hooks


def test_order_of_execution_and_names_of_calls():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.b, self.a = Declared(scale, rep_out=V), Declared(scale, rep_out=V)

        def forward(self, x):
            return self.a(self.b(self.a(x)))

    report = audit(Net(), V, V, samples=2)
    assert [row.name for row in report.layers] == ["a", "b", "a (2)"]


def test_only_what_is_declared():
    net = Chain(
        plain=Declared(scale),
        text=Declared(scale, rep_out="1x1"),
        wide=Declared(scale, rep_out=2 * V),
        planar=Declared(scale, rep_out=SO2().irrep(1) + SO2().trivial),
        good=Declared(scale, rep_out=V),
    )
    assert {row.name for row in audit(net, V, V, samples=2).layers} == {"good"}
    assert audit(net, V, V, samples=2, layers=False).layers == ()


def test_a_layer_of_a_smaller_group_is_not_measured_and_of_a_larger_is():
    net = Chain(large=Declared(scale, rep_out=O3().vector), small=Declared(scale, rep_out=V))
    assert [row.name for row in audit(net, O3().vector, O3().vector, samples=8).layers] == ["large"]
    assert [row.name for row in audit(net, V, V, samples=8).layers] == ["large", "small"]


def test_a_layer_may_be_called_output():
    report = audit(Chain(output=Declared(scale, rep_out=V)), V, V, samples=2)
    assert [row.name for row in report.layers] == ["output"]
    assert [row.name for row in report.output] == ["output", "output"]


def test_points_and_pooled(network, rep):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.points = network()
            self.pool = Declared(lambda x: x.sum(0, keepdim=True), rep_out=rep)

        def forward(self, features, positions, edges):
            return self.pool(self.points(features, positions, edges))

    report = audit(Net(), PointCloud(rep), LinearAction(rep), samples=4)
    report.check()
    assert list(dict.fromkeys(row.name for row in report.layers)) == [
        "points.first",
        "points.middle",
        "points.last",
        "pool",
    ]
    assert [row.law for row in report.layers[:4]] == ["rotation", "translation", "permutation", "all"]
    assert all(row.max_error < 1e-5 for row in report.layers)


def test_action_out_comes_first(network, rep):
    """A layer that returns features and moved positions says so by action_out."""
    inner = network()

    def move(features, positions, edges):
        features = inner.to(features.dtype)(features, positions, edges)
        return features, positions + features[:, 3:6], edges

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.move = Declared(move, action_out=PointCloud(rep))

        def forward(self, *data):
            return self.move(*data)[0]

    report = audit(Net(), PointCloud(rep), PointFeatures(rep), samples=4)
    report.check()
    assert {row.name for row in report.layers} == {"move"}
    assert all(row.max_error < 1e-5 for row in report.layers)


def test_a_layer_that_fails_behind_a_whole_that_passes():
    net = Chain(leaky=Declared(torch.relu, rep_out=V), gone=Declared(lambda x: 0 * x[:1, :1] + 1))
    report = audit(net, V, SO3().trivial, samples=4)
    assert report.passed
    assert "note  the whole function passes, but the layer leaky breaks SO(3)" in str(report)


def test_zero_layer_is_said():
    net = Chain(zero=Declared(lambda x: 0 * x, rep_out=V), one=Declared(lambda x: x[:, :1] + 1))
    report = audit(net, V, SO3().trivial, samples=4)
    assert report.passed
    assert all(row.zero for row in report.layers)
    assert "zero     SO(3)   zero" in str(report)


def test_layers_that_change_in_place_are_recorded_before():
    net = Chain(good=Declared(scale, rep_out=V), bad=Declared(lambda x: x.relu_(), rep_out=V))
    report = audit(net, V, V, samples=4)
    assert report.runs[0].first_failing(1e-5).name == "bad"
