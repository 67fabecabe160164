"""Correlations maximized over rigid motions: grids of rotations, search, refinement, laws before and after it."""

import math

import numpy as np
import pytest
import torch

from intertwine import O3, SO3, Octahedral
from intertwine.ops import (
    GaussianKernel,
    PointField,
    RigidMotion,
    correlation,
    covering_radius,
    maximize_correlation,
    motion_distances,
    refine_correlation,
    rotation_grid,
    search_correlation,
    suppress_motions,
)
from intertwine.ops.correlation._refine import _Score


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=generator(seed))


def rotations(count: int, seed: int = 0) -> torch.Tensor:
    return SO3().sample(count, generator=generator(seed))


def angles(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return (((a * b).sum((-1, -2)) - 1) / 2).clamp(-1, 1).arccos()


def blob(count: int, seed: int, channels: int = 2) -> PointField:
    return PointField(3 * normal(count, 3, seed=seed), normal(count, channels, seed=seed + 100))


def pair(count: int = 40) -> tuple[PointField, PointField, GaussianKernel]:
    """A field and a copy with noise and more points, so one motion scores far above the others."""
    field_1 = blob(count, 1)
    motion = RigidMotion(rotations(1, seed=9)[0], torch.tensor([3.0, -8.0, 5.0], dtype=torch.float64))
    copy, extra = field_1.moved(*motion), blob(10, 2)
    points = torch.cat([copy.points + 0.05 * normal(count, 3, seed=3), extra.points])
    field_2 = PointField(points, torch.cat([copy.features, extra.features]))
    kernel = GaussianKernel(torch.tensor([1.5, 2.5]), torch.tensor([[1.0, 0.3], [0.8, 0.2]]))
    return field_1, field_2, kernel


def motion_of(motions: RigidMotion, index: int = 0) -> RigidMotion:
    return RigidMotion(motions.rotation[index], motions.translation[index])


class TestRotationGrid:
    @pytest.mark.parametrize(("level", "count", "degrees"), [(0, 24, 62.8), (1, 216, 38.2), (2, 648, 20.9)])
    def test_sizes_and_covering_radii(self, level, count, degrees):
        grid = rotation_grid(level)
        assert len(grid.rotations) == count
        assert math.degrees(grid.covering_radius) == pytest.approx(degrees, abs=0.05)

    @pytest.mark.parametrize("level", [0, 1, 2])
    def test_covering_radius_is_attained_and_never_exceeded(self, level):
        grid = rotation_grid(level)
        nearest = angles(rotations(4000)[:, None], grid.rotations).amin(1)
        assert nearest.max() <= grid.covering_radius + 1e-9
        assert nearest.max() > 0.85 * grid.covering_radius

    def test_octahedral_rotations_map_the_grid_to_itself(self):
        grid = rotation_grid(1).rotations
        for G in Octahedral().elements.double():
            assert angles((G @ grid)[:, None], grid).amin(1).max() < 1e-7

    def test_rotations_are_distinct_and_proper(self):
        grid = rotation_grid(2).rotations
        assert torch.allclose(grid @ grid.mT, torch.eye(3, dtype=torch.float64).expand_as(grid), atol=1e-12)
        assert torch.allclose(torch.linalg.det(grid), torch.ones(len(grid), dtype=torch.float64))
        between = angles(grid[:, None], grid) + 10 * torch.eye(len(grid))
        assert between.min() > 0.5 * rotation_grid(2).covering_radius

    def test_covering_radius_of_a_half_grid_is_larger(self):
        grid = rotation_grid(1)
        assert covering_radius(grid.rotations[::2]) > 1.2 * grid.covering_radius

    @pytest.mark.parametrize("level", [-1, 7, 1.5, True])
    def test_unknown_levels(self, level):
        with pytest.raises(ValueError, match="level"):
            rotation_grid(level)


class TestCorrelation:
    def test_equals_the_sum_over_all_pairs(self):
        field_1, field_2, kernel = blob(30, 1), blob(40, 2), GaussianKernel(torch.tensor([1.0, 3.0]), normal(2, 2))
        motions = RigidMotion(rotations(4), 3 * normal(4, 3))
        for score, R, t in zip(correlation(field_1, field_2, kernel, motions), *motions, strict=True):
            squared = torch.cdist(field_1.points @ R.mT + t, field_2.points).square()
            radial = kernel.radial(squared.flatten()).reshape(30, 40, 2)
            expected = torch.einsum("ic,jc,ijc->", field_1.features, field_2.features, radial)
            assert torch.isclose(score, expected, rtol=1e-3, atol=1e-2)

    def test_is_bi_invariant_and_invariant_under_the_swap(self):
        field_1, field_2, kernel = pair()
        R, t = rotations(1, seed=4)[0], normal(3, seed=5)
        g1, g2 = (RigidMotion(rotations(1, seed=s)[0], 10 * normal(3, seed=s)) for s in (6, 7))
        score = correlation(field_1, field_2, kernel, RigidMotion(R[None], t[None]))
        turned = g2.rotation @ R @ g1.rotation.mT
        shifted = g2.rotation @ t + g2.translation - turned @ g1.translation
        motions = RigidMotion(turned[None], shifted[None])
        assert torch.allclose(correlation(field_1.moved(*g1), field_2.moved(*g2), kernel, motions), score, rtol=1e-10)
        inverse = RigidMotion(R.mT[None], -(R.mT @ t)[None])
        assert torch.allclose(correlation(field_2, field_1, kernel, inverse), score, rtol=1e-10)

    def test_fourier_transform_of_the_kernel(self):
        kernel = GaussianKernel(torch.tensor([0.8, 1.7]), normal(3, 2))
        r, xi = torch.linspace(1e-6, 12, 20001, dtype=torch.float64), 1.3
        integrand = 4 * math.pi * r * torch.sin(xi * r) / xi * kernel.radial(r**2).mT
        expected = torch.trapezoid(integrand, r)
        assert torch.allclose(kernel.fourier(torch.tensor(xi**2, dtype=torch.float64)), expected, atol=1e-6)

    def test_vectors_turn_with_the_motion(self):
        rep = O3().rep("1x0e + 1x1o")
        amplitudes = torch.tensor([[1.0], [0.5], [0.5], [0.5]])
        kernel = GaussianKernel(torch.tensor([2.0]), amplitudes)
        field = PointField(4 * normal(20, 3), normal(20, 4, seed=1), rep)
        R, t = rotations(1)[0], normal(3)
        score = correlation(field, field.moved(R, t), kernel, RigidMotion(R[None], t[None]))
        still = RigidMotion(torch.eye(3, dtype=torch.float64)[None], torch.zeros(1, 3))
        assert torch.allclose(score, correlation(field, field, kernel, still), rtol=1e-10)

    def test_kernels_that_break_a_block_are_refused(self):
        field = PointField(normal(5, 3), normal(5, 3), O3().rep("1x1o"))
        with pytest.raises(ValueError, match="irreducible block"):
            maximize_correlation(field, field, GaussianKernel(torch.tensor([1.0]), normal(3, 1)))

    @pytest.mark.parametrize(
        ("points", "features"), [((0, 3), (0, 1)), ((4, 2), (4, 1)), ((4, 3), (3, 1)), ((4, 3), (4,))]
    )
    def test_shapes(self, points, features):
        with pytest.raises(ValueError, match="point field expects"):
            PointField(torch.zeros(points), torch.zeros(features))

    def test_not_a_number(self):
        with pytest.raises(ValueError, match="finite"):
            PointField(torch.full((2, 3), torch.nan), torch.ones(2, 1))


class TestSearch:
    def test_equals_the_exact_correlation_on_the_grid(self):
        field_1, field_2, kernel = pair()
        motions, scores = search_correlation(field_1, field_2, kernel, rotations(6), spacing=1.0, candidates=12)
        exact = correlation(field_1, field_2, kernel, motions)
        assert torch.allclose(scores, exact, atol=0.02 * float(exact.abs().max()))

    def test_finds_the_best_translation_of_all(self):
        field_1, field_2, kernel = pair(15)
        R = rotations(1, seed=2)
        _, scores = search_correlation(field_1, field_2, kernel, R, spacing=1.0, candidates=1)
        shifts = 4 + torch.cartesian_prod(*[torch.arange(-16.0, 16.0, 2.0, dtype=torch.float64)] * 3)
        brute = correlation(field_1, field_2, kernel, RigidMotion(R.expand(len(shifts), 3, 3), shifts))
        assert scores[0] > 0.9 * brute.max()

    def test_vectors_turn_in_the_search(self):
        rep = O3().rep("1x1o")
        kernel = GaussianKernel(torch.tensor([2.0]), torch.ones(3, 1))
        field_1, field_2 = (PointField(4 * normal(20, 3, seed=s), normal(20, 3, seed=s + 5), rep) for s in (1, 2))
        motions, scores = search_correlation(field_1, field_2, kernel, rotations(3), spacing=1.0, candidates=5)
        assert torch.allclose(scores, correlation(field_1, field_2, kernel, motions), rtol=0.02, atol=0.05)


class TestMaximize:
    def test_recovers_a_motion(self):
        field_1, _, kernel = pair()
        R, t = rotations(1, seed=11)[0], 20 * normal(3, seed=12)
        best = motion_of(maximize_correlation(field_1, field_1.moved(R, t), kernel, level=1, refined=8).motions)
        assert angles(best.rotation, R) < 1e-6
        assert torch.allclose(best.translation, t, atol=1e-5)

    @pytest.mark.parametrize("seed", [21, 22])
    def test_refinement_closes_the_gap_of_the_grid(self, seed):
        field_1, field_2, kernel = pair()
        g1, g2 = (RigidMotion(rotations(1, seed=s)[0], 30 * normal(3, seed=s)) for s in (seed, seed + 50))
        moved = field_1.moved(*g1), field_2.moved(*g2)

        def error(motion: RigidMotion, other: RigidMotion) -> float:
            R = g2.rotation @ motion.rotation @ g1.rotation.mT
            t = g2.rotation @ motion.translation + g2.translation - R @ g1.translation
            others = RigidMotion(other.rotation[None], other.translation[None])
            return float(motion_distances(RigidMotion(R, t), others, moved[0].points))

        grid = rotation_grid(1).rotations
        before = [search_correlation(*fields, kernel, grid, spacing=1.5)[0] for fields in ((field_1, field_2), moved)]
        after = [
            maximize_correlation(*fields, kernel, level=1, refined=8).motions for fields in ((field_1, field_2), moved)
        ]
        assert error(*map(motion_of, before)) > 0.3
        assert error(*map(motion_of, after)) < 1e-4

    def test_the_swap_gives_the_inverse(self):
        field_1, field_2, kernel = pair()
        R, t = motion_of(maximize_correlation(field_1, field_2, kernel, level=1, refined=8).motions)
        back = motion_of(maximize_correlation(field_2, field_1, kernel, level=1, refined=8).motions)
        assert angles(back.rotation, R.mT) < 1e-5
        assert torch.allclose(back.translation, -R.mT @ t, atol=1e-4)

    def test_is_deterministic(self):
        field_1, field_2, kernel = pair()
        first, second = (maximize_correlation(field_1, field_2, kernel, level=1, refined=4) for _ in range(2))
        assert torch.equal(first.scores, second.scores)
        assert torch.equal(first.motions.rotation, second.motions.rotation)

    def test_ascent_never_lowers_the_score_and_ends_at_a_maximum(self):
        rep = O3().rep("1x0e + 1x1o")
        kernel = GaussianKernel(torch.tensor([2.0]), torch.tensor([[1.0], [0.5], [0.5], [0.5]]))
        field_1, field_2 = (PointField(4 * normal(25, 3, seed=s), normal(25, 4, seed=s + 5), rep) for s in (1, 2))
        start = RigidMotion(rotations(3), normal(3, 3))
        before = correlation(field_1, field_2, kernel, start)
        motions, after = refine_correlation(field_1, field_2, kernel, start, steps=200)
        assert (after >= before - 1e-9).all()
        for X in normal(6, 3, 3, seed=8):
            turn = torch.linalg.matrix_exp(2e-3 * (X - X.mT))
            near = RigidMotion(turn @ motions.rotation, motions.translation + 2e-3 * X[0])
            assert (correlation(field_1, field_2, kernel, near) <= after + 1e-6).all()

    def test_answers_are_separated(self):
        field_1, field_2, kernel = pair()
        maxima = maximize_correlation(field_1, field_2, kernel, level=1, refined=10, separation=4.0)
        for i in range(len(maxima.scores)):
            distances = motion_distances(motion_of(maxima.motions, i), maxima.motions, field_1.points)
            assert (distances >= 4.0).sum() == len(maxima.scores) - 1
        assert (maxima.scores.diff() <= 0).all()

    def test_one_point_each(self):
        point = PointField(torch.ones(1, 3), torch.ones(1, 1))
        maxima = maximize_correlation(point, point, GaussianKernel(torch.tensor([1.0]), torch.ones(1, 1)), level=0)
        assert maxima.scores[0] == pytest.approx(1.0, abs=1e-6)


class TestSuppression:
    def test_distances_equal_those_of_moved_points(self):
        points, motions = normal(20, 3), RigidMotion(rotations(5), normal(5, 3))
        moved = points @ motions.rotation.mT + motions.translation[:, None]
        expected = (moved - moved[0]).square().sum(-1).mean(-1).sqrt()
        assert torch.allclose(motion_distances(motion_of(motions), motions, points), expected, atol=1e-7)

    def test_the_best_of_each_cluster_stays(self):
        shifts = torch.tensor([0.0, 1.0, 10.0, 10.5, 30.0])[:, None] * torch.tensor([1.0, 0.0, 0.0])
        motions = RigidMotion(torch.eye(3).expand(5, 3, 3), shifts)
        kept = suppress_motions(motions, torch.tensor([1.0, 3.0, 5.0, 4.0, 2.0]), normal(4, 3), distance=2.0, limit=9)
        assert kept.tolist() == [2, 1, 4]


@pytest.mark.parametrize("rep", [None, "0e + 1o"])
def test_the_gradient_of_the_refinement_is_that_of_the_correlation(rep):
    """Far from the motion that it starts from, where the Jacobian of the exponential is not the identity."""
    rep = None if rep is None else O3().rep(rep)
    channels = 2 if rep is None else rep.dim
    fields = [PointField(3 * normal(30, 3, seed=seed), normal(30, channels, seed=seed + 10), rep) for seed in (1, 2)]
    kernel = GaussianKernel(torch.tensor([1.5, 2.5]), 1 + normal(channels, 2, seed=3).abs())
    pose = _Score(*fields, kernel).start(rotations(1)[0].numpy(), normal(3, seed=5).numpy())
    u = 3 * normal(6, seed=4).numpy()
    gradient = pose.value(u)[1]
    for axis, step in enumerate(1e-5 * np.eye(6)):
        slope = (pose.value(u + step)[0] - pose.value(u - step)[0]) / 2e-5
        assert slope == pytest.approx(gradient[axis], abs=1e-5 * np.abs(gradient).max())
