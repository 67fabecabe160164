"""The command `intertwine register`: what it prints and writes, and bad input in one line."""

import json

import numpy as np
import pytest

from intertwine.cli import main
from intertwine.data import read_cloud

pytest.importorskip("trimesh")


@pytest.fixture
def files(tmp_path):
    random = np.random.RandomState(0)
    points = random.randn(400, 3)
    turn = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    np.savetxt(tmp_path / "a.xyz", points)
    np.savetxt(tmp_path / "b.xyz", points @ turn.T + 3)
    return tmp_path, points, turn


def test_it_prints_and_writes(files, capsys):
    folder, points, turn = files
    a, b = str(folder / "a.xyz"), str(folder / "b.xyz")
    for name in ("m.txt", "m.json", "m.ply", "m.xyz"):
        assert main(["register", a, b, "--output", str(folder / name), "--picture", str(folder / f"{name}.png")]) == 0
        assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    shown = capsys.readouterr().out
    assert "90.00 degrees" in shown
    assert "scale" not in shown
    matrix = np.loadtxt(folder / "m.txt")
    assert np.allclose(matrix[:3, :3], turn, atol=1e-6)
    content = json.loads((folder / "m.json").read_text())
    assert np.allclose(content["matrix"], matrix)
    assert content["confidence"] > 0.9
    for name in ("m.ply", "m.xyz"):
        assert np.allclose(read_cloud(folder / name).points, points @ turn.T + 3, atol=1e-5)


def test_a_scale_is_shown_where_it_is_asked_for(files, capsys):
    folder, points, turn = files
    np.savetxt(folder / "large.xyz", 2.5 * points @ turn.T)
    assert main(["register", str(folder / "a.xyz"), str(folder / "large.xyz"), "--scale"]) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if line.split()[:1] == ["scale"])
    assert float(line.split()[1]) == pytest.approx(2.5, rel=1e-4)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["none.xyz", "b.xyz"], "none.xyz"),
        (["bad.xyz", "b.xyz"], "not finite"),
        (["a.xyz", "b.txt2"], "expected a mesh or a point cloud"),
        (["a.xyz", "b.xyz", "--output", "m.csv"], ".json"),
        (["a.xyz", "b.xyz", "--picture", "m.gif"], ".png"),
    ],
)
def test_bad_input_is_one_line(files, arguments, words, capsys):
    folder = files[0]
    (folder / "bad.xyz").write_text("0 0 0\n1 nan 0\n")
    given = [str(folder / word) if "." in word else word for word in arguments]
    assert main(["register", *given]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


def test_one_point_is_said(files, capsys):
    folder = files[0]
    (folder / "one.xyz").write_text("0 0 0\n")
    assert main(["register", str(folder / "one.xyz"), str(folder / "b.xyz")]) == 0
    assert "any rotation" in capsys.readouterr().out
