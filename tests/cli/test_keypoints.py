"""The command `intertwine keypoints`: keypoints of one image, matches, geometry, files written, and bad input."""

import csv
from importlib.util import find_spec

import numpy as np
import pytest
import torch

from intertwine.cli import main
from intertwine.ops import Keypoints
from intertwine.tasks.keypoints import draw_keypoints

Image = pytest.importorskip("PIL.Image")


def drawing(size: int = 160, seed: int = 3) -> np.ndarray:
    generator = torch.Generator().manual_seed(seed)
    axis = torch.arange(size, dtype=torch.float32)
    image = torch.full((size, size), 0.5)
    for x, y, r, value in torch.rand(150, 4, generator=generator).tolist():
        inside = ((axis - x * size).abs() < 2 + 9 * r) & True
        rows = (axis - y * size).abs() < 2 + 9 * value
        image[rows[:, None] & inside[None]] = value
    return (image * 255).to(torch.uint8).numpy()


@pytest.fixture
def pair(tmp_path):
    pixels = drawing()
    Image.fromarray(pixels).save(tmp_path / "a.png")
    Image.fromarray(np.rot90(pixels)).save(tmp_path / "b.png")
    return str(tmp_path / "a.png"), str(tmp_path / "b.png")


def test_matches_are_written(pair, tmp_path, capsys):
    table, picture = tmp_path / "m.csv", tmp_path / "m.png"
    assert main(["keypoints", *pair, "--geometry", "none", "--csv", str(table), "--output", str(picture)]) == 0
    assert "matches" in capsys.readouterr().out
    rows = list(csv.DictReader(table.open()))
    assert len(rows) > 30
    moved = [abs(float(r["x2"]) - float(r["y1"])) + abs(float(r["y2"]) - (159 - float(r["x1"]))) for r in rows]
    assert np.mean(np.array(moved) < 0.01) > 0.95
    assert Image.open(picture).size == (320, 160)
    assert main(["keypoints", *pair, "--csv", str(table)]) == 2
    assert "--force" in capsys.readouterr().err


def test_keypoints_of_one_image_are_drawn(pair, tmp_path, capsys):
    """With their scales and angles; those of the turned image are turned."""
    tables = []
    for name in pair:
        files = ["--csv", f"{name}.csv", "--output", f"{name}.jpg"]
        assert main(["keypoints", name, *files, "--max-keypoints", "60"]) == 0
        with open(f"{name}.csv") as file:
            tables.append([{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)])
    out = capsys.readouterr().out
    assert "160 x 160 pixels, 60 keypoints" in out
    assert "scales" in out
    here, there = tables
    assert list(here[0]) == ["x", "y", "scale", "angle", "response"]
    places = np.array([[row["x"], row["y"], row["scale"], row["angle"]] for row in there])
    for row in here[:20]:
        turned = np.array([row["y"], 159 - row["x"], row["scale"], row["angle"] - np.pi / 2])
        step = places - turned
        step[:, 3] = (step[:, 3] + np.pi) % (2 * np.pi) - np.pi
        assert np.abs(step).max(1).min() < 2e-2
    pixels = torch.zeros(3, 80, 80)
    best = Keypoints(*(torch.tensor(each) for each in ([[40.0, 30.0]], [5.0], [np.pi / 2], [1.0], [[1.0]])))
    drawn = np.asarray(draw_keypoints(pixels, best)).max(-1) > 128
    ring, spoke = [(30, 25), (30, 55), (15, 40), (45, 40)], [(35, 40), (42, 40)]
    assert all(drawn[place] for place in ring + spoke)
    assert not drawn[25, 40]


def test_homography(pair, tmp_path, capsys):
    pytest.importorskip("cv2")
    from intertwine.tasks.keypoints import match_images, two_view_geometry

    assert main(["keypoints", *pair]) == 0
    assert "inliers" in capsys.readouterr().out
    found = match_images(*pair)
    matrix = two_view_geometry("homography", *found.points).matrix
    expected = torch.tensor([[0.0, 1, 0], [-1, 0, 159], [0, 0, 1]], dtype=torch.float64)
    assert torch.allclose(matrix / matrix[2, 2], expected, atol=1e-2)
    for kind in ("fundamental", "essential"):
        assert main(["keypoints", *pair, "--geometry", kind, "--focal", "200"]) == 0


@pytest.mark.skipif(find_spec("cv2") is not None, reason="OpenCV is installed")
def test_without_opencv(pair, capsys):
    assert main(["keypoints", *pair]) == 0
    assert "homography" not in capsys.readouterr().out
    assert main(["keypoints", *pair, "--geometry", "homography"]) == 2
    assert "intertwine[images]" in capsys.readouterr().err


def test_odd_images(tmp_path, capsys):
    pixels = drawing(90)
    color = np.stack([pixels] * 3, -1)
    files = {
        "gray.png": Image.fromarray(pixels),
        "color.jpg": Image.fromarray(color),
        "alpha.png": Image.fromarray(np.dstack([color, np.full_like(pixels, 255)])),
        "deep.png": Image.fromarray(pixels.astype(np.uint16) * 257),
        "pixel.png": Image.fromarray(pixels[:1, :1]),
        "flat.png": Image.fromarray(np.full((50, 50), 9, np.uint8)),
    }
    for name, image in files.items():
        image.save(tmp_path / name)
        assert (
            main(["keypoints", str(tmp_path / "gray.png"), str(tmp_path / name), "-o", str(tmp_path / f"m-{name}.png")])
            == 0
        )
    turned = Image.fromarray(np.rot90(pixels))
    exif = turned.getexif()
    exif[0x0112] = 6  # to be turned clockwise
    turned.save(tmp_path / "exif.png", exif=exif)
    from intertwine.tasks.keypoints import match_images

    found = match_images(tmp_path / "gray.png", tmp_path / "exif.png")
    first, second = found.points
    assert len(first) > 20
    assert (first - second).abs().max() < 1e-3
    for count in (1, 2):
        assert main(["keypoints", *[str(tmp_path / "flat.png")] * count]) == 0
        assert "0 keypoints" in capsys.readouterr().out


def test_bad_input(pair, tmp_path, capsys):
    whole = (tmp_path / "a.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.png").write_text("no image")
    bad = [
        ["missing.png", pair[0]],
        [str(tmp_path / "cut.png"), pair[0]],
        [str(tmp_path / "text.png"), pair[0]],
        [str(tmp_path), pair[0]],
        [*pair, "--ratio", "0"],
        [*pair, "--threshold", "nan"],
        [*pair, "--max-keypoints", "0"],
        [*pair, "--geometry", "homografy"],
        [*pair, "--geometry", "essential"],
        ["missing.png"],
        [str(tmp_path / "cut.png")],
        [pair[0], "--output", str(tmp_path)],
        [pair[0], "--output", str(tmp_path / "m.txt")],
        [pair[0], "--geometry", "none"],
        [pair[0], "--focal", "100"],
        [pair[0], "--threshold", "2"],
        [pair[0], "--ratio", "0.9"],
        [*pair, "--output", str(tmp_path / "m.txt")],
        [*pair, "--output", str(tmp_path / "nowhere" / "m.png")],
    ]
    for arguments in bad:
        assert main(["keypoints", *arguments]) == 2, arguments
        error = capsys.readouterr().err
        assert error.startswith("error: ")
        assert error.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png", "cut.png", "text.png"]
