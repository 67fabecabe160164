"""The points of one file: as they are, sampled from faces, and what is said where there are none."""

import re

import numpy as np
import pytest

from intertwine._errors import UsageError
from intertwine.data import read_cloud

SQUARE = "OFF\n4 1 0\n0 0 0\n2 0 0\n2 2 0\n0 2 0\n4 0 1 2 3\n"


def test_points_are_as_they_are_and_faces_are_sampled(tmp_path):
    (tmp_path / "a.XYZ").write_text("0 0 5\n1 2 3\n")
    assert read_cloud(tmp_path / "a.XYZ").points.tolist() == [[0, 0, 5], [1, 2, 3]]
    (tmp_path / "a.off").write_text(SQUARE)
    assert read_cloud(tmp_path / "a.off").points.shape == (20_000, 3)
    first, again, other = (read_cloud(tmp_path / "a.off", 50, seed).points for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert first.shape == (50, 3)
    assert first[:, :2].min() >= 0
    assert first[:, :2].max() <= 2
    assert (first[:, 2] == 0).all()


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("a.doc", "", "a.doc: expected a mesh or a point cloud (."),
        ("a.off", "OFF\n0 0 0\n", "a.off: no "),
        ("a.off", "OFX\n", "a.off: "),
        ("a.off", "OFF\n2 0 0\n0 0 0\nnan 0 0\n", "a.off: "),
    ],
)
def test_what_is_refused(name, text, line, tmp_path):
    (tmp_path / name).write_text(text)
    with pytest.raises(UsageError, match=re.escape(line)) as caught:
        read_cloud(tmp_path / name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("points", "line"), [([], "no points"), ([[0, 0, 0], [0, np.inf, 0]], "a coordinate of point 2 is")]
)
def test_arrays_without_points_or_with_infinite_ones(points, line, tmp_path):
    np.savez(tmp_path / "a.npz", points=np.array(points, dtype=np.float64).reshape(-1, 3))
    with pytest.raises(UsageError, match=line):
        read_cloud(tmp_path / "a.npz")
