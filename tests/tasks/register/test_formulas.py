"""Evaluation, losses, features, matches and files of registration against their formulas, by hand or as loops."""

import csv
import io
import json
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from intertwine import SO3
from intertwine.models.pair import SoftMatches
from intertwine.ops.alignment import RigidMotion
from intertwine.tasks._results import PredictionChunk
from intertwine.tasks._table_or_archive import ArrayArchive
from intertwine.tasks.register._evaluation import (
    Scores,
    as_evaluation,
    errors_modulo_symmetry,
    motion_errors,
    stratified_pairs,
    symmetries_of,
)
from intertwine.tasks.register._features import moment_features
from intertwine.tasks.register._job import _spacing, match_losses, matched
from intertwine.tasks.register._pairs import ViewPair, cut_views, draw_pairs
from intertwine.tasks.register._predictor import RegisterPredictor, _in_memory, _partners
from intertwine.tasks.register._writing import MotionTable, write_motion


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def motion(angle: float, axis: int = 2, shift=(0.0, 0.0, 0.0)) -> torch.Tensor:
    c, s = math.cos(angle), math.sin(angle)
    found = torch.eye(4, dtype=torch.float64)
    i, j = [k for k in range(3) if k != axis]
    found[i, i], found[i, j], found[j, i], found[j, j] = c, -s, s, c
    found[:3, 3] = torch.tensor(shift)
    return found


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_errors_of_motions(axis):
    found, true = motion(0.7, axis, (1.0, 2.0, 3.0)), motion(0.2, axis, (1.0, 2.0, 2.0))
    angle, gap = motion_errors(found, true, torch.zeros(3).double(), torch.tensor(4.0).double())
    assert float(angle) == pytest.approx(math.degrees(0.5))
    assert float(gap) == pytest.approx(0.25)
    center = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    _, gap = motion_errors(found, true, center, torch.tensor(2.0).double())
    here, there = (m[:3, :3] @ center + m[:3, 3] for m in (found, true))
    assert float(gap) == pytest.approx(float((here - there).norm()) / 2)
    half, _ = motion_errors(motion(math.pi, axis), motion(0.0, axis), center, torch.tensor(2.0).double())
    assert float(half) == pytest.approx(180)


def test_errors_are_those_of_the_nearest_equal_motion():
    frame, true = motion(0.4, 0, (0.1, 0.2, 0.3)), motion(1.0, 1, (1.0, 0.0, 0.0))
    first = normal(9, 3)
    pair = ViewPair(first, first, true, frame, 0.5)
    symmetries = torch.stack([torch.eye(4).double(), motion(math.pi)])
    inverse = torch.linalg.inv(frame)
    for k in range(2):
        exact = true @ frame @ symmetries[k] @ inverse
        assert errors_modulo_symmetry(exact, pair, symmetries) == pytest.approx((0, 0), abs=1e-5)
    near = motion(math.radians(3.0), 1) @ true
    angle, gap = errors_modulo_symmetry(near, pair, symmetries)
    assert angle == pytest.approx(3)
    center = first.mean(0)
    moved = [m[:3, :3] @ center + m[:3, 3] for m in (near, true)]
    assert gap == pytest.approx(float((moved[0] - moved[1]).norm()) / 2)  # the diameter is 2


def test_successes_are_below_both_limits():
    angles, gaps = torch.tensor([4.99, 5.0, 1.0, 1.0]), torch.tensor([0.0, 0.0, 0.0199, 0.02])
    assert Scores(angles, gaps, gaps).successes.tolist() == [True, False, True, False]


def test_tables_of_an_evaluation():
    scores = {
        "one": Scores(torch.tensor([1.0, 2.0, 9.0, 4.0]), torch.tensor([0.0, 0.01, 0.0, 0.03]), torch.full((4,), 0.25)),
        "two": Scores(torch.tensor([9.0, 9.0, 9.0, 1.0]), torch.zeros(4), torch.tensor([1.0, 2.0, 3.0, 4.0])),
    }
    overlaps = torch.tensor([0.2, 0.4, 0.59, 0.7], dtype=torch.float64)
    found = as_evaluation(scores, overlaps, 0.2, "data", 7)
    assert found.rows == (
        ("one", "50.0 %", "2.00 degrees", "0.00 %", "0.25"),
        ("two", "25.0 %", "9.00 degrees", "0.00 %", "2.00"),
    )
    ((header, table),) = found.details
    assert header == ("overlap", "pairs", "one", "two")
    assert table == (
        ("20 to 40 %", "1", "100 %", "0 %"),
        ("40 to 60 %", "2", "50 %", "0 %"),
        ("60 to 80 %", "1", "0 %", "100 %"),
        ("80 to 100 %", "0", "-", "-"),
    )
    assert found.metrics["one"]["success"] == 0.5
    assert found.metrics["one"]["degrees"] == [1, 2, 9, 4]
    assert found.notes[0].startswith("4 pairs of views of 7 shapes (data)")
    assert "below 5 degrees and 2 % of the diameter" in found.notes[0]


def unit_cloud(count: int, seed: int = 0) -> torch.Tensor:
    points = normal(count, 3, seed=seed)
    return points / points.norm(dim=1).max()


def test_four_pairs_of_each_shape_one_in_each_quarter():
    shapes = [unit_cloud(301), unit_cloud(240, 1)]
    pairs = stratified_pairs(shapes, {"overlap": 0.4, "noise": 0.0}, 3)
    assert len(pairs) == 8
    for k, pair in enumerate(pairs):
        low = 0.4 + 0.15 * (k % 4)
        assert low - 0.01 <= pair.overlap <= low + 0.17
        moved = torch.linalg.inv(pair.frame)
        back = pair.first @ moved[:3, :3].T + moved[:3, 3]
        assert torch.cdist(back, shapes[k // 4]).amin(1).max() < 1e-6
    again = stratified_pairs(shapes, {"overlap": 0.4, "noise": 0.0}, 3)
    assert torch.equal(pairs[5].first, again[5].first)
    assert not torch.equal(pairs[5].first[:3], stratified_pairs(shapes, {"overlap": 0.4, "noise": 0.0}, 4)[5].first[:3])


def test_symmetries_of_a_shape_begin_with_the_identity():
    found = symmetries_of(unit_cloud(300))
    assert torch.equal(found[0], torch.eye(4, dtype=torch.float64))
    assert found.shape[1:] == (4, 4)


def test_cuts_as_loops():
    shape = normal(40, 3)
    directions = normal(3, seed=1), normal(3, seed=2)
    for overlap in (0.0, 0.5, 0.8, 1.0):
        (first, second), reached = cut_views(shape, directions, overlap)
        ranks = [(shape @ d).argsort().argsort() + 1 for d in directions]
        for number, size in enumerate(sorted(torch.maximum(*ranks).tolist()), 1):
            views, share = [rank <= size for rank in ranks], number / size
            if size >= 20 and share >= overlap - 1e-12:
                break
        assert torch.equal(first, views[0])
        assert torch.equal(second, views[1])
        assert reached == pytest.approx(share)


def test_noise_density_and_shifts_of_pairs():
    shape = unit_cloud(400)
    settings = {"overlap": 0.5, "noise": 0.01}
    pairs = draw_pairs([shape] * 60, torch.arange(60), 0, settings)
    clean = draw_pairs([shape] * 60, torch.arange(60), 0, settings | {"noise": 0.0})
    gaps = torch.cat([(a.first - b.first).flatten() for a, b in zip(pairs, clean, strict=True)])
    assert float(gaps.std()) == pytest.approx(0.02, rel=0.05)  # 1 % of the diameter 2
    shifts = torch.stack([pair.frame[:3, 3] for pair in clean])
    assert float(shifts.std()) == pytest.approx(2.0, rel=0.15)
    counts = torch.tensor([len(view) for pair in clean for view in (pair.first, pair.second)])
    assert int(counts.max()) <= 200
    assert int(counts.min()) >= 50  # half of the half that is kept of 200, at least
    assert min(pair.overlap for pair in clean) >= 0.5 - 1e-9
    for pair in clean[:4]:
        both = pair.first @ pair.motion[:3, :3].T + pair.motion[:3, 3]
        frame = torch.linalg.inv(pair.motion @ pair.frame)
        assert torch.cdist(both @ frame[:3, :3].T + frame[:3, 3], shape).amin(1).max() < 1e-6


def test_moments_as_loops():
    points, centers = 0.3 * normal(50, 3), torch.cat([0.2 * normal(3, 3, seed=1), torch.full((1, 3), 9.0).double()])
    found = moment_features(points, centers)
    assert found.shape == (4, 19 + 6 * 3 + 3 * 5)
    for row, c in enumerate(centers):
        scalars, offsets, vectors, squares = [], [], [], []
        for radius in (0.15, 0.3, 0.6):
            weights = [max(0.0, 1 - float((x - c).square().sum()) / radius**2) ** 2 for x in points]
            total = sum(weights)
            m, M = torch.zeros(3).double(), torch.zeros(3, 3).double()
            for w, x in zip(weights, points, strict=True):
                if total > 0:
                    m = m + w * (x - c) / (radius * total)
                    M = M + w * torch.outer(x - c, x - c) / (radius**2 * total)
            scalars += [M.trace(), m @ m, (M @ M).trace(), m @ M @ m, (M @ M @ M).trace()]
            scalars.append(8 * torch.linalg.det(torch.stack([m, M @ m, M @ M @ m])))
            offsets.append(m)
            vectors += [m, M @ m]
            squares.append(float((M @ M).trace() - M.trace() ** 2 / 3))
        scalars.append(torch.linalg.det(torch.stack(offsets)))
        assert torch.allclose(found[row, :19], 4 * torch.stack(scalars), atol=1e-12)
        lengths = found[row, 19:37].reshape(6, 3).norm(dim=1)
        assert torch.allclose(lengths, 2 * torch.stack(vectors).norm(dim=1), atol=1e-12)
        tensors = found[row, 37:].reshape(3, 5).square().sum(1)
        ratio = tensors[2] / (4 * squares[2]) if squares[2] else torch.tensor(1.5)
        assert torch.allclose(tensors, 4 * float(ratio) * torch.tensor(squares).double(), atol=1e-10)
        assert squares[2] == 0 or float(ratio) == pytest.approx(1.5)  # norm of the harmonics of x x^T: 3 / 2
    many = normal(4097, 3)
    assert torch.allclose(moment_features(many, centers), moment_features(many[::2], centers))
    assert not torch.allclose(moment_features(many[:4096], centers), moment_features(many[:4096:2], centers))


def soft(plan: torch.Tensor, first: torch.Tensor, second: torch.Tensor) -> SoftMatches:
    values = {
        "plan": plan,
        "points_1": first,
        "points_2": second,
        "mask_1": torch.ones(first.shape[:2], dtype=torch.bool),
        "mask_2": torch.ones(second.shape[:2], dtype=torch.bool),
        "scores": plan,
        "bin_score": plan.new_zeros(()),
    }
    return SoftMatches(**{name: values[name] for name in SoftMatches._fields})


def test_losses_of_matches_by_hand():
    """Points at 0, 1, 2, 9 and the other cloud at 0, 1.74, 3.2, 4.2, both of spacing about one."""
    still = RigidMotion(torch.eye(3).double()[None], torch.zeros(1, 3).double())
    first, second = torch.zeros(1, 4, 3).double(), torch.zeros(1, 4, 3).double()
    first[0, :, 0] = torch.tensor([0.0, 1.0, 2.0, 3.0])
    second[0, :, 0] = torch.tensor([0.0, 1.0, 4.0, 5.0])
    plan = torch.tensor([[0.5, 0.2, 0.0, 0.1], [0.1, 0.6, 0.0, 0.0], [0.1, 0.1, 0.1, 0.1], [0, 0, 0.3, 0.0]]).double()
    assert float(_spacing(first, torch.ones(1, 4, dtype=torch.bool))) == pytest.approx(1)
    found = float(match_losses(soft(plan[None], first, second), still))
    # of the first: 0 and 1 have partners 0 and 1; 2 and 3 have their nearest at exactly one spacing: no part
    # of the second: 0 and 1 have partners; 4 is one spacing from 3: no part; 5 is two from it: alone
    rows = -(math.log(0.5) + math.log(0.6)) / 2
    columns = -(math.log(0.5) + math.log(0.6) + math.log(1 - 0.2)) / 3
    assert found == pytest.approx((rows + columns) / 2)
    shifted = RigidMotion(still.rotation, torch.tensor([[0.0, 50.0, 0.0]]).double())
    away = float(match_losses(soft(plan[None], first, second), shifted))
    rows = -sum(math.log(max(1 - float(x), 1e-9)) for x in plan.sum(1)) / 4
    columns = -sum(math.log(max(1 - float(x), 1e-9)) for x in plan.sum(0)) / 4
    assert away == pytest.approx((rows + columns) / 2)


def test_a_match_that_is_very_wrong_still_learns():
    """The partners have a weight of 1e-6, whose logarithm has a slope."""
    still = RigidMotion(torch.eye(3).double()[None], torch.zeros(1, 3).double())
    points = torch.tensor([[[0.0, 0, 0], [1, 0, 0]]]).double()
    plan = torch.tensor([[[1e-6, 0.5], [0.5, 1e-6]]], dtype=torch.float64, requires_grad=True)
    loss = match_losses(soft(plan, points, points), still)
    assert float(loss) == pytest.approx(-math.log(1e-6))
    (slope,) = torch.autograd.grad(loss.sum(), plan)
    assert float(slope[0, 0, 0]) == pytest.approx(-1 / 2e-6)


@pytest.mark.parametrize(("gap", "kept"), [(0.74, True), (0.76, False)])
def test_partners_are_within_three_quarters_of_the_spacing(gap, kept):
    still = RigidMotion(torch.eye(3).double()[None], torch.zeros(1, 3).double())
    first, second = torch.zeros(1, 2, 3).double(), torch.zeros(1, 2, 3).double()
    first[0, 1, 0] = 1.0
    second[0, :, 0], second[0, :, 1] = torch.tensor([0.0, 1.0]), gap
    plan = torch.full((1, 2, 2), 0.25).double()
    found = float(match_losses(soft(plan, first, second), still))
    assert found == pytest.approx(-math.log(0.25) if kept else 0.0)
    second[0, :, 1] = 1.49 if kept else 1.51
    alone = float(match_losses(soft(plan, first, second), still))
    assert alone == pytest.approx(0.0 if kept else -math.log(0.5))


def test_the_share_of_right_matches():
    """Points 0, 1, 2, 3 and 0, 1, 4, 5: 0 and 1 of both have a partner; of the first 0, of the second both find it."""
    still = RigidMotion(torch.eye(3).double()[None], torch.zeros(1, 3).double())
    first, second = torch.zeros(1, 4, 3).double(), torch.zeros(1, 4, 3).double()
    first[0, :, 0] = torch.tensor([0.0, 1.0, 2.0, 3.0])
    second[0, :, 0] = torch.tensor([0.0, 1.0, 4.0, 5.0])
    plan = torch.tensor([[0.5, 0.2, 0.0, 0.1], [0.1, 0.3, 0.4, 0.0], [0.1, 0.1, 0.1, 0.1], [0, 0, 0.3, 0.0]]).double()
    assert float(matched(soft(plan[None], first, second), still)) == pytest.approx(3 / 4)


def test_matched_points_are_means_of_partners():
    p, q = normal(1, 3, 3), normal(1, 2, 3, seed=1)
    plan = torch.tensor([[[0.3, 0.1], [0.1, 0.1], [0.15, 0.0]]], dtype=torch.float64)
    ((first, second),) = _partners(soft(plan, p, q))
    # rows give 0.4, 0.2 and 0.15, columns 0.55 and 0.2: above 0.2 are the first row and the first column
    assert torch.allclose(first, torch.stack([p[0, 0], (0.3 * p[0, 0] + 0.1 * p[0, 1] + 0.15 * p[0, 2]) / 0.55]))
    assert torch.allclose(second, torch.stack([(0.3 * q[0, 0] + 0.1 * q[0, 1]) / 0.4, q[0, 0]]))


def test_motions_in_the_coordinates_of_the_clouds():
    turn = SO3().sample(2, generator=torch.Generator().manual_seed(0))
    shift, centers, scales = normal(2, 3), normal(2, 2, 3, seed=1), torch.tensor([2.0, 3.0]).double()
    batch = SimpleNamespace(centers=centers, scales=scales)
    found = RegisterPredictor._motions(
        SimpleNamespace(model=SimpleNamespace(motions=lambda _: RigidMotion(turn, shift))), None, batch
    )
    for k in range(2):
        x = normal(3, seed=5 + k)
        inner = turn[k] @ ((x - centers[0, k]) / scales[k]) + shift[k]
        assert torch.allclose(found[k, :3, :3] @ x + found[k, :3, 3], scales[k] * inner + centers[1, k])


def test_pairs_in_memory():
    a, b = np.zeros((3, 3)), np.ones((1, 3))
    predictor = SimpleNamespace()
    chunks = list(RegisterPredictor.from_memory(predictor, [(a, b), (b, a), (a, a)], 2))
    assert [[pair.names for pair in chunk] for chunk in chunks] == [[("1a", "1b"), ("2a", "2b")], [("3a", "3b")]]
    assert torch.equal(chunks[0][1].first, torch.ones(1, 3).double())
    ((alone,),) = RegisterPredictor.from_memory(predictor, (a, b), 2)
    assert alone.names == ("1a", "1b")
    two = list(RegisterPredictor.from_memory(predictor, [(a, b), (b, a)], 1))
    assert [chunk[0].names[0] for chunk in two] == ["1a", "2a"]
    with pytest.raises(ValueError, match="got 3 in pair 4"):
        _in_memory(4, (a, b, a))
    for bad in (np.zeros((0, 3)), np.zeros((3, 2)), np.zeros(3)):
        with pytest.raises(ValueError, match=r"pair 4: expected positions \(N, 3\) of at least one point"):
            _in_memory(4, (a, bad))


def registered() -> SimpleNamespace:
    matrix = motion(0.5, shift=(1.0, 2.0, 3.0))
    found = SimpleNamespace(
        matrix=matrix,
        rotation=matrix[:3, :3],
        translation=matrix[:3, 3],
        scale=1.0,
        overlap=(0.25, 0.5),
        confidence=0.75,
        answers=matrix[None],
        remarks=("a remark",),
    )
    return SimpleNamespace(registration=found, clouds=[SimpleNamespace(points=normal(5, 3).numpy())])


def test_files_of_one_motion(tmp_path):
    result = registered()
    matrix, points = result.registration.matrix.numpy(), result.clouds[0].points
    moved = points @ matrix[:3, :3].T + matrix[:3, 3]
    write_motion(tmp_path / "a.txt", result)
    assert np.array_equal(np.loadtxt(tmp_path / "a.txt"), matrix)
    write_motion(tmp_path / "a.XYZ", result)
    assert np.allclose(np.loadtxt(tmp_path / "a.XYZ"), moved, atol=1e-7)
    write_motion(tmp_path / "a.part", result, ".ply")
    head, _, body = (tmp_path / "a.part").read_bytes().partition(b"end_header\n")
    assert b"element vertex 5\n" in head
    assert np.array_equal(np.frombuffer(body, "<f8").reshape(5, 3), moved)
    write_motion(tmp_path / "a.json", result)
    content = json.loads((tmp_path / "a.json").read_text())
    assert content["matrix"] == matrix.tolist()
    assert content["answers"] == [matrix.tolist()]
    assert (content["scale"], content["overlap"], content["confidence"]) == (1.0, [0.25, 0.5], 0.75)
    assert content["remarks"] == ["a remark"]
    assert (tmp_path / "a.json").read_text().splitlines()[1].startswith('  "')


def test_files_of_many_motions(tmp_path):
    matrices = np.stack([motion(0.5, shift=(1.0, 2.0, 3.0)).numpy(), np.eye(4)])
    arrays = {"matrix": matrices, "overlap": np.array([[0.25, 0.5], [1, 1]]), "confidence": np.array([0.75, 1])}
    chunk = PredictionChunk(["a b", "b c"], arrays, {}, [("a", "b"), ("b", "c")])
    text = io.StringIO()
    MotionTable(csv.writer(text, lineterminator="\n")).write(chunk)
    header, first, second = csv.reader(io.StringIO(text.getvalue()))
    assert header[:5] == ["first", "second", "confidence", "overlap_first", "overlap_second"]
    assert header[5:] == [f"m{i}{j}" for i in (1, 2, 3) for j in (1, 2, 3, 4)]
    assert first[:5] == ["a", "b", "0.7500", "0.2500", "0.5000"]
    assert np.allclose(np.array(first[5:], dtype=float), matrices[0, :3].flatten(), atol=1e-9)
    assert second[5:9] == ["1", "0", "0", "0"]
    archive = ArrayArchive()
    archive.write(chunk)
    archive.write(chunk)
    archive.save(tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz") as found:
        assert np.array_equal(found["matrix"], np.concatenate([matrices, matrices]))
        assert found["names"].tolist() == [["a", "b"], ["b", "c"]] * 2
