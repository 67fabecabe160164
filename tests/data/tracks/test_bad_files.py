"""What is said of files of tracks that are not what their format promises."""

import re
import struct

import numpy as np
import pytest
import torch

from intertwine.data.tracks import read_tracks
from intertwine.data.tracks._cameras import FileCamera, FileImage, tracks_from_images

PINHOLE = FileCamera("PINHOLE", 100, 80, torch.tensor([50.0, 60.0, 40.0, 30.0]).double())
SEEN = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]).double()
CAMERA = b"".join([struct.pack("<Q", 1), struct.pack("<iiQQ", 7, 1, 100, 80), struct.pack("<4d", 50, 60, 40, 30)])
IMAGE = struct.pack("<Q", 1) + struct.pack("<i7di", 1, 1, 0, 0, 0, 0, 0, 2, 7) + b"a.png\0" + struct.pack("<Q", 1)
POINT = struct.pack("<ddq", 1.5, 2.5, 9)
TEXT_CAMERA, TEXT_IMAGE = "# c\n7 PINHOLE 100 80 50 60 40 30\n", "1 1 0 0 0 0 0 2 7 a b.png\n"


def image(name="a", camera=7, point=(0, -1, 4), pose=None):
    return FileImage(name, camera, pose, SEEN, torch.tensor(point))


def test_images_become_tracks():
    pose = torch.tensor([1.0, 0, 0, 0, 0, 0, 2]).double()
    found = tracks_from_images("x", {7: PINHOLE}, [image("b", point=(4, 0, -2), pose=pose), image("a", pose=pose)])
    assert found.names == ["a", "b"]
    assert found.camera.tolist() == [0, 0, 1, 1]
    assert found.point.tolist() == [0, 1, 1, 0]
    assert found.xy.tolist() == [[1, 2], [5, 6], [1, 2], [3, 4]]
    assert found.intrinsics[0].tolist() == [[50, 0, 40], [0, 60, 30], [0, 0, 1]]
    assert found.sizes.tolist() == [[100, 80], [100, 80]]
    assert found.poses.translations.tolist() == [[0, 0, 2], [0, 0, 2]]
    assert tracks_from_images("x", {7: PINHOLE}, [image(pose=pose), image("b")]).poses is None


@pytest.mark.parametrize(
    ("cameras", "images", "message"),
    [
        ({7: PINHOLE}, [], "x: no image in it; expected images with their tracks"),
        ({8: PINHOLE}, [image()], "x: image a is of camera 7, which is not in the file"),
        ({7: PINHOLE._replace(model="FISH")}, [image()], 'x, camera 7: camera model "FISH" is not known; expected'),
        ({7: PINHOLE._replace(params=SEEN[0])}, [image()], "x, camera 7: PINHOLE has 4 parameters, got 2"),
        (
            {7: PINHOLE._replace(params=torch.tensor([0.0, 1, 1, 1]))},
            [image()],
            "missing, the focal length is 0; expected",
        ),
        ({7: PINHOLE._replace(params=torch.tensor([1.0, -1, 1, 1]))}, [image()], "x, camera 7: intrinsics are missing"),
    ],
)
def test_cameras_that_cannot_be_used(cameras, images, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        tracks_from_images("x", cameras, images)


def test_binary_models(tmp_path):
    def read(camera, picture):
        (tmp_path / "cameras.bin").write_bytes(camera)
        (tmp_path / "images.bin").write_bytes(picture)
        return read_tracks(tmp_path)

    found = read(CAMERA, IMAGE + POINT)
    assert (found.names, found.xy.tolist()) == (["a.png"], [[1.5, 2.5]])
    assert found.poses.translations.tolist() == [[0, 0, 2]]
    for camera, picture in [
        (CAMERA[:-1], IMAGE + POINT),
        (CAMERA, IMAGE + POINT[:-1]),
        (CAMERA, IMAGE[:60]),
        (b"", IMAGE),
    ]:
        with pytest.raises(ValueError, match="cut short, or not a binary file of COLMAP"):
            read(camera, picture)
    unknown = CAMERA[:12] + struct.pack("<i", 99) + CAMERA[16:]
    with pytest.raises(ValueError, match=r"camera model 99 is not known; expected 0 \.\. \d+"):
        read(unknown, IMAGE + POINT)


@pytest.mark.parametrize(
    ("camera", "picture", "message"),
    [
        (
            "7 PINHOLE 100\n",
            TEXT_IMAGE + "1 2 9\n",
            "cameras.txt, line 1: expected CAMERA_ID MODEL WIDTH HEIGHT PARAMS",
        ),
        ("# c\n7 PINHOLE 100 80 f\n", TEXT_IMAGE, "cameras.txt, line 2: expected CAMERA_ID MODEL WIDTH HEIGHT PARAMS"),
        (TEXT_CAMERA, "1 1 0 0\n", "images.txt, line 1: expected IMAGE_ID QW QX QY QZ TX TY TZ CAMERA_ID NAME"),
        (TEXT_CAMERA, "\n" + TEXT_IMAGE + "1 2\n", "images.txt, line 3: expected triples X Y POINT3D_ID"),
        (TEXT_CAMERA, TEXT_IMAGE + "1 2 x\n", "images.txt, line 2: expected triples X Y POINT3D_ID"),
    ],
)
def test_text_models(tmp_path, camera, picture, message):
    (tmp_path / "cameras.txt").write_text(TEXT_CAMERA)
    (tmp_path / "images.txt").write_text("\n" + TEXT_IMAGE + "1 2 9 3 4 -1\n")
    assert read_tracks(tmp_path).names == ["a b.png"]
    assert read_tracks(tmp_path).xy.tolist() == [[1, 2]]
    (tmp_path / "cameras.txt").write_text(camera)
    (tmp_path / "images.txt").write_text(picture)
    with pytest.raises(ValueError, match=re.escape(message)):
        read_tracks(tmp_path)


def test_text_models_that_are_no_text(tmp_path):
    for name in ("cameras.txt", "images.txt"):
        (tmp_path / name).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="not a text file; expected COLMAP's text format"):
        read_tracks(tmp_path)


HEAD = "camera,point,x,y,fx,fy,cx,cy\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"camera,point,x\na,1,2\n", "no column y; expected camera, point, x, y, got camera, point, x"),
        (HEAD.encode(), "no rows in it"),
        (HEAD.encode() + b"a,1,2\n", "line 2: too few values; expected camera, point, x, y, fx, fy, cx, cy"),
        (HEAD.encode() + b"a,1,2,3,1,1,0,0\na,1,2,z,1,1,0,0\n", 'column y expects numbers, got "z"'),
        (b"\xff\xfe\x00", "not a table of comma-separated values"),
    ],
)
def test_tables(tmp_path, content, message):
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(ValueError, match=re.escape(message)):
        read_tracks(tmp_path / "t.csv")


def test_places(tmp_path):
    with pytest.raises(ValueError, match=r"none\.npz does not exist; expected"):
        read_tracks(tmp_path / "none.npz")
    with pytest.raises(ValueError, match="no scene in it; expected"):
        read_tracks(tmp_path)
    (tmp_path / "a.xyz").write_text("")
    with pytest.raises(ValueError, match=r"a\.xyz: not a scene; expected"):
        read_tracks(tmp_path / "a.xyz")
    np.savez(tmp_path / "a.npz", M=np.ones((4, 3)), Ns=np.eye(3))
    with pytest.raises(ValueError, match=r"--intrinsics belongs to a table of tracks \(\.csv\)"):
        read_tracks(tmp_path / "a.npz", intrinsics=tmp_path / "b.csv")
    (tmp_path / "t.csv").write_text(HEAD)
    with pytest.raises(ValueError, match=r"b\.csv does not exist; expected a table of cameras"):
        read_tracks(tmp_path / "t.csv", intrinsics=tmp_path / "b.csv")


def test_measurement_matrices(tmp_path):
    def read(**arrays):
        np.savez(tmp_path / "a.npz", **arrays)
        return read_tracks(tmp_path / "a.npz")

    M = np.arange(1.0, 13.0).reshape(4, 3)
    M[0:2, 1] = 0
    found = read(M=M, Ns=np.diag([0.5, 0.25, 1.0]))
    assert (found.camera.tolist(), found.point.tolist()) == ([0, 0, 1, 1, 1], [0, 2, 0, 1, 2])
    assert found.xy[0].tolist() == [1, 4]
    assert found.intrinsics[1].tolist() == [[2, 0, 0], [0, 4, 0], [0, 0, 1]]
    assert read(M=M, K=2 * np.eye(3)).intrinsics[0].tolist() == np.eye(3).tolist()
    for arrays, message in [
        ({"M": np.ones((3, 3)), "K": np.eye(3)}, "M expects the shape (2 cameras, points), got (3, 3)"),
        ({"M": np.ones(4), "K": np.eye(3)}, "M expects the shape (2 cameras, points), got (4,)"),
        ({"M": M}, "the intrinsics are missing; expected Ns (the inverse matrices) or K beside M"),
        ({"M": M, "Ns": np.zeros((3, 3))}, "a matrix of Ns has no inverse"),
        ({"M": np.array([["a"], ["b"]]), "K": np.eye(3)}, "M expects numbers, got <U1"),
        ({"camera": [0], "point": [0], "xy": [[1.0, 2.0]]}, "the intrinsics K are missing; expected"),
        ({"camera": [0], "point": [0], "K": np.eye(3)}, "xy is missing; expected"),
    ]:
        with pytest.raises(ValueError, match=re.escape(message)):
            read(**arrays)


def test_bundle_adjustment_files(tmp_path):
    numbers = "1 1 1\n0 0 3.0 4.0\n" + "0 0 0 0 0 -1 2.0 0 0\n" + "1 2 3\n"
    (tmp_path / "p.txt").write_text(numbers)
    found = read_tracks(tmp_path / "p.txt")
    assert found.xy.tolist() == [[3, -4]]
    assert found.intrinsics[0].tolist() == [[2, 0, 0], [0, 2, 0], [0, 0, 1]]
    assert found.poses.translations.tolist() == [[0, 0, 1]]
    for text, message in [
        ("1 1\n", "expected a BAL problem: three counts, then numbers"),
        ("1 1 x\n", "expected a BAL problem: three counts, then numbers"),
        (numbers + "4\n", "1 cameras, 1 points and 1 observations are 19 numbers in a BAL problem, got 20"),
        ("0 1 1\n0 0 1 2 1 2 3\n", "0 cameras, 1 points and 1 observations are 10 numbers"),
    ]:
        (tmp_path / "p.txt").write_text(text)
        with pytest.raises(ValueError, match=re.escape(message)):
            read_tracks(tmp_path / "p.txt")


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        (",width,height|,100,80", [[100, 80]]),
        (",width,height|,1,1", [[1, 1]]),
        (",width,height|,0,80", None),
        (",width,height|,,", None),
        (",width|,100", None),
        ("|", None),
    ],
)
def test_sizes_of_images_are_known_where_both_are_given(tmp_path, sizes, expected):
    heading, values = sizes.split("|")
    (tmp_path / "t.csv").write_text(f"camera,point,x,y,fx,fy,cx,cy{heading}\na,p,1,2,50,60,40,30{values}\n")
    found = read_tracks(tmp_path / "t.csv")
    assert (None if found.sizes is None else found.sizes.tolist()) == expected
    assert found.intrinsics.tolist() == [[[50, 0, 40], [0, 60, 30], [0, 0, 1]]]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("camera,point,x\na,p,1\n", "t.csv: no column y; expected camera, point, x, y, got camera, point, x"),
        ("camera,point,x,y\n", "t.csv: no rows in it"),
        ("camera,point,x,y\na,p,1,2\na,q,1\n", "t.csv, line 3: too few values; expected camera, point, x, y"),
        ("camera,point,x,y,fx,fy,cx,cy\na,p,1,2,5,5,1,\n", "t.csv: the intrinsics of camera a are missing; give the"),
        ("camera,point,x,y,fx,fy,cx,cy\na,p,1,z,5,5,1,1\n", 't.csv: column y expects numbers, got "z"'),
        ("camera,point,x,y,fx,fy,cx,cy\na,p,1,2,5,q,1,1\n", 't.csv: column fy expects numbers, got "q"'),
    ],
)
def test_tables_that_will_not_do(tmp_path, text, line):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(ValueError, match=re.escape(line)):
        read_tracks(tmp_path / "t.csv")


def archive(tmp_path, **arrays):
    np.savez(tmp_path / "t.npz", **{name: value for name, value in arrays.items() if value is not None})
    return tmp_path / "t.npz"


LIST = {"camera": np.array([0, 0, 2]), "point": np.array([0, 4, 0]), "xy": np.arange(6.0).reshape(3, 2), "K": np.eye(3)}


def test_lists_of_observations(tmp_path):
    found = read_tracks(archive(tmp_path, **LIST))
    assert found.num_cameras == 3
    assert found.num_points == 5
    assert found.names == ["camera0000", "camera0001", "camera0002"]
    assert found.sizes is None
    assert found.poses is None
    sized = archive(
        tmp_path, **LIST, size=np.array([7, 8]), names=np.array(["a", "b", "c"]), R=np.stack([np.eye(3)] * 3)
    )
    found = read_tracks(sized)
    assert found.sizes.tolist() == [[7, 8]] * 3
    assert found.names == ["a", "b", "c"]
    assert found.poses is None  # without t
    posed = archive(tmp_path, **LIST, names=np.array(["a"]), R=np.stack([np.eye(3)] * 3), t=np.ones((3, 3)))
    assert read_tracks(posed).poses.translations.tolist() == [[1, 1, 1]] * 3
    assert read_tracks(posed).names[0] == "camera0000"


def test_a_measurement_matrix_by_hand(tmp_path):
    matrix = np.array([[1.0, 0, 3], [2, 0, 0], [0, 5, 7], [0, 6, 8]])
    calibration = np.array([[2.0, 0, 4], [0, 3, 6], [0, 0, 1]])
    pose = np.concatenate([np.eye(3), [[1.0], [2], [3]]], 1)
    scaled = -2 * calibration @ pose
    inverse = np.stack([np.linalg.inv(calibration) * 5] * 2)
    found = read_tracks(archive(tmp_path, M=matrix, Ns=inverse, Ps_gt=np.stack([scaled, scaled])))
    assert found.camera.tolist() == [0, 1, 1]
    assert found.point.tolist() == [0, 1, 2]
    assert found.xy.tolist() == [[1, 2], [5, 6], [7, 8]]
    assert np.allclose(found.intrinsics, calibration)
    assert np.allclose(found.poses.rotations, np.eye(3))
    assert np.allclose(found.poses.translations, [1, 2, 3])
    assert np.allclose(read_tracks(archive(tmp_path, M=matrix, K=2 * calibration)).intrinsics, calibration)


@pytest.mark.parametrize(
    ("arrays", "line"),
    [
        ({**LIST, "K": None}, "t.npz: the intrinsics K are missing; expected camera, point, xy, K, or M and Ns"),
        ({**LIST, "xy": None, "K": None}, "t.npz: xy, K is missing; expected"),
        ({**LIST, "xy": np.array(["a"])}, "t.npz: xy expects numbers, got <U1"),
        ({**LIST, "point": LIST["point"] + 10**12}, "t.npz: point expects numbers from 0 on, below 100,000,000"),
        ({**LIST, "camera": LIST["camera"] - 5}, "t.npz: camera expects numbers from 0 on, below 100,000"),
        ({**LIST, "size": np.ones((7, 2))}, "t.npz: size expects the shape ("),
        ({"M": np.ones((3, 2)), "K": np.eye(3)}, "t.npz: M expects the shape (2 cameras, points), got (3, 2)"),
        ({"M": np.ones(4), "K": np.eye(3)}, "t.npz: M expects the shape (2 cameras, points), got (4,)"),
        ({"M": np.ones((4, 2))}, "t.npz: the intrinsics are missing; expected Ns (the inverse matrices) or K beside M"),
        ({"M": np.ones((4, 2)), "Ns": np.zeros((3, 3))}, "t.npz: a matrix of Ns has no inverse"),
    ],
)
def test_archives_that_will_not_do(tmp_path, arrays, line):
    with pytest.raises(ValueError, match=re.escape(line)):
        read_tracks(archive(tmp_path, **arrays))
