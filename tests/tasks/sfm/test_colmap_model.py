"""A COLMAP model of two cameras and two points, by hand, as text and in bytes; read again by the reader."""

import struct

import pytest
import torch

from intertwine.data.tracks import Tracks, read_tracks
from intertwine.tasks.sfm._reconstruction import Reconstruction
from intertwine.tasks.sfm.writing._colmap_model import write_colmap_model

K = torch.tensor([[50.0, 0, 40], [0, 60, 30], [0, 0, 1]], dtype=torch.float64)
HALF = torch.diag(torch.tensor([-1.0, -1.0, 1.0])).double()  # half a turn about z: the quaternion (0, 0, 0, 1)


def scene(sizes=None):
    """Camera b is not registered; the last observation of camera c is an outlier."""
    points = torch.tensor([[0.0, 0, 5], [1, 2, 4], [0, 0, 0]], dtype=torch.float64)
    rotations = torch.stack([torch.eye(3).double(), torch.eye(3).double(), HALF])
    translations = torch.tensor([[0.0, 0, 0], [float("nan")] * 3, [1, 2, 3]], dtype=torch.float64)
    camera, point = torch.tensor([0, 0, 1, 2, 2, 2]), torch.tensor([0, 1, 0, 1, 0, 2])
    seen = (rotations[camera] @ points[point, :, None])[..., 0] + translations.nan_to_num()[camera]
    xy = (seen / seen[:, 2:]) @ K.mT
    tracks = Tracks(
        camera, point, xy[:, :2].contiguous(), K.expand(3, 3, 3).clone(), ["a.png", "b.png", "c d.png"], 3, sizes
    )
    inliers = torch.tensor([True, True, False, True, True, False])
    return Reconstruction(tracks, rotations, translations, points, inliers)


def lines(path):
    return [line for line in path.read_text().splitlines() if not line.startswith("#")]


def test_text(tmp_path):
    write_colmap_model(tmp_path / "deep" / "model", scene())
    folder = tmp_path / "deep" / "model"
    assert lines(folder / "cameras.txt") == ["1 PINHOLE 80 60 50 60 40 30", "3 PINHOLE 80 60 50 60 40 30"]
    first, seen, second, also = lines(folder / "images.txt")
    words = first.split()
    assert [words[0], *words[8:]] == ["1", "1", "a.png"]
    assert [float(word) for word in words[1:8]] == pytest.approx([1, 0, 0, 0, 0, 0, 0])
    numbers = [float(word) for word in second.split()[1:8]]
    assert [abs(number) for number in numbers[:4]] == pytest.approx([0, 0, 0, 1])
    assert numbers[4:] == pytest.approx([1, 2, 3])
    assert second.split(maxsplit=9)[8:] == ["3", "c d.png"]
    assert [float(word) for word in seen.split()] == pytest.approx([40, 30, 1, 52.5, 60, 2])
    assert [int(word) for word in also.split()[2::3]] == [2, 1, -1]
    one, two = lines(folder / "points3D.txt")
    assert one.split()[:7] == ["1", "0", "0", "5", "128", "128", "128"]
    assert float(one.split()[7]) == pytest.approx(0, abs=1e-9)
    assert one.split()[8:] == ["1", "0", "3", "1"]
    assert two.split()[8:] == ["1", "1", "3", "0"]
    heads = [line for line in (folder / "images.txt").read_text().splitlines() if line.startswith("# Number")]
    assert heads == ["# Number of images: 2"]
    assert "# Number of cameras: 2" in (folder / "cameras.txt").read_text()
    assert "# Number of points: 2" in (folder / "points3D.txt").read_text()


def test_bytes_say_what_the_text_says(tmp_path):
    write_colmap_model(tmp_path, scene(torch.tensor([[100, 90], [80, 70], [60, 50]])))
    cameras = (tmp_path / "cameras.bin").read_bytes()
    assert struct.unpack("<Q", cameras[:8]) == (2,)
    assert struct.unpack("<iiQQ4d", cameras[8:64]) == (1, 1, 100, 90, 50, 60, 40, 30)
    assert struct.unpack("<iiQQ4d", cameras[64:]) == (3, 1, 60, 50, 50, 60, 40, 30)
    images = (tmp_path / "images.bin").read_bytes()
    assert struct.unpack("<Qi", images[:12]) == (2, 1)
    assert struct.unpack("<7di", images[12:72])[-1] == 1
    assert images[72:78] == b"a.png\0"
    assert struct.unpack("<Qddqddq", images[78:134]) == pytest.approx((2, 40, 30, 1, 52.5, 60, 2))
    points = (tmp_path / "points3D.bin").read_bytes()
    assert struct.unpack("<QQ3d3B", points[:43]) == (2, 1, 0, 0, 5, 128, 128, 128)
    assert struct.unpack("<Q4i", points[51:75]) == (2, 1, 0, 3, 1)
    assert len(points) == 8 + 2 * (51 - 8 + 24)


@pytest.mark.parametrize("kind", ["txt", "bin"])
def test_the_reader_finds_the_observations_that_agree(kind, tmp_path):
    write_colmap_model(tmp_path, scene())
    for path in tmp_path.iterdir():
        if path.suffix != f".{kind}":
            path.unlink()
    found = read_tracks(tmp_path)
    assert found.names == ["a.png", "c d.png"]
    assert torch.bincount(found.camera).tolist() == [2, 2]
    assert found.intrinsics[1].tolist() == K.tolist()
    assert found.sizes.tolist() == [[80, 60], [80, 60]]
    assert torch.allclose(found.poses.rotations[1], HALF)
    assert torch.allclose(found.poses.translations, torch.tensor([[0.0, 0, 0], [1, 2, 3]]).double())
