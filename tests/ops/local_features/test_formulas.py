"""Scale space, orientations, descriptors, matches and maxima against their formulas, written as loops."""

import math

import numpy as np
import pytest
import torch

from intertwine.ops.local_features import match_descriptors, sift
from intertwine.ops.local_features._descriptor import describe
from intertwine.ops.local_features._extrema import _candidates, _derivatives
from intertwine.ops.local_features._orientation import PADDING, gradients, orientations
from intertwine.ops.local_features._scale_space import scale_space
from intertwine.ops.local_features._selection import select_keypoints


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def slow_blur(image: np.ndarray, sigma: float, axis: int) -> np.ndarray:
    reach = math.ceil(4 * sigma)
    taps = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * sigma**2))
    mode = "reflect" if image.shape[axis] > reach else "edge"
    padded = np.pad(image, [(reach, reach) if k == axis else (0, 0) for k in (0, 1)], mode=mode)
    return np.apply_along_axis(np.convolve, axis, padded, taps / taps.sum(), "valid")


def slow_halves(image: np.ndarray, axis: int) -> np.ndarray:
    image = image.swapaxes(0, axis)
    found = image[::2] if len(image) % 2 else (image[::2] + image[1::2]) / 2
    return found.swapaxes(0, axis)


@pytest.mark.parametrize(("shape", "intervals", "sigma"), [((9, 13), 3, 1.6), ((14, 12), 2, 1.2), ((6, 40), 3, 1.6)])
def test_scale_space(shape, intervals, sigma):
    image = noise(*shape)
    found = scale_space(image, sigma, intervals, smallest=12)
    height, width = 2 * shape[0], 2 * shape[1]
    base = np.zeros((height, width))
    for i in range(height):
        for j in range(width):
            y, x = min(max((i + 0.5) / 2 - 0.5, 0), shape[0] - 1), min(max((j + 0.5) / 2 - 0.5, 0), shape[1] - 1)
            a, b = int(y), int(x)
            c, d = min(a + 1, shape[0] - 1), min(b + 1, shape[1] - 1)
            rows = [(1 - x + b) * float(image[k, b]) + (x - b) * float(image[k, d]) for k in (a, c)]
            base[i, j] = (1 - y + a) * rows[0] + (y - a) * rows[1]
    missing = math.sqrt(sigma**2 - 1)  # twice the 0.5 pixels of the image
    base = slow_blur(slow_blur(base, missing, 0), missing, 1)
    step, origin = 0.5, [-0.25, -0.25]
    octaves = 0
    while min(base.shape) >= 12:
        levels = [base]
        for level in range(1, intervals + 3):
            blur = math.sqrt(sigma**2 * 4 ** (level / intervals) - sigma**2 * 4 ** ((level - 1) / intervals))
            levels.append(slow_blur(slow_blur(levels[-1], blur, 0), blur, 1))
        octave = found[octaves]
        assert np.allclose(octave.levels, np.stack(levels), atol=1e-10)
        assert octave.step == step
        assert np.allclose(octave.origin, origin)
        octaves += 1
        source = levels[intervals - 1]
        known = sigma * 2 ** ((intervals - 1) / intervals)
        shift = [0.5 * step if base.shape[1] % 2 == 0 else 0, 0.5 * step if base.shape[0] % 2 == 0 else 0]
        for axis in (0, 1):
            pairs = 0.25 if base.shape[axis] % 2 == 0 else 0.0
            source = slow_halves(slow_blur(source, math.sqrt(4 * sigma**2 - pairs - known**2), axis), axis)
        base, origin, step = source, [origin[0] + shift[0], origin[1] + shift[1]], 2 * step
    assert len(found) == octaves
    assert octaves == {(9, 13): 1, (14, 12): 2, (6, 40): 1}[shape]


def test_the_number_of_octaves_by_the_shorter_side():
    for shape, count in {(5, 50): 0, (6, 50): 1, (11, 50): 1, (12, 12): 2, (23, 30): 2, (24, 99): 3}.items():
        assert len(scale_space(noise(*shape), 1.6, 3)) == count, shape


def test_the_first_blur_is_at_least_a_tenth_of_a_pixel():
    image = noise(8, 8)
    least, known = scale_space(image, 0.9, 1)[0].levels[0], scale_space(image, math.sqrt(1.01), 1)[0].levels[0]
    assert torch.allclose(least, known, atol=1e-12)


def test_gradients_are_central_differences():
    images = noise(2, 5, 7)
    found = gradients(images)
    assert found.shape == (2, 5 + 2 * PADDING, 7 + 2 * PADDING)
    for level in range(2):
        for i in range(-1, 6):
            for j in range(-1, 8):
                x = (images[level, i, j + 1] - images[level, i, j - 1]) / 2 if 0 < j < 6 and 0 <= i < 5 else 0.0
                y = (images[level, i + 1, j] - images[level, i - 1, j]) / 2 if 0 < i < 4 and 0 <= j < 7 else 0.0
                assert complex(found[level, i + PADDING, j + PADDING]) == pytest.approx(complex(x, y))
    assert found.abs().sum() == pytest.approx(float(found[:, PADDING:-PADDING, PADDING:-PADDING].abs().sum()))


def slow_orientations(images: torch.Tensor, position: torch.Tensor, level: int, scale: float) -> list[float]:
    field = gradients(images)[level, PADDING:-PADDING, PADDING:-PADDING].numpy()
    sigma, histogram = 1.5 * scale, np.zeros(36)
    for i, j in np.ndindex(field.shape):
        square = (j - float(position[0])) ** 2 + (i - float(position[1])) ** 2
        if square > (3 * sigma) ** 2:
            continue
        vote = abs(field[i, j]) * math.exp(-square / (2 * sigma**2))
        place = (math.degrees(np.angle(field[i, j])) % 360) / 10
        histogram[int(place) % 36] += vote * (1 - place % 1)
        histogram[(int(place) + 1) % 36] += vote * (place % 1)
    weights = dict(zip(range(-2, 3), (1, 4, 6, 4, 1), strict=True))
    smooth = [sum(w * histogram[(k + d) % 36] for d, w in weights.items()) / 16 for k in range(36)]
    found = []
    for k in range(36):
        a, b, c = smooth[k - 1], smooth[k], smooth[(k + 1) % 36]
        if b > a and b > c and b >= 0.8 * max(smooth):
            found.append(math.radians(10 * (k + 0.5 * (a - c) / (a - 2 * b + c)) % 360))
    return found


def test_orientations_as_loops():
    images = noise(3, 40, 50, seed=1)
    positions = torch.tensor([[20.3, 18.7], [5.5, 33.2], [44.0, 3.0], [25.0, 20.0], [20.3, 18.7]], dtype=torch.float64)
    levels, scales = torch.tensor([0, 2, 1, 1, 2]), torch.tensor([2.0, 1.1, 3.0, 4.0, 1.6], dtype=torch.float64)
    index, angles = orientations(gradients(images), positions, levels, scales)
    expected = [slow_orientations(images, positions[k], int(levels[k]), float(scales[k])) for k in range(5)]
    assert index.tolist() == [k for k in range(5) for _ in expected[k]]
    assert angles.tolist() == pytest.approx([angle for each in expected for angle in each], abs=1e-9)
    assert max(map(len, expected)) > 1
    assert orientations(gradients(images), positions[:0], levels[:0], scales[:0])[1].shape == (0,)


def test_many_keypoints_are_as_one_by_one():
    images = noise(1, 30, 30, seed=2)
    generator = torch.Generator().manual_seed(0)
    positions = 5 + 20 * torch.rand(1030, 2, dtype=torch.float64, generator=generator)
    scales = 0.5 + 2 * torch.rand(1030, dtype=torch.float64, generator=generator)
    levels, field = torch.zeros(1030, dtype=torch.int64), gradients(images)
    index, angles = orientations(field, positions, levels, scales)
    described = describe(field, positions, levels, scales, scales)
    for k in (0, 511, 512, 1024, 1029):
        one = slice(k, k + 1)
        alone = orientations(field, positions[one], levels[one], scales[one])[1]
        assert torch.allclose(angles[index == k], alone, atol=1e-9)
        assert torch.allclose(described[k], describe(field, positions[one], levels[one], scales[one], scales[one])[0])


def slow_descriptor(images: torch.Tensor, position: np.ndarray, level: int, scale: float, angle: float) -> np.ndarray:
    field = gradients(images)[level].numpy()
    histogram = np.zeros((4, 4, 8))
    axis = [(k + 0.5) / 4 - 2.5 for k in range(20)]
    for v in axis:
        for u in axis:
            x = position[0] + 3 * scale * (math.cos(angle) * u - math.sin(angle) * v) + PADDING
            y = position[1] + 3 * scale * (math.sin(angle) * u + math.cos(angle) * v) + PADDING
            i, j = math.floor(y), math.floor(x)
            g = (1 - y + i) * ((1 - x + j) * field[i, j] + (x - j) * field[i, j + 1])
            g += (y - i) * ((1 - x + j) * field[i + 1, j] + (x - j) * field[i + 1, j + 1])
            weight = abs(g) * math.exp(-(u * u + v * v) / 8)
            turn = (angle - np.angle(g)) * 8 / (2 * math.pi) % 8
            for row in range(4):
                for column in range(4):
                    share = max(1 - abs(u - column + 1.5), 0) * max(1 - abs(v - row + 1.5), 0)
                    histogram[row, column, int(turn) % 8] += weight * share * (1 - turn % 1)
                    histogram[row, column, (int(turn) + 1) % 8] += weight * share * (turn % 1)
    flat = histogram.reshape(-1)
    flat = np.minimum(flat / np.linalg.norm(flat), 0.2)
    return flat / np.linalg.norm(flat)


def test_descriptors_as_loops():
    images = noise(2, 50, 60, seed=3)
    images[1] += 2 * torch.arange(60, dtype=torch.float64) ** 2 / 60  # large entries are clipped
    positions = torch.tensor([[30.2, 25.7], [28.0, 22.5], [3.0, 44.4]], dtype=torch.float64)
    levels, scales = torch.tensor([0, 1, 0]), torch.tensor([1.6, 2.1, 1.2], dtype=torch.float64)
    angles = torch.tensor([0.3, 2.5, 5.1], dtype=torch.float64)
    found = describe(gradients(images), positions, levels, scales, angles)
    for k in range(3):
        expected = slow_descriptor(images, positions[k].numpy(), int(levels[k]), float(scales[k]), float(angles[k]))
        assert np.allclose(found[k], expected, atol=1e-10)
    assert describe(gradients(images), positions[:0], levels[:0], scales[:0], angles[:0]).shape == (0, 128)


def test_derivatives_of_a_polynomial_are_exact():
    s, y, x = torch.meshgrid(*(torch.arange(n, dtype=torch.float64) for n in (3, 13, 14)), indexing="ij")
    values = 1 + 2 * s + 3 * y + 5 * x + 7 * s**2 + 11 * y**2 + 13 * x**2 + 17 * s * y + 19 * s * x + 23 * y * x
    center, gradient, hessian = _derivatives(values, torch.tensor([[1, 6, 8], [1, 5, 5]]))
    for k, (a, b, c) in enumerate([(1, 6, 8), (1, 5, 5)]):
        assert float(center[k]) == float(values[a, b, c])
        expected = [2 + 14 * a + 17 * b + 19 * c, 3 + 22 * b + 17 * a + 23 * c, 5 + 26 * c + 19 * a + 23 * b]
        assert gradient[k].tolist() == pytest.approx(expected)
        assert hessian[k].tolist() == [[14, 17, 19], [17, 22, 23], [19, 23, 26]]


def test_candidates_are_at_least_as_large_as_their_26_neighbors():
    difference = noise(4, 16, 18, seed=4) - 0.5
    difference[1, 8, 8:10] = 0.9  # two equal ones are both extrema
    difference[2, 9, 6] = -0.9
    expected = []
    for k in (1, 2):
        for i in range(5, 11):
            for j in range(5, 13):
                block, value = difference[k - 1 : k + 2, i - 1 : i + 2, j - 1 : j + 2], difference[k, i, j]
                if abs(value) > 0.2 and (value == block.max() or value == block.min()):
                    expected.append([k, i, j])
    assert _candidates(difference, 0.2).tolist() == expected
    assert {(1, 8, 8), (1, 8, 9), (2, 9, 6)} <= set(map(tuple, expected))
    assert _candidates(difference, 0.9).tolist() == []


def test_matches_by_hand():
    first = torch.tensor([[0.0, 0], [10, 0], [0, 9], [0.5, 0]])
    second = torch.tensor([[0.0, 1], [10, 2], [1, 10], [0, 1.25]])
    pairs, distances = match_descriptors(first, second, ratio=None, mutual=False)
    assert pairs.tolist() == [[0, 0], [3, 0], [2, 2], [1, 1]]
    assert distances.tolist() == pytest.approx([1, math.sqrt(1.25), math.sqrt(2), 2])
    assert match_descriptors(first, second, ratio=None)[0].tolist() == [[0, 0], [2, 2], [1, 1]]
    assert match_descriptors(first, second, mutual=False)[0].tolist() == [[2, 2], [1, 1]]  # 1 is not below 0.8 of 1.25
    assert match_descriptors(first, second, ratio=0.81, mutual=False)[0].tolist() == [[0, 0], [2, 2], [1, 1]]
    assert match_descriptors(first, second[:1])[0].tolist() == [[0, 0]]
    assert match_descriptors(first[:0], second)[1].shape == (0,)
    assert match_descriptors(first, second[:0])[0].shape == (0, 2)


def test_matches_of_many_descriptors():
    """More than are compared at once: every second one is the nearest of one of the others, wherever it stands."""
    first = 10 * torch.arange(2060, dtype=torch.float64)[:, None]
    second = first[[5, 2047, 2048, 2050, 2059]] + 1
    assert match_descriptors(first, second, ratio=None)[0].tolist() == [
        [5, 0],
        [2047, 1],
        [2048, 2],
        [2050, 3],
        [2059, 4],
    ]


def test_maxima_and_their_mean_positions_as_loops():
    scores = 3 * noise(17, 21, seed=5)
    scores[0, 4] = 9.0  # at the border
    for margin, radius, window in ((0, 2.0, 2.0), (3, 3.0, 1.5), (1, 2.5, 1.0)):
        expected = []
        for i in range(margin, 17 - margin):
            for j in range(margin, 21 - margin):
                near = [
                    float(scores[a, b])
                    for a in range(margin, 17 - margin)
                    for b in range(margin, 21 - margin)
                    if (a - i) ** 2 + (b - j) ** 2 <= radius**2
                ]
                if scores[i, j] == max(near) and scores[i, j] > min(near):
                    total, x, y = 0.0, 0.0, 0.0
                    for a in range(-2, 3):
                        for b in range(-2, 3):
                            if a * a + b * b <= window**2:
                                weight = math.exp(scores[min(max(i + a, 0), 16), min(max(j + b, 0), 20)])
                                total, x, y = total + weight, x + weight * b, y + weight * a
                    expected.append((float(scores[i, j]), [j + x / total, i + y / total]))
        expected.sort(reverse=True)
        for count in (4, 1000):
            positions, values = select_keypoints(scores, count, radius, margin, window)
            assert values.tolist() == [value for value, _ in expected[:count]]
            assert np.allclose(positions, [place for _, place in expected[:count]])
        assert len(expected) > 4
    assert select_keypoints(scores, 5, 2.0, 8)[0].shape[0] <= 1
    assert select_keypoints(scores, 5, 2.0, 9)[0].shape == (0, 2)
    assert select_keypoints(scores, 1, 2.0)[0].shape == (1, 2)
    default, stated = select_keypoints(scores, 9, 2.0), select_keypoints(scores, 9, 2.0, 0, 2.0)
    assert torch.equal(default[0], stated[0])


def test_keypoints_of_a_blob():
    """A Gaussian blob of variance s^2 has its extremum of scale at s, in every octave and at its center."""
    y, x = torch.meshgrid(*(torch.arange(96, dtype=torch.float64),) * 2, indexing="ij")
    for size in (2.5, 4.0, 8.0):
        image = torch.exp(-((x - 44.3) ** 2 + (y - 51.6) ** 2) / (2 * size**2))
        found = sift(image, 1)
        assert found.positions[0].tolist() == pytest.approx([44.3, 51.6], abs=0.1)
        assert float(found.scales[0]) == pytest.approx(math.sqrt(size**2 + 0.25) / 2 ** (1 / 6), rel=0.12)
        weak = sift(image * 0.02)
        assert len(weak.positions) == 0
    stripe = torch.exp(-((x - 44.3) ** 2) / 18 - (y - 51.6) ** 2 / 1800)
    assert len(sift(stripe).positions) == 0
    assert len(sift(stripe, edge_threshold=1e6).positions) > 0
    assert len(sift(image, contrast_threshold=0.9).positions) == 0
