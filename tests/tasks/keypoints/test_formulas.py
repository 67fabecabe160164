"""Windows, scores, photos and options of keypoints by hand and as loops."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from intertwine.ops import Keypoints
from intertwine.tasks.keypoints._evaluation import (
    AnglePoint,
    PairScore,
    _inside,
    _within_disc,
    as_evaluation,
    cells,
    mean_score,
    rotation_curve,
    score_pair,
)
from intertwine.tasks.keypoints._job import mutual_pairs, triplet_loss, visible_pixels
from intertwine.tasks.keypoints._options import KeypointOptions
from intertwine.tasks.keypoints._pairs import (
    _random_homographies,
    _window_at,
    change_light,
    random_pairs,
    rotation_about_center,
    sample_window,
    turned_pairs,
    warp_points,
)
from intertwine.tasks.keypoints._photos import _shrunk, gray_bytes, iter_photos, read_photos


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_random_homographies_move_the_corners():
    size, random = 21, normal(3, 11)
    found = _random_homographies(random, size)
    corners = torch.tensor([[0.0, 0], [20, 0], [20, 20], [0, 20]], dtype=torch.float64)
    for k, row in enumerate(random.tolist()):
        for corner, place in enumerate(corners.tolist()):
            moved = [
                10
                + math.exp(0.12 * row[8]) * (place[a] - 10)
                + 0.04 * 21 * row[9 + a]
                + 0.04 * 21 * row[2 * corner + a]
                for a in (0, 1)
            ]
            seen = found[k] @ torch.tensor([*place, 1.0], dtype=torch.float64)
            assert (seen[:2] / seen[2]).tolist() == pytest.approx(moved)


def test_light():
    windows = torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    windows[0, 0, 0, 0] = 0.0
    random, grain = normal(2, 3, 4, seed=1), normal(2, 3, 4, 4, seed=2)
    found = change_light(windows, random, grain)
    for v, b, i, j in np.ndindex(2, 3, 4, 4):
        contrast, brightness, gamma, noise = random[v, b].tolist()
        value = max(float(windows[v, b, i, j]), 1e-4) ** math.exp(0.2 * gamma)
        value = (value - 0.5) * math.exp(0.25 * contrast) + 0.5 + 0.1 * brightness
        value += 0.02 * abs(noise) * float(grain[v, b, i, j])
        assert float(found[v, b, i, j]) == pytest.approx(min(max(value, 0.0), 1.0), abs=1e-5)


def test_windows_of_a_photo():
    photo = torch.randint(0, 256, (9, 12), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    shift = _window_at(photo, torch.tensor([0.5, 0.25]), 5)
    assert shift.tolist() == [[1, 0, 3.5], [0, 1, 1], [0, 0, 1]]
    window = sample_window(photo, shift, 5)
    expected = (photo[1:6, 3:8].float() + photo[1:6, 4:9].float()) / 510
    assert torch.allclose(window, expected, atol=1e-5)
    outside = sample_window(photo, torch.tensor([[1.0, 0, -2], [0, 1, 0], [0, 0, 1]]).double(), 5)
    assert torch.allclose(outside[:, :2], photo[:5, :2].flip(1).float() / 255, atol=1e-5)  # mirrored at the border


def test_quarter_turns_are_exact():
    for quarter in range(-2, 6):
        matrix = rotation_about_center(90.0 * quarter, 5)
        c, s = ((1, 0), (0, 1), (-1, 0), (0, -1))[quarter % 4]
        assert matrix.tolist() == [[c, -s, 2 - 2 * c + 2 * s], [s, c, 2 - 2 * s - 2 * c], [0, 0, 1]]
    c, s = math.cos(math.radians(100)), math.sin(math.radians(100))
    assert torch.allclose(rotation_about_center(100.0, 5)[:2, :2], torch.tensor([[c, -s], [s, c]], dtype=torch.float64))


def test_points_through_infinity():
    far = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 1, 0]], dtype=torch.float64)
    found = warp_points(torch.tensor([[2.0, 4.0], [2.0, 0.0], [2.0, -1.0], [3.0, 2e-6]]), far)
    assert found[0].tolist() == [0.5, 1.0]
    assert found[1:3].tolist() == [[-1e6, -1e6]] * 2
    assert found[3, 1] == pytest.approx(1.0)


def test_random_windows_stay_in_the_photo_and_turn_by_at_most_the_angle():
    photos = [
        torch.randint(0, 256, (60, 80), generator=torch.Generator().manual_seed(k), dtype=torch.uint8) for k in (0, 1)
    ]
    for degrees in (0.0, 20.0):
        pairs = random_pairs([photos[k % 2] for k in range(40)], torch.arange(40), 0, 24, degrees=degrees, noise=False)
        assert pairs.gumbel.shape == (2, 40, 0, 0)
        center = torch.tensor([[11.5, 11.5], [12.5, 11.5]], dtype=torch.float64)
        moved = warp_points(center.expand(40, 2, 2), pairs.homographies)
        step = moved[:, 1] - moved[:, 0]
        turned = torch.rad2deg(torch.atan2(step[:, 1], step[:, 0]))
        assert float(turned.abs().max()) < degrees + 15
        assert float(turned.abs().max()) > (0.6 * degrees if degrees else 0.1)
    whole = random_pairs(photos, torch.arange(2), 0, 24)
    assert whole.gumbel.shape == (2, 2, 24, 24)
    for seed in (0, 1):
        same = turned_pairs(photos, 30.0, 24, seed)
        assert torch.equal(same.homographies, turned_pairs(photos, 30.0, 24, seed).homographies)
    assert not torch.equal(turned_pairs(photos, 30.0, 24, 1).second, turned_pairs(photos, 30.0, 24).second)
    middle = sample_window(photos[0], _window_at(photos[0], torch.tensor([0.5, 0.5]), 24), 24)
    assert torch.equal(turned_pairs(photos, 30.0, 24).first[0], middle)


def some(places, width: int = 4) -> Keypoints:
    positions = torch.tensor(places, dtype=torch.float32)
    zero = torch.zeros(len(positions))
    return Keypoints(positions, zero, zero, zero, torch.eye(max(width, len(positions)))[: len(positions)])


def test_the_tolerance_of_a_score_is_met():
    still = torch.eye(3, dtype=torch.float64)
    for gap, repeated in ((3.0, 1), (3.01, 0)):
        found = score_pair(some([[10.0, 10.0]]), some([[10.0 + gap, 10.0]]), still, [(50, 50)] * 2, 3.0)
        assert found == PairScore(1, repeated, 1, repeated)


def test_points_inside_of_an_image():
    points = torch.tensor([[0.0, 0], [9, 4], [-0.1, 1], [9.1, 1], [3, -0.1], [3, 4.1]])
    assert _inside(points, (5, 10)).tolist() == [True, True, False, False, False, False]
    sizes = [(20, 20), (5, 10)]
    found = score_pair(some([[9.0, 4.0], [10.0, 4.0]]), some([[9.0, 4.0]]), torch.eye(3).double(), sizes, 1.0)
    assert found.visible == 1


def test_sums_shares_and_tables_of_scores():
    one, two = PairScore(4, 2, 5, 3), PairScore(6, 6, 5, 1)
    assert PairScore.total([one, two]) == PairScore(10, 8, 10, 4)
    assert PairScore.total([]) == PairScore(0, 0, 0, 0)
    assert (one.repeatability, one.accuracy, one.matching_score) == (0.5, 0.6, 0.75)
    points = [AnglePoint(0, one), AnglePoint(15, two), AnglePoint(30, PairScore(4, 1, 4, 2))]
    assert mean_score(points) == PairScore(14 / 3, 3, 14 / 3, 2)
    assert cells(two, one, 2) == ("100.0 %", "20.0 %", "16.7 %", "0.5", "33.3 %")
    found = as_evaluation(points, "data", 2, 3.0)
    assert found.rows[0] == ("upright", "50.0 %", "60.0 %", "75.0 %", "1.5", "100.0 %")
    assert found.rows[1] == ("mean over angles", "64.3 %", "42.9 %", "42.9 %", "1.0", "66.7 %")
    assert found.rows[2][0] == "worst, 15 degrees"
    ((header, table),) = found.details
    assert header == ("degrees", "repeatability", "accuracy", "matching score", "correct", "kept")
    assert table[2] == ("30", "25.0 %", "50.0 %", "50.0 %", "1.0", "66.7 %")
    assert found.metrics["correct"] == [1.5, 0.5, 1.0]
    assert found.metrics["degrees"] == [0, 15, 30]
    assert found.metrics["repeatability"] == [0.5, 1.0, 0.25]


def test_curves_take_keypoints_of_the_disc():
    asked = []

    def extract(image, count):
        asked.append(count)
        half = (len(image) - 1) / 2
        return some([[half, half], [0.0, 0.0], [2 * half, half], [half, half + 1], [half, 3.0]], 8)

    kept = _within_disc(extract, torch.zeros(21, 21), 3)
    assert asked == [6]
    assert kept.positions.tolist() == [[10, 10], [20, 10], [10, 11]]  # the corner is outside, the edge is not
    photos = [torch.randint(0, 256, (40, 44), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)] * 2
    asked.clear()
    points = rotation_curve(photos, extract, 3.0, view=21, keypoints=2, degrees=(0, 90))
    assert [point.degrees for point in points] == [0, 90]
    assert asked == [4] * 6  # the upright views once, the turned ones at each angle


def test_pixels_that_both_windows_see():
    """A shift by (3, 1): x and x + 3 within the margin, and so y."""
    shift = torch.eye(3, dtype=torch.float64)
    shift[0, 2], shift[1, 2] = 3, 1
    found = visible_pixels(shift[None], 10, 2)[0]
    for y, x in np.ndindex(10, 10):
        assert found[y, x] == (2 <= x <= 7 and 2 <= y <= 7 and 2 <= x + 3 <= 7 and 2 <= y + 1 <= 7)


def test_pairs_within_the_tolerance():
    there = torch.tensor([[3.0, 9.0], [9.0, 3.5]])
    assert mutual_pairs(there, there.T, 3.0).tolist() == [[0, 0]]
    assert mutual_pairs(there, there.T, 3.5).tolist() == [[0, 0], [1, 1]]
    assert mutual_pairs(there, there, 2.9).tolist() == []


def test_triplet_losses_as_loops():
    a, b = (torch.nn.functional.normalize(normal(5, 6, seed=k), dim=1) for k in (0, 1))
    near = torch.eye(5, dtype=torch.bool)
    near[0, 3] = near[3, 0] = True
    found = triplet_loss(a, b, near)
    for i in range(5):
        others = [min(float((a[i] - b[j]).norm()), float((a[j] - b[i]).norm())) for j in range(5) if not near[i, j]]
        assert float(found[i]) == pytest.approx(max(0.0, 1 + float((a[i] - b[i]).norm()) - min(others)), abs=1e-6)


def test_photos_are_scaled_by_their_shorter_side(tmp_path):
    image = pytest.importorskip("PIL.Image")
    for name, size in (("a.png", (40, 30)), ("b.png", (16, 16)), ("c.png", (15, 40))):
        image.fromarray(np.full((size[1], size[0], 3), (255, 0, 0), np.uint8)).save(tmp_path / name)
    (tmp_path / "d.png").write_bytes(b"nothing")
    found = read_photos(str(tmp_path), 20, 16)
    assert found.names == ["a.png", "b.png"]
    assert [tuple(x.shape) for x in found.pixels] == [(20, 27), (16, 16)]
    assert int(found.pixels[1][0, 0]) == 76  # 0.299 of red
    assert [name for name, _ in found.skipped] == ["c.png", "d.png"]
    assert found.skipped[0][1] == "15 x 40 pixels, less than 16 x 16"
    with pytest.raises(ValueError, match="15 x 40 pixels, less than 16 x 16"):
        read_photos(str(tmp_path), 20, 16, strict=True)
    assert [tuple(x.shape) for x in read_photos(str(tmp_path / "a.png"), 30, 16).pixels] == [(30, 40)]
    chunks = list(iter_photos(str(tmp_path), 2, strict=False))
    assert [list(chunk.names) for chunk in chunks] == [["a.png", "b.png"], ["c.png"]]
    assert [len(chunk.skipped) for chunk in chunks] == [0, 1]
    assert tuple(chunks[1].pixels[0].shape) == (40, 15)
    with pytest.raises(ValueError, match=r"none of 1 images can be read; d\.png"):
        list(iter_photos(str(tmp_path / "d.png"), 2, strict=False))
    with pytest.raises(ValueError, match=r"cannot be read|no image"):
        list(iter_photos(str(tmp_path), 2, strict=True))


def test_bytes_are_rounded():
    assert gray_bytes(torch.tensor([[[0.0, 0.5, 0.002, 1.0]]])).tolist() == [[0, 128, 1, 255]]
    assert _shrunk(torch.full((1, 10, 25), 7, dtype=torch.uint8), 10).shape == (10, 25)
    assert _shrunk(torch.full((1, 25, 11), 7, dtype=torch.uint8), 10).shape == (23, 10)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"radius": 16.0, "crop": 96}, None),
        ({"radius": 20.0, "crop": 96}, "--crop 96 is too small for keypoints 20 pixels apart: use --radius"),
        ({"resolution": 96, "crop": 96}, None),
        ({"resolution": 95, "crop": 96}, "--resolution 95 is less than --crop 96"),
        ({"group": "C3"}, None),
        ({"group": "C2"}, "--group expects C3 to C"),
        ({"group": "D4"}, "D4"),
        ({"group": "SO2"}, None),
        ({"group": "C8", "model": "plain"}, "--model plain has no symmetry; leave --group C8 out"),
    ],
)
def test_options(tmp_path, change, line):
    (tmp_path / "a.png").write_bytes(b"")
    options = replace(KeypointOptions(data=str(tmp_path)), **change)
    if line is None:
        options.check()
    else:
        with pytest.raises(ValueError, match=line):
            options.check()
    assert options.settings.weight_decay == 0.01
    assert options.settings.warmup == 0.05


def test_the_smallest_window_of_a_radius(tmp_path):
    from intertwine.tasks.keypoints._options import SMALLEST_CROP

    (tmp_path / "a.png").write_bytes(b"")
    radius = 8.0
    least = int(4 * radius + SMALLEST_CROP // 2)
    replace(KeypointOptions(data=str(tmp_path)), radius=radius, crop=max(least + 1, SMALLEST_CROP)).check()
    if least >= SMALLEST_CROP:
        with pytest.raises(ValueError, match="is too small for keypoints"):
            replace(KeypointOptions(data=str(tmp_path)), radius=radius, crop=least).check()
