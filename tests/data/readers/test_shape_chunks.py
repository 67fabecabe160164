"""Shapes read a chunk at a time are those that are read at once."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from intertwine._errors import UsageError
from intertwine.data import PointCloudSet, iter_shapes, read_shapes

pytestmark = pytest.mark.usefixtures("cache")


@pytest.fixture
def folder(tmp_path):
    random = np.random.RandomState(0)
    for kind in ("chair", "table"):
        (tmp_path / "shapes" / kind).mkdir(parents=True)
        for number in range(4):
            np.savetxt(tmp_path / "shapes" / kind / f"{number}.xyz", 5 + random.rand(30, 3), fmt="%.6f")
    return tmp_path / "shapes"


@pytest.mark.parametrize("chunk", [1, 3, 8, 100])
def test_chunks_are_the_whole(folder, chunk):
    whole, seen = read_shapes(folder, points=16), []
    chunks = list(iter_shapes(folder, 16, chunk=chunk, progress=lambda *told: seen.append(told)))
    assert [len(one.clouds) for one in chunks] == [min(chunk, 8 - begin) for begin in range(0, 8, chunk)]
    assert torch.equal(torch.cat([one.clouds.positions for one in chunks]), whole.positions)
    assert [name for one in chunks for name in one.clouds.names] == list(whole.names)
    classes = [one.clouds.label_names["classes"][k] for one in chunks for k in one.clouds.cloud_fields["classes"]]
    assert classes == ["chair"] * 4 + ["table"] * 4
    assert seen == [(k + 1, 8) for k in range(8)]
    for one in chunks:
        assert all(points.shape == (16, 3) for points in one.samples)
        assert all(points.shape == (30, 3) and points.min() >= 5 for points in one.originals)


def test_one_file_is_a_folder_of_one(folder):
    (only,) = iter_shapes(folder / "chair" / "2.xyz", 16)
    assert isinstance(only.clouds, PointCloudSet)
    assert (only.clouds.names, only.clouds.label_names["classes"]) == (["2.xyz"], ("chair",))


def test_bad_files_are_listed_with_the_chunk_that_they_stand_in_or_refused(folder):
    (folder / "chair" / "1.xyz").write_text("1 2\n")
    (folder / "table" / "9.xyz").write_text("")
    chunks = list(iter_shapes(folder, 16, chunk=2))
    assert [len(one.clouds) for one in chunks] == [2, 2, 2, 1]
    listed = [[name for name, _ in one.clouds.skipped] for one in chunks]
    assert listed == [["chair/1.xyz"], [], [], ["table/9.xyz"]]
    with pytest.raises(UsageError, match=r"1.xyz: 2 columns"):
        list(iter_shapes(folder, 16, strict=True))


def test_normals_are_needed_where_they_are_asked_for(folder):
    with pytest.raises(UsageError, match=r"none of 8 files can be read; the first, chair/0.xyz: no normals"):
        list(iter_shapes(folder, 16, normals=True))


def test_what_is_no_shape_is_said(tmp_path):
    (tmp_path / "notes.md").write_text("x")
    with pytest.raises(UsageError, match=r'"notes.md" is no shape: expected a file that ends in'):
        list(iter_shapes(tmp_path / "notes.md", 16))
    (tmp_path / "one.xyz").write_text("")
    with pytest.raises(UsageError, match=r"one.xyz: the file is empty"):
        list(iter_shapes(tmp_path / "one.xyz", 16))
    with pytest.raises(UsageError, match=r"one.xyz: the file is empty"):
        list(iter_shapes(tmp_path, 16))
