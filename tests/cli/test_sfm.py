"""The command `intertwine sfm`: what it prints and writes, and bad input."""

import numpy as np
import pytest

from intertwine.cli import main
from intertwine.data.tracks import synthetic_tracks

pytest.importorskip("cv2")


@pytest.fixture
def scene(tmp_path):
    tracks, _ = synthetic_tracks(4, 100, visible=0.9)
    np.savez(
        tmp_path / "scene.npz", camera=tracks.camera, point=tracks.point, xy=tracks.xy, K=tracks.intrinsics,
        R=tracks.poses.rotations, t=tracks.poses.translations,
    )  # fmt: skip
    return tmp_path / "scene.npz"


def test_reconstructs_a_scene(scene, tmp_path, capsys):
    assert main(["sfm", str(scene), "--output", str(tmp_path / "out")]) == 0
    text = capsys.readouterr().out
    for word in ("4 cameras, 100 points", "reprojection", "rotation", "position", "written"):
        assert word in text
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"0", "scene.html"}
    assert main(["sfm", str(scene), "--output", str(tmp_path / "out")]) == 2
    assert "nothing there is replaced" in capsys.readouterr().err


def test_another_solver_is_said(scene, capsys):
    pytest.importorskip("scipy")
    assert main(["sfm", str(scene), "--solver", "scipy"]) == 0
    assert "scipy for the last bundle adjustment" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing"], "does not exist"),
        (["{scene}", "--threshold", "-1"], "above 0"),
        (["{scene}", "--intrinsics", "k.csv"], "table of tracks"),
    ],
)
def test_bad_input_is_one_line(scene, capsys, arguments, message):
    assert main(["sfm", *(word.format(scene=scene) for word in arguments)]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.strip().count("\n") == 0
