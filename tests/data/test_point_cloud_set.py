"""The store of point clouds: any named field, and rows that stay aligned."""

from __future__ import annotations

import pickle

import pytest
import torch

from intertwine.data import LazyNames, PointCloudSet, Split

SIZES = [3, 1, 5, 2]
POINTS = sum(SIZES)
BATCH = [0, 0, 0, 1, 2, 2, 2, 2, 2, 3, 3]


def clouds(**changes):
    """Every field tells its point or its cloud."""
    point, cloud = torch.arange(POINTS), torch.arange(len(SIZES))
    made = {
        "positions": point[:, None] + torch.zeros(POINTS, 3, dtype=torch.float64),
        "offsets": torch.tensor([0, *SIZES]).cumsum(0),
        "point_fields": {
            "numbers": 1 + point % 3,
            "charge": point.to(torch.int8),
            "frames": point[:, None].double() + torch.zeros(POINTS, 6, dtype=torch.float64),
            "hessian": point[:, None, None].float() + torch.zeros(POINTS, 3, 3),
        },
        "cloud_fields": {
            "classes": cloud % 2,
            "energy": cloud[:, None].double(),
            "dipole": cloud[:, None].double() + torch.zeros(4, 3, dtype=torch.float64),
        },
        "vectors": ("frames", "dipole"),
        "label_names": {"classes": ("even", "odd")},
        "names": [f"s{k}" for k in range(4)],
    }
    return PointCloudSet(**{**made, **changes})


def assert_aligned(found, points, indices):
    """Every field has the rows of these points and clouds."""
    assert found.positions[:, 0].tolist() == points
    assert found.point_fields["charge"].tolist() == points
    assert found.point_fields["numbers"].tolist() == [1 + point % 3 for point in points]
    for name, values in {"frames": 6, "hessian": 9}.items():
        assert found.point_fields[name].reshape(len(points), values).tolist() == [[p] * values for p in points]
    assert found.cloud_fields["energy"].flatten().tolist() == indices
    assert found.cloud_fields["dipole"].tolist() == [[i] * 3 for i in indices]
    assert found.cloud_fields["classes"].tolist() == [i % 2 for i in indices]
    assert found.names == [f"s{i}" for i in indices]
    assert found.vectors == {"frames", "dipole"}
    assert found.label_names == {"classes": ("even", "odd")}


def points_of(indices):
    return [point for index in indices for point in range(POINTS) if BATCH[point] == index]


@pytest.mark.parametrize("indices", [[2], [3, 0, 0, 1], [-1, -4], [], torch.tensor([1, 2])])
def test_select_keeps_fields_aligned(indices):
    data = clouds(split=Split(4, *torch.arange(4).split([2, 1, 1]), seed=0), skipped=(("bad.ply", "empty"),))
    found = data.select(indices)
    plain = [int(i) % len(data) for i in indices]
    assert len(found) == len(plain)
    assert found.counts.tolist() == [SIZES[i] for i in plain]
    assert_aligned(found, points_of(plain), plain)
    assert (found.split, found.skipped) == (None, ())


def test_select_takes_a_mask_and_refuses_what_is_not_there():
    data = clouds()
    assert data.select(torch.tensor([True, False, False, True])).names == ("s0", "s3")
    with pytest.raises(IndexError, match=r"4 \.\.\. 4 for 4 clouds"):
        data.select([4])
    with pytest.raises(IndexError):
        data.select([-5])
    with pytest.raises(IndexError, match="mask"):
        data.select([True, False])


def test_concatenate_undoes_select():
    data = clouds()
    parts = [data.select([0]), data.select([]), data.select([1, 2, 3])]
    again = PointCloudSet.concatenate(parts)
    assert torch.equal(again.offsets, data.offsets)
    assert_aligned(again, list(range(POINTS)), list(range(4)))
    assert {name: values.dtype for name, values in again.point_fields.items()} == {
        name: values.dtype for name, values in data.point_fields.items()
    }


def test_concatenate_remembers_what_was_skipped():
    first, second = clouds(skipped=(("a", "x"),)), clouds(skipped=(("b", "y"),))
    assert PointCloudSet.concatenate([first, second]).skipped == (("a", "x"), ("b", "y"))


@pytest.mark.parametrize(
    "change",
    [
        {"point_fields": {}, "vectors": ["dipole"]},
        {"cloud_fields": {"classes": torch.zeros(4, dtype=torch.int64)}, "vectors": ["frames"]},
        {"vectors": ["frames"]},
        {"label_names": {"classes": ("odd", "even")}},
    ],
)
def test_concatenate_refuses_other_fields(change):
    with pytest.raises(ValueError, match="different fields"):
        PointCloudSet.concatenate([clouds(), clouds(**change)])


def test_concatenate_refuses_nothing():
    with pytest.raises(ValueError, match="nothing to concatenate"):
        PointCloudSet.concatenate([])


def test_unfold_keeps_fields_aligned():
    data = clouds(offsets=torch.tensor([0, 2, 6, 8, 10]), **shortened(10))
    found = data.unfold(2)
    assert found.counts.tolist() == [1, 1, 2, 2, 1, 1, 1, 1]
    assert_aligned(found, list(range(10)), [0, 0, 1, 1, 2, 2, 3, 3])
    with pytest.raises(ValueError, match=r"a multiple of 4 points; got \[2, 4\]"):
        data.unfold(4)


def shortened(points):
    data = clouds()
    return {
        "positions": data.positions[:points],
        "point_fields": {name: values[:points] for name, values in data.point_fields.items()},
    }


def test_fields_are_selected_with_what_is_declared_of_them():
    data = clouds()
    few = data.select_fields("frames", "classes", "nonsense")
    assert (list(few.point_fields), list(few.cloud_fields)) == (["frames"], ["classes"])
    assert (few.vectors, list(few.label_names)) == ({"frames"}, ["classes"])
    bare = data.select_fields()
    assert (bare.point_fields, bare.cloud_fields, bare.vectors, bare.label_names) == ({}, {}, set(), {})
    assert torch.equal(bare.positions, data.positions)


def test_composition_counts_the_listed_values():
    data = clouds()
    numbers = [data.select([k]).point_fields["numbers"].tolist() for k in range(4)]
    elements = [3, 1, 99]
    assert data.composition(elements).tolist() == [[part.count(z) for z in elements] for part in numbers]
    assert data.composition(data.distinct()).sum(1).tolist() == SIZES
    assert (data.distinct("numbers"), data.distinct("charge")) == ((1, 2, 3), tuple(range(POINTS)))
    assert data.composition([]).shape == (4, 0)
    assert data.composition([0, 10], "charge").sum(0).tolist() == [1, 1]


def test_batch_and_labels():
    data = clouds()
    assert data.batch.tolist() == BATCH
    assert data.label_counts("classes") == {"even": 2, "odd": 2}


@pytest.mark.parametrize("ask", [lambda data: data.composition([1], "x"), lambda data: data.distinct("x")])
def test_a_field_that_is_not_there_is_named(ask):
    with pytest.raises(KeyError, match="no field of points 'x'; there are numbers, charge, frames, hessian"):
        ask(clouds())
    with pytest.raises(KeyError, match="no field of labels 'energy'; there are classes"):
        clouds().label_counts("energy")


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"point_fields": {"x": torch.zeros(4)}}, ValueError, r"point field 'x' must have 11 rows.*\(4,\)"),
        ({"point_fields": {"x": torch.tensor(1.0)}}, ValueError, "point field 'x' must have 11 rows"),
        ({"point_fields": {"x": [1.0] * 11}}, TypeError, "point field 'x' must be a tensor; got list"),
        ({"point_fields": {"x": torch.full((11, 2, 2), torch.inf)}}, ValueError, "'x' of point 0 is not finite"),
        ({"cloud_fields": {"x": torch.zeros(11)}}, ValueError, "cloud field 'x' must have 4 rows, one for each cloud"),
        ({"point_fields": {"x": torch.zeros(11)}, "cloud_fields": {"x": torch.zeros(4)}}, ValueError, "'x' stands for"),
        ({"vectors": ["energy"]}, ValueError, r"'energy' holds vectors and must have shape \(4, 3 V\); got \(4, 1\)"),
        ({"vectors": ["hessian"]}, ValueError, r"\(11, 3 V\); got \(11, 3, 3\)"),
        ({"vectors": ["charge"]}, TypeError, "'charge' holds vectors and must be floating-point"),
        ({"vectors": ["velocity"]}, ValueError, "vectors names a field 'velocity' that is not there"),
        ({"label_names": {"kinds": ("a",)}}, ValueError, "label_names names a field 'kinds' that is not there"),
        ({"label_names": {"charge": ("a",)}}, TypeError, "charge must be torch.int64"),
        ({"label_names": {"classes": ("a",)}}, ValueError, "classes run from 0 to 1 for 1 names"),
        ({"names": ["one"]}, ValueError, "got 1 names"),
    ],
)
def test_what_does_not_fit_is_said(change, error, says):
    changed = {**change}
    if "point_fields" in change or "cloud_fields" in change:
        changed |= {"vectors": (), "label_names": {}}
    with pytest.raises(error, match=says):
        clouds(**changed)


def test_pickle_and_print():
    again = pickle.loads(pickle.dumps(clouds()))
    assert_aligned(again, list(range(POINTS)), list(range(4)))
    assert repr(again) == (
        "PointCloudSet(4 clouds, 11 points; of points: numbers, charge, frames, hessian; "
        "of clouds: classes, energy, dipole)"
    )
    assert repr(again.select_fields()) == "PointCloudSet(4 clouds, 11 points)"


def test_names_are_lazy_and_behave_as_a_tuple():
    names = LazyNames(torch.arange(1, 131).numpy(), prefix="qm9/dsgdb9nsd_", digits=6)
    assert (len(names), names[0], names[-1]) == (130, "qm9/dsgdb9nsd_000001", "qm9/dsgdb9nsd_000130")
    assert tuple(names[:2]) == names[:2] == ("qm9/dsgdb9nsd_000001", "qm9/dsgdb9nsd_000002")
    assert names != ("x",) * 130
    assert names != "x"
    assert "130 in all" in repr(names)
    assert hash(LazyNames(["a"])) == hash(("a",))
    both = LazyNames.concatenate([names[:1], LazyNames(["x"])])
    assert both == ("qm9/dsgdb9nsd_000001", "x")
    assert LazyNames.concatenate([names[:1], names[5:6]]).keys.dtype.kind == "i"
