"""Where two surfaces contradict each other: beyond a border they do not, where they diverge they do."""

import numpy as np
from scipy.spatial.transform import Rotation

from intertwine.ops.registration._candidates import Pair, feature_gaps, feature_matches
from intertwine.ops.registration._motions import Motions
from intertwine.ops.registration._score import contradicted
from intertwine.ops.registration._surfels import Surfels, surfels

SPACING = 0.03


def square(seed: int) -> Surfels:
    points = np.random.RandomState(seed).rand(6000, 3) * [1.0, 1.0, 0.0]
    return surfels(points - [0.5, 0.5, 0.0], SPACING)


def motions(rotation: Rotation, *translation: float) -> Motions:
    return Motions(rotation.as_matrix()[None], np.array([translation]))


def share(motion: Motions) -> float:
    return float(contradicted(square(0), square(1), motion, 1.5 * SPACING, 6 * SPACING)[0])


def test_points_at_the_border_are_not_interior():
    surface = square(0)
    depth = 0.5 - np.abs(surface.points[:, :2]).max(axis=1)
    assert surface.interior[depth > 0.12].mean() > 0.97
    assert surface.interior[depth < 0.01].mean() < 0.1
    moved = surfels(surface.points @ Rotation.random(random_state=0).as_matrix().T + 1, 0.0)
    assert (moved.interior == surface.interior).mean() > 0.99


def test_a_surface_that_goes_on_beyond_the_border_is_no_contradiction():
    assert share(motions(Rotation.identity(), 0, 0, 0)) < 0.01
    assert share(motions(Rotation.identity(), 0.4, 0.2, 0)) < 0.02


def test_surfaces_that_diverge_are_contradictions():
    assert share(motions(Rotation.from_rotvec([0, 0.2, 0]), 0, 0, 0)) > 0.2
    assert share(motions(Rotation.identity(), 0, 0, 3 * SPACING)) > 0.7


def test_few_points_contradict_nothing():
    few = surfels(np.random.RandomState(0).randn(12, 3), 0.1)
    assert not few.interior.any()


def test_a_motion_that_contradicts_ranks_below_one_of_smaller_overlap():
    """A floor with a wall at one side: half a turn about the upright lays floor on floor, the wall into its midst."""

    def corner(seed: int, low: float, high: float) -> Surfels:
        floor, wall = np.random.RandomState(seed).rand(2, 6000, 3)
        floor, wall = floor * [1.0, 1.0, 0.0], wall * [0.0, 1.0, 0.15] + [0.3, 0.0, 0.0]
        both = np.concatenate([floor, wall[: len(wall) // 6]])
        return surfels(both[(both[:, 1] >= low) & (both[:, 1] <= high)], SPACING)

    first, second = corner(0, 0.0, 0.75), corner(1, 0.25, 1.0)
    matches = feature_matches(first, second, feature_gaps(first, second, SPACING))
    pair = Pair(
        first, second, SPACING, matches._replace(**{name: getattr(matches, name)[:0] for name in matches._fields})
    )
    true, turned = Motions(np.eye(3)[None], np.zeros((1, 3))), motions(Rotation.from_rotvec([0, 0, np.pi]), 1.0, 1.0, 0)
    both = Motions(
        np.concatenate([turned.rotations, true.rotations]), np.concatenate([turned.translations, true.translations])
    )
    ranked = pair.rank(both, 10_000)
    assert ranked.agreement[1] > ranked.agreement[0]  # floor on floor covers more
    assert np.allclose(ranked.motions.rotations[0], np.eye(3))
