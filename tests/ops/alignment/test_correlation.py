"""The maximum of correlations over SO(3): recovery, law, Procrustes as a special case, derivative; transport plans."""

import math

import torch
from torch.autograd import gradcheck

from intertwine import SO3
from intertwine.ops import covering_radius, maximal_rotation, nearest_rotation, rotation_correlation, transport_plan
from intertwine.ops.alignment._correlation import _grid, _grid_scores
from intertwine.reps import wigner_matrices


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def forms(count: int, lmax: int) -> list[torch.Tensor]:
    return [normal(count, 2 * k + 1, 2 * k + 1, seed=k) for k in range(lmax + 1)]


def test_a_turned_copy_is_recovered():
    R = SO3().sample(32, generator=torch.Generator().manual_seed(1))
    features = [normal(5, 2 * k + 1, seed=k) for k in range(4)]
    found = maximal_rotation([d @ f.mT @ f for d, f in zip(wigner_matrices(3, R), features, strict=True)])
    assert torch.allclose(found, R, atol=1e-9)


def test_the_refined_maximum_is_biequivariant():
    g, h = SO3().sample(2, generator=torch.Generator().manual_seed(2))
    given = forms(8, 3)
    turned = [b @ m @ a.mT for a, b, m in zip(wigner_matrices(3, g), wigner_matrices(3, h), given, strict=True)]
    found = maximal_rotation(given)
    assert torch.allclose(maximal_rotation(turned), h @ found @ g.mT, atol=1e-9)
    grid = SO3().sample(2000, generator=torch.Generator().manual_seed(3))
    best = rotation_correlation([m[:, None] for m in given], grid).amax(1)
    assert bool((rotation_correlation(given, found) >= best).all())


def test_the_grid_by_a_fourier_transform_in_one_angle_is_the_direct_evaluation():
    for lmax, angles in ((3, 16), (10, 22)):
        given = forms(3, lmax)
        direct = rotation_correlation([m[:, None] for m in given], _grid(angles))
        assert torch.allclose(_grid_scores(given, angles), direct, atol=1e-10 * direct.abs().max())
    assert covering_radius(_grid(16)) < math.radians(15.6)


def test_of_degree_one_it_is_the_nearest_rotation():
    vectors = forms(32, 1)
    assert torch.allclose(maximal_rotation(vectors), nearest_rotation(vectors[1]), atol=1e-9)


def test_its_derivative_is_that_of_the_maximum():
    given = [m.requires_grad_() for m in forms(1, 2)]
    weight = normal(3, 3, seed=9)
    assert gradcheck(lambda *m: (maximal_rotation(list(m)) * weight).sum(), tuple(given))


def test_transport_plan_is_exchanged_with_the_sets_and_leaves_outliers_out():
    scores = normal(6, 5, seed=4)
    plan = transport_plan(scores, 0.1, iterations=100)
    assert torch.allclose(transport_plan(scores.mT, 0.1, iterations=100), plan.mT, atol=1e-12)
    assert bool((plan.sum(0) < 1 + 1e-3).all())
    assert bool((plan.sum(1) < 1 + 1e-3).all())
    lonely = torch.full((3, 3), -20.0).double().fill_diagonal_(20.0)
    lonely[2, 2] = -20.0
    assert torch.allclose(
        transport_plan(lonely, 0.0, iterations=200).diagonal(), torch.tensor([1.0, 1, 0]).double(), atol=1e-3
    )


def test_padding_of_a_transport_plan_changes_nothing():
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(5, 7, generator=generator, dtype=torch.float64)
    wide = torch.randn(2, 8, 9, generator=generator, dtype=torch.float64)
    wide[1, :5, :7] = scores
    mask_1, mask_2 = torch.arange(8) < torch.tensor([[8], [5]]), torch.arange(9) < torch.tensor([[9], [7]])
    wide.requires_grad_()
    plan = transport_plan(wide, 0.3, mask_1=mask_1, mask_2=mask_2)
    assert torch.allclose(plan[1, :5, :7], transport_plan(scores, 0.3), atol=1e-12)
    assert torch.allclose(plan[0], transport_plan(wide[0], 0.3), atol=1e-12)
    assert not plan[1, 5:].any()
    assert not plan[1, :, 7:].any()
    plan.square().sum().backward()
    assert bool(wide.grad.isfinite().all())
    assert float(wide.grad[1, 5:].abs().max()) == 0
