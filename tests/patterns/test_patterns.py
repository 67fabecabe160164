from __future__ import annotations

import pytest
import torch

from intertwine.patterns import (
    FRIEZES,
    PLANE_LATTICES,
    WALLPAPERS,
    Canvas,
    Pattern,
    draw_motif,
    draw_pattern,
    frieze,
    lattice_cell,
    random_pattern,
    read_image,
    reduced_cell,
    space_group,
    symmetrize,
    symmetrize_cell,
    wallpaper,
    write_image,
)
from intertwine.patterns._lattices import lattice_parameters


def spread(function, group, points):
    """The largest change of a function under the generators, lattice translations and all elements."""
    values = function(points)
    moves = (*group.generators, *group.lattice_generators, *group.elements)
    return max(float((function(g(points)) - values).abs().max()) for g in moves)


def rough(points):
    """A function with no symmetry at all."""
    return torch.sin(3 * points[..., 0] + torch.exp(points[..., 1])) + points.square().sum(-1)


@pytest.mark.parametrize("name", WALLPAPERS)
def test_random_patterns_are_invariant(name):
    generator = torch.Generator().manual_seed(1)
    group, pattern = wallpaper(name), random_pattern(name, generator=generator)
    points = torch.rand(40, 2, generator=generator, dtype=torch.float64)
    assert spread(pattern, group, points) < 1e-12
    assert pattern.coefficients.abs().square().sum(-1) == pytest.approx(torch.ones(3, dtype=torch.float64))
    # And under no more: an operation that the group does not have changes it.
    other = wallpaper("p4m" if WALLPAPERS[name].lattice != "hexagonal" else "p6m")
    strangers = [g for g in other.elements if g not in group]
    if name not in ("p4m", "p6m", "pm", "pmm", "cm", "cmm"):
        assert max(float((pattern(g(points)) - pattern(points)).abs().max()) for g in strangers) > 0.1


def test_the_projection_is_one():
    generator = torch.Generator().manual_seed(2)
    raw = random_pattern("p1", generator=generator, cell=lattice_cell("hexagonal"))
    for name in ("p3", "p31m", "p6m"):
        once = raw.symmetrized(wallpaper(name))
        twice = once.symmetrized(wallpaper(name))
        assert torch.allclose(once.coefficients, twice.coefficients, atol=1e-14)
        slow = symmetrize(raw, wallpaper(name))
        points = torch.rand(20, 2, generator=generator, dtype=torch.float64)
        assert torch.allclose(once(points), slow(points), atol=1e-12)


@pytest.mark.parametrize("group", [*map(wallpaper, WALLPAPERS), *map(frieze, FRIEZES)], ids=str)
def test_any_function_is_symmetrized(group):
    points = torch.rand(60, 2, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    assert spread(symmetrize(rough, group), group, points) < 1e-12
    assert spread(rough, group, points) > 0.1
    again = symmetrize(symmetrize(rough, group), group)
    assert torch.allclose(again(points), symmetrize(rough, group)(points), atol=1e-12)


def test_functions_in_space_are_symmetrized():
    pytest.importorskip("spglib")
    group = space_group("P4_12_12")
    points = torch.rand(30, 3, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    assert spread(symmetrize(rough, group), group, points) < 1e-12
    assert spread(rough, group, points) > 0.1


def test_samples_of_a_cell_are_symmetrized_exactly():
    generator = torch.Generator().manual_seed(5)
    n = 12
    grid = torch.stack(torch.meshgrid(torch.arange(n), torch.arange(n), indexing="ij"), -1).to(torch.float64) / n
    samples = torch.randn(2, n, n, generator=generator, dtype=torch.float64)

    def lookup(points):
        i, j = (points * n).round().to(torch.int64).unbind(-1)
        return samples[:, i % n, j % n].movedim(0, -1)

    for name in WALLPAPERS:
        fast = symmetrize_cell(samples, wallpaper(name))
        slow = symmetrize(lookup, wallpaper(name))(grid).movedim(-1, 0)
        assert torch.allclose(fast, slow, atol=1e-14)
    with pytest.raises(ValueError, match="multiple of 2"):
        symmetrize_cell(samples[:, :11, :11], wallpaper("pg"))
    with pytest.raises(ValueError, match="same length"):
        symmetrize_cell(samples[:, :10], wallpaper("pg"))
    with pytest.raises(ValueError, match="no cell"):
        symmetrize_cell(samples, frieze("p2"))


def test_sampling_is_evaluation():
    generator = torch.Generator().manual_seed(6)
    pattern = random_pattern("p6", generator=generator)
    cell = lattice_cell("hexagonal", 13.0, 20.0)
    image = pattern.sample((7, 9), cell, (2.0, 3.0))
    rows, columns = torch.meshgrid(torch.arange(7.0), torch.arange(9.0), indexing="ij")
    points = torch.stack([columns - 2, rows - 3], -1).to(torch.float64) @ torch.linalg.inv(cell).T
    assert torch.allclose(image, pattern(points).movedim(-1, 0), atol=1e-12)
    with pytest.raises(ValueError, match="not closed"):
        Pattern(pattern.waves[:3], pattern.coefficients[:, :3]).symmetrized(wallpaper("p6"))


def test_cells():
    for system in PLANE_LATTICES:
        cell = lattice_cell(system, 7.0, 25.0)
        assert float(torch.linalg.det(cell)) == pytest.approx(49.0)
        skew = cell @ torch.tensor([[3.0, 1.0], [2.0, 1.0]], dtype=torch.float64)
        lengths = lattice_parameters(reduced_cell(skew))
        assert sorted(lengths[:2]) == pytest.approx(sorted(lattice_parameters(reduced_cell(cell))[:2]))
        assert 90 - 1e-9 <= lengths[2] <= 120 + 1e-9
    with pytest.raises(ValueError, match="no freedom"):
        lattice_cell("square", ratio=1.2)
    with pytest.raises(ValueError, match="lattices are"):
        lattice_cell("cubic")


@pytest.mark.parametrize("name", ["p2", "pmg", "p4m"])
def test_drawn_pictures_have_the_symmetry_pixel_by_pixel(name):
    """On a grid that the lattice fits, operations that keep the grid keep the picture."""
    canvas = Canvas(96, 96, cells=4.0)
    picture = draw_pattern(name, canvas, seed=3)
    assert picture.shape == (3, 96, 96)
    assert 0 <= float(picture.min()) < float(picture.max()) <= 1
    # A half turn about the middle.
    assert torch.allclose(picture.flip(-1, -2), picture, atol=1e-6)
    turned = picture.rot90(1, (-2, -1))
    assert torch.allclose(turned, picture, atol=1e-6) == (name == "p4m")
    assert not torch.equal(draw_pattern(name, canvas, seed=4), picture)


@pytest.mark.parametrize("name", ["p4m", "p4g", "p4", "pgg"])
def test_motifs_have_the_symmetry(name):
    generator = torch.Generator().manual_seed(0)
    motif = torch.rand(3, 20, 30, generator=generator, dtype=torch.float64)
    picture = draw_motif(name, motif, Canvas(80, 80, cells=2.0))
    assert torch.allclose(picture.flip(-1, -2), picture, atol=1e-9)
    assert torch.allclose(picture.rot90(1, (-2, -1)), picture, atol=1e-9) == name.startswith("p4")
    assert torch.allclose(picture.flip(-1), picture, atol=1e-9) == (name == "p4m")
    assert float(picture.std()) > 0.05


def test_pictures_survive_the_disk(tmp_path):
    image_module = pytest.importorskip("PIL.Image")
    picture = draw_pattern("p3", Canvas(64, 48), seed=0)
    write_image(tmp_path / "p3.png", picture)
    back = read_image(tmp_path / "p3.png")
    assert back.shape == (3, 48, 64)
    assert torch.allclose(back.double(), picture, atol=0.51 / 255)
    assert [path.name for path in tmp_path.iterdir()] == ["p3.png"]
    # Transparent is white; sixteen bits of gray are stretched.
    image_module.new("RGBA", (40, 40), (255, 0, 0, 0)).save(tmp_path / "clear.png")
    assert float(read_image(tmp_path / "clear.png").min()) == 1.0
    deep = torch.arange(1600, dtype=torch.int32).reshape(40, 40).numpy()
    image_module.fromarray(deep).save(tmp_path / "deep.tif")
    assert float(read_image(tmp_path / "deep.tif").max()) == 1.0


def test_files_that_are_no_pictures_are_explained(tmp_path):
    (tmp_path / "words.png").write_text("not a picture")
    whole = tmp_path / "whole.png"
    write_image(whole, draw_pattern("p1", Canvas(64, 64)))
    (tmp_path / "half.png").write_bytes(whole.read_bytes()[:400])
    for name, message in (
        ("words.png", "no picture that can be read"),
        ("half.png", "cannot be read"),
        ("none.png", "no such file"),
        (".", "is a folder"),
    ):
        with pytest.raises(ValueError, match=message):
            read_image(tmp_path / name)
    for name, message in (("out.svg", "pictures end in .png"), ("none/out.png", "no folder")):
        with pytest.raises(ValueError, match=message):
            write_image(tmp_path / name, torch.zeros(3, 4, 4))
