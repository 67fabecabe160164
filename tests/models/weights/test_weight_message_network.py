"""Messages along the layers of networks that are read: what the channels are, and what does not change them."""

from math import pi

import pytest
import torch
from torch import nn
from torch.func import functional_call

from intertwine.models import WeightMessageNetwork, WeightStatisticsNetwork
from intertwine.nn import Sine, WeightSpace
from intertwine.testing import ModuleCase, ModuleTests


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def random_weights(space, *batch, channels=1):
    shapes = [space.array_shape(array) for array in space.arrays]
    return tuple(
        torch.randn(*batch, *shape, channels, generator=seeded(k), dtype=torch.float64)
        for k, shape in enumerate(shapes)
    )


def convolutional():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 3, groups=4), nn.GELU(),
        nn.Conv2d(4, 5, 2, bias=False), nn.PReLU(), nn.Flatten(), nn.Linear(5 * 4, 6), nn.LayerNorm(6), nn.ReLU(),
        nn.Linear(6, 3),
    )  # fmt: skip


NETWORKS = {
    "sine": lambda: nn.Sequential(nn.Linear(2, 5), Sine(30.0), nn.Linear(5, 4), Sine(30.0), nn.Linear(4, 1)),
    "tanh": lambda: nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2)),
    "relu": lambda: nn.Sequential(nn.Linear(3, 5, bias=False), nn.ReLU(), nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 2)),
    "convolutional": convolutional,
    "normalized inputs": lambda: nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 4), nn.GELU(), nn.Linear(4, 2)),
    "one layer": lambda: nn.Sequential(nn.Linear(3, 2)),
}


class TestConformance(ModuleTests):
    network = WeightMessageNetwork

    def cases(self):
        found = {}
        for name in ("sine", "convolutional", "normalized inputs"):
            space = WeightSpace.of(NETWORKS[name]())
            weights = tuple(x.float() for x in random_weights(space, 3))
            one = tuple(x[0] for x in weights)
            found[name] = ModuleCase(
                lambda space=space: self.network(space, 2, hidden=4), one, law_inputs=one, degenerate=("zeros",)
            )
        return found

    def test_export(self, case):
        module, inputs = case.new_module().eval(), case.inputs
        torch.testing.assert_close(torch.export.export(module, inputs).module()(*inputs), module(*inputs))


class TestStatistics(TestConformance):
    network = WeightStatisticsNetwork


@pytest.mark.parametrize("name", NETWORKS)
def test_statistics_are_those_of_torch(name):
    space = WeightSpace.of(NETWORKS[name]())
    model, weights = WeightStatisticsNetwork(space, 3, hidden=6, symmetries=False).double(), random_weights(space, 4)
    rows = [x.flatten(1) for x in weights]
    shares = torch.tensor([0, 0.25, 0.5, 0.75, 1], dtype=torch.float64)
    expected = [
        torch.cat([row.mean(1, True), row.var(1, correction=0, keepdim=True), row.quantile(shares, 1).T], 1)
        for row in rows
    ]
    torch.testing.assert_close(model._statistics(weights), torch.cat(expected, 1))


@pytest.mark.parametrize("name", ["sine", "tanh", "relu"])
def test_channels_are_the_outputs_at_learned_inputs(name):
    network = NETWORKS[name]().double()
    space = WeightSpace.of(network)
    model = WeightMessageNetwork(space, 2, hidden=7, symmetries=False).double()
    outputs, _ = model._invariants(space.stack([network.state_dict()]))
    points = model.messages[0].points.T
    torch.testing.assert_close(outputs[0].T, functional_call(network, network.state_dict(), (points,)))


@pytest.mark.parametrize("network", [WeightMessageNetwork, WeightStatisticsNetwork])
@pytest.mark.parametrize("name", NETWORKS)
def test_permutations_do_not_change_the_output(name, network):
    space = WeightSpace.of(NETWORKS[name]())
    model, weights = network(space, 3, hidden=6).double(), random_weights(space, 4)
    model.set_statistics(weights)
    expected = model(*weights)
    assert expected.shape == (4, 3)
    action = space.action(1)
    one = tuple(x[0] for x in weights)
    for seed in range(4):
        moved = action(action.sample(one, seeded(seed)), one)
        torch.testing.assert_close(model(*moved), expected[0], rtol=1e-11, atol=1e-11)


def test_signs_and_phases_of_sines_do_not_change_the_output():
    space = WeightSpace.of(NETWORKS["sine"]())
    model, weights = WeightMessageNetwork(space, 3, hidden=6).double(), random_weights(space, 2)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=seeded(), dtype=parameter.dtype))
    w1, b1, w2, *rest = (x.clone() for x in weights)
    w1[:, 0] *= -1
    b1[:, 0] *= -1
    w2[:, :, 0] *= -1
    b1[:, 1] += pi / 30
    w2[:, :, 1] *= -1
    torch.testing.assert_close(model(w1, b1, w2, *rest), model(*weights), rtol=1e-8, atol=1e-8)
    plain = WeightMessageNetwork(space, 3, hidden=6, symmetries=False).double()
    plain.load_state_dict(model.state_dict())
    assert (plain(w1, b1, w2, *rest) - plain(*weights)).abs().max() > 1e-3


def test_a_layer_is_needed():
    with pytest.raises(ValueError, match="at least one layer"):
        WeightMessageNetwork(WeightSpace.of(NETWORKS["tanh"]()), 2, layers=0)
