"""Normals of sets of clouds, estimated from their points."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from intertwine.data import PointCloudSet, estimate_normals, read_shapes
from intertwine.groups import O3


def clouds(*sizes, scale=1.0):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(sum(sizes), 3, generator=generator, dtype=torch.float64) * torch.tensor([1.0, 0.8, 0.2])
    return PointCloudSet(scale * x, torch.tensor([0, *np.cumsum(sizes)]))


def angle(first, second):
    """One minus the cosine of the angle between lines."""
    return 1 - (first * second).sum(1).abs()


def test_they_are_the_least_axes_of_sixteen_points_of_the_same_cloud():
    given = clouds(40, 5, 30)
    found = estimate_normals(given).double()
    for begin, end in ((0, 40), (40, 45), (45, 75)):
        x = given.positions[begin:end]
        for row, point in enumerate(x):
            near = x[(x - point).square().sum(1).argsort()[:16]]
            axes = np.linalg.svd((near - near.mean(0)).numpy())[2]
            assert angle(found[begin + row][None], torch.from_numpy(axes[2])[None]) < 1e-6


@pytest.mark.parametrize("scale", [1e-100, 1.0, 1e6])
def test_they_turn_with_the_cloud_and_do_not_know_its_size(scale):
    given, turned = clouds(30, 20), clouds(30, 20, scale=scale)
    R = O3().sample(1, generator=torch.Generator().manual_seed(1))[0]
    turned = PointCloudSet(turned.positions @ R.T, turned.offsets)
    assert angle(estimate_normals(turned).double(), estimate_normals(given).double() @ R.T).max() < 1e-5


def test_no_clouds_have_none():
    assert estimate_normals(PointCloudSet(torch.zeros(0, 3), torch.tensor([0]))).shape == (0, 3)


def test_readers_say_which_normals_are_estimated(tmp_path, monkeypatch):
    monkeypatch.setenv("INTERTWINE_CACHE", str(tmp_path / "cache"))
    points = np.random.RandomState(0).rand(40, 3)
    for kind in ("one", "two"):
        (tmp_path / "set" / kind).mkdir(parents=True)
        np.savetxt(tmp_path / "set" / kind / "cloud.xyz", points)
        faces = "3 0 1 2\n3 0 1 3\n3 0 2 3\n3 1 2 3\n"
        (tmp_path / "set" / kind / "mesh.off").write_text(f"OFF\n4 4 0\n0 0 0\n1 0 0\n0 1 0\n0 0 1\n{faces}")
    for _ in ("read", "from the cache"):
        found = read_shapes(tmp_path / "set", 32, draws=2, estimate_normals=True)
        names = [name.partition("/")[2] for name in found.names]
        assert found.cloud_fields["estimated"].tolist() == [name == "cloud.xyz" for name in names]
        assert found.cloud_fields["estimated"].sum() == 2
    assert "estimated" not in read_shapes(tmp_path / "set", 32).cloud_fields
