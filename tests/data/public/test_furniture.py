from __future__ import annotations

import io
import zipfile
from collections import Counter

import numpy as np
import pytest
import torch

from intertwine.data import RECIPES, furniture, near_duplicate_groups, user_cache
from intertwine.data._near_duplicates import TOLERANCE
from intertwine.data._sampling import sample
from intertwine.data.public import _furniture
from intertwine.data.public._furniture import Row, table
from intertwine.data.public._mesh_set import unpack_surfaces

trimesh = pytest.importorskip("trimesh")


def test_the_table_is_consistent():
    rows = table()
    classes = Counter(row.label for row in rows)
    assert len(classes) >= 10
    assert min(classes.values()) >= 20
    assert len({row.model for row in rows}) == len(rows)
    assert [(row.label, row.model) for row in rows] == sorted((row.label, row.model) for row in rows)
    assert RECIPES["furniture"].description.startswith(f"{len(rows)} models in {len(classes)} classes")
    parts = Counter(row.part for row in rows)
    shares = [parts[part] / len(rows) for part in ("train", "validation", "test")]
    assert shares == pytest.approx([0.60, 0.15, 0.25], abs=0.01)
    each = Counter((row.label, row.part) for row in rows)
    assert all(each[label, part] >= 3 for label in classes for part in parts)


def test_what_a_name_would_mislead_about():
    labels = {row.model: row.label for row in table()}
    assert labels["Scopia#seat_leon"] == "vehicle"
    assert labels["Blend Swap CC-BY#carrito-de-madera"] == "vehicle"
    assert labels["Blend Swap CC-BY#chair_deck"] == "bed"
    named = {row.label: {other.name for other in table() if other.label == row.label} for row in table()}
    assert not any("tool" in name for name in named["chair"])  # stools
    assert {label for label, names in named.items() if "Seat Leon" in names} == {"vehicle"}


def test_near_duplicates_stand_in_one_part():
    groups: dict[str, set[tuple[str, str]]] = {}
    for row in table():
        if row.duplicate_group:
            groups.setdefault(row.duplicate_group, set()).add((row.label, row.part))
    assert len(groups) > 10
    assert {name: places for name, places in groups.items() if len(places) > 1} == {}
    assert all(count > 1 for count in Counter(row.duplicate_group for row in table() if row.duplicate_group).values())


def catalog(models):
    """A catalog of boxes: id -> (extents with y up, further properties)."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        text = "# a catalog\nname=Test\n"
        for number, (model, (extents, more)) in enumerate(models.items(), 1):
            text += f"\nid#{number}={model}\nname#{number}=Fr\u00fchst\u00fcck\nmodel#{number}=/x/{number}.obj\n"
            text += "".join(f"{name}#{number}={value}\n" for name, value in more.items())
            archive.writestr(f"x/{number}.obj", trimesh.creation.box(extents).export(file_type="obj"))
        archive.writestr("PluginFurnitureCatalog.properties", text.encode("latin-1"))
    return stream.getvalue()


@pytest.fixture
def package(cache, make_deb, monkeypatch):
    """Three boxes, twice as high as wide; the last one is turned to lie."""
    rows = [
        Row("chair", "train", "", "A#one", "Chair"),
        Row("chair", "test", "", "B#two", "Chair"),
        Row("table", "validation", "", "A#three", "Table"),
    ]
    files = {
        "usr/share/a.sh3f": catalog(
            {
                "A#one": ((1, 4, 2), {}),
                "A#not wanted": ((1, 1, 1), {}),
                "A#three": ((1, 4, 2), {"modelRotation": "1 0 0 0 0 -1 0 1 0"}),
            }
        ),
        "usr/share/b.sh3f": catalog({"B#two": ((10, 40, 20), {})}),
        "usr/share/doc/changelog.gz": b"",
    }
    monkeypatch.setattr(_furniture, "table", lambda: rows)
    monkeypatch.setattr(_furniture, "PACKAGE", make_deb(cache / "packages", "x", files))


def extents(shapes):
    clouds = shapes.positions.reshape(len(shapes), -1, 3)
    return (clouds.amax(dim=1) - clouds.amin(dim=1)).numpy()


@pytest.mark.usefixtures("package")
def test_models_stand_upright_in_the_order_of_the_table(cache, monkeypatch):
    shapes = furniture(points=4000)
    assert (shapes.label_names["classes"], shapes.cloud_fields["classes"].tolist()) == (("chair", "table"), [0, 0, 1])
    assert shapes.names == ["A#one", "B#two", "A#three"]
    assert [part.tolist() for part in (shapes.split.train, shapes.split.validation, shapes.split.test)] == [
        [0],
        [2],
        [1],
    ]
    ratios = extents(shapes) / extents(shapes).min(axis=1, keepdims=True)
    np.testing.assert_allclose(ratios, [[1, 2, 4], [1, 2, 4], [1, 4, 2]], atol=0.05)
    # a copy of another size gives the same cloud
    np.testing.assert_allclose(shapes.positions[:4000], shapes.positions[4000:8000], atol=1e-5)
    for file in (cache / "packages").iterdir():
        file.unlink()
    monkeypatch.setenv("PATH", "")
    other = furniture(points=16, seed=3)
    monkeypatch.setattr(_furniture, "meshes", None)
    again = furniture(points=16, seed=3)
    assert torch.equal(other.positions, again.positions)
    assert again.names == shapes.names
    assert again.point_fields["normals"].norm(dim=1) == pytest.approx(1, abs=1e-5)


@pytest.mark.usefixtures("package")
def test_a_damaged_cache_is_built_again(cache, caplog):
    first = furniture(points=16)
    for file in (cache / "furniture.safetensors", cache / "shapes" / "furniture-16-0-1.safetensors"):
        file.write_bytes(file.read_bytes()[:-9])
    assert torch.equal(first.positions, furniture(points=16).positions)
    assert len(caplog.records) == 2


@pytest.fixture
def real(monkeypatch):
    """The user's own cache, and no network."""
    monkeypatch.setenv("PATH", "")
    if not (user_cache() / "furniture.safetensors").is_file():
        pytest.skip("the real set is not in the cache")


@pytest.mark.usefixtures("real")
def test_no_near_duplicates_of_the_real_set_cross_its_split():
    """Up to a tenth of the tolerance, the noise of sampling: two windows of different parts are 0.0297 apart."""
    rows, surfaces = table(), unpack_surfaces(_furniture.meshes())
    for label in ("door or window", "tree", "vehicle"):
        mine = [place for place, row in enumerate(rows) if row.label == label]
        clouds = [sample(surfaces[place], 16_384, 0).points for place in mine]
        groups = near_duplicate_groups(clouds, 0.9 * TOLERANCE)
        places = {(int(group), rows[place].part) for group, place in zip(groups, mine, strict=True)}
        assert len(places) == len(set(groups.tolist()))
        assert len(places) < len(mine)


@pytest.mark.usefixtures("real")
def test_the_real_set_stands_upright():
    shapes = furniture()
    assert (len(shapes), shapes.label_counts("classes")["vehicle"]) == (426, 27)
    person = list(shapes.names).index("Reallusion#male01")
    assert extents(shapes)[person].argmax() == 2
