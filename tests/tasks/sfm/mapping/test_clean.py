"""Cleaning of tracks: what is left out, what is said, and an order that permutations do not change."""

import re

import pytest
import torch

from intertwine.data.tracks import Tracks
from intertwine.tasks.sfm.mapping._clean import _listed, clean

K = torch.tensor([[50.0, 0, 40], [0, 60, 30], [0, 0, 1]], dtype=torch.float64)
SIZES = torch.tensor([[10, 20], [30, 40], [50, 60]])


def tracks(camera, point, xy, cameras=3, **more):
    xy = torch.tensor(xy, dtype=torch.float64)
    given = {"names": [f"c{k}" for k in range(cameras)], "num_points": max(point) + 1, **more}
    return Tracks(torch.tensor(camera), torch.tensor(point), xy, K.expand(cameras, 3, 3).clone(), **given)


def test_golden():
    # c2 sees most; point 2 is seen by one camera alone; the last observation is a repetition
    camera, point = [0, 2, 0, 2, 2, 1, 2], [0, 0, 1, 1, 2, 1, 0]
    xy = [[5, 1], [6, 2], [3, 1], [4, 2], [9, 9], [7, 7], [6, 2]]
    found = clean(tracks(camera, point, xy, sizes=SIZES, remarks=("before",)))
    assert found.remarks == (
        "before",
        "1 repeated observation left out",
        "1 point that only one camera sees left out",
    )
    assert found.cameras.tolist() == [2, 0, 1]
    assert found.tracks.names == ["c2", "c0", "c1"]
    assert found.tracks.sizes.tolist() == [[50, 60], [10, 20], [30, 40]]
    assert found.tracks.num_points == 2
    assert found.points.tolist() == [1, 0]
    assert found.tracks.point.tolist() == [0, 0, 0, 1, 1]
    assert found.tracks.camera.tolist() == [0, 1, 2, 0, 1]
    assert found.tracks.xy.tolist() == [[4, 2], [3, 1], [7, 7], [6, 2], [5, 1]]
    assert torch.equal(torch.tensor(xy).double()[found.observations], found.tracks.xy)


def test_permuted_cameras_points_and_observations_change_nothing():
    generator = torch.Generator().manual_seed(0)
    camera, point = torch.meshgrid(torch.arange(4), torch.arange(9), indexing="ij")
    kept = torch.rand(camera.shape, generator=generator) < 0.7
    camera, point = camera[kept], point[kept]
    xy = torch.randint(0, 4, (len(camera), 2), generator=generator).double()
    intrinsics = K * torch.arange(1.0, 5)[:, None, None].double()
    intrinsics[:, 2, 2] = 1
    given = Tracks(camera, point, xy, intrinsics, [*"abcd"], 9)
    for _ in range(3):
        order = torch.randperm(len(camera), generator=generator)
        cameras, points = torch.randperm(4, generator=generator), torch.randperm(9, generator=generator)
        other = Tracks(
            cameras[camera[order]], points[point[order]], xy[order], intrinsics[cameras.argsort()],
            ["abcd"[k] for k in cameras.argsort()], 9,
        )  # fmt: skip
        a, b = clean(given), clean(other)
        for name in ("camera", "point", "xy", "intrinsics"):
            assert torch.equal(getattr(a.tracks, name), getattr(b.tracks, name)), name
        assert a.tracks.names == b.tracks.names
        assert torch.equal(cameras[a.cameras], b.cameras)


def test_copies_and_cameras_that_see_nothing_are_named():
    found = clean(tracks([0, 1, 0, 1, 2], [0, 0, 1, 1, 2], [[1, 1], [2, 2], [1, 1], [2, 2], [5, 5]]))
    assert found.remarks == (
        "1 point that only one camera sees left out",
        "1 track is a copy of another",
        "c2 sees no point that another camera sees",
    )
    names = [*"abcdefg"]
    assert _listed(names[:5]) == "a, b, c, d, e"
    assert _listed(names[:6]) == "a, b, c, d, e and 1 more"
    assert _listed(names) == "a, b, c, d, e and 2 more"
    several = clean(tracks([0, 1], [0, 0], [[1, 1], [2, 2]], cameras=4))
    assert several.remarks == ("c2, c3 see no point that another camera sees",)


def test_nothing_is_left():
    with pytest.raises(ValueError, match=re.escape("no point is seen by two cameras: nothing to reconstruct;")):
        clean(tracks([0, 0, 1], [0, 0, 1], [[1, 1], [2, 2], [3, 3]]))
