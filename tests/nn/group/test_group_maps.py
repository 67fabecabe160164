"""Features on a finite group: facts of the groups, each law on every element, loops over the definitions."""

import pytest
import torch
from group_toys import normal, worst
from torch import nn
from torch.nn import functional

from intertwine.groups import SO3, Cyclic, Dihedral, FiniteMatrixGroup, Icosahedral, Octahedral, Tetrahedral
from intertwine.hom import intertwiners
from intertwine.models import rotation_group
from intertwine.nn import (
    GroupPool,
    IntraGroupConv,
    LiftToGroup,
    Linear,
    PointwiseNonlinearity,
    ProjectFromGroup,
    RegularBatchNorm,
    identity_neighborhood,
)
from intertwine.testing import assert_equivariant


def test_the_table_of_the_icosahedron() -> None:
    group = Icosahedral()
    assert group.order == 60
    assert sorted(len(each) for each in group.conjugacy_classes) == [1, 12, 12, 15, 20]
    around = identity_neighborhood(group)
    assert len(around) == 13
    assert around[0] == 0
    angles = torch.rad2deg(((group.elements[around[1:]].diagonal(dim1=1, dim2=2).sum(1) - 1) / 2).acos())
    torch.testing.assert_close(angles, torch.full((12,), 72.0, dtype=torch.float64))
    steps = group.multiplication_table[:, around]  # the 60 x 13 table: each row has different elements
    assert all(len(set(row.tolist())) == 13 for row in steps)


@pytest.mark.parametrize(
    ("group", "size"),
    [
        (Cyclic(1), 1),
        (Cyclic(2), 2),
        (Cyclic(8), 3),
        (rotation_group("C8"), 3),
        (Dihedral(4), 5),
        (Tetrahedral(), 9),
        (Octahedral(), 7),
    ],
    ids=str,
)
def test_neighborhoods_generate_and_do_not_depend_on_the_frame(group, size: int) -> None:
    around = identity_neighborhood(group)
    assert len(around) == size
    assert group.subgroup(group.elements[around]).order == group.order
    conjugates = group.elements[:, None] @ group.elements[around] @ group.inverse(group.elements)[:, None]
    assert set(group.index(conjugates).flatten().tolist()) == set(around.tolist())
    assert set(group.inverses[around].tolist()) == set(around.tolist())


def test_lift_on_every_element(group) -> None:
    rep_in, rep_out = 2 * group.trivial + 2 * group.vector, 3 * group.regular
    layer = LiftToGroup(rep_in, rep_out).double()
    nn.init.normal_(layer.bias)
    features = normal(5, rep_in.dim)
    assert worst(layer, rep_in, rep_out, features, elements=group.elements) < 1e-12
    # Scalars are the same for all g; vectors are seen in the frame g.
    scalars, vectors = features.split([2, 2 * group.dimension], 1)
    slow = torch.stack(
        [
            torch.cat([scalars, (vectors.unflatten(1, (2, -1)) @ g).flatten(1)], 1) @ layer.weight + layer.bias
            for g in group.elements
        ],
        -1,
    )
    torch.testing.assert_close(layer(features).unflatten(1, (3, -1)), slow)


def test_project_on_every_element(group) -> None:
    rep_in, rep_out = 3 * group.regular, 2 * group.trivial + 2 * group.vector
    layer, features = ProjectFromGroup(rep_in, rep_out).double(), normal(5, rep_in.dim)
    assert worst(layer, rep_in, rep_out, features, elements=group.elements) < 1e-12
    values = features.unflatten(1, (3, -1))
    slow = sum(values[..., i] @ (rep_out.matrix(g) @ layer.weight).T for i, g in enumerate(group.elements))
    torch.testing.assert_close(layer(features), slow)


def test_intra_group_conv_on_every_element(group) -> None:
    rep_in, rep_out = 2 * group.regular, 3 * group.regular
    layer = IntraGroupConv(rep_in, rep_out).double()
    nn.init.normal_(layer.bias)
    features = normal(5, rep_in.dim)
    assert worst(layer, rep_in, rep_out, features, elements=group.elements) < 1e-12
    values, slow = features.unflatten(1, (2, -1)), torch.empty(5, 3, group.order, dtype=torch.float64)
    for place, g in enumerate(group.elements):
        terms = (
            values[..., group.index(g @ group.elements[h])] @ layer.weight[k] for k, h in enumerate(layer.elements)
        )
        slow[..., place] = sum(terms) + layer.bias
    torch.testing.assert_close(layer(features).unflatten(1, (3, -1)), slow)


def test_acting_from_the_left_is_caught() -> None:
    group = Octahedral()
    layer = IntraGroupConv(group.regular, group.regular).double()
    left = group.multiplication_table[:, group.inverses]  # k g^-1 where g^-1 k belongs
    places = torch.full((24,), len(layer.elements))
    places[layer.elements] = torch.arange(len(layer.elements))
    layer.weight_index = places[left]
    layer.weight.data[1:] *= torch.arange(1, 7)[:, None, None]
    assert worst(layer, layer.rep_in, layer.rep_out, normal(2, 24), elements=group.elements) > 0.1


@pytest.mark.parametrize("make", [PointwiseNonlinearity, RegularBatchNorm, GroupPool])
def test_what_acts_on_values_on_every_element(group, make) -> None:
    layer = make(3 * group.regular).double().train()
    features = normal(5, 3 * group.order)
    assert worst(layer, layer.rep_in, layer.rep_out, features, elements=group.elements) < 1e-12


@pytest.mark.parametrize("how", ["mean", "max", "attention"])
def test_pooling_over_the_group(how: str) -> None:
    layer = GroupPool(3 * Octahedral().regular, how).double()
    features = normal(4, 72)
    assert worst(layer, layer.rep_in, layer.rep_out, features, elements=Octahedral().elements) < 1e-12
    values = features.unflatten(1, (3, 24))
    if how == "attention":
        weights = torch.stack([(v.T @ layer.query).exp() for v in values])
        slow = torch.stack([(v * w).sum(1) / w.sum() for v, w in zip(values, weights, strict=True)])
    else:
        slow = values.mean(2) if how == "mean" else values.max(2).values
    torch.testing.assert_close(layer(features), slow)


def test_the_statistics_are_of_points_and_group_together() -> None:
    layer = RegularBatchNorm(2 * Tetrahedral().regular, momentum=1.0).double().train()
    features = 3 * normal(6, 24) + 1
    values = layer(features).unflatten(1, (2, 12))
    torch.testing.assert_close(values.mean((0, 2)), torch.zeros(2, dtype=torch.float64))
    torch.testing.assert_close(layer.norm.running_mean, features.unflatten(1, (2, 12)).mean((0, 2)))
    before = layer.norm.running_mean.clone()
    assert layer(features[:0]).shape == (0, 24)
    torch.testing.assert_close(layer.norm.running_mean, before)


def test_they_are_all_the_equivariant_maps() -> None:
    group = Tetrahedral()
    outer, regular = group.trivial + 2 * group.vector, 2 * group.regular
    weights = {
        (outer, regular): LiftToGroup(outer, regular).weight,
        (regular, outer): ProjectFromGroup(regular, outer).weight,
        (regular, regular): IntraGroupConv(regular, regular, elements=torch.arange(12)).weight,
    }
    for (rep_in, rep_out), weight in weights.items():
        assert weight.numel() == len(intertwiners(rep_in, rep_out)), (rep_in, rep_out)


def test_lift_agrees_with_the_general_linear_map() -> None:
    """The matrix of the lift lies in what `Linear` spans, found by another way: characters and a change of basis."""
    group = Octahedral()
    rep = group.trivial + group.vector
    lift = LiftToGroup(rep, group.regular).double()
    lift.bias.data.zero_()
    general = Linear(rep, group.regular, bias=False).double()
    one = torch.eye(4, dtype=torch.float64)
    columns = []
    for weight in general.parameters():
        for i in range(weight.numel()):
            for other in general.parameters():
                other.data.zero_()
            weight.data.view(-1)[i] = 1
            columns.append(general(one).flatten())
    basis = torch.stack(columns, 1).detach()
    target = lift(one).flatten().detach()
    found = basis @ torch.linalg.lstsq(basis, target[:, None]).solution
    torch.testing.assert_close(found[:, 0], target)


def test_gradients() -> None:
    group = Cyclic(3)
    rep, regular = group.trivial + group.vector, 2 * group.regular
    model = nn.Sequential(
        LiftToGroup(rep, regular), IntraGroupConv(regular, regular), PointwiseNonlinearity(regular, functional.silu),
        GroupPool(regular, "attention"),
    ).double()  # fmt: skip
    assert torch.autograd.gradcheck(model, normal(3, 3).requires_grad_())
    flat = torch.zeros(2, 6, dtype=torch.float64, requires_grad=True)
    GroupPool(regular, "max").double()(flat).sum().backward()
    assert flat.grad is not None
    torch.testing.assert_close(flat.grad, torch.full_like(flat, 1 / 3))


def test_bad_use_says_so() -> None:
    group = Octahedral()
    for make in (IntraGroupConv, LiftToGroup, ProjectFromGroup):
        with pytest.raises(ValueError, match=r"O.* and rep_out of T"):
            make(group.regular, Tetrahedral().regular)
    for rep in (group.vector, group.regular + group.trivial, 0 * group.regular):
        with pytest.raises(ValueError, match="copies of a regular representation"):
            PointwiseNonlinearity(rep)
    with pytest.raises(ValueError, match='"mean", "max" or "attention"'):
        GroupPool(group.regular, "sum")
    with pytest.raises(ValueError, match=r"expected features \(..., 24\)"):
        GroupPool(group.regular)(torch.ones(2, 23))
    with pytest.raises(ValueError, match="orthogonal matrices"):
        identity_neighborhood(FiniteMatrixGroup([[[0.0, -2.0], [0.5, 0.0]]]))


def test_the_library_own_tester_agrees() -> None:
    group = Icosahedral()
    assert_equivariant(LiftToGroup(SO3().irrep(2).restrict(group), 2 * group.regular), samples=8)
