from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch

from intertwine.data import circuit_parts, user_cache
from intertwine.data._sampling import ShapeError
from intertwine.data.public import _circuit_parts
from intertwine.data.public._circuit_parts import category_of, choose, family_of, labeled, table
from intertwine.data.readers import read_vrml

PLAN = table()


def shape(material, corner=(0.0, 0.0, 0.0), size=1.0):
    """A triangle as KiCad's exporter writes it."""
    x, y, z = corner
    points = f"{x} {y} {z},{x + size} {y} {z},{x} {y + size} {z}"
    return (
        "Shape { geometry IndexedFaceSet \n{ creaseAngle 0.50 coordIndex [0,1,2,-1]\n"
        f"coord Coordinate {{ point [{points}]\n}}}}\nappearance Appearance{{material USE {material} }}\n}}\n"
    )


HEAD = "#VRML V2.0 utf8\nShape {\n\tappearance Appearance {material DEF PIN-01 Material {\n\tshininess 0.7\n\t}\n}\n}\n"


def test_vrml():
    shapes = read_vrml(HEAD + shape("PIN-01") + shape("IC-BODY-EPOXY-04", (5, 0, 1), 2))
    assert [material for material, _ in shapes] == ["PIN-01", "IC-BODY-EPOXY-04"]
    assert shapes[1][1].vertices.tolist() == [[5, 0, 1], [7, 0, 1], [5, 2, 1]]
    assert shapes[1][1].faces.tolist() == [[0, 1, 2]]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (HEAD, "no shapes"),
        (shape("A").replace("USE", "DEF"), "without a named material"),
        ("Transform { children [" + shape("A") + "] }", "transforms"),
        (shape("A").replace("2,-1", "2,3,-1"), "not triangles"),
        (shape("A").replace("[0,1", "[0,7"), "not triangles of its points"),
        (shape("A").replace("0,1,2,-1", "0,1,-1,2"), "not triangles of its points"),
        (shape("A").replace("1.0", "one"), "not triangles"),
        (shape("A").replace("coordIndex", "other"), "not triangles"),
    ],
    ids=["none", "anonymous", "moved", "square", "past the end", "short", "words", "no corners"],
)
def test_other_vrml_is_refused(text, says):
    with pytest.raises(ShapeError, match=says):
        read_vrml(text)


def test_the_table_is_consistent():
    parts = Counter(part for category in PLAN.categories for part in category.materials)
    assert set(parts) == set(PLAN.parts)
    assert 4 <= len(PLAN.parts) <= 8
    assert list(PLAN.parts) == sorted(PLAN.parts)
    for category in PLAN.categories:
        assert "terminal" in category.materials
        assert len(category.materials) >= 2
        globs = [glob for globs in category.materials.values() for glob in globs]
        assert len(globs) == len(set(globs))


def test_families_are_kin_of_all_sizes():
    header = "Connector_PinHeader_{0}mm.3dshapes/PinHeader_{1}_P{0}mm_{2}.wrl"
    one = family_of(header.format("2.54", "1x05", "Vertical"), PLAN)
    assert family_of(header.format("1.00", "1x40", "Vertical"), PLAN) == one
    across = family_of(header.format("2.54", "1x05", "Horizontal"), PLAN)
    assert across not in (one, family_of(header.format("2.54", "2x05", "Horizontal"), PLAN))
    assert family_of("Package_DIP.3dshapes/Toshiba_11-7A9.wrl", PLAN) == "dual in-line package others"
    assert category_of("Mounting_Wuerth.3dshapes/M3.wrl", PLAN) is None
    assert family_of("Mounting_Wuerth.3dshapes/M3.wrl", PLAN) == ""


def test_of_a_large_family_some_are_taken_evenly():
    names = [f"Package_DIP.3dshapes/DIP-{pins}_made.wrl" for pins in range(4, 64, 2)]
    chosen = choose([*reversed(names), "Mounting_Wuerth.3dshapes/M3.wrl"], PLAN._replace(largest_family=4))
    assert sorted(int(name.split("DIP-")[1].split("_")[0]) for name in chosen) == [4, 24, 42, 62]
    assert choose(names, PLAN._replace(largest_family=99)) == sorted(names)
    without = PLAN._replace(largest_family=4, left_out=frozenset({"Package_DIP/DIP-24_made"}))
    assert choose(names, without) == [name for name in chosen if "-24" not in name]


def test_labels_are_roles_of_materials():
    name = "Capacitor_THT.3dshapes/CP_Radial_D5.0mm_P2.50mm.wrl"
    text = HEAD + shape("PIN-01") + shape("PLASTIC-BLUE-01") + shape("IC-LABEL-01")
    surface = labeled(name, text, PLAN)
    assert [PLAN.parts[label] for label in surface.face_labels] == ["terminal", "body", "marking"]
    assert labeled(name, text + shape("GLASS-13"), PLAN) is None  # the category does not name it
    assert labeled(name, shape("PIN-01") + shape("PIN-02"), PLAN) is None  # one part
    assert labeled(name, "", PLAN) is None
    assert labeled("Mounting_Wuerth.3dshapes/M3.wrl", text, PLAN) is None


@pytest.fixture
def package(cache, make_deb, monkeypatch):
    names = [f"Package_DIP.3dshapes/DIP-{pins}_made" for pins in (4, 6, 8)]
    names += [f"Package_SIP.3dshapes/SIP-{pins}" for pins in (3, 4)]
    names += [f"Inductor_THT.3dshapes/L_Axial_D{size}mm_{way}" for size in (5, 6) for way in ("Horizontal", "Vertical")]
    files = {"usr/share/doc/x": b"", "usr/share/kicad/3dmodels/Package_DIP.3dshapes/DIP-4_W7.62mm.step": b"STEP"}
    for height, name in enumerate(names, 2):
        metal = "MET-COPPER" if name.startswith("Ind") else "PIN-01"
        text = HEAD + shape(metal) + shape("IC-BODY-EPOXY-04", (0, 0, height))
        files[f"usr/share/kicad/3dmodels/{name}.wrl"] = text.encode()
    files["usr/share/kicad/3dmodels/Package_DIP.3dshapes/DIP-99_bad.wrl"] = b"?"
    monkeypatch.setattr(_circuit_parts, "PACKAGE", make_deb(cache / "packages", "x", files))


@pytest.mark.usefixtures("package")
def test_from_the_package_then_from_the_cache(cache, monkeypatch):
    seen = []
    shapes = circuit_parts(points=64, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (10, 10)
    assert shapes.label_names["classes"] == ("dual in-line package", "inductor")
    assert shapes.label_counts("classes") == {"dual in-line package": 5, "inductor": 4}
    assert shapes.label_names["parts"] == PLAN.parts
    assert "Inductor_THT/L_Axial_D5mm_Horizontal" in list(shapes.names)
    above = shapes.positions[:, 2] > 0
    body = torch.tensor([PLAN.parts[part] == "body" for part in shapes.point_fields["parts"]])
    assert torch.equal(above, body)
    families = [family_of(name.replace("/", ".3dshapes/", 1), PLAN) for name in shapes.names]
    where = {}
    for part in ("train", "validation", "test"):
        for index in getattr(shapes.split, part).tolist():
            where.setdefault(families[index], set()).add(part)
    assert len(where) == 4
    assert all(len(parts) == 1 for parts in where.values())
    for file in (cache / "packages").iterdir():
        file.unlink()
    other = circuit_parts(points=8, seed=1)
    assert len(other) == len(shapes)
    monkeypatch.setattr(_circuit_parts, "meshes", None)
    again = circuit_parts(points=64)
    assert torch.equal(again.positions, shapes.positions)
    assert torch.equal(again.point_fields["parts"], shapes.point_fields["parts"])
    assert torch.equal(again.split.test, shapes.split.test)


def part_shares(shapes):
    counts = torch.bincount(shapes.point_fields["parts"], minlength=len(shapes.label_names["parts"]))
    return counts / counts.sum()


def test_the_real_set(monkeypatch):
    monkeypatch.setenv("PATH", "")
    if not (user_cache() / "circuit-parts.safetensors").is_file():
        pytest.skip("the real set is not in the cache")
    shapes = circuit_parts()
    assert len(shapes) == 1297
    sizes = np.array([len(part) for part in (shapes.split.train, shapes.split.validation, shapes.split.test)])
    assert sizes / len(shapes) == pytest.approx([0.60, 0.15, 0.25], abs=0.01)
    for part in (shapes.split.train, shapes.split.validation, shapes.split.test):
        ratios = part_shares(shapes.select(part)) / part_shares(shapes)
        assert ((ratios > 0.6) & (ratios < 1.6)).all()
    counts = shapes.point_fields["parts"].reshape(len(shapes), -1)
    assert sum(len(row.unique()) > 1 for row in counts) > 0.97 * len(shapes)
