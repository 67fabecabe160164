"""Random changes of weights, scores and losses on networks, by hand."""

from types import SimpleNamespace

import pytest
import torch

from intertwine.nn.weights import WeightSpace
from intertwine.tasks.weights._augment import WeightAugmentation
from intertwine.tasks.weights._job import WeightJob, number_of, relative_change
from intertwine.training import normal_per_example


def space() -> WeightSpace:
    return WeightSpace.of(torch.nn.Sequential(torch.nn.Linear(2, 5), torch.nn.ReLU(), torch.nn.Linear(5, 1)))


def some(count: int = 3) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    shapes = ((5, 2), (5,), (1, 5), (1,))
    return tuple(torch.randn(count, *shape, 1, generator=generator) for shape in shapes)


def network(weights, k, x):
    first, bias, second, last = (part[k, ..., 0] for part in weights)
    return torch.relu(x @ first.T + bias) @ second.T + last


@pytest.mark.parametrize("names", [("rotate",), ("scale",), ("shift",), ("rotate", "scale", "shift")])
def test_networks_on_the_plane_become_those_of_moved_points(names):
    """f(A x + t): a rotation by 0.15, a scale of exp 0.1 along each axis, and a shift by 0.06, times normal numbers."""
    weights, indices = some(), torch.arange(3)
    moved = WeightAugmentation(names, space())(weights, indices, 7)
    normal = normal_per_example(7, indices, 5).float()
    x = torch.randn(6, 2, generator=torch.Generator().manual_seed(1))
    for k in range(3):
        angle = 0.15 * normal[k, 0] if "rotate" in names else torch.tensor(0.0)
        turn = torch.tensor([[angle.cos(), -angle.sin()], [angle.sin(), angle.cos()]])
        scale = torch.exp(0.1 * normal[k, 1:3]) if "scale" in names else torch.ones(2)
        shift = 0.06 * normal[k, 3:5] if "shift" in names else torch.zeros(2)
        expected = network(weights, k, x @ (turn * scale).T + shift)
        assert torch.allclose(network(moved, k, x), expected, atol=1e-5)


def test_permutations_leave_the_functions_and_noise_is_a_share_of_the_spread():
    weights, indices = some(), torch.arange(3)
    moved = WeightAugmentation(("permute",), space())(weights, indices, 7)
    x = torch.randn(6, 2, generator=torch.Generator().manual_seed(1))
    assert not torch.equal(moved[0], weights[0])
    for k in range(3):
        assert torch.allclose(network(moved, k, x), network(weights, k, x), atol=1e-5)
    many = some(4000)
    noisy = WeightAugmentation(("noise",), space())(many, torch.arange(4000), 7)
    for before, after in zip(many, noisy, strict=True):
        assert float((after - before).std() / before.std()) == pytest.approx(0.03, rel=0.05)
    alone = WeightAugmentation(("noise",), space())(some(1), torch.arange(1), 7)
    assert torch.equal(alone[3], some(1)[3])  # one number has no spread
    again = WeightAugmentation(("noise",), space())(many, torch.arange(4000), 8)
    assert not torch.equal(again[0], noisy[0])
    assert WeightAugmentation((), space())(weights, indices, 7) is weights


def test_numbers_losses_and_scores():
    outputs, labels = torch.tensor([[1.0, 9.0], [0.5, 9.0]]), torch.tensor([12.0, 6.0], dtype=torch.float64)
    target = {"kind": "numbers", "mean": 10.0, "spread": 4.0}
    job = SimpleNamespace(config={"target": target, "smoothing": 0.0})
    assert number_of(outputs, target).tolist() == [14, 12]
    assert WeightJob.losses(job, outputs, labels).tolist() == pytest.approx([0.5**2 / 2, 1.5**2 / 2])
    assert WeightJob.scores(job, outputs, labels).tolist() == [2, 6]
    job = SimpleNamespace(config={"target": {"kind": "classes"}, "smoothing": 0.2})
    classes = torch.tensor([1, 1])
    logs = torch.log_softmax(outputs, 1)
    expected = -0.8 * logs[:, 1] - 0.2 * logs.mean(1)
    assert torch.allclose(WeightJob.losses(job, outputs, classes), expected)
    assert WeightJob.scores(job, outputs, torch.tensor([1, 0])).tolist() == [1, 0]


def test_changes_of_outputs():
    given, changed = torch.tensor([[3.0, 4.0], [0.0, 0.0]]), torch.tensor([[3.0, 4.5], [0.0, 0.0]])
    assert relative_change(changed, given).tolist() == pytest.approx([0.1, 0.0])
