"""External tensor products: matrices, irreps, Clebsch-Gordan on each factor, dimensions by characters."""

import pytest
import torch

from intertwine.groups import O3, SO3, Cyclic, Dihedral, left_projection, right_projection
from intertwine.hom import intertwiners, parse_hom
from intertwine.reps import ProductIrrep, external_product, irrep_table, maps_rep
from intertwine.reps.solve import solve_constraints


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (SO3().irrep(1), SO3().irrep(2)),
        (O3().rep("1x0e + 1x1o"), SO3().rep("2x1")),
        (SO3().vector, Cyclic(4).regular),
        (Cyclic(3).irrep(1), Cyclic(4).irrep(1)),
    ],
)
def test_matrices_are_kronecker_products(left, right):
    rep = external_product(left, right)
    generator = torch.Generator().manual_seed(0)
    g, h = left.group.sample(32, generator=generator), right.group.sample(32, generator=generator)
    expected = torch.stack([torch.kron(a, b) for a, b in zip(left.matrix(g), right.matrix(h), strict=True)])
    assert torch.allclose(rep.matrix(rep.group.element(g, h)), expected, atol=1e-12)
    decomposition = rep.decompose()
    back = decomposition.matrix @ decomposition.irreps.matrix(rep.group.element(g, h)) @ decomposition.matrix.T
    assert torch.allclose(back, expected, atol=1e-8)


def test_maps_turn_at_both_ends():
    V, W = SO3().vector, O3().vector
    rep = maps_rep(V, W)
    g, h = SO3().sample(), O3().sample()
    T = torch.randn(3, 3, dtype=torch.float64)
    assert torch.allclose(rep.matrix(rep.group.element(g, h)) @ T.flatten(), (h @ T @ g.mT).flatten())


def test_irreps_of_factors_stay_irreps():
    group = SO3() * Dihedral(4)
    assert isinstance(SO3().irrep(2).restrict(left_projection(group)), ProductIrrep)
    assert isinstance(Dihedral(4).irrep("E1").restrict(right_projection(group)), ProductIrrep)


def test_clebsch_gordan_on_each_factor_equals_the_solver():
    group = SO3() * SO3()
    a, b = group.irrep("(1,1)"), group.irrep("(1,2)")
    closed = irrep_table(group).product(a, b)
    assert closed is not None
    Q, irreps = closed
    g = group.sample(32, generator=torch.Generator().manual_seed(1))
    assert torch.allclose((a * b).matrix(g), Q @ irreps.matrix(g) @ Q.T, atol=1e-10)
    target = group.irrep("(2,1)")
    assert len(solve_constraints(a * b, target)) == len(intertwiners(a * b, target)) == 1


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("SO3 x SO3: (1,0) x (0,1) -> (1,1)", 1),
        ("SO3 x SO3: (1,1) x (1,1) -> (0,0) + (1,1) + (2,2)", 3),
        ("SO3 x SO3: (1,0) x (1,0) -> (0,1)", 0),
        ("O3 x C4: (1o,1) x (1o,1) -> (0e,0)", 2),
    ],
)
def test_hom_spaces_of_products_are_read_and_counted(text, count):
    assert len(intertwiners(*parse_hom(text))) == count


def test_unknown_factors_are_named():
    with pytest.raises(ValueError, match='no group "SO33x"'):
        parse_hom("SO3 x SO33x: (1,0) -> (1,0)")
