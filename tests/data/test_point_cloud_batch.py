"""A batch: any named field of points, clouds and edges; vectors turn and scalars do not."""

from __future__ import annotations

import pickle

import pytest
import torch

from intertwine.data import PointCloudBatch
from intertwine.groups import SO3


def batch(**changes):
    generator = torch.Generator().manual_seed(0)

    def draw(*shape, dtype=torch.float64):
        return torch.randn(*shape, generator=generator, dtype=dtype)

    made = {
        "positions": draw(5, 3),
        "edges": torch.tensor([[1, 0, 4, 3], [0, 1, 3, 4]]),
        "batch": torch.tensor([0, 0, 1, 2, 2]),
        "num_clouds": 3,
        "point_fields": {"numbers": torch.arange(5), "normals": draw(5, 3), "axes": draw(5, 6), "charge": draw(5)},
        "cloud_fields": {"energy": draw(3, 1), "dipole": draw(3, 3), "classes": torch.arange(3)},
        "edge_fields": {"shifts": draw(4, 3), "lengths": draw(4)},
        "vectors": ("normals", "axes", "dipole", "shifts"),
    }
    return PointCloudBatch(**{**made, **changes})


def all_fields(found):
    return {**found.point_fields, **found.cloud_fields, **found.edge_fields}


def test_vectors_turn_and_scalars_do_not():
    given, R = batch(), SO3().sample(3, generator=torch.Generator().manual_seed(1))
    turned = given.rotate(R)
    clouds = {"point": given.batch, "cloud": torch.arange(3), "edge": given.batch[given.edges[1]]}
    levels = {"point": "point_fields", "cloud": "cloud_fields", "edge": "edge_fields"}
    for level, attribute in levels.items():
        for name, values in getattr(given, attribute).items():
            after = getattr(turned, attribute)[name]
            if name not in given.vectors:
                assert torch.equal(after, values), name
                continue
            for row, cloud in enumerate(clouds[level].tolist()):
                for before, found in zip(values[row].split(3), after[row].split(3), strict=True):
                    torch.testing.assert_close(found, R[cloud] @ before, atol=1e-14, rtol=0)
    slow = torch.stack([R[b] @ x for b, x in zip(given.batch, given.positions, strict=True)])
    torch.testing.assert_close(turned.positions, slow, atol=1e-14, rtol=0)
    assert torch.equal(turned.edges, given.edges)
    assert not torch.allclose(turned.point_fields["normals"], given.point_fields["normals"])


def test_two_rotations_are_their_product():
    given, (R, Q) = batch(), SO3().sample(6, generator=torch.Generator().manual_seed(2)).split(3)
    twice, once = given.rotate(R).rotate(Q), given.rotate(Q @ R)
    for name, values in all_fields(once).items():
        torch.testing.assert_close(all_fields(twice)[name], values, atol=1e-14, rtol=0)


def test_float32_batches_are_rotated_by_float64_matrices():
    R = SO3().sample(3, generator=torch.Generator().manual_seed(1))
    given = batch().to(dtype=torch.float32)
    turned = given.rotate(R)
    assert turned.positions.dtype == turned.point_fields["normals"].dtype == torch.float32
    torch.testing.assert_close(turned.positions, batch().rotate(R).positions.float(), atol=1e-6, rtol=0)


def test_to_casts_positions_and_vectors_and_leaves_targets_alone():
    given = batch()
    single = given.to(dtype=torch.float32)
    dtypes = {name: values.dtype for name, values in all_fields(single).items()}
    assert {name for name, dtype in dtypes.items() if dtype == torch.float32} == {"normals", "axes", "shifts"}
    assert dtypes["energy"] == dtypes["dipole"] == dtypes["charge"] == torch.float64
    assert single.positions.dtype == torch.float32
    assert (single.edges.dtype, single.num_clouds, single.vectors) == (torch.int64, 3, given.vectors)
    moved = given.to("meta")
    tensors = [moved.positions, moved.edges, moved.batch, *all_fields(moved).values()]
    assert all(tensor.device.type == "meta" for tensor in tensors)
    assert moved.positions.dtype == torch.float64


def test_no_fields_and_no_points():
    empty = PointCloudBatch(torch.zeros(0, 3), torch.zeros(2, 0, dtype=torch.int64), torch.arange(0), 0)
    assert empty.rotate(torch.zeros(0, 3, 3)).to("cpu", torch.float64).positions.shape == (0, 3)


def test_pickle():
    again = pickle.loads(pickle.dumps(batch()))
    assert all(torch.equal(values, all_fields(batch())[name]) for name, values in all_fields(again).items())


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"positions": torch.zeros(5, 2)}, ValueError, r"positions must be \(N, 3\)"),
        ({"positions": torch.zeros(5, 3, dtype=torch.int64)}, ValueError, "floating-point"),
        ({"edges": torch.zeros(3, 4, dtype=torch.int64)}, ValueError, r"edges \(2, E\)"),
        ({"batch": torch.zeros(4, dtype=torch.int64)}, ValueError, r"batch \(5,\)"),
        ({"num_clouds": 4}, ValueError, "cloud field 'energy' must have 4 rows"),
        ({"point_fields": {"x": torch.zeros(4)}}, ValueError, "point field 'x' must have 5 rows"),
        ({"edge_fields": {"x": torch.zeros(5)}}, ValueError, "edge field 'x' must have 4 rows, one for each edge"),
        ({"edge_fields": {"energy": torch.zeros(4)}}, ValueError, "'energy' stands for fields of two kinds"),
        ({"edge_fields": {"x": "y"}}, TypeError, "edge field 'x' must be a tensor; got str"),
        ({"vectors": ["x"]}, ValueError, "vectors names a field 'x' that is not there"),
        ({"vectors": ["charge"]}, ValueError, r"\(5, 3 V\)"),
        ({"vectors": ["classes"]}, TypeError, "floating-point"),
    ],
)
def test_what_does_not_fit_is_said(change, error, says):
    changed = change if "vectors" in change or "num_clouds" in change else {"vectors": (), **change}
    with pytest.raises(error, match=says):
        batch(**changed)


def test_rotations_are_one_for_each_cloud():
    with pytest.raises(ValueError, match=r"rotations must be \(3, 3, 3\), one a cloud; got \(2, 3, 3\)"):
        batch().rotate(torch.eye(3).expand(2, 3, 3))
