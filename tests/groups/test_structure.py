"""Classes, cosets, orbits, stabilizers and subgroups of finite groups."""

import pytest
import torch

from intertwine.groups import (
    Alternating,
    Cyclic,
    Dihedral,
    FiniteMatrixGroup,
    FullIcosahedral,
    FullOctahedral,
    FullTetrahedral,
    Icosahedral,
    MatrixGroup,
    Octahedral,
    Pyritohedral,
    SemidirectProduct,
    Symmetric,
    Tetrahedral,
)
from intertwine.groups._finite import _table_by_projection

FLIP = MatrixGroup([[[1, 0], [0, -1]]])
FROBENIUS = MatrixGroup(torch.stack([torch.eye(7)[[*range(1, 7), 0]], torch.eye(7)[[2 * k % 7 for k in range(7)]]]))
GROUPS = {
    Tetrahedral(): (12, [1, 3, 4, 4]),
    FullTetrahedral(): (24, [1, 3, 6, 6, 8]),
    Pyritohedral(): (24, [1, 1, 3, 3, 4, 4, 4, 4]),
    Octahedral(): (24, [1, 3, 6, 6, 8]),
    FullOctahedral(): (48, [1, 1, 3, 3, 6, 6, 6, 6, 8, 8]),
    Icosahedral(): (60, [1, 12, 12, 15, 20]),
    FullIcosahedral(): (120, [1, 1, 12, 12, 12, 12, 15, 15, 20, 20]),
    Symmetric(4): (24, [1, 3, 6, 6, 8]),
    Symmetric(5): (120, [1, 10, 15, 20, 20, 24, 30]),
    Alternating(4): (12, [1, 3, 4, 4]),
    Alternating(5): (60, [1, 12, 12, 15, 20]),
    Cyclic(3) * Dihedral(3): (18, [1, 1, 1, 2, 2, 2, 3, 3, 3]),
    SemidirectProduct(Cyclic(5), FLIP): (10, [1, 2, 2, 5]),
    FROBENIUS: (21, [1, 3, 3, 7, 7]),
}


@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_order_and_class_sizes(group):
    order, sizes = GROUPS[group]
    assert group.order == len(group.elements) == order
    assert sorted(len(each) for each in group.conjugacy_classes) == sizes
    for each in group.conjugacy_classes:
        traces = group.elements[each].diagonal(dim1=-2, dim2=-1).sum(-1)
        assert torch.allclose(traces, traces[:1].expand_as(traces), atol=1e-12)


@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_the_cayley_table_is_a_group(group):
    table, everything = group.multiplication_table, torch.arange(group.order)
    assert torch.equal(table[0], everything)
    assert torch.equal(table[:, 0], everything)
    assert torch.equal(table.sort(dim=1).values, everything.expand_as(table))
    assert torch.equal(table.sort(dim=0).values, everything[:, None].expand_as(table))
    assert torch.equal(table[table], table[:, table])
    assert torch.equal(table[everything, group.inverses], torch.zeros_like(everything))
    g = group.elements
    assert torch.allclose(g[:, None] @ g, g[table], atol=1e-12)
    assert torch.allclose(group.inverse(g), g[group.inverses], atol=1e-12)


@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_generators_generate_and_elements_are_known(group):
    assert group.subgroup(group.discrete_generators).order == group.order
    assert torch.equal(group.index(group.elements), torch.arange(group.order))
    assert group.contains(group.elements).all()
    assert group.contains(group.sample(20, generator=torch.Generator().manual_seed(0))).all()
    assert not group.contains(group.identity * 1.5)
    assert isinstance(group.describe(group.elements[-1]), str)


@pytest.mark.parametrize(
    ("group", "count", "sizes"),
    [
        (Tetrahedral(), 10, {1, 2, 3, 4, 12}),
        (Octahedral(), 30, {1, 2, 3, 4, 6, 8, 12, 24}),
        (Icosahedral(), 59, {1, 2, 3, 4, 5, 6, 10, 12, 60}),
        (Symmetric(4), 30, {1, 2, 3, 4, 6, 8, 12, 24}),
        (Cyclic(12), 6, {1, 2, 3, 4, 6, 12}),
        (FROBENIUS, 10, {1, 3, 7, 21}),
    ],
    ids=str,
)
def test_all_subgroups(group, count, sizes):
    found = group.subgroups()
    assert len(found) == count
    assert {each.order for each in found} == sizes
    assert all(group.contains(each.elements).all() for each in found)


@pytest.mark.parametrize("group", [Octahedral(), Icosahedral(), FullTetrahedral(), Symmetric(4)], ids=str)
def test_orbit_and_stabilizer(group):
    generator = torch.Generator().manual_seed(0)
    special = [torch.eye(group.dimension)[0], torch.ones(group.dimension), group.identity[:2].sum(0)]
    for point in [*special, torch.randn(group.dimension, generator=generator, dtype=torch.float64)]:
        orbit, stabilizer = group.orbit(point), group.stabilizer(point)
        assert len(orbit) * stabilizer.order == group.order
        assert torch.equal(orbit[0], point.double())
        assert torch.allclose(stabilizer.elements @ point.double(), point.double().expand(stabilizer.order, -1))
        assert torch.cdist(orbit, orbit).add(torch.eye(len(orbit))).min() > 1e-6


def test_known_orbits():
    phi = (1 + 5**0.5) / 2
    assert len(Icosahedral().orbit(torch.tensor([0.0, 1.0, phi], dtype=torch.float64))) == 12  # vertices
    assert len(Icosahedral().orbit(torch.ones(3))) == 20  # faces
    assert len(Icosahedral().orbit(torch.eye(3)[0])) == 30  # edges
    assert len(Octahedral().orbit(torch.eye(3)[0])) == 6
    assert len(Tetrahedral().orbit(torch.ones(3))) == 4
    fluid = Octahedral().irrep("E")
    assert len(Octahedral().orbit(torch.tensor([1.0, 0.0]), rep=fluid)) == 3
    with pytest.raises(ValueError, match=r"a point has shape \(3,\), got \(2,\)"):
        Octahedral().orbit(torch.ones(2))


def test_cosets_part_the_group():
    group, subgroup = Icosahedral(), Tetrahedral()
    cosets = group.cosets(subgroup)
    assert cosets.shape == (5, 12)
    assert torch.equal(cosets.flatten().sort().values, torch.arange(60))
    assert torch.equal(group.elements[cosets[0]], subgroup.elements)
    for row in cosets:
        assert torch.allclose(group.elements[row[0]] @ subgroup.elements, group.elements[row], atol=1e-12)
    with pytest.raises(ValueError, match="not elements of T"):
        Tetrahedral().cosets(Octahedral())


def test_centers():
    assert FullOctahedral().center.order == 2
    assert Octahedral().center.order == 1
    assert Dihedral(6).center.order == 2
    assert Cyclic(6).center.order == 6
    assert Cyclic(6).abelian
    assert not Dihedral(3).abelian


def test_symmetries_of_solids_contain_each_other():
    for small, large in [
        (Tetrahedral(), Octahedral()),
        (Tetrahedral(), Icosahedral()),
        (Octahedral(), FullOctahedral()),
        (FullTetrahedral(), FullOctahedral()),
        (Pyritohedral(), FullIcosahedral()),
    ]:
        assert large.contains(small.elements).all()
    assert not Icosahedral().contains(Octahedral().elements).all()
    assert FullOctahedral().elements.abs().sum() == 48 * 3  # signed permutations, exactly


def test_the_rotations_of_solids_are_exact_to_one_rounding():
    for group in (Octahedral(), Icosahedral(), FullIcosahedral()):
        g = group.elements
        assert (g @ g.mT - group.identity).abs().max() < 4e-16


def test_permutations():
    group = Symmetric(4)
    g = group.matrices(torch.tensor([1, 0, 3, 2]))
    assert group.describe(g) == "(1 2)(3 4)"
    assert group.describe(group.identity) == "identity"
    assert torch.equal(group.images(g), torch.tensor([1, 0, 3, 2]))
    assert torch.equal(g @ torch.tensor([10.0, 20, 30, 40]).double(), torch.tensor([20.0, 10, 40, 30]).double())
    assert not Alternating(4).contains(Symmetric(4).discrete_generators[0])
    assert not group.contains(torch.full((4, 4), float("nan")))
    with pytest.raises(ValueError, match="1 matrices are not elements of S_4"):
        group.index(torch.ones(4, 4))
    assert Symmetric(20).order == 2432902008176640000
    assert Symmetric(20).contains(Symmetric(20).sample(3, generator=torch.Generator().manual_seed(0))).all()
    with pytest.raises(ValueError, match="S_9 has 362880 elements"):
        Symmetric(9).elements
    signs = torch.linalg.det(Alternating(6).sample(50, generator=torch.Generator().manual_seed(0)))
    assert torch.allclose(signs, torch.ones(50, dtype=torch.float64))
    assert [Symmetric(n).subgroup(Symmetric(n).discrete_generators).order for n in (1, 2, 3)] == [1, 2, 6]
    assert [Alternating(n).order for n in (1, 2, 3)] == [1, 1, 3]
    with pytest.raises(ValueError, match="whole number"):
        Symmetric(0)


def test_samples_of_permutations_are_uniform():
    group = Symmetric(4)
    counts = group.index(group.sample(12000, generator=torch.Generator().manual_seed(0))).bincount(minlength=24)
    assert float(((counts - 500) ** 2 / 500).sum()) < 49.7  # 23 degrees of freedom, p = 0.001


def test_float32_generators_close():
    generators = Icosahedral().discrete_generators.float()
    assert FiniteMatrixGroup(generators).order == 60


@pytest.mark.parametrize("group", [*GROUPS, Cyclic(1), Dihedral(50)], ids=str)
def test_the_table_by_projection_is_the_table(group):
    elements = group.elements
    table = _table_by_projection(elements)
    assert table is not None
    assert torch.equal(table, torch.stack([group.index(g @ elements) for g in elements]))


def test_elements_that_a_projection_cannot_tell_apart_are_left_to_the_slow_way():
    twice = torch.stack([torch.eye(2), torch.eye(2)]).to(torch.float64)
    assert _table_by_projection(twice) is None
