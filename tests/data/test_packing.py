"""Point cloud sets come back from the cache as they went in."""

from __future__ import annotations

import pytest
import torch

from intertwine.data import PointCloudSet, Split
from intertwine.data._cache import load_cached, store_cached
from intertwine.data._packing import pack_clouds, unpack_clouds


@pytest.mark.parametrize("split", [None, Split(2, torch.tensor([1]), torch.tensor([0]), torch.arange(0), seed=3)])
def test_every_field_comes_back(tmp_path, split):
    pytest.importorskip("safetensors")
    given = PointCloudSet(
        torch.eye(3),
        torch.tensor([0, 1, 3]),
        {"parts": torch.tensor([1, 0, 1]), "normals": torch.eye(3).mT.flip(0), "charge": torch.ones(3, 2)},
        {"classes": torch.tensor([0, 1]), "energy": torch.rand(2, 4, dtype=torch.float64)},
        ["normals"],
        {"classes": ("Stühle", "tables"), "parts": ("a", "b")},
        ["eins.ply", "zwei.ply"],
        split,
        (("bad.ply", "the file is empty"),),
    )
    store_cached(tmp_path / "x.safetensors", {}, pack_clouds(given))
    found = unpack_clouds(load_cached(tmp_path / "x.safetensors", {}))
    assert torch.equal(found.positions, given.positions)
    assert torch.equal(found.offsets, given.offsets)
    for level in ("point_fields", "cloud_fields"):
        fields, expected = getattr(found, level), getattr(given, level)
        assert set(fields) == set(expected)
        assert all(torch.equal(fields[name], expected[name]) for name in fields)
    assert (found.vectors, found.label_names) == (given.vectors, given.label_names)
    assert (found.names, found.skipped) == (given.names, given.skipped)
    assert (found.split is None) == (split is None)
    if split is not None:
        assert found.split.to_json() == split.to_json()
