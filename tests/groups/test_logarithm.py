"""exp and log are inverse: 1e-12 away from the half turns, 1e-7 next to them."""

import math

import pytest
import torch

from intertwine.groups import (
    E3,
    O2,
    O3,
    SE2,
    SE3,
    SL,
    SO,
    SO2,
    SO3,
    SU2,
    U1,
    AffineGroup,
    Cyclic,
    Lorentz,
    MatrixGroup,
    O,
    Scaling,
    Sp,
    Translations,
)

GROUPS = [
    *(SO2(), U1(), SO3(), SO(4), SO(5), SU2(), SE2(), SE3(), Lorentz(), Scaling(3), Translations(2)),
    *(SL(2), SL(3), Sp(2), Sp(4), SO3() * SO2(), AffineGroup(Scaling(2))),
    MatrixGroup(algebra=torch.tensor([[[0.0, 1.0], [0.0, 0.0]]]), title="shears"),
]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_log_undoes_exp(group):
    coordinates = 0.3 * torch.randn(16, len(group.lie_algebra), generator=seeded(), dtype=torch.float64)
    X = group.hat(coordinates)
    assert torch.allclose(group.coordinates(X), coordinates, atol=1e-13)
    assert (group.log(group.exp(X)) - X).abs().max() <= 1e-12
    batched = group.exp(X).unflatten(0, (4, 4))
    assert torch.allclose(group.log(batched).flatten(0, 1), X, atol=1e-12)


@pytest.mark.parametrize("group", [g for g in GROUPS if g.compact or g.name.startswith("SE")], ids=str)
def test_exp_undoes_log_of_haar_elements(group):
    g = group.sample(32, generator=seeded())
    X = group.log(g)
    assert (group.exp(X) - g).abs().max() <= 1e-12
    assert (group.hat(group.coordinates(X)) - X).abs().max() <= 1e-12


def test_exp_undoes_log_of_lorentz_transformations():
    g = Lorentz().sample(32, generator=seeded())
    assert (torch.matrix_exp(Lorentz().log(g)) - g).abs().max() <= 1e-11


@pytest.mark.parametrize("group", [SO2(), SO3(), SO(4), SO(5), SU2(), SE3(), Lorentz()], ids=str)
@pytest.mark.parametrize("distance", [1e-1, 1e-3, 1e-6, 1e-9, 0])
def test_next_to_the_half_turn(group, distance):
    turn = group.lie_algebra[-1] * (2 if group == SU2() else 1)
    for conjugation in group.exp(0.4 * torch.stack([group.lie_algebra.sum(0), -group.lie_algebra[0]])):
        X = (math.pi - distance) * conjugation @ turn @ group.inverse(conjugation)
        g = group.exp(X)
        assert (group.exp(group.log(g)) - g).abs().max() <= (1e-12 if distance >= 1e-3 else 1e-7)
        if distance >= 1e-6:
            assert (group.log(g) - X).abs().max() <= (1e-10 if distance >= 1e-3 else 1e-7)


@pytest.mark.parametrize("angle", [1e-300, 1e-20, 1e-9, 1e-5])
def test_tiny_rotations_keep_their_axis(angle):
    X = angle * SO3().lie_algebra[1]
    assert torch.allclose(SO3().log(SO3().exp(X)) / angle, X / angle, atol=1e-6)
    assert torch.equal(SO3().log(SO3().identity), torch.zeros(3, 3, dtype=torch.float64))


@pytest.mark.parametrize("scale", [0.0, 1e-9, 0.5, 3.0])
def test_the_logarithm_of_a_rotation_is_differentiable(scale):
    coordinates = scale * torch.tensor([0.6, -0.48, 0.64], dtype=torch.float64)

    def there_and_back(c):
        return SO3().coordinates(SO3().log(SO3().exp(SO3().hat(c))))

    jacobian = torch.autograd.functional.jacobian(there_and_back, coordinates)
    assert torch.allclose(jacobian, torch.eye(3, dtype=torch.float64), atol=1e-6)


def test_single_precision():
    g = SO3().sample(8, generator=seeded()).float()
    X = SO3().log(g)
    assert X.dtype == torch.float32
    assert torch.allclose(SO3().exp(X), g, atol=1e-5)
    assert SO(4).log(SO(4).sample(generator=seeded()).float()).dtype == torch.float32


def test_what_has_no_logarithm_says_so():
    for group in (O2(), O3(), O(4)):
        with pytest.raises(ValueError, match="a reflection has no logarithm"):
            group.log(group.discrete_generators[0])
    with pytest.raises(ValueError, match="a reflection has no logarithm"):
        E3().log(torch.diag(torch.tensor([-1.0, 1, 1, 1])))
    with pytest.raises(ValueError, match=r"no logarithm in the Lie algebra of SL\(2\)"):
        SL(2).log(torch.diag(torch.tensor([-2.0, -0.5], dtype=torch.float64)))
    with pytest.raises(ValueError, match=r"no logarithm in the Lie algebra of C_4"):
        Cyclic(4).log(Cyclic(4).elements[1])
    with pytest.raises(ValueError, match="positive multiples"):
        Scaling(2).log(-torch.eye(2))
