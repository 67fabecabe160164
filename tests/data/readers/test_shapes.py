from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np
import pytest
import torch

from intertwine._errors import UsageError
from intertwine.data import PointCloudSet, read_shapes
from intertwine.data.readers import _shapes

trimesh = pytest.importorskip("trimesh")
pytestmark = pytest.mark.usefixtures("cache")

CUBE, BALL = trimesh.creation.box(), trimesh.creation.icosphere(subdivisions=1)


def put(path: Path, mesh=CUBE):
    path.parent.mkdir(parents=True, exist_ok=True)
    mesh.export(path)
    return path


def scatter(path: Path, seed=0, labels=None, count=40, **more):
    path.parent.mkdir(parents=True, exist_ok=True)
    points = np.random.RandomState(seed).rand(count, 3)
    columns = [points] if labels is None else [points, np.resize(labels, count)[:, None]]
    if path.suffix == ".npz":
        np.savez(path, points=points, **({} if labels is None else {"labels": np.resize(labels, count)}), **more)
    else:
        np.savetxt(path, np.column_stack(columns), fmt="%.6f")
    return points


@pytest.fixture
def plain(tmp_path):
    root = tmp_path / "shapes"
    for name in ("1.off", "2.STL", "deeper/3.ply"):
        put(root / "cube" / name)
    put(root / "ball" / "4.obj", BALL)
    scatter(root / "ball" / "5.xyz")
    (root / "ball" / "notes.md").write_text("not a shape")
    (root / "ball" / ".hidden.off").write_text("not a shape")
    return root


def same(first: PointCloudSet, second: PointCloudSet):
    assert torch.equal(first.positions, second.positions)
    assert torch.equal(first.cloud_fields["classes"], second.cloud_fields["classes"])
    assert (first.label_names, first.skipped) == (second.label_names, second.skipped)
    assert first.names == second.names


def test_classes_are_folders(plain):
    shapes = read_shapes(plain, points=64)
    assert shapes.label_names["classes"] == ("ball", "cube")
    assert shapes.names == ["ball/4.obj", "ball/5.xyz", "cube/1.off", "cube/2.STL", "cube/deeper/3.ply"]
    assert shapes.cloud_fields["classes"].tolist() == [0, 0, 1, 1, 1]
    assert shapes.counts.tolist() == [64] * 5
    assert shapes.label_counts("classes") == {"ball": 2, "cube": 3}
    assert (shapes.split, shapes.skipped, shapes.point_fields) == (None, (), {})
    assert shapes.positions.dtype == torch.float32
    for first, last in zip(shapes.offsets[:-1], shapes.offsets[1:], strict=True):
        cloud = shapes.positions[first:last]
        assert cloud.mean(dim=0).abs().max() < 1e-6
        assert cloud.norm(dim=1).max().item() == pytest.approx(1, abs=1e-6)


def test_normals_are_kept_when_all_have_them(plain):
    (plain / "ball" / "5.xyz").unlink()
    shapes = read_shapes(plain, points=64)
    assert "normals" in shapes.point_fields
    assert shapes.point_fields["normals"].norm(dim=1) == pytest.approx(1, abs=1e-6)


def test_one_seed_one_result_whatever_else_is_there(plain, cache):
    first = read_shapes(plain, points=32, seed=1)
    for file in (cache / "shapes").iterdir():
        file.unlink()
    same(first, read_shapes(plain, points=32, seed=1))
    put(plain / "cube" / "0.off", BALL)
    more = read_shapes(plain, points=32, seed=1)
    same(first, more.select([place for place, name in enumerate(more.names) if name != "cube/0.off"]))
    assert not torch.equal(first.positions, read_shapes(plain, points=32, seed=2).select([0, 1, 3, 4, 5]).positions)


def test_the_second_time_no_file_is_opened(plain, monkeypatch):
    progress = []
    first = read_shapes(plain, points=16, progress=lambda done, total: progress.append((done, total)))
    assert progress == [(k + 1, 5) for k in range(5)]
    monkeypatch.setattr(_shapes, "read_shape", None)
    same(first, read_shapes(plain, points=16))
    same(first, read_shapes(plain / "cube" / "..", points=16))


def test_what_changes_the_result_is_read_anew(plain):
    first = read_shapes(plain, points=16)
    put(plain / "cube" / "1.off", trimesh.creation.box((1, 1, 9)))
    changed = read_shapes(plain, points=16)
    assert torch.equal(first.select([0, 1, 3, 4]).positions, changed.select([0, 1, 3, 4]).positions)
    assert not torch.equal(first.positions, changed.positions)
    (plain / "cube" / "1.off").unlink()
    assert len(read_shapes(plain, points=16)) == 4


def test_a_damaged_cache_is_built_again_with_one_warning(plain, cache, caplog):
    first = read_shapes(plain, points=16)
    (file,) = (cache / "shapes").iterdir()
    file.write_bytes(file.read_bytes()[:-7])
    same(first, read_shapes(plain, points=16))
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    same(first, read_shapes(plain, points=16))
    assert len(caplog.records) == 1


def test_bad_files_are_skipped_and_listed_or_refused(plain):
    (plain / "cube" / "0.ply").write_text("OFF\n")
    (plain / "cube" / "9.npz").write_text("")
    for _ in range(2):  # from the files, then from the cache
        shapes = read_shapes(plain, points=16)
        assert len(shapes) == 5
        assert shapes.skipped == (
            ("cube/0.ply", "expected PLY by its name, but it begins like OFF"),
            ("cube/9.npz", "the file is empty"),
        )
        with pytest.raises(UsageError, match=r'cube/0.ply": expected PLY by its name') as caught:
            read_shapes(plain, points=16, strict=True)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("validation", [None, "val", "validation"])
@pytest.mark.parametrize("above", [False, True], ids=["class/train", "train/class"])
def test_layouts_with_a_split(tmp_path, above, validation):
    for label, mesh in (("cube", CUBE), ("ball", BALL)):
        for part, names in (("train", "abc"), ("test", "de"), (validation, "f")):
            for name in names if part else "":
                put(tmp_path / "set" / Path(*([part, label] if above else [label, part])) / f"{label}_{name}.off", mesh)
    shapes = read_shapes(tmp_path / "set", points=8)
    assert shapes.label_counts("classes") == {"ball": 5 + bool(validation), "cube": 5 + bool(validation)}
    letters = [
        "".join(sorted({shapes.names[i][-5] for i in part}))
        for part in (shapes.split.train, shapes.split.validation, shapes.split.test)
    ]
    assert letters == ["abc", "f" if validation else "", "de"]
    split = shapes.make_split()
    assert torch.equal(split.test, shapes.split.test)
    if validation:
        assert split is shapes.split
    else:
        assert len(split.validation) == 1
        assert set(split.train.tolist()) | set(split.validation.tolist()) == set(shapes.split.train.tolist())
    assert len(shapes.make_split(test=6).test) == 6


def test_the_header_that_modelnet_breaks(tmp_path):
    for label in ("bed", "chair"):
        for part in ("train", "test"):
            path = tmp_path / label / part / f"{label}_0001.off"
            path.parent.mkdir(parents=True)
            path.write_text("OFF3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n")
    assert len(read_shapes(tmp_path, points=8, strict=True)) == 4


def shapenet(root: Path, text: bool):
    """Two synsets with parts 0 1 and 2 3 (text) or, numbered anew in each, 1 2 and 1 2."""
    (root / "train_test_split").mkdir(parents=True)
    (root / "synsetoffset2category.txt").write_text("Bag\t0277\nMug\t0379\n")
    for which, synset in enumerate(("0277", "0379")):
        for name in ("a", "b", "c", "unlisted"):
            points = np.random.RandomState(which).rand(30, 3)
            labels = np.arange(30) % 2
            if text:
                path = root / synset / f"{name}.txt"
                path.parent.mkdir(exist_ok=True)
                normals = np.tile([0.0, 0, 1], (30, 1))
                np.savetxt(path, np.column_stack([points, normals, 2 * which + labels]), fmt="%.6f")
            else:
                for folder in ("points", "points_label"):
                    (root / synset / folder).mkdir(parents=True, exist_ok=True)
                np.savetxt(root / synset / "points" / f"{name}.pts", points, fmt="%.6f")
                np.savetxt(root / synset / "points_label" / f"{name}.seg", labels + 1, fmt="%d")
    for part, name in (("train", "a"), ("val", "b"), ("test", "c")):
        listed = [f"shape_data/{synset}/{name}" for synset in ("0277", "0379")]
        (root / "train_test_split" / f"shuffled_{part}_file_list.json").write_text(json.dumps(listed))


@pytest.mark.parametrize("text", [True, False], ids=["txt", "pts and seg"])
def test_shapenetpart_as_it_is(tmp_path, text):
    shapenet(tmp_path / "shapenet", text)
    shapes = read_shapes(tmp_path / "shapenet", points=20, labels="part", strict=True)
    assert shapes.label_names["classes"] == ("Bag", "Mug")
    assert shapes.label_names["parts"] == (("0", "1", "2", "3") if text else ("Bag 1", "Bag 2", "Mug 1", "Mug 2"))
    assert [Path(name).stem for name in shapes.names] == ["a", "b", "c"] * 2
    assert [part.tolist() for part in (shapes.split.train, shapes.split.validation, shapes.split.test)] == [
        [0, 3],
        [1, 4],
        [2, 5],
    ]
    assert ("normals" in shapes.point_fields) == text
    assert torch.equal(shapes.point_fields["parts"] // 2, shapes.cloud_fields["classes"].repeat_interleave(20))
    assert {name: count / 120 for name, count in shapes.label_counts("parts").items()} == pytest.approx(
        dict.fromkeys(shapes.label_names["parts"], 0.25), abs=0.15
    )
    classes = read_shapes(tmp_path / "shapenet", points=20)
    assert "parts" not in classes.point_fields


def test_one_category_of_shapenetpart_has_its_name(tmp_path):
    shapenet(tmp_path / "shapenet", True)
    assert read_shapes(tmp_path / "shapenet" / "0379", points=20, labels="part").label_names["classes"] == ("Mug",)


def test_shapenetpart_that_is_damaged(tmp_path):
    root = tmp_path / "shapenet"
    shapenet(root, False)
    (root / "0277" / "points_label" / "a.seg").write_text("1\n2\n")
    (root / "0379" / "points_label" / "a.seg").unlink()
    shapes = read_shapes(root, points=20, labels="part")
    assert dict(shapes.skipped) == {
        "0277/points/a.pts": "a.seg: expected 30 whole numbers, one for each point",
        "0379/points/a.pts": "no part labels; expected an integer label or a color for each point or face; of text,"
        ' a header such as "x y z label" names the columns',
    }
    listed = root / "train_test_split" / "shuffled_val_file_list.json"
    content = listed.read_text()
    listed.write_text("{")
    with pytest.raises(UsageError, match=r'val_file_list.json" is not a list of names'):
        read_shapes(root)
    listed.write_text(content)
    (root / "synsetoffset2category.txt").write_text("Bag of rice 0277\n")
    with pytest.raises(UsageError, match="line 1: expected a name and a folder"):
        read_shapes(root)


@pytest.mark.parametrize("suffix", [".npz", ".xyz"])
def test_parts_of_a_flat_folder(tmp_path, suffix):
    scatter(tmp_path / "parts" / f"a{suffix}", 0, [30, 10])
    scatter(tmp_path / "parts" / f"b{suffix}", 1, [20, 20, 30])
    shapes = read_shapes(tmp_path / "parts", points=40, labels="part")
    assert (shapes.label_names["classes"], shapes.label_names["parts"]) == (("parts",), ("10", "20", "30"))
    assert shapes.point_fields["parts"][:40].tolist() == [2, 0] * 20
    assert set(shapes.point_fields["parts"][40:].tolist()) == {1, 2}


def test_parts_by_color(tmp_path):
    for name, colors in (("a", [[255, 0, 0], [0, 0, 255]]), ("b", [[0, 0, 255], [0, 128, 0]])):
        cloud = trimesh.PointCloud(
            np.random.RandomState(0).rand(30, 3), colors=np.resize(colors, (30, 3)).astype(np.uint8)
        )
        put(tmp_path / "parts" / f"{name}.ply", cloud)
    shapes = read_shapes(tmp_path / "parts", points=30, labels="part")
    assert shapes.label_names["parts"] == ("#0000ff", "#008000", "#ff0000")
    assert shapes.point_fields["parts"][:30].tolist() == [2, 0] * 15


def bad_folders(root: Path):
    (root / "empty").mkdir()
    put(root / "one class" / "chair" / "a.off")
    scatter(root / "one part" / "a.npz", 0, [1])
    scatter(root / "no parts" / "a.npz")
    scatter(root / "noise" / "a.npz", 0, np.arange(300), 300)
    put(root / "mixed" / "chair" / "train" / "a.off")
    put(root / "mixed" / "chair" / "b.off")
    (root / "broken" / "x").mkdir(parents=True)
    (root / "broken" / "x" / "a.off").write_text("OFF\n3 1 0\n0 0 0\n1 0 0\n2 0 0\n3 0 1 2\n")
    (root / "file.off").write_text("OFF")


@pytest.mark.parametrize(
    ("name", "labels", "says"),
    [
        ("gone", "class", "is not there; expected a folder of shapes"),
        ("file.off", "class", "is a file; expected a folder of shapes"),
        ("empty", "class", "holds no shapes; expected class/files with .off, .ply"),
        ("one class", "class", 'holds one class only, "chair"'),
        ("one part", "part", "the points have one part only; expected 2 to 256 parts"),
        ("no parts", "part", "none of 1 files can be read; the first, a.npz: no part labels"),
        ("noise", "part", "the points have 300 different labels or colors"),
        ("mixed", "class", 'b.off" stands in no part of the split, others do'),
        ("broken", "class", "none of 1 files can be read; the first, x/a.off: none of its 1 faces has an area"),
    ],
)
def test_bad_folders_give_one_line(tmp_path, name, labels, says):
    bad_folders(tmp_path)
    with pytest.raises(UsageError, match=says) as caught:
        read_shapes(tmp_path / name, points=300, labels=labels)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("wrong", [{"points": 0}, {"seed": -1}, {"labels": "classes"}])
def test_wrong_arguments(plain, wrong):
    with pytest.raises(ValueError, match=r'expected points and draws >= 1, a seed from 0 to .* and "class" or "part"'):
        read_shapes(plain, **wrong)


def test_small_and_flat_clouds_work(tmp_path):
    clouds = {
        "one": np.ones((1, 3)),
        "two": np.eye(3)[:2],
        "line": np.outer(np.arange(9.0), [1, 2, 3]),
        "plane": np.random.RandomState(0).rand(9, 3) * [1, 0, 1],
        "copies": np.repeat(np.eye(3), 5, axis=0),
        "equal": np.full((9, 3), 0.1),
    }
    for name, points in clouds.items():
        path = tmp_path / "set" / ("many" if name in ("plane", "copies") else "few") / f"{name}.npz"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, points=points)
    shapes = read_shapes(tmp_path / "set", points=12, strict=True)
    assert shapes.positions.isfinite().all()
    largest = dict(zip(shapes.names, shapes.positions.reshape(6, 12, 3).norm(dim=2).amax(dim=1).tolist(), strict=True))
    assert largest == pytest.approx({name: float("one." not in name and "equal" not in name) for name in largest})
    scatter(tmp_path / "set" / "few" / "nan.xyz")
    path = tmp_path / "set" / "few" / "nan.xyz"
    path.write_text(path.read_text() + "0 nan 0\n")
    assert read_shapes(tmp_path / "set", points=12).skipped == (
        ("few/nan.xyz", "a coordinate of point 41 is not finite"),
    )
