"""Examples in memory: what each kind of model takes, and what it refuses in one line."""

import re

import numpy as np
import pytest
import torch
from ase.build import bulk, molecule

from intertwine._errors import UsageError
from intertwine.data import Cloud, Surface
from intertwine.data.images import ImageLayout
from intertwine.tasks import _memory
from intertwine.tasks.clouds._memory import as_shape, shapes_in_memory
from intertwine.tasks.clouds._source import Sampling
from intertwine.tasks.images._memory import as_pixels, images_in_memory
from intertwine.tasks.potential._memory import structures_in_memory as frames_in_memory
from intertwine.tasks.properties._memory import structures_in_memory

X = np.array([[0.0, 0, 0], [0, 0, 1.5]])
SAMPLING = Sampling(8, 0, False, 1)
LAYOUT = ImageLayout(1, 8)


def every(name, data, **fields):
    """All that a model of this kind would see."""
    if name == "clouds":
        return list(shapes_in_memory(data, SAMPLING, 10, **fields))
    if name == "images":
        return list(images_in_memory(data, LAYOUT, 10, **fields))
    return list((structures_in_memory if name == "properties" else frames_in_memory)(data, 10, **fields))


@pytest.mark.parametrize(
    ("name", "data", "fields", "line"),
    [
        ("clouds", X, {"colors": 1}, "no field 'colors' of an example; known: normals, category"),
        ("clouds", X[0], {}, "expected positions (N, 3) or a mesh, got an array (3,)"),
        ("clouds", X[:, :2], {}, "expected positions (N, 3) or a mesh, got an array (2, 2)"),
        ("clouds", X, {"normals": X[:1]}, "normals must be (2, 3) as the positions, got (1, 3)"),
        ("clouds", [X], {"category": ["a", "b"]}, "category must be given for each of 1 examples, got 2"),
        (
            "properties",
            X,
            {"numbers": [1, 1], "charge": 1},
            "no field 'charge' of an example; known: numbers, cell",
        ),
        ("properties", X, {}, "positions need atomic numbers: predict(positions, numbers=numbers)"),
        ("properties", X, {"numbers": [1]}, "expected positions (N, 3) and numbers (N,), got (2, 3) and (1,)"),
        ("properties", X, {"numbers": [[1], [1]]}, "got (2, 3) and (2, 1)"),
        (
            "properties",
            X,
            {"numbers": [1, 1], "cell": np.eye(2)},
            "expected a cell (3, 3) and pbc (3,), got (2, 2)",
        ),
        ("properties", X, {"numbers": [1, 1], "cell": np.eye(3), "pbc": [True]}, "got (3, 3) and (1,)"),
        ("properties", X, {"numbers": [1, 1], "cell": np.ones((3, 3))}, "must be finite and independent"),
        ("properties", X, {"numbers": [1, 1], "cell": np.full((3, 3), np.inf)}, "must be finite and independent"),
        (
            "potential",
            X,
            {"numbers": [1, 1], "cell": np.eye(2)},
            "expected a cell (3, 3), its rows the",
        ),
        ("images", np.zeros((8, 8)), {"mask": 1, "b": 2}, "images have no further fields, got mask, b"),
        ("images", [], {}, "expected an image or images, got none"),
        ("images", "a.png", {}, "expected images, got the text 'a.png'; files are predicted one folder at a time"),
        (
            "images",
            np.zeros((8, 8, 2)),
            {},
            "expected images (H, W), (H, W, C) or (N, C, H, W), C = 1 or 3",
        ),
        ("images", np.zeros((0, 8)), {}, "got (0, 8)"),
        ("images", np.full((8, 8), 1.0001), {}, "expected images as bytes, or as floating-point numbers from 0 to 1"),
        ("images", np.full((8, 8), -1e-9), {}, "from 0 to 1"),
        ("images", np.full((8, 8), np.nan), {}, "from 0 to 1"),
        ("images", np.zeros((8, 8), dtype=np.int64), {}, "from 0 to 1"),
        ("images", [object()], {}, "expected an image as an array, got object"),
    ],
)
def test_what_is_refused(name, data, fields, line):
    with pytest.raises(UsageError, match=re.escape(line)) as caught:
        every(name, data, **fields)
    assert "\n" not in str(caught.value)


def test_shapes():
    cloud, directed = as_shape(X, None), as_shape(X, X[::-1])
    assert isinstance(cloud, Cloud)
    assert cloud.normals is None
    assert directed.normals.tolist() == X[::-1].tolist()
    mesh = type("Mesh", (), {"vertices": [[0, 0, 0], [1, 0, 0], [0, 1, 0]], "faces": [[0, 1, 2]]})()
    found = as_shape(mesh, None)
    assert isinstance(found, Surface)
    assert found.faces.dtype == np.int64
    chunks = list(shapes_in_memory([X + 1, X, mesh], SAMPLING, 2))
    assert [len(chunk.clouds) for chunk in chunks] == [2, 1]
    assert [name for chunk in chunks for name in chunk.clouds.names] == ["1", "2", "3"]


def test_structures_of_properties_and_potentials():
    water, copper = molecule("H2O"), bulk("Cu")
    for name in ("properties", "potential"):
        parts = every(name, [water, copper])
        found = parts[0] if name == "properties" else parts[0].frames if hasattr(parts[0], "frames") else parts[0][0]
        assert found.counts.tolist() == [3, 1]
        assert found.point_fields["numbers"].tolist() == [8, 1, 1, 29]
        assert found.cloud_fields["pbc"].tolist() == [[False] * 3, [True] * 3]
        assert found.cloud_fields["cell"][1].tolist() == pytest.approx(copper.cell[:].reshape(-1).tolist())
    alone = every("properties", X, numbers=[1, 1])[0]
    assert "cell" not in alone.cloud_fields
    slab = every("properties", X, numbers=[1, 1], cell=np.diag([3.0, 4, 0]), pbc=[True, True, False])[0]
    assert slab.cloud_fields["pbc"].tolist() == [[True, True, False]]
    whole = every("properties", X, numbers=[1, 1], cell=3 * np.eye(3))[0]
    assert whole.cloud_fields["pbc"].tolist() == [[True] * 3]
    frame = every("potential", X, numbers=torch.tensor([1, 1]), cell=np.diag([3.0, 0, 4]))[0][0]
    assert frame.cloud_fields["pbc"].tolist() == [[True, False, True]]
    parts = list(structures_in_memory([X] * 5, 2, numbers=[[1, 1]] * 5))
    assert [name for part in parts for name in part.names] == ["1", "2", "3", "4", "5"]
    assert [len(part) for part in parts] == [2, 2, 1]
    frames = list(frames_in_memory([X] * 5, 2, numbers=[[1, 1]] * 5))
    assert [name for part in frames for name in part[0].names] == [f"structure:{number}" for number in range(1, 6)]


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((8, 6), (1, 1, 8, 6)),
        ((1, 8, 6), (1, 1, 8, 6)),
        ((3, 8, 6), (1, 3, 8, 6)),
        ((8, 6, 3), (1, 3, 8, 6)),
        ((8, 6, 1), (1, 1, 8, 6)),
        ((3, 6, 3), (1, 3, 6, 3)),
        ((5, 8, 6, 3), (5, 3, 8, 6)),
        ((5, 3, 8, 6), (5, 3, 8, 6)),
        ((2, 1, 8, 6), (2, 1, 8, 6)),
    ],
)
def test_axes_of_images(shape, expected):
    assert tuple(as_pixels(np.zeros(shape, dtype=np.uint8)).shape) == expected
    assert as_pixels(np.zeros(shape, dtype=np.uint8)).dtype == torch.uint8
    assert as_pixels(np.ones(shape)).dtype == torch.float32


def test_bytes_beside_numbers_and_chunks_of_images():
    images = [np.full((8, 8), 255, dtype=np.uint8), np.ones((8, 8)), np.zeros((8, 4), dtype=np.uint8)]
    first, second = images_in_memory(images, LAYOUT, 2)
    assert first.pixels.dtype == torch.float32
    assert first.pixels.max() == first.pixels.min() == 1
    assert second.pixels.dtype == torch.uint8
    assert [*first.names, *second.names] == ["1", "2", "3"]
    assert (second.image_fields["height"].tolist(), second.image_fields["width"].tolist()) == ([8], [4])


def test_examples_and_what_belongs_to_them():
    assert _memory.as_examples((X, X), numbers=None) == [(X, None), (X, None)]
    assert len(_memory.as_examples(np.zeros((4, 2, 3)))) == 4
    assert len(_memory.as_examples(np.zeros((2, 3)))) == 1
    assert _memory.as_array(torch.ones(2, requires_grad=True), "x").dtype == np.float64
    with pytest.raises(UsageError, match="x must be numbers, got str"):
        _memory.as_array("abc", "x")
