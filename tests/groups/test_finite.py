import pytest
import torch

from intertwine.groups import Cyclic, Dihedral

GROUPS = [Cyclic(1), Cyclic(2), Cyclic(5), Cyclic(12), Dihedral(1), Dihedral(2), Dihedral(3), Dihedral(8)]


@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_the_cayley_table_is_a_group(group):
    table = group.multiplication_table
    everything = torch.arange(group.order)
    assert torch.equal(table[0], everything)
    assert torch.equal(table[:, 0], everything)
    assert torch.equal(table.sort(dim=0).values, everything[:, None].expand_as(table))
    assert torch.equal(table.sort(dim=1).values, everything.expand_as(table))
    assert torch.equal(table[table], table[:, table])  # (ab)c = a(bc)


@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_the_generators_generate(group):
    reached = {0}
    steps = group.index(group.discrete_generators).tolist()
    while True:
        larger = reached | {int(group.multiplication_table[i, j]) for i in reached for j in steps}
        if larger == reached:
            break
        reached = larger
    assert len(reached) == group.order


@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_elements_are_orthogonal_and_distinct(group):
    g = group.elements
    assert g.shape == (group.order, 2, 2)
    assert torch.allclose(g @ g.mT, torch.eye(2, dtype=torch.float64).expand_as(g), atol=1e-15)
    assert torch.equal(group.index(g), torch.arange(group.order))
    assert group.contains(g).all()
    assert group.lie_algebra.shape == (0, 2, 2)
    assert group.coordinates(g).shape == (group.order, 0)


def test_orders():
    assert [group.order for group in GROUPS] == [1, 2, 5, 12, 2, 4, 6, 16]


def test_quarter_turns_are_exact():
    assert Cyclic(8).elements[2].tolist() == [[0, -1], [1, 0]]


def test_sampling_is_uniform():
    group = Dihedral(4)
    draws = group.index(group.sample(8000, generator=torch.Generator().manual_seed(0)))
    counts = draws.bincount(minlength=8)
    chi_squared = float(((counts - 1000) ** 2 / 1000).sum())
    assert chi_squared < 24.3  # 7 degrees of freedom, p = 0.001


def test_strangers_are_recognized():
    quarter = Cyclic(4).elements[1]
    assert not Cyclic(3).contains(quarter)
    assert not Cyclic(4).contains(Dihedral(4).elements[5])
    assert not Cyclic(4).contains(torch.full((2, 2), float("nan")))
    with pytest.raises(ValueError, match="1 of 2 matrices are not elements of C_3"):
        Cyclic(3).index(torch.stack([quarter, Cyclic(3).identity]))


def test_elements_cannot_be_corrupted():
    group = Cyclic(3)
    group.elements.zero_()
    assert group.contains(group.identity)


@pytest.mark.parametrize("n", [0, -1, 2.0, True, "4"])
def test_n_is_a_positive_whole_number(n):
    with pytest.raises(ValueError, match="whole number n >= 1"):
        Cyclic(n)


def test_descriptions():
    assert Cyclic(5).describe(Cyclic(5).elements[2]) == "rotation 144.0 deg"
    assert Dihedral(4).describe(Dihedral(4).elements[4]) == "reflection in the line at 0.0 deg"
    with pytest.raises(ValueError, match="not elements"):
        Cyclic(5).describe(Cyclic(4).elements[1])


def test_products_too_large_to_list_are_refused():
    with pytest.raises(ValueError, match="of which at most"):
        _ = (Cyclic(500) * Cyclic(500)).elements
    assert len((Cyclic(3) * Cyclic(4)).elements) == 12
