from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch

from intertwine.patterns import (
    WALLPAPERS,
    Canvas,
    Detection,
    Pattern,
    detect,
    draw_motif,
    draw_pattern,
    lattice_cell,
    random_pattern,
    reduced_cell,
    wallpaper,
)
from intertwine.patterns._lattices import lattice_parameters
from intertwine.patterns._pattern import waves_within
from intertwine.patterns.detection._amplitudes import fit_amplitudes
from intertwine.patterns.detection._autocorrelation import autocorrelation, find_lattice
from intertwine.patterns.detection._detect import (
    _fit_lattice,
    _larger_cell,
    _noise_variance,
    _normalize_image,
    _select_group,
    _superlattice_power,
)
from intertwine.patterns.detection._group_fit import fit_group, lattice_strain, wallpaper_settings

SIZES = (72, 112, 168)
NOISE = 0.02


def picture(name, size, seed, noise=NOISE, channels=3, **shape):
    """A random pattern of a group: 3 to 6 cells across, anywhere, any way round, with noise of a share of the range."""
    generator = torch.Generator().manual_seed(seed)
    turn, across, *origin = torch.rand(4, generator=generator, dtype=torch.float64).tolist()
    cell = lattice_cell(WALLPAPERS[name].lattice, min(size) / (3 + 3 * across), 360 * turn, **shape)
    pattern = random_pattern(name, generator=generator, channels=channels, cell=cell)
    image = 0.5 + pattern.sample(size, cell, [40 * part for part in origin]) / 6
    return image + noise * torch.randn(image.shape, generator=generator, dtype=torch.float64), cell


def measures(cell):
    """Lengths and angle of the reduced cell, the shorter vector first."""
    a, b, angle = lattice_parameters(reduced_cell(cell))
    return min(a, b), max(a, b), angle


@pytest.mark.parametrize("size", [SIZES[0], *(pytest.param(size, marks=pytest.mark.slow) for size in SIZES[1:])])
@pytest.mark.parametrize("name", WALLPAPERS)
def test_random_patterns_with_noise_are_named(name, size):
    image, cell = picture(name, (size, size), seed=size + len(WALLPAPERS[name].symbol))
    found = detect(image)
    assert found.name == name, found
    assert found.confidence > 0.7
    # The lattice, too, and to a fraction of a pixel across the image.
    assert measures(found.cell) == pytest.approx(measures(cell), rel=3e-3)
    assert len(found.generators()) == len(wallpaper(name).generators)


def test_gray_pictures_of_any_format():
    for name, size in (("p4g", (90, 140)), ("cmm", (130, 80)), ("p31m", (96, 96))):
        image, _ = picture(name, size, seed=3, channels=1)
        assert detect(image[0]).name == name
        assert detect((image * 255).round().to(torch.uint8)).name == name


def test_found_operations_map_the_picture_onto_itself():
    image, _ = picture("pgg", (120, 120), seed=5, noise=0.0)
    found = detect(image)
    amplitudes = fit_amplitudes(image - image.mean((-2, -1), keepdim=True), found.cell)
    field = Pattern(amplitudes.waves, amplitudes.coefficients)
    generator = torch.Generator().manual_seed(0)
    points = torch.rand(50, 2, generator=generator, dtype=torch.float64) * 120
    middle = torch.tensor([59.5, 59.5], dtype=torch.float64)

    def color(pixels):
        return field((pixels - middle) @ torch.linalg.inv(amplitudes.cell).T)

    for operation in found.group.elements:
        moved = operation((points - found.origin) @ torch.linalg.inv(found.cell).T) @ found.cell.T + found.origin
        assert torch.allclose(color(moved), color(points), atol=0.02 * float(image.std()))
    wrong = points + 0.5 * found.cell[:, 0]
    assert not torch.allclose(color(wrong), color(points), atol=0.2 * float(image.std()))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sub", "above", "lattice"),
    [("p1", "p2", "oblique"), ("pm", "pmm", "rectangular"), ("p2", "pgg", "rectangular"), ("cm", "cmm", "centered"),
     ("p2", "p4", "square"), ("p4", "p4m", "square"), ("p4", "p4g", "square"), ("p3", "p31m", "hexagonal"),
     ("p3", "p3m1", "hexagonal"), ("p3", "p6", "hexagonal"), ("p6", "p6m", "hexagonal"), ("p31m", "p6m", "hexagonal")],
)  # fmt: skip
def test_a_trace_of_asymmetry_makes_a_subgroup(sub, above, lattice):
    """A pattern of the larger group, on its own lattice, with 15 % of one that has only the smaller symmetry."""
    generator = torch.Generator().manual_seed(7)
    cell = lattice_cell(lattice, 25.0, 31.0)
    waves = waves_within(cell / 25.0, 5.0)
    noise = torch.randn(3, len(waves), 2, generator=generator, dtype=torch.float64)
    lengths = (waves.to(torch.float64) @ torch.linalg.inv(cell / 25.0)).norm(dim=-1)
    noise = torch.view_as_complex(noise) * torch.exp(-0.5 * (lengths / 2) ** 2)
    noise[:, 0] = 0
    less = Pattern(waves, noise).symmetrized(wallpaper(sub))
    more = less.symmetrized(wallpaper(above))
    rest = less.coefficients - more.coefficients

    def mixed(part):
        scale = part * float(more.coefficients.abs().square().sum().sqrt() / rest.abs().square().sum().sqrt())
        return Pattern(waves, more.coefficients + scale * rest).sample((110, 110), cell, (20.3, 11.7))

    assert detect(mixed(0.0)).name == above
    assert detect(mixed(0.15)).name == sub


@pytest.mark.parametrize("size", [64, 128])
def test_noise_alone_is_called_nothing(size):
    generator = torch.Generator().manual_seed(size)
    for channels in (1, 3):
        for smooth in (0, 6, 20):
            for _ in range(3):
                image = torch.randn(channels, size, size, generator=generator, dtype=torch.float64)
                if smooth:
                    # Smooth, but not periodic in the frame: a part of a larger field.
                    wide = torch.randn(channels, 2 * size, 2 * size, generator=generator, dtype=torch.float64)
                    radius = (torch.fft.fftfreq(2 * size)[:, None] ** 2 + torch.fft.fftfreq(2 * size) ** 2).sqrt()
                    field = torch.fft.ifft2(torch.fft.fft2(wide) * torch.exp(-((radius * size / smooth) ** 2))).real
                    image = field[:, :size, :size]
                found = detect(image)
                assert found.name is None
                assert str(found).startswith("no lattice")
                assert "\n" not in str(found)


def test_stripes_and_ramps_are_no_wallpaper():
    x, y = torch.meshgrid(torch.arange(100.0), torch.arange(100.0), indexing="ij")
    stripes = detect(torch.sin(0.7 * x + 0.3 * y))
    assert stripes.name is None
    assert "one direction" in str(stripes)
    assert detect(x + 0.3 * y).name is None


def test_noise_may_be_as_loud_as_the_pattern():
    image, _ = picture("p6", (160, 160), seed=4, noise=0.0)
    generator = torch.Generator().manual_seed(1)
    noisy = image + float(image.std()) * torch.randn(image.shape, generator=generator, dtype=torch.float64)
    assert detect(noisy).name == "p6"


@pytest.mark.parametrize("name", ["pg", "p4m", "p3m1"])
def test_drawn_pictures_are_named(name):
    picture = draw_pattern(name, Canvas(150, 130, cells=4.3, rotation=17.0), seed=1)
    assert detect(picture).name == name


def test_large_pictures_are_reduced_and_positions_are_not():
    cell = lattice_cell("square", 150.0, 10.0)
    pattern = random_pattern("p4", generator=torch.Generator().manual_seed(2))
    found = detect(pattern.sample((660, 660), cell, (321.0, 300.0)))
    assert found.name == "p4"
    assert measures(found.cell) == pytest.approx(measures(cell), rel=1e-3)
    # The origin is one of the two centers of order 4.
    place = torch.linalg.solve(cell, found.origin - torch.tensor([321.0, 300.0], dtype=torch.float64))
    assert float((2 * place - (2 * place).round()).abs().max()) < 0.02
    # To a tenth of a pixel, although the picture was reduced by two.
    shift = cell @ (2 * place - (2 * place).round()) / 2
    assert float(shift.norm()) < 0.1


def test_autocorrelation_is_what_it_says():
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(2, 9, 11, generator=generator, dtype=torch.float64)
    values, overlap = autocorrelation(image)
    assert values.shape == overlap.shape == (17, 21)
    for dy, dx in ((0, 0), (3, -2), (-5, 4), (2, 7)):
        rows, columns = slice(max(0, -dy), 9 - max(0, dy)), slice(max(0, -dx), 11 - max(0, dx))
        moved_rows, moved_columns = slice(max(0, dy), 9 + min(0, dy)), slice(max(0, dx), 11 + min(0, dx))
        here, there = image[:, rows, columns], image[:, moved_rows, moved_columns]
        slow = (here * there).sum() / (here.square().sum() * there.square().sum()).sqrt()
        assert float(values[8 + dy, 10 + dx]) == pytest.approx(float(slow), abs=1e-10)
        assert float(overlap[8 + dy, 10 + dx]) == pytest.approx(here[0].numel() / 99, abs=1e-10)


def test_amplitudes_are_recovered_on_a_lattice_that_does_not_fit_the_pixels():
    cell = lattice_cell("oblique", 21.7, 33.0)
    pattern = random_pattern("p1", channels=1, generator=torch.Generator().manual_seed(0), cell=cell, detail=1.5)
    image = pattern.sample((90, 100), cell, (49.5, 44.5))
    crude = cell * 1.003
    amplitudes = fit_amplitudes(image, crude)
    assert amplitudes.explained > 1 - 1e-6
    assert measures(amplitudes.cell) == pytest.approx(measures(cell), rel=1e-5)


def test_the_repeat_is_found_with_sub_pixel_vectors():
    image, cell = picture("p2", (128, 128), seed=9)
    repeat = find_lattice(image - image.mean((-2, -1), keepdim=True))
    assert repeat is not None
    assert repeat.significant
    assert measures(repeat.cell) == pytest.approx(measures(cell), rel=5e-3)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (torch.rand(3, 20, 200), "too small: 200 x 20 pixels, at least 32"),
        (torch.full((3, 64, 64), 0.3), "all of one color"),
        (torch.full((64, 64), math.nan), "not finite"),
        (torch.rand(2, 3, 64, 64), "expected an image"),
    ],
)
def test_bad_images_are_explained(image, message):
    with pytest.raises(ValueError, match=message):
        detect(image)


@pytest.mark.parametrize("path", ["x.png", Path("x.png"), None])
def test_a_path_is_explained(path):
    with pytest.raises(TypeError, match=r"expected an image as a tensor .*, got .*; intertwine.patterns.read_image"):
        detect(path)


@pytest.mark.parametrize("tolerance", [math.nan, math.inf, -0.1, 1.0])
def test_bad_tolerances_are_explained(tolerance):
    with pytest.raises(ValueError, match="tolerance expects a number from 0 to below 1"):
        detect(picture("p4", (64, 64), 0)[0], tolerance=tolerance)


def test_large_pictures_are_averaged_not_sampled():
    image = torch.rand(2, 660, 700, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    pixels, factor = _normalize_image(image)
    assert factor == 2
    means = image.unfold(1, 2, 2).unfold(2, 2, 2).mean((-2, -1))
    means = means - means.mean((-2, -1), keepdim=True)
    assert torch.allclose(pixels, means / means.square().mean().sqrt(), atol=1e-12)


def test_fine_noise_averages_out_of_large_pictures():
    """One pixel black, the next one white: nothing of it is left in the average of four, all of it in a sample."""
    cell = lattice_cell("square", 150.0, 10.0)
    image = random_pattern("p4m", generator=torch.Generator().manual_seed(2)).sample((660, 660), cell, (321.0, 300.0))
    sign = 1 - 2 * (torch.arange(660) % 2).to(torch.float64)
    found = detect(image + 3 * float(image.std()) * sign[:, None] * sign)
    assert found.name == "p4m"
    assert found.noise < 0.02


def test_a_larger_cell_must_fit_twice_into_the_image():
    """Every second column of cells differs: the cell is twice as wide, if two of them are seen."""
    small = lattice_cell("square", 20.0, 0.0)
    double = small @ torch.diag(torch.tensor([2.0, 1.0], dtype=torch.float64))
    generator = torch.Generator().manual_seed(1)
    image = random_pattern("p1", generator=generator, cell=small).sample((100, 100), small, (50.0, 50.0))
    image = image + 0.5 * random_pattern("p1", generator=generator, cell=double).sample(
        (100, 100), double, (50.0, 50.0)
    )
    amplitudes = fit_amplitudes(image - image.mean((-2, -1), keepdim=True), small)
    superlattice = _superlattice_power(amplitudes)
    noise = _noise_variance(superlattice)
    found = _larger_cell(superlattice, amplitudes, noise, 0.03, 81)
    assert found is not None
    assert measures(amplitudes.cell @ found) == pytest.approx((20, 40, 90), rel=0.01)
    for extent in (79, 60, 45):
        assert _larger_cell(superlattice, amplitudes, noise, 0.03, extent) is None


@pytest.mark.parametrize("level", [0.3, 1.0])
def test_the_noise_is_measured(level):
    """An amplitude of noise has the variance sigma^2 channels / pixels, before the blur that takes some of it."""
    image, _ = picture("p2", (160, 160), seed=4, noise=0.0, channels=2)
    generator = torch.Generator().manual_seed(5)
    noisy = image + level * float(image.std()) * torch.randn(image.shape, generator=generator, dtype=torch.float64)
    pixels, _ = _normalize_image(noisy)
    sigma = level / (1 + level**2) ** 0.5
    _, noise = _fit_lattice(pixels, find_lattice(pixels), 0.03)
    assert 0.2 < noise / (2 * sigma**2 / 160**2) < 0.8


@pytest.mark.parametrize("name", ["pmm", "pmg", "pgg"])
def test_of_equally_large_groups_the_one_that_fits_best_is_named(name):
    image, _ = picture(name, (120, 120), seed=11)
    pixels, factor = _normalize_image(image)
    estimate = find_lattice(pixels)
    amplitudes, noise = _fit_lattice(pixels, estimate, 0.03)
    names = ("pmm", "pmg", "pgg")
    fits = [
        fit_group(setting, amplitudes.waves, amplitudes.coefficients)
        for setting in wallpaper_settings()
        if setting.name in names and lattice_strain(setting, amplitudes.cell) < 0.01
    ]
    for each in (fits, fits[::-1]):
        found = _select_group(each, amplitudes, noise, 0.99, estimate, factor, image.shape)
        assert all(found.asymmetries[key] <= found.limits[key] for key in names)  # all are accepted
        assert found.name == name


@pytest.mark.parametrize("name", ["p31m", "pgg", "p4g"])
def test_a_sharp_picture_much_larger_than_its_copies_does_not_alias(name):
    generator = torch.Generator().manual_seed(5)
    strokes = torch.ones(3, 900, 1100, dtype=torch.float64)
    for _ in range(60):
        row, column = (int(torch.randint(880, (1,), generator=generator)) for _ in range(2))
        strokes[:, row : row + 2, column : column + 300] = 0
        strokes[:, column : column + 300, row : row + 2] = 0
    assert detect(draw_motif(name, strokes, Canvas(240, 240, cells=3.0))).name == name


def test_json_says_why_there_is_no_lattice_and_nothing_of_it_otherwise():
    none = Detection(None, 0.9, torch.eye(2).double(), torch.zeros(2).double(), 0.1, reason="no peaks")
    assert json.loads(none.to_json()) == {"group": None, "confidence": 0.9, "height": 0.1, "reason": "no peaks"}
    found = json.loads(Detection("p4", 0.9, torch.eye(2).double(), torch.zeros(2).double(), 0.8).to_json())
    assert "reason" not in found
    assert found["system"] == WALLPAPERS["p4"].lattice
