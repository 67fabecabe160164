"""Splits by group in every task whose examples are files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from intertwine import tasks
from intertwine._errors import UsageError
from intertwine.data.tracks import synthetic_tracks

OBJECTS, VIEWS = 6, 3
SMALL = {
    "images": {"widths": "2,2", "kernel_size": "3"},
    "weights": {"hidden": 2, "layers": 1},
    "register": {"points": 16, "superpoints": 4, "hidden": "2x0e+1x1o", "layers": 1, "neighbors": 4},
    "keypoints": {"crop": 40, "width": 1, "group": "C4", "resolution": 64},
    "sfm": {"hidden": 8, "layers": 1, "views": "3-4"},
}


def write_image(path: Path, seed: int) -> None:
    from PIL import Image

    pixels = np.random.RandomState(seed).randint(0, 255, (64, 64), dtype=np.uint8)
    Image.fromarray(pixels).save(path.with_suffix(".png"))


def write_network(path: Path, seed: int) -> None:
    from safetensors.torch import save_file

    generator = torch.Generator().manual_seed(seed)
    shapes = {"0.weight": (3, 1), "0.bias": (3,), "2.weight": (1, 3), "2.bias": (1,)}
    weights = {key: torch.randn(shape, generator=generator) for key, shape in shapes.items()}
    save_file(weights, path.with_suffix(".safetensors"))


def write_shape(path: Path, seed: int) -> None:
    np.savetxt(path.with_suffix(".xyz"), np.random.RandomState(seed).randn(60, 3) * [1, 2, 3])


def write_scene(path: Path, seed: int) -> None:
    found = synthetic_tracks(5, 40, visible=0.8, seed=seed)[0]
    np.savez(path.with_suffix(".npz"), camera=found.camera, point=found.point, xy=found.xy, K=found.intrinsics,
             R=found.poses.rotations, t=found.poses.translations)  # fmt: skip


WRITE = {
    "images": write_image,
    "weights": write_network,
    "register": write_shape,
    "keypoints": write_image,
    "sfm": write_scene,
}


@pytest.fixture(params=WRITE)
def task(request, tmp_path, monkeypatch):
    """Six objects, three files of each; images and networks in folders of two classes."""
    monkeypatch.chdir(tmp_path)
    for number in range(OBJECTS):
        for view in range(VIEWS):
            place = Path("data", "ab"[number % 2]) if request.param in ("images", "weights") else Path("data")
            place.mkdir(parents=True, exist_ok=True)
            WRITE[request.param](place / f"object{number}-{view}", 10 * number + view)
    return request.param


def prepare(task, **values):
    found = tasks.get(task)
    return found.prepare(found.options.from_values(task, {"data": "data", **SMALL[task], **values}))


def objects_of(job, part):
    paths = sorted(str(path) for path in Path("data").rglob("*") if path.is_file())
    return [paths[index].split("object")[1][0] for index in job.split[part]]


def test_files_of_one_object_stay_together(task):
    job = prepare(task, group_by=r"object(\d)", validation=3, test=6)
    parts = [objects_of(job, part) for part in ("train", "validation", "test")]
    assert [len(part) for part in parts] == [9, 3, 6]
    assert all(part.count(number) == VIEWS for part in parts for number in part)
    apart = prepare(task, validation=3, test=6)
    held_out = objects_of(apart, "test")
    assert any(held_out.count(number) < VIEWS for number in held_out)


def test_what_cannot_be_grouped_is_told(task):
    with pytest.raises(UsageError, match="is not a regular expression"):
        prepare(task, group_by="(")
    with pytest.raises(UsageError, match=r'--group-by "nothing" is not found in'):
        prepare(task, group_by="nothing")
    with pytest.raises(UsageError, match="a split needs three at least"):
        prepare(task, group_by="object")


def test_a_prescribed_split_is_not_broken(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for part in ("train", "test"):
        for kind in "ab":
            Path("data", part, kind).mkdir(parents=True)
            for view in range(6):
                write_image(Path("data", part, kind, f"object{view // 2}-{view}"), view)
    assert len(prepare("images").split["test"]) == 12
    with pytest.raises(UsageError, match="--group-by: data prescribes the split; leave --group-by out, or give --val"):
        prepare("images", group_by=r"object(\d)")
    split = prepare("images", group_by=r"(?:train|test)/./object\d", validation=4, test=8).split
    assert [len(split[part]) for part in ("train", "validation", "test")] == [12, 4, 8]
