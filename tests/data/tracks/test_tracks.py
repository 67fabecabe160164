"""Readers of tracks: every format gives the same scene."""

import bz2
import gzip
import os
import sqlite3
from contextlib import closing

import numpy as np
import pytest
import torch

from intertwine._errors import UsageError
from intertwine.data.tracks import Tracks, read_tracks, scene_names, synthetic_tracks, with_outliers
from intertwine.ops.cameras import distorted, matrix_from_quaternion


@pytest.fixture(scope="module")
def scene():
    return synthetic_tracks(4, 30, visible=0.8)[0]


def same(found: Tracks, expected: Tracks, *, tolerance: float = 1e-9, points: bool = True) -> None:
    assert found.num_cameras == expected.num_cameras
    assert len(found.camera) == len(expected.camera)
    keys = [torch.from_numpy(np.lexsort((t.xy[:, 1], t.xy[:, 0], t.camera))) for t in (found, expected)]
    assert torch.equal(found.camera[keys[0]], expected.camera[keys[1]])
    rays = [t.normalized()[key] for t, key in zip((found, expected), keys, strict=True)]
    torch.testing.assert_close(*rays, atol=tolerance, rtol=0)
    if points:
        pairs = torch.stack([found.point[keys[0]], expected.point[keys[1]]], 1).unique(dim=0)
        assert len(pairs) == pairs[:, 0].unique().numel() == pairs[:, 1].unique().numel()


def test_npz(scene, tmp_path):
    path = tmp_path / "scene.npz"
    np.savez(
        path, camera=scene.camera, point=scene.point, xy=scene.xy, K=scene.intrinsics, size=scene.sizes,
        names=np.array(scene.names), R=scene.poses.rotations, t=scene.poses.translations,
    )  # fmt: skip
    found = read_tracks(path)
    same(found, scene)
    assert list(found.names) == scene.names
    assert torch.equal(found.poses.rotations, scene.poses.rotations)


def test_measurement_matrix(scene, tmp_path):
    matrix = torch.zeros(4, 2, 30, dtype=torch.float64)
    matrix[scene.camera, :, scene.point] = scene.xy
    poses = torch.cat([scene.poses.rotations, scene.poses.translations[..., None]], 2)
    path = tmp_path / "scene.npz"
    scale = torch.tensor([2.0, -1.0, 3.0, 0.5]).double()[:, None, None]
    np.savez(path, M=matrix.view(8, 30), Ns=scene.intrinsics.inverse(), Ps_gt=scale * (scene.intrinsics @ poses))
    found = read_tracks(path)
    same(found, scene)
    torch.testing.assert_close(found.poses.rotations, scene.poses.rotations)
    torch.testing.assert_close(found.poses.translations, scene.poses.translations)


def test_csv(scene, tmp_path):
    rows = zip(scene.camera.tolist(), scene.point.tolist(), scene.xy.tolist(), strict=True)
    (tmp_path / "t.csv").write_text(
        "camera,point,x,y\n" + "".join(f"{scene.names[c]},p{p},{x!r},{y!r}\n" for c, p, (x, y) in rows)
    )
    (tmp_path / "k.csv").write_text(
        "camera,fx,fy,cx,cy,width,height\n" + "".join(f"{name},1200,1200,800,600,1600,1200\n" for name in scene.names)
    )
    found = read_tracks(tmp_path / "t.csv", intrinsics=tmp_path / "k.csv")
    same(found, scene)
    assert torch.equal(found.sizes, scene.sizes)
    with pytest.raises(UsageError, match="intrinsics of camera camera000 are missing"):
        read_tracks(tmp_path / "t.csv")


def test_bal(scene, tmp_path):
    flip = torch.diag(torch.tensor([1.0, -1.0, -1.0], dtype=torch.float64))
    rotations = flip @ scene.poses.rotations
    params = torch.tensor([1000.0, 0, 0, -0.02, 0.01], dtype=torch.float64)
    seen = distorted("RADIAL", params, scene.normalized()) * torch.tensor([1000.0, -1000.0])
    lines = [f"4 30 {len(seen)}"]
    rows = zip(scene.camera.tolist(), scene.point.tolist(), seen.tolist(), strict=True)
    lines += [f"{c} {p} {x!r} {y!r}" for c, p, (x, y) in rows]
    for rotation, translation in zip(rotations, scene.poses.translations @ flip, strict=True):
        skew = torch.from_numpy(np.real(_logm(rotation.numpy())))
        vector = torch.stack([skew[2, 1], skew[0, 2], skew[1, 0]])
        lines += [repr(value) for value in [*vector.tolist(), *translation.tolist(), 1000.0, -0.02, 0.01]]
    lines += ["0.5"] * 90
    text = "\n".join(lines).encode()
    (tmp_path / "p.txt").write_bytes(text)
    (tmp_path / "p.txt.bz2").write_bytes(bz2.compress(text))
    for name in ("p.txt", "p.txt.bz2"):
        found = read_tracks(tmp_path / name)
        same(found, scene)
        torch.testing.assert_close(found.poses.rotations, scene.poses.rotations, atol=1e-9, rtol=0)
    (tmp_path / "short.txt").write_bytes(text[:-30])
    with pytest.raises(UsageError, match="numbers in a BAL"):
        read_tracks(tmp_path / "short.txt")
    packed = gzip.compress(text)
    for name, content in (("cut", packed[:-40]), ("bad", packed[:40] + b"\xff" * 40 + packed[80:]), ("no", text)):
        (tmp_path / f"{name}.gz").write_bytes(content)
        with pytest.raises(UsageError, match=f"{name}.gz: expected a BAL problem: three counts, then numbers"):
            read_tracks(tmp_path / f"{name}.gz")


def _logm(matrix):
    from scipy.linalg import logm

    return logm(matrix)


def write_text_model(folder, scene, model="SIMPLE_RADIAL", params=(1200.0, 800.0, 600.0, -0.05)):
    from intertwine.ops.cameras import quaternion_from_matrix

    folder.mkdir()
    values = torch.tensor(params, dtype=torch.float64)
    seen = distorted(model, values, scene.normalized()) * 1200 + torch.tensor([800.0, 600.0])
    (folder / "cameras.txt").write_text(f"# cameras\n7 {model} 1600 1200 {' '.join(map(str, params))}\n")
    lines = ["# images"]
    for number, name in enumerate(scene.names):
        rows = scene.camera == number
        pose = [
            *quaternion_from_matrix(scene.poses.rotations[number]).tolist(),
            *scene.poses.translations[number].tolist(),
        ]
        lines.append(f"{number + 3} {' '.join(map(repr, pose))} 7 {name}")
        triples = zip(seen[rows].tolist(), scene.point[rows].tolist(), strict=True)
        lines.append(" ".join(["5.0 6.0 -1", *(f"{x!r} {y!r} {p + 1}" for (x, y), p in triples)]))
    (folder / "images.txt").write_text("\n".join(lines) + "\n")
    (folder / "points3D.txt").write_text("# none\n")


def test_colmap_text(scene, tmp_path):
    write_text_model(tmp_path / "model", scene)
    found = read_tracks(tmp_path / "model")
    same(found, scene)
    torch.testing.assert_close(found.poses.rotations, scene.poses.rotations)
    (tmp_path / "model" / "images.txt").write_text("1 2 3\n\n")
    with pytest.raises(UsageError, match="line 1"):
        read_tracks(tmp_path / "model")


def test_colmap_database(scene, tmp_path):
    path = tmp_path / "database.db"
    with closing(sqlite3.connect(path)) as base:
        base.execute(
            "CREATE TABLE cameras (camera_id INTEGER, model INTEGER, width INTEGER, height INTEGER, params BLOB)"
        )
        base.execute("CREATE TABLE images (image_id INTEGER, name TEXT, camera_id INTEGER)")
        base.execute("CREATE TABLE keypoints (image_id INTEGER, rows INTEGER, cols INTEGER, data BLOB)")
        for table in ("matches", "two_view_geometries"):
            base.execute(f"CREATE TABLE {table} (pair_id INTEGER, rows INTEGER, cols INTEGER, data BLOB)")
        base.execute(
            "INSERT INTO cameras VALUES (1, 1, 1600, 1200, ?)", (np.array([1200.0, 1200, 800, 600]).tobytes(),)
        )
        tables = [(scene.camera == number).nonzero()[:, 0] for number in range(4)]
        for number, rows in enumerate(tables):
            xy = scene.xy[rows].float().numpy()
            base.execute("INSERT INTO images VALUES (?, ?, 1)", (number + 1, scene.names[number]))
            base.execute("INSERT INTO keypoints VALUES (?, ?, 2, ?)", (number + 1, len(xy), xy.tobytes()))
        for first in range(4):
            for second in range(first + 1, 4):
                points = [scene.point[tables[number]].numpy() for number in (first, second)]
                _, a, b = np.intersect1d(*points, return_indices=True)
                data = np.stack([a, b], 1).astype(np.uint32)
                pair = (first + 1) * 2147483647 + second + 1
                base.execute("INSERT INTO matches VALUES (?, ?, 2, ?)", (pair, len(data), data.tobytes()))
        base.commit()
    same(read_tracks(path), scene, tolerance=1e-6)
    same(read_tracks(tmp_path), scene, tolerance=1e-6)
    with closing(sqlite3.connect(path)) as base:
        base.execute("DELETE FROM matches")
        base.commit()
    with pytest.raises(UsageError, match="no matches"):
        read_tracks(path)


def test_bad_files(tmp_path):
    (tmp_path / "a.csv").write_text("camera,x\n1,2\n")
    (tmp_path / "b.npz").write_bytes(b"nothing")
    (tmp_path / "c.db").write_bytes(b"nothing at all")
    (tmp_path / "d.txt").write_text("one two")
    (tmp_path / "e.jpg").write_bytes(b"x")
    np.savez(tmp_path / "f.npz", camera=[0], point=[0], xy=[[0.0, 0.0]])
    np.savez(tmp_path / "g.npz", M=np.ones((4, 3)))
    (tmp_path / "h").mkdir()
    (tmp_path / "i.npz").write_bytes(b"")
    os.mkfifo(tmp_path / "j.npz")
    for name in "abcdefghij":
        path = next(tmp_path.glob(f"{name}*"))
        with pytest.raises(UsageError) as caught:
            read_tracks(path)
        assert "\n" not in str(caught.value)
    with pytest.raises(UsageError, match="intrinsics K are missing"):
        read_tracks(tmp_path / "f.npz")
    with pytest.raises(UsageError, match="does not exist"):
        read_tracks(tmp_path / "none")


def test_scenes_of_a_folder(scene, tmp_path):
    write_text_model(tmp_path / "b", scene)
    np.savez(tmp_path / "a.npz", M=np.ones((4, 3)))
    (tmp_path / "notes.md").write_text("no scene")
    assert [path.name for path in scene_names(tmp_path)] == ["a.npz", "b"]


def test_values_that_are_not_finite_are_left_out(scene, tmp_path):
    xy = scene.xy.clone()
    xy[3, 0] = torch.nan
    np.savez(tmp_path / "s.npz", camera=scene.camera, point=scene.point, xy=xy, K=scene.intrinsics)
    found = read_tracks(tmp_path / "s.npz")
    assert len(found.camera) == len(scene.camera) - 1
    assert "not finite" in found.remarks[0]


def test_outliers(scene):
    wrong = with_outliers(scene, 0.25)
    changed = (wrong.xy != scene.xy).any(1)
    assert changed.sum() == round(0.25 * len(scene.camera))
    with pytest.raises(UsageError, match="within 0"):
        with_outliers(scene, 2)


def test_tracks_check_themselves(scene):
    with pytest.raises(UsageError, match="within 0"):
        scene.replaced(camera=scene.camera + 9)
    with pytest.raises(UsageError, match="focal lengths"):
        scene.replaced(intrinsics=-scene.intrinsics)


def test_poses_of_quaternions_are_normalized():
    torch.testing.assert_close(matrix_from_quaternion(torch.tensor([2.0, 0, 0, 0])), torch.eye(3))


def test_archives_without_intrinsics_are_for_projective_cameras(tmp_path):
    path = tmp_path / "scene.npz"
    np.savez(path, camera=[0, 1], point=[0, 0], xy=[[0.0, 1.0], [2.0, 3.0]])
    with pytest.raises(ValueError, match=r"the intrinsics K are missing; .* --cameras projective needs no intrinsics"):
        read_tracks(path)
    tracks = read_tracks(path, calibrated=False)
    assert tracks.num_cameras == 2
    assert torch.equal(tracks.intrinsics, torch.eye(3, dtype=torch.float64).expand(2, 3, 3))
    np.savez(path, M=np.ones((4, 3)))
    assert torch.equal(read_tracks(path, calibrated=False).intrinsics, tracks.intrinsics)
