from __future__ import annotations

from fractions import Fraction
from itertools import combinations, product

import numpy as np
import pytest
import torch

from intertwine.patterns import (
    CRYSTAL_CLASSES,
    FRIEZES,
    WALLPAPERS,
    CrystalGroup,
    Operation,
    frieze,
    space_group,
    space_group_types,
    wallpaper,
    wallpaper_name,
)
from intertwine.patterns.crystal._plane_groups import invariants

ORDERS = [1, 2, 2, 2, 2, 4, 4, 4, 4, 4, 8, 8, 3, 6, 6, 6, 12]
CLASSES = ["1", "2", "m", "m", "m", "2mm", "2mm", "2mm", "2mm", "4", "4mm", "4mm", "3", "3m", "3m", "6", "6mm"]
# The space groups that are these groups of the plane, repeated along a third axis that no operation turns.
AS_SPACE_GROUPS = [1, 3, 6, 7, 8, 25, 28, 32, 35, 75, 99, 100, 143, 156, 157, 168, 183]
ALL_PLANAR = [wallpaper(name) for name in WALLPAPERS] + [frieze(name) for name in FRIEZES]
NAMES = [*WALLPAPERS, *(f"frieze {name}" for name in FRIEZES)]


def random_basis(random):
    basis = np.eye(2, dtype=int)
    for _ in range(4):
        shear = np.eye(2, dtype=int)
        shear[tuple(random.permutation(2))] = random.integers(-2, 3)
        basis = basis @ shear
    return basis[:, random.permutation(2)].tolist()


@pytest.mark.parametrize("group", ALL_PLANAR, ids=NAMES)
def test_elements_are_a_group_modulo_the_lattice(group):
    table = group.multiplication_table
    n = group.order
    assert table.shape == (n, n)
    for line in [*table, *table.T]:
        assert sorted(line.tolist()) == list(range(n))
    assert table[0].tolist() == table[:, 0].tolist() == list(range(n))
    assert torch.equal(table[table], table[:, table])
    for g in group.elements:
        assert group.index(g @ g.inverse) == 0
        assert g @ g.inverse == Operation.identity(2)
    assert all(g in group for g in (*group.generators, *group.lattice_generators))


def test_orders_classes_and_symmorphic():
    groups = [wallpaper(name) for name in WALLPAPERS]
    assert [group.order for group in groups] == ORDERS
    assert [group.point_group.order for group in groups] == ORDERS
    assert [group.point_group.name for group in groups] == CLASSES
    assert [group.name for group in groups if not group.symmorphic] == ["pg", "pmg", "pgg", "p4g"]
    assert set(CLASSES) == set(CRYSTAL_CLASSES[2])


def test_symmorphic_groups_have_a_point_with_the_whole_point_group():
    # The slow way: search the sites whose coordinates are multiples of 1/12.
    sites = [(Fraction(i, 12), Fraction(j, 12)) for i, j in product(range(12), repeat=2)]
    for name in WALLPAPERS:
        group = wallpaper(name)
        assert group.symmorphic == any(len(group.stabilizer(site)) == group.order for site in sites)


def test_every_pair_is_told_apart():
    for one, other in combinations(WALLPAPERS, 2):
        assert invariants(wallpaper(one)) != invariants(wallpaper(other))


@pytest.mark.parametrize("name", WALLPAPERS)
def test_the_name_does_not_depend_on_basis_origin_or_cell(name):
    random = np.random.default_rng(0)
    group = wallpaper(name)
    for _ in range(3):
        origin = [Fraction(int(random.integers(12)), 12) for _ in range(2)]
        moved = group.transformed(random_basis(random), origin)
        assert wallpaper_name(moved) == name
        assert moved.order == group.order
    # Twice the cell: the pure translation by half of it becomes an element, and the primitive cell finds it.
    doubled = group.transformed([[2, 0], [0, 2]])
    doubled = CrystalGroup(
        name,
        (
            *doubled.generators,
            Operation.from_translation([Fraction(1, 2), 0]),
            Operation.from_translation([0, Fraction(1, 2)]),
        ),
        2,
        2,
    )
    assert doubled.order == 4 * group.order
    assert len(doubled.centering) == 4
    assert wallpaper_name(doubled) == name


def test_wallpaper_groups_are_those_of_spglib():
    spglib = pytest.importorskip("spglib")
    for name, number in zip(WALLPAPERS, AS_SPACE_GROUPS, strict=True):
        group = wallpaper(name)
        rotations, translations = np.tile(np.eye(3, dtype=np.intc), (group.order, 1, 1)), np.zeros((group.order, 3))
        for place, g in enumerate(group.elements):
            rotations[place, :2, :2] = g.linear
            translations[place, :2] = [float(entry) for entry in g.translation]
        assert spglib.get_spacegroup_type_from_symmetry(rotations, translations).number == number


def test_orbit_and_stabilizer():
    generator = torch.Generator().manual_seed(0)
    for group in ALL_PLANAR:
        general = torch.rand(2, generator=generator, dtype=torch.float64).tolist()
        assert group.multiplicity(general) == group.order
        for point in ((0, 0), (Fraction(1, 2), 0), (Fraction(1, 3), Fraction(2, 3)), (0.2, 0.2)):
            site = group.stabilizer(point)
            assert group.multiplicity(point) * len(site) == group.order
            where = torch.tensor([float(entry) for entry in point], dtype=torch.float64)
            for g in site:
                assert torch.allclose(g(where), where, atol=1e-12)
                assert g in group


@pytest.mark.parametrize(
    ("name", "point", "multiplicity"),
    [
        ("p4g", (0, 0), 2),
        ("p4g", (Fraction(1, 2), 0), 2),
        ("p4g", (0.1, 0.6), 4),
        ("p6m", (0, 0), 1),
        ("p6m", (Fraction(1, 3), Fraction(2, 3)), 2),
        ("p6m", (Fraction(1, 2), 0), 3),
        ("p31m", (Fraction(1, 3), Fraction(2, 3)), 2),
        ("p3m1", (Fraction(1, 3), Fraction(2, 3)), 1),
        ("pgg", (0, 0), 2),
    ],
)
def test_wyckoff_multiplicities_of_the_tables(name, point, multiplicity):
    assert wallpaper(name).multiplicity(point) == multiplicity


def test_friezes():
    reflection = Operation.parse("-x, y")
    step = Operation.parse("x+1, y")
    assert [frieze(name).order for name in FRIEZES] == [1, 2, 2, 2, 4, 2, 4]
    assert [name for name in FRIEZES if not frieze(name).symmorphic] == ["p11g", "p2mg"]
    # The glide alone generates p11g, which is Z: its square is the translation.
    glide = frieze("p11g").generators[0]
    assert glide @ glide == step
    # Infinite dihedral: two involutions whose product is a translation, so of infinite order.
    for name, other in (("p1m1", Operation.parse("-x+1, y")), ("p2", Operation.parse("-x+1, -y"))):
        (one,) = frieze(name).generators
        assert one @ one == other @ other == Operation.identity(2)
        assert other @ one == step
        assert other in frieze(name)
    # p2mg: the mirror and the half turn beside it, whose product is the glide.
    assert glide @ reflection @ glide @ reflection == Operation.identity(2)
    assert (glide @ reflection).describe() == "rotation by 180 degrees"
    # Z x Z2 and Dinf x Z2: the mirror in the axis commutes with everything.
    axis = Operation.parse("x, -y")
    for name in ("p11m", "p2mm"):
        assert all(axis @ g == g @ axis for g in (*frieze(name).elements, step))
    assert reflection @ step != step @ reflection
    # A second direction of repetition makes wallpaper groups of them.
    filled = [CrystalGroup(name, frieze(name).generators, 2, 2) for name in FRIEZES]
    assert [wallpaper_name(group) for group in filled] == ["p1", "pg", "pm", "p2", "pmg", "pm", "pmm"]


def test_a_glide_across_the_strip_is_not_in_the_group():
    assert Operation.parse("x, y+1") not in frieze("p11m")
    assert Operation.parse("x+5, -y") in frieze("p11m")


def test_space_groups_are_those_of_spglib():
    spglib = pytest.importorskip("spglib")
    types = space_group_types()
    assert [kind.number for kind in types] == list(range(1, 231))
    symmorphic, arithmetic, classes = [], set(), set()
    for kind in types:
        group = space_group(kind.number)
        tables = spglib.get_symmetry_from_database(kind.hall_number)
        theirs = {
            (tuple(r.ravel().tolist()), tuple((np.round(t * 24).astype(int) % 24).tolist()))
            for r, t in zip(tables["rotations"], tables["translations"], strict=True)
        }
        ours = {
            (tuple(entry for row in g.linear for entry in row), tuple(int(entry * 24) for entry in g.translation))
            for g in group.elements
        }
        # Ours are the closure of a few generators.
        assert ours == theirs
        assert len(group.generators) <= 5
        about = spglib.get_spacegroup_type(kind.hall_number)
        assert group.point_group.name == about.pointgroup_international
        classes.add(group.point_group.name)
        arithmetic.add(about.arithmetic_crystal_class_number)
        if group.symmorphic:
            symmorphic.append(about.arithmetic_crystal_class_number)
    # One symmorphic group for each of the 73 arithmetic classes, 32 point groups.
    assert len(symmorphic) == 73
    assert set(symmorphic) == arithmetic
    assert classes == set(CRYSTAL_CLASSES[3])
    assert len(classes) == 32


def test_crystals_of_general_orbits_have_their_space_group():
    spglib = pytest.importorskip("spglib")
    random = np.random.default_rng(0)
    for number in (1, 2, 14, 19, 62, 88, 122, 148, 152, 166, 186, 194, 198, 205, 216, 220, 225, 227, 230):
        group = space_group(number)
        matrices = group.point_group.elements.numpy()
        spread = random.normal(size=(3, 3)) * 0.3 + 6 * np.eye(3)
        metric = np.mean([W.T @ spread @ spread.T @ W for W in matrices], 0)
        sites, species = [], []
        for kind in range(3):
            orbit = group.orbit(random.random(3).tolist()).numpy()
            assert len(orbit) == group.order
            sites.append(orbit)
            species += [kind] * len(orbit)
        cell = np.linalg.cholesky(metric), np.concatenate(sites), species
        assert spglib.get_symmetry_dataset(cell, symprec=1e-4).number == number


@pytest.mark.parametrize(
    ("which", "point", "multiplicity"),
    [
        ("Fm-3m", (0, 0, 0), 4),
        ("Fm-3m", (Fraction(1, 4), Fraction(1, 4), Fraction(1, 4)), 8),
        ("Pm-3m", (0, Fraction(1, 2), Fraction(1, 2)), 3),
        ("P6_3/mmc", (Fraction(1, 3), Fraction(2, 3), Fraction(1, 4)), 2),
        ("Ia-3d", (0, 0, 0), 16),
        ("P2_12_12_1", (0, 0, 0), 4),
        ("R-3m", (0, 0, 0), 3),
    ],
)
def test_wyckoff_multiplicities_in_space(which, point, multiplicity):
    pytest.importorskip("spglib")
    group = space_group(which)
    assert group.multiplicity(point) == multiplicity
    assert len(group.stabilizer(point)) * multiplicity == group.order


def test_primitive_cells_in_space():
    pytest.importorskip("spglib")
    for which, centerings in (("Fm-3m", 4), ("Ia-3d", 2), ("R-3m", 3), ("Pnma", 1)):
        group = space_group(which)
        assert len(group.centering) == centerings
        assert group.primitive().order == group.order // centerings == group.point_group.order


def test_products_and_words():
    screw = Operation.parse("-y, x, z+1/4")
    assert screw.describe() == "screw of order 4 by (0, 0, 1/4)"
    assert (screw @ screw @ screw @ screw) == Operation.parse("x,y,z+1")
    words = {
        "-x, -y, -z": "inversion",
        "x, y, -z": "mirror",
        "x+1/2, y, -z": "glide by (1/2, 0, 0)",
        "-y, x-y, -z": "rotoinversion of order 6",
        "y, -x+y, -z": "rotoinversion of order 3",
        "y, -x, -z": "rotoinversion of order 4",
        "x+1/2, y, z": "translation by (1/2, 0, 0)",
        "x, y, z": "identity",
    }
    assert {text: Operation.parse(text).describe() for text in words} == words
    for text in words:
        assert str(Operation.parse(text)) == text
        assert Operation.parse(text).matrix @ Operation.parse(text).inverse.matrix == pytest.approx(np.eye(4))


def test_point_groups_join_the_algebra():
    group = wallpaper("p4m").point_group
    assert group.order == 8
    assert group == wallpaper("p4g").point_group
    assert bool(group.contains(group.elements).all())
    assert group.multiplication_table.shape == (8, 8)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: wallpaper("p4q"), 'no wallpaper group "p4q"; did you mean "p4"'),
        (lambda: frieze("p11mm"), 'no frieze group "p11mm"; did you mean "p11m"'),
        (lambda: space_group("Fm-3n"), 'no space group "Fm-3n"; did you mean "F'),
        (lambda: space_group(231), "1 to 230, got 231"),
        (lambda: Operation.parse("x+y"), "expected an operation"),
        (lambda: Operation.parse("x, 2w"), "expected an operation"),
        (lambda: Operation.parse("x, x"), "determinant"),
        (lambda: wallpaper_name(frieze("p2")), "repeats along 2"),
        (
            lambda: CrystalGroup("shear", (Operation.parse("x+y, y"),), 2, 2).elements,
            "do not generate a discrete group",
        ),
        (lambda: wallpaper("p4").transformed([[2, 0], [0, 1]]), "onto itself"),
        (lambda: wallpaper("p4").orbit((0, 0, 0)), "2 coordinates, got 3"),
        (lambda: wallpaper("p4").index(Operation.parse("y, x")), "no symmetry operation"),
    ],
)
def test_mistakes_are_explained(make, message):
    with pytest.raises(ValueError, match=message.replace("+", "\\+")):
        make()
