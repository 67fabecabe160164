"""What molecules and shapes must have."""

from __future__ import annotations

import pytest
import torch

from intertwine.data import Split, molecules, shapes


def molecule_arguments():
    return {
        "numbers": torch.tensor([6, 1, 1]),
        "positions": torch.zeros(3, 3, dtype=torch.float64),
        "offsets": torch.tensor([0, 1, 3]),
        "targets": {"energy": torch.zeros(2, 1, dtype=torch.float64)},
        "names": ("a", "b"),
    }


@pytest.mark.parametrize(
    ("part", "value", "error", "says"),
    [
        ("numbers", torch.tensor([6.0, 1.0, 1.0]), TypeError, "numbers must be torch.int64"),
        ("numbers", torch.tensor([6, 1]), ValueError, r"numbers \(N,\)"),
        ("numbers", torch.tensor([6, 1, -1]), ValueError, "not negative"),
        ("positions", torch.zeros(3, 3), TypeError, r"positions must be torch.float64.*\.to"),
        ("positions", [[0.0, 0.0, 0.0]], TypeError, "tensor"),
        (
            "positions",
            torch.tensor([[0.0, 0, 0], [0, float("nan"), 0], [0, 0, 0]]).double(),
            ValueError,
            "point 1 is not",
        ),
        ("offsets", torch.tensor([0, 1, 4]), ValueError, "from 0 to the number of points, 3"),
        ("offsets", torch.tensor([1, 3]), ValueError, "from 0"),
        ("offsets", torch.tensor([0, 3, 3]), ValueError, "cloud 1 has 0 points"),
        ("offsets", torch.tensor([0, 4, 3]), ValueError, "cloud 1 has -1 points"),
        ("targets", {"energy": torch.zeros(2, dtype=torch.float64)}, ValueError, r"must be \(S, d\)"),
        ("targets", {"energy": torch.zeros(3, 1, dtype=torch.float64)}, ValueError, "'energy' must have 2 rows"),
        ("targets", {"energy": torch.zeros(2, 1)}, TypeError, "target 'energy' must be torch.float64"),
        (
            "targets",
            {"energy": torch.tensor([[0.0], [float("inf")]]).double()},
            ValueError,
            "cloud field 'energy' of cloud 1 is not finite",
        ),
        ("targets", {"numbers": torch.zeros(2, 1, dtype=torch.float64)}, ValueError, "'numbers' stands for fields of"),
        ("names", ("a",), ValueError, "of 2 clouds; got 1 names"),
    ],
)
def test_molecules_are_checked(part, value, error, says):
    molecules(**molecule_arguments())
    with pytest.raises(error, match=says):
        molecules(**{**molecule_arguments(), part: value})


def test_what_molecules_have():
    made = molecules(**molecule_arguments())
    assert (list(made.point_fields), list(made.cloud_fields), made.vectors) == (["numbers"], ["energy"], set())
    assert repr(made) == "PointCloudSet(2 clouds, 3 points; of points: numbers; of clouds: energy)"


def shape_arguments():
    return {
        "positions": torch.zeros(8, 3),
        "offsets": torch.tensor([0, 3, 4, 8]),
        "classes": torch.tensor([1, 0, 1]),
        "class_names": ("chair", "table"),
        "parts": torch.arange(8) % 3,
        "part_names": ("leg", "seat", "top"),
        "normals": torch.eye(3)[torch.arange(8) % 3],
        "names": ["s0", "s1", "s2"],
    }


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"positions": torch.zeros(8, 3, dtype=torch.int64)}, TypeError, "float32 or torch.float64"),
        ({"positions": torch.zeros(8, 2), "normals": None}, ValueError, r"positions must be \(N, 3\)"),
        ({"positions": torch.full((8, 3), torch.nan)}, ValueError, "point 0 is not finite"),
        ({"offsets": torch.tensor([0, 3, 3, 8])}, ValueError, "offsets must increase: cloud 1 has 0"),
        ({"offsets": torch.tensor([0, 3, 4, 7])}, ValueError, "the number of points, 8"),
        ({"offsets": torch.tensor([0.0, 3, 4, 8])}, TypeError, "offsets must be torch.int64"),
        ({"classes": torch.tensor([0, 1])}, ValueError, "'classes' must have 3 rows"),
        ({"classes": torch.tensor([0, 1, 2])}, ValueError, "classes run from 0 to 2 for 2 names"),
        ({"classes": torch.tensor([[0], [1], [1]])}, ValueError, r"classes must be \(3,\)"),
        ({"classes": torch.tensor([0.0, 1.0, 1.0])}, TypeError, "classes must be torch.int64"),
        ({"parts": torch.full((8,), -1)}, ValueError, "parts run from -1"),
        ({"normals": torch.zeros(7, 3)}, ValueError, "normals must be"),
        ({"normals": torch.zeros(8, 3, dtype=torch.int64)}, TypeError, "'normals' holds vectors"),
        ({"names": ["one"]}, ValueError, "of 3 clouds; got 1 names"),
        ({"split": Split(2, *torch.zeros(3, 0), seed=0)}, ValueError, "of 3 clouds"),
    ],
)
def test_shapes_are_checked(change, error, says):
    shapes(**shape_arguments())
    with pytest.raises(error, match=says):
        shapes(**{**shape_arguments(), **change})


def test_what_shapes_have():
    made = shapes(**shape_arguments())
    assert made.vectors == {"normals"}
    assert made.label_names == {"classes": ("chair", "table"), "parts": ("leg", "seat", "top")}
    assert made.label_counts("parts") == {"leg": 3, "seat": 3, "top": 2}
    bare = shapes(**{**shape_arguments(), "parts": None, "part_names": (), "normals": None})
    assert (bare.point_fields, bare.vectors, list(bare.label_names)) == ({}, set(), ["classes"])
