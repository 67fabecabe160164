from __future__ import annotations

import csv

import numpy as np
import pytest

from intertwine.data.readers import read_shape
from intertwine.tasks.clouds.report import part_color
from intertwine.tasks.segment._writing import LabeledCloud, SegmentWriter, part_numbers, ply

PARTS = ["body", "pin", "a\nlens"]


def cloud(name="one/chip.xyz", points=7):
    random = np.random.default_rng(0)
    return LabeledCloud(
        name, random.normal(size=(points, 3)), random.integers(0, 3, points), random.uniform(size=points)
    )


def test_a_colored_cloud_is_read_again_with_its_labels(tmp_path):
    given = cloud()
    (tmp_path / "a.ply").write_bytes(ply(given, PARTS))
    found = read_shape(tmp_path / "a.ply")
    assert np.allclose(found.points, given.positions, atol=1e-6)
    assert np.array_equal(found.labels, given.labels)
    header = (tmp_path / "a.ply").read_bytes().partition(b"end_header\n")[0].decode().splitlines()
    assert header[2:6] == [
        "comment label 0 is body",
        "comment label 1 is pin",
        "comment label 2 is a lens",
        "element vertex 7",
    ]


def test_labels_that_were_numbers_stay_the_same_numbers(tmp_path):
    given = cloud()
    (tmp_path / "a.ply").write_bytes(ply(given, ["3", "7", "40"]))
    assert np.array_equal(read_shape(tmp_path / "a.ply").labels, np.array([3, 7, 40])[given.labels])
    assert part_numbers(["3", "x"]) == [0, 1]


def test_colors_are_fixed_and_differ():
    colors = [part_color(part) for part in range(40)]
    assert len(set(colors)) == 40
    assert colors == [part_color(part) for part in range(40)]
    assert all(0 <= value <= 255 for color in colors for value in color)


def test_nothing_is_written_outside_of_the_folder_and_no_cloud_over_another(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    names = ["../../up.xyz", "/etc/up.xyz", "a/b.xyz", "a/b.npz", "a/./b.off", ".."]
    with SegmentWriter(folder, "", PARTS) as writer:
        for name in names:
            writer.write_cloud(cloud(name))
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    found = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.ply"))
    assert found == ["a/b-2.ply", "a/b-3.ply", "a/b.ply", "cloud.ply", "etc/up.ply", "up.ply"]


@pytest.mark.parametrize("suffix", [".npz", ".csv"])
def test_one_file_for_all(tmp_path, suffix):
    clouds = [cloud("a.xyz", 4), cloud("b.xyz", 5)]
    with SegmentWriter(tmp_path / f"all{suffix}", suffix, PARTS) as writer:
        for one in clouds:
            writer.write_cloud(one)
    if suffix == ".npz":
        arrays = np.load(tmp_path / "all.npz")
        assert arrays["parts"].tolist() == PARTS
        for one in clouds:
            stem = one.name.removesuffix(".xyz")
            assert np.array_equal(arrays[f"{stem}/labels"], one.labels)
            assert np.array_equal(arrays[f"{stem}/positions"], one.positions)
        return
    with (tmp_path / "all.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["file"] for row in rows] == ["a.xyz"] * 4 + ["b.xyz"] * 5
    assert [row["part"] for row in rows[:4]] == [PARTS[label] for label in clouds[0].labels]
    assert [int(row["point"]) for row in rows[4:]] == list(range(5))


@pytest.mark.parametrize(
    ("scale", "shift", "kind"),
    [(1, 0, "float"), (1, 6e6, "double"), (1e300, 0, "double"), (1e-310, 0, "double"), (0, 7e5, "float")],
    ids=["usual", "coordinates of a map", "huge", "minute", "one place"],
)
def test_no_position_is_moved_by_writing_it(tmp_path, scale, shift, kind):
    given = cloud()
    given = given._replace(positions=scale * given.positions + shift)
    (tmp_path / "a.ply").write_bytes(ply(given, PARTS))
    header, _, _ = (tmp_path / "a.ply").read_bytes().partition(b"end_header\n")
    assert f"property {kind} x\n" in header.decode()
    extent = np.abs(given.positions - given.positions[0]).max()
    assert np.abs(read_shape(tmp_path / "a.ply").points - given.positions).max() <= 1e-6 * extent
    with SegmentWriter(tmp_path / "a.csv", ".csv", PARTS) as writer:
        writer.write_cloud(given)
    rows = list(csv.DictReader((tmp_path / "a.csv").open()))
    found = np.array([[float(row[axis]) for axis in "xyz"] for row in rows])
    assert np.abs(found - given.positions).max() <= 1e-3 * extent
