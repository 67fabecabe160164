"""Keypoints of score maps: the law of drawing one after the other, its gradient, and the maxima of a map."""

from itertools import product

import pytest
import torch

from intertwine._errors import UsageError
from intertwine.ops import disc_maximum, sample_keypoints, sampling_log_probabilities, select_keypoints
from intertwine.ops.local_features._sampling import SampledKeypoints

RADIUS = 1.0


def gumbel(*shape, seed=0):
    uniform = torch.rand(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return -(-uniform.log()).log()


def neighbors(k):
    """The pixels of the disc of radius one about a pixel of a 3 x 3 map."""
    y, x = divmod(k, 3)
    return {3 * a + b for a, b in product(range(3), range(3)) if (a - y) ** 2 + (b - x) ** 2 <= RADIUS**2}


def sequences(scores, count):
    """All sequences of keypoints of a 3 x 3 map, with their probability as a product of softmaxes: the obvious way."""

    def extend(taken, left, probability):
        if len(taken) == count or not left:
            yield taken, probability
            return
        order = sorted(left)
        shares = scores.flatten()[order].softmax(0)
        for k, share in zip(order, shares, strict=True):
            yield from extend((*taken, k), left - neighbors(k), probability * share)

    return list(extend((), set(range(9)), torch.ones((), dtype=scores.dtype)))


def drawn_as(sequence, count):
    """What `sample_keypoints` gives for a sequence."""
    removed, left = torch.full((1, 3, 3), count), set(range(9))
    for step, k in enumerate(sequence):
        for pixel in neighbors(k) & left:
            removed[0, pixel // 3, pixel % 3] = step
        left -= neighbors(k)
    pixels = torch.tensor([[*sequence, *[0] * (count - len(sequence))]])
    return SampledKeypoints(pixels, (torch.arange(count) < len(sequence))[None], removed)


@pytest.mark.parametrize("count", [1, 2, 4])
def test_probabilities_are_those_of_all_sequences(count):
    scores = torch.randn(3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    total = 0.0
    for sequence, probability in sequences(scores, count):
        found = sampling_log_probabilities(scores[None], drawn_as(sequence, count)).sum().exp()
        assert torch.allclose(found, probability, rtol=1e-12)
        total += float(found)
    assert total == pytest.approx(1, abs=1e-12)


def test_perturbed_maxima_are_draws():
    """The greedy maxima of perturbed scores have the probabilities of the sequences."""
    scores = torch.randn(3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    size = 40_000
    maps = scores.expand(size, 3, 3)
    found = sample_keypoints(maps, torch.ones_like(maps, dtype=torch.bool), 2, RADIUS, gumbel(size, 3, 3))
    counts = torch.bincount(found.pixels[:, 0] * 9 + found.pixels[:, 1], minlength=81) / size
    expected = torch.zeros(81, dtype=torch.float64)
    for (first, second), probability in sequences(scores, 2):
        expected[9 * first + second] = probability
    assert (counts - expected).abs().max() < 5 * (0.25 / size) ** 0.5
    again = sampling_log_probabilities(maps, found).sum(1).exp()
    assert torch.allclose(again, expected[found.pixels[:, 0] * 9 + found.pixels[:, 1]], rtol=1e-10)
    # Without the masks the second keypoint would have another distribution.
    free = scores.flatten().softmax(0)
    assert (counts.view(9, 9).sum(0) - free).abs().max() > 0.02


def test_the_policy_gradient_is_the_exact_gradient():
    """By enumeration: of one keypoint with a baseline, and of two with the sum of the rewards to come."""
    generator = torch.Generator().manual_seed(3)
    scores = torch.randn(3, 3, dtype=torch.float64, generator=generator).requires_grad_()
    rewards = torch.rand(9, generator=generator).double()
    for count in (1, 2):
        value = sum(p * sum(rewards[k] for k in sequence) for sequence, p in sequences(scores, count))
        (exact,) = torch.autograd.grad(value, scores)
        estimate = torch.zeros_like(scores)
        for sequence, probability in sequences(scores.detach(), count):
            logarithms = sampling_log_probabilities(scores[None], drawn_as(sequence, count))[0]
            gains = torch.tensor([float(rewards[list(sequence[step:])].sum()) for step in range(len(sequence))])
            surrogate = ((gains - 0.3) * logarithms[: len(sequence)]).sum()
            estimate += probability * torch.autograd.grad(surrogate, scores)[0]
        assert torch.allclose(estimate, exact, atol=1e-12)
        assert exact.abs().max() > 0.01


def test_numerical_gradient_and_maps_that_run_out():
    scores = torch.randn(2, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(4), requires_grad=True)
    candidates = torch.rand(2, 4, 5, generator=torch.Generator().manual_seed(5)) < 0.6
    candidates[1] = False
    drawn = sample_keypoints(scores, candidates, 30, 1.0, gumbel(2, 4, 5))
    assert drawn.valid[0].any()
    assert not drawn.valid[0].all()
    assert not drawn.valid[1].any()
    picked = drawn.pixels[0][drawn.valid[0]]
    assert candidates[0].flatten()[picked].all()
    y, x = picked // 5, picked % 5
    apart = (y[:, None] - y) ** 2 + (x[:, None] - x) ** 2
    assert apart.fill_diagonal_(9).min() > 1
    assert torch.autograd.gradcheck(lambda s: sampling_log_probabilities(s, drawn), scores)
    assert not sampling_log_probabilities(scores, drawn)[1].any()


@pytest.mark.parametrize("radius", [1.0, 2.5, 4.0])
def test_disc_maximum_is_that_of_all_pixels(radius):
    scores = torch.randn(2, 9, 12, generator=torch.Generator().manual_seed(6))
    y, x = torch.meshgrid(torch.arange(9), torch.arange(12), indexing="ij")
    place = torch.stack((y, x), -1).reshape(-1, 2).double()
    near = torch.cdist(place, place) <= radius
    expected = torch.where(near, scores.flatten(1)[:, None], -torch.inf).amax(2).view_as(scores)
    assert torch.equal(disc_maximum(scores, radius), expected)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_selection_moves_with_the_map(turns):
    scores = 3 * torch.randn(40, 31, dtype=torch.float64, generator=torch.Generator().manual_seed(7))
    here, values = select_keypoints(scores, 25, 3.0, margin=2)
    there, turned = select_keypoints(torch.rot90(scores, turns), 25, 3.0, margin=2)
    x, y = here.T
    height, width = scores.shape
    for _ in range(turns):
        x, y, height, width = y, width - 1 - x, width, height
    assert torch.allclose(torch.stack((x, y), 1), there, atol=1e-9)
    assert torch.equal(values, turned)
    assert torch.cdist(here, here).fill_diagonal_(9).min() > 1
    assert not torch.allclose(here, here.round())


def test_degenerate_maps():
    for shape in ((1, 1), (3, 50), (20, 20)):
        assert select_keypoints(torch.zeros(shape), 5, 3.0, margin=1)[0].shape == (0, 2)
    assert len(select_keypoints(torch.rand(20, 20), 0, 3.0)[0]) == 0
    with pytest.raises(UsageError, match="one shape"):
        sample_keypoints(torch.zeros(1, 3, 3), torch.ones(1, 3, 4, dtype=torch.bool), 1, 1.0)
