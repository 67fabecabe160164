"""Widths and heights of cameras, and observations whose distortion cannot be undone, in each format."""

import re
import sqlite3
import struct
from contextlib import closing

import numpy as np
import pytest
import torch

from intertwine.data.tracks import read_tracks
from intertwine.data.tracks._cameras import FileCamera, FileImage, tracks_from_images


def test_text_and_binary_models(tmp_path):
    text, binary = tmp_path / "text", tmp_path / "binary"
    text.mkdir()
    binary.mkdir()
    (text / "cameras.txt").write_text("7 PINHOLE 100 80 50 60 40 30\n")
    (text / "images.txt").write_text("1 1 0 0 0 0 0 2 7 a.png\n1.5 2.5 9\n")
    camera = struct.pack("<Q", 1) + struct.pack("<iiQQ", 7, 1, 100, 80) + struct.pack("<4d", 50, 60, 40, 30)
    image = struct.pack("<Q", 1) + struct.pack("<i7di", 1, 1, 0, 0, 0, 0, 0, 2, 7) + b"a.png\0" + struct.pack("<Q", 1)
    (binary / "cameras.bin").write_bytes(camera)
    (binary / "images.bin").write_bytes(image + struct.pack("<ddq", 1.5, 2.5, 9))
    for folder in (text, binary):
        found = read_tracks(folder)
        assert found.sizes.tolist() == [[100, 80]]
        assert found.intrinsics.tolist() == [[[50, 0, 40], [0, 60, 30], [0, 0, 1]]]
        assert found.poses.rotations.tolist() == [np.eye(3).tolist()]
        assert found.xy.tolist() == [[1.5, 2.5]]


def database(path, matches, rows=((0.0, 1.0), (2.0, 3.0))):
    with closing(sqlite3.connect(path)) as base:
        for table in ("matches", "two_view_geometries"):
            base.execute(f"CREATE TABLE {table} (pair_id INTEGER, rows INTEGER, cols INTEGER, data BLOB)")
        base.execute("CREATE TABLE cameras (camera_id INTEGER, model INTEGER, width, height, params BLOB)")
        base.execute("CREATE TABLE images (image_id INTEGER, name TEXT, camera_id INTEGER)")
        base.execute("CREATE TABLE keypoints (image_id INTEGER, rows INTEGER, cols INTEGER, data BLOB)")
        base.execute("INSERT INTO cameras VALUES (1, 1, 100, 80, ?)", (np.array([50.0, 60, 40, 30]).tobytes(),))
        for number in (1, 2, 3):
            base.execute("INSERT INTO images VALUES (?, ?, 1)", (number, f"{number}.png"))
            xy = np.array(rows, dtype=np.float32) + 10 * number
            base.execute("INSERT INTO keypoints VALUES (?, ?, 2, ?)", (number, len(xy), xy.tobytes()))
        for first, second, pairs in matches:
            data = np.array(pairs, dtype=np.uint32).tobytes()
            base.execute("INSERT INTO matches VALUES (?, ?, 2, ?)", (first * 2147483647 + second, len(pairs), data))
        base.commit()


def test_databases_by_hand(tmp_path):
    """Keypoint 0 of the first image is 1 of the second and 0 of the third; the others have no match."""
    database(tmp_path / "a.db", [(1, 2, [(0, 1)]), (2, 3, [(1, 0)])])
    found = read_tracks(tmp_path / "a.db")
    assert found.camera.tolist() == [0, 1, 2]
    assert found.point.tolist() == [0, 0, 0]
    assert found.xy.tolist() == [[10, 11], [22, 23], [30, 31]]
    assert found.sizes.tolist() == [[100, 80]] * 3
    assert found.num_points == 1


@pytest.mark.parametrize("match", [(1, 2, [(2, 0)]), (1, 2, [(0, 2)]), (1, 9, [(0, 0)]), (9, 1, [(0, 0)])])
def test_matches_of_keypoints_that_are_not_there(tmp_path, match):
    database(tmp_path / "a.db", [match])
    words = f"matches of images {match[0]} and {match[1]} name keypoints that are not there"
    with pytest.raises(ValueError, match=words):
        read_tracks(tmp_path / "a.db")


def test_observations_that_cannot_be_undistorted_are_counted():
    fold = FileCamera("SIMPLE_RADIAL", 100, 80, torch.tensor([50.0, 40, 30, -0.5]).double())
    seen = torch.tensor([[40.0, 30.0], [400.0, 300.0], [500.0, 300.0]]).double()
    pictures = [FileImage(name, 7, None, seen, torch.tensor([0, 1, 2])) for name in "ab"]
    found = tracks_from_images("x", {7: fold}, pictures)
    assert found.remarks == ("4 observations left out: their distortion cannot be undone",)
    assert (found.camera.tolist(), found.point.tolist()) == ([0, 1], [0, 0])


def test_bundle_adjustment_files_with_distortion(tmp_path):
    """Two cameras, three points; the second camera looks along its own axis, one observation cannot be undone."""
    observations = "0 0 3.0 4.0\n1 0 -1.0 2.0\n1 2 500 500\n"
    cameras = "0 0 0 0 0 -1 2.0 0 0\n" + "0 0 1.5707963267948966 1 2 3 4.0 -0.2 0\n"
    (tmp_path / "p.txt").write_text("2 3 3\n" + observations + cameras + "1 2 3\n" * 3)
    found = read_tracks(tmp_path / "p.txt")
    assert (found.num_cameras, found.num_points) == (2, 3)
    assert (found.camera.tolist(), found.point.tolist()) == ([0, 1], [0, 0])
    assert found.xy[0].tolist() == [3, -4]
    x, y = (found.xy[1] / 4).tolist()  # what the lens moves to (-1, -2) / 4
    factor = 1 - 0.2 * (x * x + y * y)
    assert [4 * x * factor, 4 * y * factor] == pytest.approx([-1, -2])
    assert found.intrinsics[1].tolist() == [[4, 0, 0], [0, 4, 0], [0, 0, 1]]
    # R is a quarter turn about z; rows of y and z change their signs, as does the translation
    assert np.allclose(found.poses.rotations[1], [[0, -1, 0], [-1, 0, 0], [0, 0, -1]])
    assert found.poses.translations[1].tolist() == [1, -2, -3]
    assert found.names == ["camera0000", "camera0001"]
    assert found.remarks == ("1 observations left out: their distortion cannot be undone",)
    for count, points in (("0 1 1", "1"), ("1 0 1", "1"), ("1 1 0", "1")):
        (tmp_path / "p.txt").write_text(count + "\n" + "0 0 1 2 " * int(count[4]) + cameras[:22] + "1 2 3\n")
        with pytest.raises(ValueError, match=re.escape("numbers in a BAL problem, got")):
            read_tracks(tmp_path / "p.txt")
        assert points
