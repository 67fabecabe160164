"""Registration of clouds: recovery from any pose, laws, partial overlap, symmetric and degenerate input."""

import math

import pytest
import torch

from intertwine import SO3
from intertwine.ops import register
from intertwine.ops.functions import spherical_harmonics
from intertwine.ops.registration import feature_histograms, poisson_disk_subset
from intertwine.ops.registration._feature_histograms import descriptor_gaps, mutually_nearest


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def blob(count: int, seed: int) -> torch.Tensor:
    """Points on one bumpy surface without symmetry."""
    directions = torch.nn.functional.normalize(normal(count, 3, seed=seed), dim=1)
    bumps = spherical_harmonics(6, directions, normalization="norm") @ normal(49, seed=99)
    return directions * (1 + 0.12 * bumps)[:, None]


def motion(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    return SO3().sample(generator=torch.Generator().manual_seed(seed)), normal(3, seed=seed)


def degrees(a: torch.Tensor, b: torch.Tensor) -> float:
    return math.degrees(math.acos(max(-1.0, min(1.0, (float((a * b).sum()) - 1) / 2))))


@pytest.mark.parametrize("turn", [None, torch.diag(torch.tensor([1.0, -1.0, -1.0])).double()])
def test_a_moved_copy_is_recovered_exactly(turn):
    R, t = motion(1)
    R = R if turn is None else turn
    cloud = blob(1500, 0)
    found = register(cloud, cloud @ R.mT + t)
    assert torch.allclose(found.rotation, R, atol=1e-6)
    assert torch.allclose(found.translation, t, atol=1e-6)
    assert found.confidence > 0.9
    assert len(found.answers) == 1


def test_laws_of_motion_exchange_and_repetition():
    first, second = blob(1500, 1), blob(1400, 2)
    (g, s), (h, t) = motion(3), motion(4)
    found = register(first, second)
    moved = register(first @ g.mT + s, second @ h.mT + t)
    assert torch.allclose(moved.rotation, h @ found.rotation @ g.mT, atol=1e-3)
    assert torch.equal(register(first, second).answers, found.answers)
    back = register(second, first)
    assert torch.allclose(back.matrix @ found.matrix, torch.eye(4, dtype=torch.float64), atol=1e-10)
    assert back.overlap == found.overlap[::-1]


@pytest.mark.parametrize("disturbed", [False, True])
def test_partial_overlap_with_outliers_and_noise(disturbed):
    R, t = motion(5)
    first, second = blob(4000, 1), blob(5000, 2)
    axis = torch.nn.functional.normalize(normal(3, seed=8), dim=0)
    first, second = first[first @ axis < 0.4], second[second @ axis > -0.4]
    if disturbed:
        first = torch.cat([first + 0.005 * normal(*first.shape, seed=3), 2 * normal(300, 3, seed=4)])
    found = register(first, second @ R.mT + t)
    assert degrees(found.rotation, R) < 5
    assert float((found.translation - t).norm()) < 0.05
    assert 0.3 < found.overlap[0] < 0.9
    assert found.confidence > 0.5


def test_symmetric_objects_have_all_their_answers():
    generator = torch.Generator().manual_seed(0)
    box = torch.rand(2, 3000, 3, generator=generator, dtype=torch.float64) - 0.5
    side = torch.randint(6, (2, 3000), generator=generator)
    face = torch.where(side < 3, 0.5, -0.5).double()
    box.scatter_(2, (side % 3)[..., None], face[..., None])
    box = box * torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    R, t = motion(6)
    found = register(box[0], box[1] @ R.mT + t)
    assert len(found.answers) == 4
    assert min(degrees(answer[:3, :3], R) for answer in found.answers) < 2
    assert "symmetric" in " ".join(found.remarks)


def test_scale_is_estimated_and_units_are_warned_of():
    R, t = motion(7)
    cloud = blob(1500, 0)
    found = register(1000 * cloud, cloud @ R.mT + t, scale=True)
    assert found.scale == pytest.approx(1e-3, rel=1e-3)
    assert degrees(found.rotation, R) < 1
    moved = 1000 * cloud @ found.matrix[:3, :3].mT + found.matrix[:3, 3]
    assert float((moved - (cloud @ R.mT + t)).norm(dim=1).max()) < 0.02
    plain = register(1000 * cloud, cloud)
    assert any("units" in remark for remark in plain.remarks)
    assert plain.confidence < 0.2


def test_clouds_without_overlap_have_a_low_confidence():
    flat = normal(1500, 3) * torch.tensor([1.0, 1.0, 0.0], dtype=torch.float64)
    found = register(blob(1500, 0), flat)
    assert found.confidence < 0.5
    assert any("low confidence" in remark for remark in found.remarks)


@pytest.mark.parametrize("count", [1, 2, 3, 6, 12])
def test_few_points(count):
    R, t = motion(count)
    cloud = normal(count, 3, seed=count)
    found = register(cloud, cloud @ R.mT + t)
    moved = cloud @ found.matrix[:3, :3].mT + found.matrix[:3, 3]
    assert torch.allclose(moved, cloud @ R.mT + t, atol=1e-6) or count == 2
    assert torch.allclose(found.rotation @ found.rotation.mT, torch.eye(3, dtype=torch.float64))
    if count == 1:
        assert any("any rotation" in remark for remark in found.remarks)


def test_points_on_a_line():
    line = torch.linspace(0, 1, 40, dtype=torch.float64)[:, None] * torch.tensor([1.0, 2.0, 3.0])
    R, t = motion(2)
    found = register(line, line @ R.mT + t)
    moved = line @ found.matrix[:3, :3].mT + found.matrix[:3, 3]
    assert min((moved - (line @ R.mT + t)).abs().max(), (moved.flip(0) - (line @ R.mT + t)).abs().max()) < 1e-6
    assert any("on a line" in remark for remark in found.remarks)


@pytest.mark.parametrize(
    ("cloud", "words"),
    [(torch.zeros(0, 3), "at least one point"), (torch.zeros(4, 2), "shape"), (torch.full((4, 3), math.nan), "finite")],
)
def test_bad_clouds(cloud, words):
    with pytest.raises(ValueError, match=words):
        register(cloud, torch.zeros(4, 3))


def test_poisson_disk_subset_is_spaced_and_covers():
    points = blob(1000, 3)
    kept = points[torch.from_numpy(poisson_disk_subset(points.numpy(), 0.2))]
    gaps = torch.cdist(kept, kept).fill_diagonal_(math.inf)
    assert gaps.min() > 0.2
    assert torch.cdist(points, kept).amin(1).max() <= 0.2
    g, t = motion(1)
    assert (poisson_disk_subset((points @ g.mT + t).numpy(), 0.2) == poisson_disk_subset(points.numpy(), 0.2)).all()


def test_histograms_are_invariant_and_know_the_sign_of_the_normals():
    points = blob(300, 4).numpy()
    normals = torch.nn.functional.normalize(normal(300, 3, seed=2), dim=1)
    g, t = motion(1)
    one, other = feature_histograms(points, normals.numpy(), 0.5)
    moved, _ = feature_histograms(points @ g.numpy().T + t.numpy(), (normals @ g.mT).numpy(), 0.5)
    reversed_, _ = feature_histograms(points, -normals.numpy(), 0.5)
    assert abs(moved - one).max() < 1e-4
    assert abs(reversed_ - other).max() < 1e-4
    assert abs(one - other).max() > 0.1
    pairs = mutually_nearest(descriptor_gaps(one, (other, one)))
    assert (pairs[:, 0] == pairs[:, 1]).mean() > 0.99


def test_given_matches_are_tried_beside_histograms():
    """Matches that agree on a motion win over a larger overlap; nonsense does no harm where the shape decides."""
    (R, t), first, second = motion(5), blob(1500, 1), blob(1400, 2)
    moved = second @ R.mT + t
    nearest = torch.cdist(first, second).argmin(1)
    matches = first[:400], moved[nearest[:400]]
    assert degrees(register(first, moved, matches=matches).rotation, R) < 2
    back = register(moved, first, matches=matches[::-1])
    assert degrees(back.rotation, R.mT) < 2
    nonsense = first[:400], moved[nearest[:400]].flip(0)
    assert degrees(register(first, moved, matches=nonsense).rotation, R) < 2
    with pytest.raises(ValueError, match="as many points"):
        register(first, moved, matches=(first[:3], moved[:4]))


def test_evidence():
    """Its numbers for a moved copy, and their exchange."""
    R, t = motion(1)
    first, second = blob(1500, 0), blob(1400, 3) @ R.mT + t
    found, back = register(first, second), register(second, first)
    assert found.evidence.overlap == found.overlap
    assert found.evidence._replace(overlap=back.overlap) == back.evidence
    assert found.evidence.features == back.evidence.features
    assert 0 < found.evidence.agreeing <= found.evidence.matches
    assert 0.5 < found.evidence.closeness <= 1
    assert 0 <= found.evidence.margin <= 1
    assert 0.9 < found.evidence.fit <= 1
    assert register(first[:1], second).evidence is None
