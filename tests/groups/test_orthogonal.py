import math

import pytest
import torch

from intertwine.groups import O2, O3, SO2, SO3

GROUPS = [SO2(), O2(), SO3(), O3()]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_samples_are_elements_in_float64(group):
    g = group.sample(200, generator=seeded())
    assert g.dtype == torch.float64
    assert g.shape == (200, group.dimension, group.dimension)
    assert group.contains(g, tolerance=1e-14).all()
    assert group.sample().shape == (group.dimension, group.dimension)
    assert group.sample(0).shape == (0, group.dimension, group.dimension)


@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_products_and_inverses_stay_inside(group):
    a, b = group.sample(50, generator=seeded(1)), group.sample(50, generator=seeded(2))
    assert group.contains(a @ b).all()
    assert torch.allclose(group.inverse(a) @ a, group.identity.expand_as(a), atol=1e-14)


@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_generator_makes_draws_reproducible(group):
    assert torch.equal(group.sample(5, generator=seeded(3)), group.sample(5, generator=seeded(3)))
    assert not torch.equal(group.sample(5, generator=seeded(3)), group.sample(5, generator=seeded(4)))


@pytest.mark.parametrize("group", [O2(), O3()], ids=str)
def test_half_of_the_samples_are_improper(group):
    signs = torch.linalg.det(group.sample(4000, generator=seeded())).sign()
    assert abs(signs.mean()) < 3 / math.sqrt(4000)


def test_contains_refuses_what_is_not_an_element():
    mirror = torch.diag(torch.tensor([1.0, 1.0, -1.0]))
    assert O3().contains(mirror)
    assert not SO3().contains(mirror)
    assert not SO3().contains(1.001 * torch.eye(3))
    assert not SO3().contains(torch.full((3, 3), math.nan))
    with pytest.raises(ValueError, match=r"elements of SO\(3\) are \(\.\.\., 3, 3\) matrices, got shape \(2, 2\)"):
        SO3().contains(torch.eye(2))


@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_the_exponential_of_the_lie_algebra_lies_in_the_group(group):
    coordinates = torch.randn(20, len(group.lie_algebra), generator=seeded(), dtype=torch.float64)
    X = torch.einsum("sd,dij->sij", coordinates, group.lie_algebra)
    g = torch.matrix_exp(X)
    assert group.contains(g, tolerance=1e-12).all()
    assert (torch.linalg.det(g) > 0).all()
    assert torch.allclose(group.coordinates(X), coordinates, atol=1e-14)


def test_the_lie_algebra_of_space_turns_about_x_y_z():
    for axis, generator in enumerate(SO3().lie_algebra):
        e = torch.eye(3, dtype=torch.float64)
        assert torch.equal(generator @ e[axis], torch.zeros(3, dtype=torch.float64))
        assert torch.equal(generator @ e[(axis + 1) % 3], e[(axis + 2) % 3])


@pytest.mark.parametrize("group", [O2(), O3()], ids=str)
def test_the_discrete_generator_reaches_the_other_component(group):
    (h,) = group.discrete_generators
    assert group.contains(h)
    assert torch.linalg.det(h) < 0


@pytest.mark.parametrize("group", [SO2(), SO3()], ids=str)
def test_connected_groups_need_no_discrete_generators(group):
    assert group.discrete_generators.shape == (0, group.dimension, group.dimension)


def test_infinite_groups_list_no_elements():
    assert SO3().order is None
    with pytest.raises(ValueError, match="infinitely many"):
        SO3().elements
    with pytest.raises(ValueError, match="infinite"):
        SO3().regular


def test_negative_sample_size_is_an_error_of_use():
    with pytest.raises(ValueError, match="at least 0, got -1"):
        SO3().sample(-1)


def _rotations_about_axis(axis, degrees):
    n = torch.tensor(axis, dtype=torch.float64)
    n = n / n.norm()
    return torch.matrix_exp(math.radians(degrees) * torch.einsum("d,dij->ij", n, SO3().lie_algebra))


@pytest.mark.parametrize("degrees", [1e-2, 30, 89, 91, 171.2, 179.96])
def test_rotations_are_described_by_axis_and_angle(degrees):
    words = O3().describe(_rotations_about_axis([0.11, -0.87, 0.48], degrees))
    assert words == f"rotation {degrees:.1f} deg about (0.11, -0.87, 0.48)"
    assert O3().describe(-_rotations_about_axis([0.11, -0.87, 0.48], degrees)) == f"inversion x {words}"


def test_special_elements_have_names():
    one = torch.eye(3)
    assert O3().describe(one) == "identity"
    assert O3().describe(-one) == "inversion"
    mirror = torch.diag(torch.tensor([1.0, -1.0, 1.0]))
    assert O3().describe(mirror) == "reflection in the plane normal to (0.00, 1.00, 0.00)"
    assert SO3().describe(torch.diag(torch.tensor([1.0, -1.0, -1.0]))) == "rotation 180.0 deg about (1.00, 0.00, 0.00)"
    assert SO2().describe(torch.tensor([[0.0, -1.0], [1.0, 0.0]])) == "rotation 90.0 deg"
    assert SO2().describe(torch.eye(2)) == "identity"
    assert O2().describe(torch.tensor([[0.0, 1.0], [1.0, 0.0]])) == "reflection in the line at 45.0 deg"
