"""The parts of the detection of wallpaper groups against their formulas, written as loops or dense systems."""

import math

import numpy as np
import pytest
import torch

from intertwine.patterns import WALLPAPERS, Detection, lattice_cell, random_pattern
from intertwine.patterns._pattern import waves_within
from intertwine.patterns.crystal import wallpaper
from intertwine.patterns.detection._amplitudes import Amplitudes, LeastSquaresFit, fit_amplitudes
from intertwine.patterns.detection._autocorrelation import LatticeEstimate, _AutocorrelationMap, _lattice_points
from intertwine.patterns.detection._detect import (
    _asymmetry_threshold,
    _is_one_dimensional,
    _larger_cell,
    _noise_variance,
    _normalize_image,
    _smaller_cell,
    _superlattice_power,
)
from intertwine.patterns.detection._filters import gaussian_blur, hann_window
from intertwine.patterns.detection._group_fit import _maximize, fit_group, lattice_strain, wallpaper_settings
from intertwine.patterns.detection._perspective import _step, estimate_perspective, rectify

CELL = torch.tensor([[13.0, 3.0], [1.0, 11.0]], dtype=torch.float64)


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_blur_and_window():
    image = normal(2, 9, 11)
    for sigma, margin in ((1.0, 4), (0.5, 2), (1.5, 6)):
        taps = np.exp(-0.5 * (np.arange(-margin, margin + 1) / sigma) ** 2)
        kernel = np.outer(taps, taps) / taps.sum() ** 2
        for crop in (False, True):
            pixels = image.numpy() if crop else np.pad(image, ((0, 0), (margin, margin), (margin, margin)), "edge")
            if min(pixels.shape[1:]) < len(taps):
                continue
            windows = np.lib.stride_tricks.sliding_window_view(pixels, kernel.shape, (1, 2))
            expected = (windows * kernel).sum((-2, -1))
            assert np.allclose(gaussian_blur(image, sigma, crop=crop), expected, atol=1e-12)
    window = hann_window(3, 4)
    rows, columns = (np.sin(np.pi * (np.arange(n) + 0.5) / n) ** 2 for n in (3, 4))
    assert np.allclose(window / window[1, 1], np.outer(rows, columns) / (rows[1] * columns[1]))
    assert float(window.square().mean()) == pytest.approx(1)


def surface(height: int = 21, width: int = 25, peaks=(), overlap: float | None = None) -> _AutocorrelationMap:
    """A map of parabolas ``h - (x - x0)^2 / 8 - (y - y0)^2 / 12``, of which the highest counts, about the middle."""
    y, x = torch.meshgrid(
        torch.arange(height, dtype=torch.float64) - height // 2,
        torch.arange(width, dtype=torch.float64) - width // 2,
        indexing="ij",
    )
    values = torch.full((height, width), -1.0, dtype=torch.float64)
    for x0, y0, h in peaks:
        values = torch.maximum(values, h - (x - x0) ** 2 / 8 - (y - y0) ** 2 / 12)
    shares = torch.ones_like(values) if overlap is None else torch.full_like(values, overlap)
    return _AutocorrelationMap(values, shares)


def test_peaks_have_the_places_and_heights_of_parabolas():
    places = [(0, 0, 1.0), (6.3, 2.4, 0.8), (-6.3, -2.4, 0.8), (10, 0, 0.5), (2.2, 7.9, -0.5)]
    found, heights = surface(peaks=places).peaks()
    assert found.tolist() == [pytest.approx([10, 0]), pytest.approx([6.3, 2.4])]
    assert heights.tolist() == pytest.approx([0.5, 0.8])
    for overlap, count in ((1 / 6, 1), (0.166, 0)):
        assert len(surface(peaks=[(6.3, 2.4, 0.8)], overlap=overlap).peaks()[0]) == count
    assert surface(peaks=[(6.3, 2.4, 1.2)]).peaks()[1].tolist() == [1.0]
    for place in ((12, 5), (5, 10), (-12, 5)):  # at the border of the map
        assert len(surface(peaks=[(*place, 0.9)]).peaks()[0]) == 0
    assert len(surface(peaks=[(11, 5, 0.9)]).peaks()[0]) == 1
    assert len(surface(peaks=[(3, 0, 0.9), (-3, 0, 0.9)]).peaks()[0]) == 1
    assert len(surface(peaks=[(0, 3, 0.9), (0, -3, 0.9)]).peaks()[0]) == 1


def test_a_parabola_moves_a_peak_by_half_a_pixel_at_most():
    values = torch.zeros(9, 9, dtype=torch.float64)
    values[4, 4], values[4, 5] = 1.0, 1.0
    values[3, 4], values[5, 4] = 0.9, 0.2
    found, heights = _AutocorrelationMap(values, torch.ones_like(values)).refine_peaks(
        torch.tensor([4]), torch.tensor([4])
    )
    # along x: before 0, after 1: half a pixel; along y: before 0.9, after 0.2: -0.7 / (2 x 0.9)
    assert found.tolist() == [pytest.approx([0.5, -0.7 / 1.8])]
    assert heights.tolist() == [1.0]
    values[4, 5] = 0.5
    _, heights = _AutocorrelationMap(0.5 * values, torch.ones_like(values)).refine_peaks(
        torch.tensor([4]), torch.tensor([4])
    )
    offsets = (0.5 / (2 * 1.5), -0.7 / (2 * 0.9))
    assert heights.tolist() == pytest.approx([0.5 * (1 + 0.25 * 0.5 * offsets[0] - 0.25 * 0.7 * offsets[1])])


def test_the_area_of_the_central_peak():
    # 1 - x^2 / 8 is below one half from x = 3 on, 1 - y^2 / 12 from y = 3 on
    assert surface(peaks=[(0, 0, 1.0)]).central_peak_area() == pytest.approx(math.pi * 9)
    high = surface(9, 9, peaks=[(0, 0, 9.0)])
    assert high.central_peak_area() == pytest.approx(math.pi * 25)


def test_half_planes_of_lattice_points():
    cell = torch.tensor([[3.0, 1.0], [0.0, 2.0]], dtype=torch.float64)
    for reach in (1, 2):
        found = _lattice_points(cell, reach).tolist()
        steps = range(-reach, reach + 1)
        assert sorted(found) == sorted([i, j] for i in steps for j in steps if i > 0 or (i == 0 and j > 0))
        lengths = [math.hypot(3 * i + j, 2 * j) for i, j in found]
        assert lengths == sorted(lengths)


def test_lattices_are_scored_by_their_peaks():
    lattice = [
        (7 * i, 6 * j, 1.0 if i == j == 0 else 0.9 - 0.02 * i) for i in (-2, -1, 0, 1, 2) for j in (-2, -1, 0, 1, 2)
    ]
    cell = torch.tensor([[7.0, 0.0], [0.0, 6.0]], dtype=torch.float64)
    found = surface(29, 35, lattice, overlap=0.5)
    inside = [h for x, y, h in lattice if (x > 0 or (x == 0 and y > 0)) and abs(x) <= 15 and abs(y) <= 12]
    estimate = found.score(cell, 0.25)
    mean = sum(inside) / len(inside)
    assert estimate.height == pytest.approx(mean)
    assert estimate.significance == pytest.approx(mean * math.sqrt(0.5 * len(inside) / 0.25))
    assert torch.equal(estimate.cell, cell)
    assert found.score(100 * cell, 0.25) is None
    uneven = [(x, y, 0.5 if (x, y) == (7, 6) else h) for x, y, h in lattice]
    assert surface(29, 35, uneven, overlap=0.5).score(cell, 0.25) is None
    even = [(x, y, 0.6 if (x, y) == (7, 6) else h) for x, y, h in lattice]
    assert surface(29, 35, even, overlap=0.5).score(cell, 0.25) is not None
    assert surface(29, 35, [(0, 0, 1.0)]).score(cell, 0.25) is None


def test_cells_are_refined_through_their_peaks():
    exact = torch.tensor([[7.3, 0.4], [-0.2, 6.1]], dtype=torch.float64)
    points = [
        (exact @ torch.tensor([float(i), float(j)], dtype=torch.float64)).tolist()
        for i in range(-3, 4)
        for j in range(-3, 4)
    ]
    found = surface(41, 51, [(x, y, 0.8) for x, y in points]).refine_cell(exact.round())
    assert torch.allclose(found, exact, atol=1e-6)


def test_significance():
    for height, significance, expected in [(0.3, 6.0, True), (0.299, 9.0, False), (0.9, 5.99, False)]:
        assert LatticeEstimate(CELL, height, significance).significant == expected


def plane_waves(cell, waves, height, width):
    """``(M, H, W)`` complex, with loops over the pixels' coordinates."""
    y, x = np.meshgrid(np.arange(height) - (height - 1) / 2, np.arange(width) - (width - 1) / 2, indexing="ij")
    G = np.asarray(waves, dtype=float) @ np.linalg.inv(np.asarray(cell))
    return np.exp(2j * np.pi * (G[:, 0, None, None] * x + G[:, 1, None, None] * y))


def test_least_squares_on_a_lattice():
    image, waves = normal(2, 30, 34), waves_within(CELL, 0.15)
    fit = LeastSquaresFit(image, CELL, waves)
    B = plane_waves(CELL, waves, 30, 34).reshape(len(waves), -1).T
    gram = B.conj().T @ B + 1e-6 * 30 * 34 * np.eye(len(waves))
    expected = np.linalg.solve(gram, B.conj().T @ image.numpy().reshape(2, -1).T).T
    assert np.allclose(fit.coefficients, expected, atol=1e-10)
    model = (expected @ B.T).real.reshape(2, 30, 34)
    assert np.allclose(fit.residual, image.numpy() - model, atol=1e-10)
    amplitudes = Amplitudes(CELL, waves, fit.coefficients, fit.residual, 0.5)
    assert amplitudes.power == pytest.approx((np.abs(expected) ** 2).sum())
    for offset in ((0.5, 0.0), (1 / 3, 2 / 3)):
        shifted = np.concatenate([[[0, 0]], waves.numpy()]) + offset
        between = plane_waves(CELL, shifted, 30, 34)
        inner = np.einsum("chw,mhw->cm", (fit.residual * hann_window(30, 34)).numpy(), between.conj()) / (30 * 34)
        assert np.allclose(amplitudes.residual_power(offset), (np.abs(inner) ** 2).sum(0), atol=1e-12)


def test_slopes_are_derivatives_by_the_inverse_cell():
    image, waves = normal(1, 24, 28), waves_within(CELL, 0.12)
    fit = LeastSquaresFit(image, CELL, waves)
    inverse, h = torch.linalg.inv(CELL), 1e-6
    for k, slope in enumerate(fit.slopes()):
        change = torch.zeros(4, dtype=torch.float64)
        change[k] = h
        values = []
        for sign in (1, -1):
            moved = torch.linalg.inv(inverse + sign * change.reshape(2, 2))
            B = plane_waves(moved, waves, 24, 28)
            values.append(np.einsum("cm,mhw->chw", fit.coefficients.numpy(), B).real)
        assert np.allclose(slope, (values[0] - values[1]) / (2 * h), atol=1e-5)
    free = torch.stack([(s - fit.plane_waves.sum(fit.solve(s))).flatten() for s in fit.slopes()], -1)
    expected = torch.linalg.lstsq(free, fit.residual.flatten()[:, None]).solution
    assert torch.allclose(fit.step().flatten(), expected.flatten(), atol=1e-9)


def test_the_step_of_the_perspective_is_a_derivative():
    """A pattern seen at u / (1 + q . u) with a small q: one step from zero finds most of it, on all axes."""
    cell = lattice_cell("oblique", 18.0, 20.0)
    pattern = random_pattern("p1", channels=1, generator=torch.Generator().manual_seed(1), cell=cell, detail=1.5)
    q, height, width = torch.tensor([0.004, -0.003], dtype=torch.float64), 90, 110
    half = width / 2
    y, x = torch.meshgrid(
        torch.arange(height, dtype=torch.float64) - (height - 1) / 2,
        torch.arange(width, dtype=torch.float64) - (width - 1) / 2,
        indexing="ij",
    )
    bend = 1 - (q[0] * x + q[1] * y) / half
    places = torch.stack([x / bend, y / bend], -1) @ torch.linalg.inv(cell).T
    image = pattern(places).movedim(-1, 0)
    image = image - image.mean()
    fit = LeastSquaresFit(image, cell, waves_within(cell, 0.2))
    change, found = _step(fit, cell, half)
    assert torch.allclose(found, q, atol=3e-4)
    assert float(change.abs().max()) < 1e-4
    assert estimate_perspective(image, cell).tolist() == pytest.approx(q.tolist(), abs=1e-3)


def test_what_rectification_keeps():
    image = normal(1, 60, 80)
    assert rectify(image, torch.zeros(2, dtype=torch.float64)) is image
    # shrink = 1 / (1 + (0.1 * 40 + 0.2 * 30) / 40) = 0.8
    found = rectify(image, torch.tensor([0.1, -0.2], dtype=torch.float64))
    assert found.shape == (1, 47, 63)
    assert float(found.mean()) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("area", [100.0, 4000.0])
def test_the_waves_that_are_fitted(area):
    """Up to 0.42 of a pixel's frequency, and about 320 of them."""
    side = math.sqrt(area)
    cell = torch.tensor([[side, 0.1], [0.0, side]], dtype=torch.float64)
    pattern = random_pattern("p1", channels=1, generator=torch.Generator().manual_seed(0), cell=cell, detail=1.2)
    image = pattern.sample((130, 140), cell, (69.5, 64.5))
    found = fit_amplitudes(image, cell)
    radius = min(0.42, math.sqrt(320 / (math.pi * area)))
    expected = {tuple(wave) for wave in waves_within(found.cell, radius).tolist()} - {(0, 0)}
    assert {tuple(wave) for wave in found.waves.tolist()} == expected
    margin = math.ceil(3.5 * 1.6 / (2 * math.pi * radius))
    assert found.residual.shape == (1, 130 - 2 * margin, 140 - 2 * margin)
    blurred = gaussian_blur(image, 1.6 / (2 * math.pi * radius), crop=True)
    centered = blurred - blurred.mean()
    share = 1 - float(found.residual.square().sum() / centered.square().sum())
    assert found.explained == pytest.approx(share, abs=1e-9)


def test_strain_is_half_the_largest_change_of_a_square_of_a_length():
    square = {s.name: s for s in wallpaper_settings() if {*s.group.elements} == {*wallpaper(s.name).elements}}
    for stretch in (1.0, 1.03, 0.9):
        cell = torch.diag(torch.tensor([10.0, 10.0 * stretch], dtype=torch.float64))
        expected = max(abs(stretch**2 - 1), abs(stretch**-2 - 1)) / 2
        assert lattice_strain(square["p4"], cell) == pytest.approx(expected, abs=1e-12)
        assert lattice_strain(square["pmm"], cell) == pytest.approx(0, abs=1e-12)
        assert lattice_strain(square["p2"], CELL) == pytest.approx(0, abs=1e-12)


def test_settings_are_of_all_groups_by_order_each_once():
    settings = wallpaper_settings()
    assert {s.name for s in settings} == set(WALLPAPERS)
    orders = [s.group.order for s in settings]
    assert orders == sorted(orders)
    assert len({(s.name, frozenset(s.group.elements)) for s in settings}) == len(settings)
    for s in settings:
        (a, b), (c, d) = s.basis
        assert abs(a * d - b * c) == 1
        conventional = s.group.transformed(((a, b), (c, d)))
        assert set(conventional.elements) == set(wallpaper(s.name).elements)
    (a, b), (c, d) = next(s.basis for s in settings if s.name == "p1")
    assert a * d - b * c == 1  # right-handed bases come first


@pytest.mark.parametrize("name", ["p2", "pg", "p4", "p31m"])
def test_asymmetry_is_what_the_projection_leaves(name):
    setting = next(s for s in wallpaper_settings() if s.name == name)
    steps = range(-2, 3)
    waves = torch.tensor([(i, j) for i in steps for j in steps if (i, j) != (0, 0)])
    c = torch.complex(normal(2, len(waves)), normal(2, len(waves), seed=1))
    places = {tuple(wave): k for k, wave in enumerate(waves.tolist())}
    opposite = [places[-i, -j] for i, j in waves.tolist()]
    c = (c + c[:, opposite].conj()) / 2
    found = fit_group(setting, waves, c)
    linears = [np.array(g.linear) for g in setting.group.elements]
    closed = [k for k, wave in enumerate(waves.numpy()) if all(tuple(wave @ W) in places for W in linears)]
    c = c.numpy()

    def project(origin: np.ndarray) -> np.ndarray:
        """(P f)(x) = mean of f(W (x - x0) + w + x0), whose amplitude of k W is c_k exp(2 pi i k . (w + (1 - W) x0))."""
        total = np.zeros_like(c)
        for g, W in zip(setting.group.elements, linears, strict=True):
            w = np.array([float(entry) for entry in g.translation])
            for k in closed:
                wave = waves[k].numpy()
                total[:, places[tuple(wave @ W)]] += c[:, k] * np.exp(2j * np.pi * wave @ (w + origin - W @ origin))
        return total / len(linears)

    kept = c[:, closed]
    assert found.power == pytest.approx((np.abs(kept) ** 2).sum())
    best = project(found.origin.numpy())[:, closed]
    assert found.asymmetry == pytest.approx((np.abs(kept - best) ** 2).sum(), rel=1e-6)
    for origin in np.random.RandomState(0).rand(30, 2):
        assert (np.abs(kept - project(origin)[:, closed]) ** 2).sum() >= found.asymmetry - 1e-9
    # the trace of the projection over real images counts what is invariant
    trace = 0.0
    for g, W in zip(setting.group.elements, linears, strict=True):
        w = np.array([float(entry) for entry in g.translation])
        for k in closed:
            wave = waves[k].numpy()
            trace += np.cos(2 * np.pi * wave @ w) if tuple(wave @ W) == tuple(wave) else 0
    assert found.degrees_of_freedom == 2 * (len(closed) - round(trace / len(linears)))


def test_the_largest_value_of_a_trigonometric_polynomial():
    frequencies = torch.tensor([[1, 0], [-1, 0], [2, 1], [-2, -1], [0, 0]])
    peak = torch.tensor([0.3137, 0.7211], dtype=torch.float64)
    amplitudes = torch.polar(
        torch.tensor([1.0, 1, 0.5, 0.5, 0.25]).double(), -2 * math.pi * (frequencies.double() @ peak)
    )
    x, height = _maximize(amplitudes, frequencies)
    assert torch.allclose(x, peak, atol=1e-9)
    assert height == pytest.approx(3.25)


def test_limits_of_asymmetry():
    assert _asymmetry_threshold(0.3, 8, 100.0, 0.01, 3) == pytest.approx(5 * 0.3 / 3 * 4)
    assert _asymmetry_threshold(0.3, 0, 100.0, 0.01, 3) == pytest.approx(5 * 0.1 * math.sqrt(2))
    assert _asymmetry_threshold(0.0, 8, 100.0, 0.2, 3) == pytest.approx(4.0)


def amplitudes_of(powers: dict[tuple[int, int], float], cell=CELL) -> Amplitudes:
    waves = torch.tensor(list(powers))
    values = torch.tensor([powers[tuple(w)] for w in waves.tolist()], dtype=torch.float64).sqrt()
    return Amplitudes(cell, waves, values.to(torch.complex128)[None], normal(1, 40, 40), 0.9)


def test_stripes_and_their_limit():
    line = {(1, 1): 4.0, (2, 2): 2.0, (-1, -1): 4.0, (1, -1): 0.0, (0, 1): 0.0}
    assert _is_one_dimensional(amplitudes_of(line), 0.0, 0.03)
    power = 10.0 / (1 - 0.01)
    for share, expected in ((0.0099, True), (0.0101, False)):
        assert _is_one_dimensional(amplitudes_of(line | {(0, 1): share * power}), 0.0, 0.1) == expected
    # noise of variance 0.2 in two waves off the line is expected; beyond it, 5 standard deviations
    for excess, expected in ((1.99, True), (2.01, False)):
        value = 0.4 + excess
        assert _is_one_dimensional(amplitudes_of(line | {(0, 1): value}), 0.2, 0.0) == expected


def test_absent_amplitudes_make_the_cell_smaller():
    full = {(i, j): 1.0 for i in range(-3, 4) for j in range(-3, 4) if (i, j) != (0, 0)}
    assert _smaller_cell(amplitudes_of(full), 0.0, 0.03) is None
    cases = {(1, 0): 2, (1, 1): 2, (0, 1): 2, (1, 2): 3, (0, 1, 1): 5}
    for vector, prime in cases.items():
        v = vector[-2:] if len(vector) == 3 else vector
        kept = {k: p if (k[0] * v[0] + k[1] * v[1]) % prime == 0 else 0.0 for k, p in full.items()}
        basis = _smaller_cell(amplitudes_of(kept), 0.0, 0.03)
        assert abs(float(torch.linalg.det(basis))) == pytest.approx(1 / prime)
        assert float(basis[0, 0]) == pytest.approx(v[0] / prime) or prime == 5
        for k, p in kept.items():
            phase = torch.tensor(k, dtype=torch.float64) @ basis
            assert p == 0 or torch.allclose(phase, phase.round(), atol=1e-9)


def test_the_noise_between_the_waves():
    amplitudes = amplitudes_of({(1, 0): 1.0, (0, 1): 1.0})
    powers = _superlattice_power(amplitudes)
    assert len(powers) == 3 + 8
    assert {(0.5, 0.0), (0.5, 0.5), (1 / 3, 2 / 3), (2 / 3, 2 / 3)} <= set(powers)
    assert (0.0, 0.0) not in powers
    assert torch.allclose(powers[0.5, 0.5], amplitudes.residual_power((0.5, 0.5)))
    expected = np.median([float(power.mean()) for power in powers.values()])
    assert _noise_variance(powers) == pytest.approx(expected)


@pytest.mark.parametrize(("offset", "det"), [((0.5, 0.0), 2), ((0.5, 0.5), 2), ((1 / 3, 2 / 3), 3)])
def test_power_between_the_waves_makes_the_cell_larger(offset, det):
    amplitudes = amplitudes_of({(1, 0): 1.0, (0, 1): 1.0})
    powers = {other: torch.full((3,), 0.01, dtype=torch.float64) for other in _superlattice_power(amplitudes)}
    powers[offset] = torch.full((3,), 50.0, dtype=torch.float64)
    basis = _larger_cell(powers, amplitudes, 0.01, 0.03, 1000)
    assert abs(float(torch.linalg.det(basis))) == pytest.approx(det)
    phase = torch.tensor(offset, dtype=torch.float64) @ basis
    assert torch.allclose(phase, phase.round(), atol=1e-9)
    assert _larger_cell(powers, amplitudes, 0.01, 0.03, 30) is None  # it must fit twice
    quiet = {other: torch.full((3,), 0.01, dtype=torch.float64) for other in powers}
    assert _larger_cell(quiet, amplitudes, 0.01, 0.03, 1000) is None
    residual = float(amplitudes.residual.square().mean())
    for share, found in ((0.29, False), (0.31, True)):
        quiet[offset] = torch.full((3,), (0.03 + share * residual) / 3, dtype=torch.float64)
        assert (_larger_cell(quiet, amplitudes, 0.01, 0.0, 1000) is not None) == found


def test_images_are_brought_to_mean_zero_and_variance_one():
    image = 5 + 3 * torch.rand(2, 40, 32, generator=torch.Generator().manual_seed(0))
    found, factor = _normalize_image(image)
    assert factor == 1
    assert torch.allclose(found.mean((-2, -1)), torch.zeros(2, dtype=torch.float64), atol=1e-6)
    assert float(found.square().mean()) == pytest.approx(1)
    with pytest.raises(ValueError, match="the image is too small: 31 x 40 pixels"):
        _normalize_image(image[..., :31])
    for longest, expected in ((640, 1), (641, 2), (1280, 2), (1281, 3)):
        stripe = torch.zeros(96, longest)
        stripe[:, ::2] = 1
        if expected == 2:
            stripe[:, : longest // 2] = 0
        assert _normalize_image(stripe)[1] == expected
    flat = torch.zeros(40, 40, dtype=torch.float64)
    flat[0, 0] = 1
    with pytest.raises(ValueError, match="all of one color"):
        _normalize_image(1e7 + flat)
    assert _normalize_image(flat)[1] == 1


def detection(name: str, cell: torch.Tensor) -> Detection:
    return Detection(
        name=name,
        confidence=0.9,
        cell=cell,
        origin=torch.tensor([5.0, 6.0], dtype=torch.float64),
        height=0.8,
        noise=0.1,
        asymmetries={name: 0.01, "p6": 0.5, "p3": 0.3},
        limits={name: 0.03, "p6": 0.03, "p3": 0.03},
    )


def test_descriptions_of_operations():
    box = torch.tensor([[20.0, 0.0], [0.0, 10.0]], dtype=torch.float64)
    assert detection("p2", box).generators()[-1] == "rotation by 180 degrees about (5.0, 6.0)"
    assert detection("p2", box).elements() == "rotations of order 2; no mirrors; no glides"
    assert detection("p1", box).elements() == "no rotations; no mirrors; no glides"
    assert detection("pmm", box).elements() == "rotations of order 2; mirror lines at 0.0, 90.0 degrees; no glides"
    assert "mirror lines at" in detection("cm", CELL).elements()
    turn = torch.tensor([[0.8, -0.6], [0.6, 0.8]], dtype=torch.float64)  # 36.87 degrees; y points down
    assert detection("pmm", turn @ box).elements() == (
        "rotations of order 2; mirror lines at 53.1, 143.1 degrees; no glides"
    )
    square = torch.tensor([[10.0, 0.0], [0.0, -10.0]], dtype=torch.float64)
    assert detection("p4m", square).elements() == (
        "rotations of order 4; mirror lines at 0.0, 45.0, 90.0, 135.0 degrees; glide lines at 45.0, 135.0 degrees"
    )
    assert "rotation by 90 degrees about (5.0, 6.0)" in detection("p4m", square).generators()
    glide = next(text for text in detection("pg", box).generators() if "glide" in text)
    along_a = wallpaper("pg").generators[-1].linear == ((1, 0), (0, -1))
    length, angle = (10.0, 0.0) if along_a else (5.0, 90.0)
    assert glide == f"glide by {length:.1f} px along the line through (5.0, 6.0) at {angle:.1f} degrees"
    lines = str(detection("p4m", square)).splitlines()
    assert lines[1] == "lattice     square, a 10.00 px, b 10.00 px, angle 90.0 degrees, a at 0.0"
    assert lines[-2] == "evidence    p4m misses 1.0% of the amplitude, 3.0% is allowed"
    assert lines[-1] == "refused     p3 30%, p6 50%"
