"""Weight spaces: dimensions, permutations and symmetries that leave the function of a network as it is."""

from itertools import pairwise
from math import pi
from types import MappingProxyType

import pytest
import torch
from torch import nn
from torch.func import functional_call

from intertwine._errors import UsageError
from intertwine.actions import TupleAction
from intertwine.models import WeightSpaceNetwork
from intertwine.nn import (
    Sine,
    WeightSpace,
    WeightSpaceActivation,
    WeightSpaceAttention,
    WeightSpaceLinear,
    WeightSpaceNorm,
    check_weights,
    normal_form,
)
from intertwine.testing import ModuleCase, ModuleTests


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def perceptron(*sizes, activation=nn.Tanh, bias=True):
    layers = []
    for a, b in pairwise(sizes):
        layers += [nn.Linear(a, b, bias=bias), activation()]
    return nn.Sequential(*layers[:-1]).double()


def convolutional():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Conv2d(4, 4, 3, groups=4),
        nn.GroupNorm(1, 4),
        nn.GELU(),
        nn.Sequential(nn.Conv2d(4, 5, 2, bias=False), nn.PReLU(5)),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(5 * 4, 6),
        nn.LayerNorm(6),
        nn.ReLU(),
        nn.Linear(6, 3),
    ).double()


def randomized(network, seed=0):
    generator = seeded(seed)
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point():
            noise = torch.randn(tensor.shape, generator=generator, dtype=tensor.dtype)
            tensor.copy_(noise.abs() + 0.5 if "running_var" in name else noise)
    return network.eval()


class TestDimensions:
    @pytest.mark.parametrize(
        ("sizes", "maps", "invariants"),
        [((2, 32, 32, 1), 75, 7), ((2, 3, 4, 3, 1), 117, 9), ((1, 3, 3, 3, 3, 1), 139, 10)],
    )
    def test_known_dimensions(self, sizes, maps, invariants):
        space = WeightSpace.of(perceptron(*sizes))
        assert WeightSpaceLinear(space, 1, 1).num_maps == maps
        assert WeightSpaceLinear(space, 1, 1, invariant=True).num_maps == invariants
        assert WeightSpaceLinear(space, 1, 1).num_biases == invariants
        assert sum(weight.numel() for weight in WeightSpaceLinear(space, 1, 1, bias=False).parameters()) == maps

    def test_known_blocks(self):
        """Maps between single arrays of (2, 3, 4, 3, 1)."""
        layer = WeightSpaceLinear(WeightSpace.of(perceptron(2, 3, 4, 3, 1)), 1, 1)
        keys = ["W1", "b1", "W2", "b2", "W3", "b3", "W4", "b4"]
        counts = {}
        for each in layer.maps:
            pair = keys[each.target.array], keys[each.source.array]
            counts[pair] = counts.get(pair, 0) + each.axes_in.free * each.axes_out.free
        expected = {("W1", "W1"): 8, ("W2", "W2"): 4, ("W3", "W3"): 4, ("W4", "W4"): 2, ("W2", "W1"): 4}
        expected |= {("b1", "W1"): 4, ("b1", "b1"): 2, ("b4", "b4"): 1}
        assert {pair: counts[pair] for pair in expected} == expected

    def test_rank_is_that_of_all_equivariant_maps(self):
        """Invariant matrices of the permutations of hidden features, by averaging over the group."""
        space = WeightSpace.of(perceptron(2, 3, 3, 1))
        action, total = space.action(1), space.num_weights
        units = torch.eye(total, dtype=torch.float64)
        arrays = tuple(
            part.reshape(total, *space.array_shape(array), 1)
            for array, part in zip(space.arrays, units.split([_size(space, a) for a in space.arrays], 1), strict=True)
        )
        constraints = []
        for seed in range(4):
            transform = action.sample(tuple(x[0] for x in arrays), seeded(seed))
            rows = [_flat(action(transform, tuple(x[k] for x in arrays))) for k in range(total)]
            matrix = torch.stack(rows, 1)
            constraints.append(torch.kron(matrix, matrix) - torch.eye(total**2, dtype=torch.float64))
            if len(constraints) == 4:
                break
        rank = torch.linalg.matrix_rank(sum(c.T @ c for c in constraints), hermitian=True)
        assert total**2 - int(rank) == 75


def _size(space, array):
    return torch.Size(space.array_shape(array)).numel()


def _flat(arrays):
    return torch.cat([x.flatten() for x in arrays])


NETWORKS = {
    "perceptron": (lambda: perceptron(2, 4, 3, 2), (5, 2)),
    "sine": (lambda: perceptron(2, 4, 3, 2, activation=Sine), (5, 2)),
    "convolutional": (convolutional, (2, 1, 9, 9)),
    "nested": (lambda: nn.Sequential(nn.Sequential(nn.Linear(2, 3), nn.Tanh()), nn.Linear(3, 1)).double(), (5, 2)),
    "one layer": (lambda: nn.Sequential(nn.Linear(2, 3)).double(), (5, 2)),
}


class TestFunction:
    @pytest.mark.parametrize("name", NETWORKS)
    def test_permuted_networks_compute_the_same(self, name):
        make, shape = NETWORKS[name]
        network, space = randomized(make()), WeightSpace.of(make())
        x = torch.randn(shape, generator=seeded(), dtype=torch.float64)
        expected = network(x)
        (arrays,) = [tuple(a[0] for a in space.stack([network.state_dict()]))]
        for seed in range(4):
            action = space.action(1)
            moved = action(action.sample(arrays, seeded(seed)), arrays)
            state = {**network.state_dict(), **space.unstack(tuple(a[None] for a in moved))[0]}
            torch.testing.assert_close(functional_call(network, state, x), expected, rtol=1e-12, atol=1e-12)
            if space.sizes:
                assert not torch.equal(_flat(moved), _flat(arrays))

    @pytest.mark.parametrize("name", ["perceptron", "sine", "convolutional"])
    def test_round_trip_and_state_dict(self, name):
        make, _ = NETWORKS[name]
        states = [randomized(make(), seed).state_dict() for seed in (0, 1)]
        space = WeightSpace.of(make())
        for state, again in zip(states, space.unstack(space.stack(states)), strict=True):
            assert all(torch.equal(state[key], tensor) for key, tensor in again.items())
        assert space.num_weights == sum(t.numel() for k, t in states[0].items() if "num_batches" not in k)

    def test_a_space_from_weights_alone(self):
        network = perceptron(2, 4, 3, 2, activation=nn.ReLU)
        assert WeightSpace.of_state_dict(network.state_dict(), "relu", 1.0) == WeightSpace.of(network)
        ten = nn.Sequential(*[nn.Linear(2 + k, 3 + k) for k in range(11)])
        shuffled = dict(sorted(ten.state_dict().items()))
        assert WeightSpace.of_state_dict(shuffled).axes == WeightSpace.of(ten).axes


def flipped(space, arrays, kind, seed):
    """Random symmetries of the activations applied by hand."""
    generator = seeded(seed)
    arrays = [a.clone() for a in arrays]
    names = [array.key for array in space.arrays]
    for layer, (_, size) in enumerate(space.sizes):
        w, b = names.index(f"{2 * layer}.weight"), None
        b = names.index(f"{2 * layer}.bias") if f"{2 * layer}.bias" in names else None
        out = names.index(f"{2 * layer + 2}.weight")
        sign = torch.where(torch.rand(size, generator=generator, dtype=torch.float64) < 0.5, -1.0, 1.0)
        scale = torch.rand(size, generator=generator, dtype=torch.float64) + 0.5
        into, outof = (scale, 1 / scale) if kind == "relu" else (sign, sign)
        arrays[w] *= into[:, None, None]
        if b is not None:
            arrays[b] *= into[:, None]
        arrays[out] *= outof[None, :, None]
        if kind == "sine" and b is not None and arrays[b].any():
            turns = torch.randint(-3, 4, (size,), generator=generator)
            arrays[b] += (turns.double() * pi / 30)[:, None]
            arrays[out] *= torch.where(turns % 2 == 1, -1.0, 1.0)[None, :, None]
    return tuple(arrays)


class TestNormalForm:
    @pytest.mark.parametrize("kind", ["relu", "tanh", "sine"])
    @pytest.mark.parametrize("bias", ["random", "zero", "none"])
    def test_equal_for_equal_functions(self, kind, bias):
        activation = {"relu": nn.ReLU, "tanh": nn.Tanh, "sine": Sine}[kind]
        network = randomized(perceptron(2, 5, 4, 2, activation=activation, bias=bias != "none"))
        if bias == "zero":
            for key, tensor in network.state_dict().items():
                tensor.mul_("bias" not in key)
        space = WeightSpace.of(network)
        arrays = tuple(a[0] for a in space.stack([network.state_dict()]))
        x = torch.rand(6, 2, generator=seeded(), dtype=torch.float64) / 30
        form = normal_form(space, arrays)
        expected = network(x)
        for seed in range(3):
            other = flipped(space, arrays, kind, seed)
            assert not torch.allclose(_flat(other), _flat(arrays))
            for weights in (other, form):
                state = space.unstack(tuple(a[None] for a in weights))[0]
                torch.testing.assert_close(functional_call(network, state, x), expected, rtol=1e-9, atol=1e-9)
            torch.testing.assert_close(_flat(normal_form(space, other)), _flat(form), rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(_flat(normal_form(space, form)), _flat(form), rtol=1e-12, atol=1e-12)

    def test_commutes_with_permutations_and_leaves_norm_layers(self):
        space = WeightSpace.of(convolutional())
        arrays = space.stack([randomized(convolutional()).state_dict()])
        form = normal_form(space, arrays)
        assert all(torch.equal(a, b) for a, b in zip(form, arrays, strict=True))
        network = randomized(perceptron(2, 5, 4, 2, activation=Sine))
        space = WeightSpace.of(network)
        arrays, action = tuple(a[0] for a in space.stack([network.state_dict()])), space.action(1)
        moved = action.sample(arrays, seeded())
        torch.testing.assert_close(
            _flat(normal_form(space, action(moved, arrays))), _flat(action(moved, normal_form(space, arrays)))
        )


class Positional(nn.Module):
    """A layer on a tuple with its arrays as arguments."""

    def __init__(self, layer):
        super().__init__()
        self.layer, self.action_in, self.action_out = layer, layer.action_in, layer.action_out

    def forward(self, first, second, third, fourth):
        return self.layer((first, second, third, fourth))


class TestConformance(ModuleTests):
    tolerance = MappingProxyType({"float32": 1e-5, "float64": 1e-12})

    def cases(self):
        space = WeightSpace.of(nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 1)))
        inputs = tuple(
            torch.randn(*space.array_shape(array), 4, generator=seeded(k)) for k, array in enumerate(space.arrays)
        )
        layers = {
            "attention": lambda: WeightSpaceAttention(space, 4, 2),
        }
        found = {
            name: ModuleCase(lambda make=make: Positional(make()), inputs, law_inputs=inputs, degenerate=("zeros",))
            for name, make in layers.items()
        }
        weights = tuple(x[..., :1] for x in inputs)
        network = ModuleCase(
            lambda: WeightSpaceNetwork(space, 2, hidden=4, layers=1), weights, law_inputs=weights, degenerate=("zeros",)
        )
        return found | {"network": network}

    def test_export(self, case):
        module, inputs = case.new_module().eval(), case.inputs
        torch.testing.assert_close(torch.export.export(module, inputs).module()(*inputs), module(*inputs))


@pytest.mark.parametrize("layer", [WeightSpaceLinear, WeightSpaceNorm, WeightSpaceAttention])
def test_law_of_layers(layer):
    space = WeightSpace.of(convolutional())
    module = (layer(space, 4) if layer is WeightSpaceNorm else layer(space, 4, 4)).double()
    x = tuple(torch.randn(*space.array_shape(a), 4, generator=seeded(), dtype=torch.float64) for a in space.arrays)
    action = space.action(4)
    for seed in range(4):
        moved = action.sample(x, seeded(seed))
        expected = action(moved, module(x))
        for found, wanted in zip(module(action(moved, x)), expected, strict=True):
            torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)


def test_activation_and_checks():
    space = WeightSpace.of(perceptron(2, 3, 1))
    weights = tuple(torch.randn(2, *space.array_shape(array), 4) for array in space.arrays)
    check_weights(space, weights, 4)
    assert torch.equal(WeightSpaceActivation(space, 4, torch.relu)(weights)[0], weights[0].relu())
    assert isinstance(WeightSpaceActivation(space, 4).action_in, TupleAction)
    with pytest.raises(ValueError, match=r'"0.weight" as \(\*batch, 3, 2, 1\)'):
        check_weights(space, weights, 1)
    with pytest.raises(ValueError, match="tuple of 4 arrays"):
        check_weights(space, weights[:2], 4)


class TestErrors:
    @pytest.mark.parametrize(
        ("network", "message"),
        [
            (nn.Sequential(nn.Linear(2, 3), nn.LSTM(3, 3)), 'layer "1" is a LSTM'),
            (nn.Sequential(nn.Conv2d(4, 8, 3, groups=2)), "in 2 groups"),
            (nn.Sequential(nn.Conv1d(1, 4, 1), nn.GroupNorm(2, 4), nn.Conv1d(4, 1, 1)), "2 groups of channels"),
            (nn.Sequential(nn.Linear(2, 3), nn.Linear(4, 1)), "takes 4 features and the layer before it has 3"),
            (nn.Sequential(nn.ReLU()), "a linear or convolution layer, got none"),
            (nn.Sequential(nn.LayerNorm((3, 4)), nn.Linear(4, 1)), "over several axes"),
        ],
    )
    def test_layers(self, network, message):
        with pytest.raises(ValueError, match=message):
            WeightSpace.of(network)

    def test_states(self):
        space = WeightSpace.of(perceptron(2, 3, 1))
        with pytest.raises(ValueError, match=r'network 0 has "0.weight" of shape \(4, 2\), expected \(3, 2\)'):
            space.stack([perceptron(2, 4, 1).state_dict()])
        with pytest.raises(ValueError, match=r'"x.hidden" of shape \(2, 2\)'):
            WeightSpace.of_state_dict({"x.hidden": torch.zeros(2, 2)})
        with pytest.raises(ValueError, match='got "swish"'):
            WeightSpace.of_state_dict({}, "swish")


def test_a_network_without_layers_is_refused():
    space = WeightSpace.of(nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1)))
    with pytest.raises(UsageError, match="at least one layer, got 0"):
        WeightSpaceNetwork(space, 2, layers=0)
