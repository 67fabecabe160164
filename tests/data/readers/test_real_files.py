"""Files as programs and people write them, and bounds on what is tried."""

from __future__ import annotations

import io
import json
import os
import struct
import zipfile

import numpy as np
import pytest

from intertwine._errors import UsageError
from intertwine.data import read_structures
from intertwine.data._sampling import Cloud, ShapeError, sample
from intertwine.data.readers import read_shape
from intertwine.data.readers._columns import COLOR

TETRAHEDRON = "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nf 1 2 3\nf 1 2 4\nf 1 3 4\nf 2 3 4\n"


FACET = "facet normal 0 0 1\nouter loop\nvertex 0 0 0\nvertex 1 0 0\nvertex 0 1 0\nendloop\nendfacet\n"


@pytest.fixture
def read(tmp_path):
    def make(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode("latin-1"))
        return read_shape(path)

    return make


def area(surface):
    corners = surface.vertices[surface.faces]
    return 0.5 * np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1).sum()


@pytest.mark.parametrize(
    "text",
    [
        "".join(f"  {line}\n" for line in TETRAHEDRON.splitlines()),
        TETRAHEDRON.replace(" ", "\t"),
        TETRAHEDRON.replace("f 1 2 3", "f 1 2 3 # base"),
        TETRAHEDRON.replace("f 1 2 3", "f 1 2 \\\n 3"),
        TETRAHEDRON.replace("f 1 2 3", "f 1/1/1 2//2 3/3"),
        TETRAHEDRON.replace("\n", "\r\n"),
        TETRAHEDRON.replace("f 1 2 3", "l 1 2\np 1\nf -4 -3 -2"),
    ],
    ids=["indented", "tabs", "remark", "continued", "texture", "windows", "others"],
)
def test_obj_as_it_is_written(read, text):
    surface = read("a.obj", text)
    assert len(surface.faces) == 4
    assert area(surface) == pytest.approx(1.5 + 3**0.5 / 2)


def test_negative_indices_of_obj_count_from_their_own_face(read):
    def part(shift):
        vertices = "".join(f"v {x + shift} {y} {z}\n" for x, y, z in [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)])
        return vertices + "f -4 -3 -2\nf -4 -3 -1\nf -4 -2 -1\nf -3 -2 -1\n"

    surface = read("two.obj", part(0) + part(3))
    assert np.ptp(surface.vertices[surface.faces].reshape(-1, 3), axis=0).tolist() == [4, 1, 1]


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a.obj", "v 0 0 0\nf 0 1 1\n", "line 2: .*counted from 1"),
        ("a.obj", "v 0 0 0\nf -2 1 1\n", "line 2"),
        ("a.obj", "v 0 0\n", "line 1: .*three numbers after v"),
        ("a.off", "4OFF\n1 0 0\n0 0 0 1\n", 'variant "4OFF" is not read'),
        ("a.off", "OFF BINARY\n1 0 0\n", 'variant "OFF BINARY" is not read'),
        ("a.off", "OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n4 0 1 2\n", "expected a number of corners"),
        ("a.off", "OFF\n2 0 0\n0 0 0\n1 0 0\n0 1 0\n", "3 lines follow"),
        ("a.stl", "solid a\nfacet normal 0 0 1\nouter loop\nvertex 0 0 0\n", 'ends without "endsolid"'),
        ("a.stl", "solid a\nfacet normal 0 0 1\nouter loop\nvertex 0 0 0\nendloop\nendfacet\nendsolid\n", "three vert"),
        ("a.stl", f"solid\n{FACET}vertex 1 1 1\nendloop\nendfacet\nendsolid\n", "more vertices than loops"),
        ("a.xyz", "1.5e308 1 1\n-1.5e308 0 0\n", r"a coordinate is 1.5e\+308; expected at most 1e\+307"),
        ("a.xyz", "3\n0 0 0\n1 1 1\n", "says 3 points, 2 follow"),
        ("a.xyz", "x y z\n0 0 0 1\n1 1 1 1\n", "4 columns under a header of 3 names"),
    ],
)
def test_refused_in_one_line(read, name, text, says):
    with pytest.raises(ShapeError, match=says) as caught:
        read(name, text)
    assert "\n" not in str(caught.value)


def ply(form, faces, rows, *, extra="", comment="made by hand", count=None):
    head = f"ply\nformat {form} 1.0\ncomment {comment}\nelement vertex 4\n"
    head += "".join(f"property float {name}\n" for name in "XYZ")
    return head + f"element face {count or len(rows)}\nproperty list {faces} vertex_index\n{extra}end_header\n"


SQUARE = [(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)]
MIXED = [(0, 1, 2), (0, 1, 2, 3), (0, 2, 3)]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("kinds", "codes"), [("uchar int", "Bi"), ("int uint", "iI"), ("ushort short", "Hh")])
def test_polygons_of_several_sizes_in_binary_ply(read, order, kinds, codes):
    form = "binary_little_endian" if order == "<" else "binary_big_endian"
    body = b"".join(struct.pack(order + "3f", *vertex) for vertex in SQUARE)
    for label, face in enumerate(MIXED):
        body += struct.pack(order + codes[0], len(face)) + struct.pack(f"{order}{len(face)}{codes[1]}B", *face, label)
    surface = read("a.ply", ply(form, kinds, MIXED, extra="property uchar label\n").encode() + body)
    assert area(surface) == pytest.approx(2)
    assert surface.face_labels.tolist() == [0, 1, 1, 2]


def test_text_of_ply_in_latin_1_with_colors_of_squares(read):
    head = ply("ascii", "uchar int", [1, 2], comment="Gr\xf6\xdfe", extra="property uchar red\nproperty uchar green\n")
    head = head.replace("end_header", "property uchar blue\nend_header")
    rows = "".join("{} {} {}\n".format(*vertex) for vertex in SQUARE) + "4 0 1 2 3 255 0 0\n3 0 1 2 0 0 1\n"
    surface = read("a.ply", head + rows)
    assert (surface.face_labels - COLOR).tolist() == [0xFF0000, 0xFF0000, 1]


@pytest.mark.parametrize("form", ["ascii", "binary_little_endian", "binary_big_endian"])
@pytest.mark.parametrize("count", [10**9, 10**30])
def test_announced_counts_take_no_memory(read, form, count):
    with pytest.raises(ShapeError, match="cut short"):
        read("a.ply", ply(form, "uchar int", [], count=count) + "\0" * 48)
    with pytest.raises(ShapeError, match="cut short"):
        read("a.off", f"OFF\n{count} 1 0\n0 0 0\n")
    accessor = {"componentType": 5126, "count": count, "type": "VEC3"}
    with pytest.raises(ShapeError, match="more elements than the file has bytes"):
        read("a.gltf", json.dumps({"asset": {"version": "2.0"}, "accessors": [accessor]}))


def test_an_npz_that_announces_more_than_it_holds(read):
    array, file = io.BytesIO(), io.BytesIO()
    np.save(array, np.eye(3))
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("points.npy", array.getvalue().replace(b"(3, 3), }" + b" " * 9, b"(9999999999, 3), }"))
    with pytest.raises(ShapeError, match=r"announces \(9999999999, 3\) float64, but is 200 bytes"):
        read("b.npz", file.getvalue())


@pytest.mark.parametrize("name", ["pos", "arr_0", "Points", "xyz"])
def test_names_of_points_in_npz(read, tmp_path, name):
    np.savez(tmp_path / "a.npz", **{name: np.eye(3)})
    assert read("a.npz", (tmp_path / "a.npz").read_bytes()).points.tolist() == np.eye(3).tolist()


@pytest.mark.parametrize(
    ("text", "normals", "labels"),
    [
        ("X Y Z\n0 0 0\n1 2 3\n", None, None),
        ("x;y;z;label\n0;0;0;4\n1;2;3;5\n", None, [4, 5]),
        ('"label","z","y","x"\n4,0,0,0\n5,3,2,1\n', None, [4, 5]),
        ("0,0;0,0;0,0\n1,0;2,0;3,0\n", None, None),
        ("2\na remark of its own\n0 0 0\n1 2 3\n", None, None),
        ("0 0 0 255 0 9 0 0 1\n1 2 3 0 0 1 0 1 0\n", [[0, 0, 1], [0, 1, 0]], [COLOR + 0xFF0009, COLOR + 1]),
        ("0 0 0 0 0 1 255 0 9\n1 2 3 0 1 0 0 0 1\n", [[0, 0, 1], [0, 1, 0]], [COLOR + 0xFF0009, COLOR + 1]),
        ("0.0D+00 0 0\n1.0d+00 2 3\n", None, None),
        ("0,0,0,\n1,2,3,\n", None, None),
    ],
    ids=["capitals", "semicolons", "spreadsheet", "decimal commas", "remark", "nine", "nine too", "fortran", "comma"],
)
def test_text_with_headers_and_other_separators(read, text, normals, labels):
    cloud = read("a.txt", text)
    assert cloud.points.tolist() == [[0, 0, 0], [1, 2, 3]]
    assert (cloud.normals if normals is None else cloud.normals.tolist()) == normals
    assert (cloud.labels if labels is None else cloud.labels.tolist()) == labels


@pytest.mark.parametrize("prefix", ["COFF", "NOFF", "CNOFF", "STOFF"])
def test_prefixes_and_polygons_of_off(read, prefix):
    rows = "".join("{} {} {} 0 0 1 9\n".format(*vertex) for vertex in SQUARE)
    surface = read("a.off", f"# by hand\n{prefix} 4 2\n\n{rows}# faces\n3 0 1 2 255 0 0\n4 0 1 2 3\n")
    assert area(surface) == pytest.approx(1.5)


def test_stl_in_capitals_and_bytes_that_begin_with_solid(read):
    text = "SOLID VERTEX\nFACET NORMAL 0 0 1\nOUTER LOOP\nVERTEX 0 0 0\nVERTEX 1 0 0\nVERTEX 0 1 0\nENDLOOP\nENDFACET\n"
    assert area(read("a.stl", text + "ENDSOLID\n")) == pytest.approx(0.5)
    row = struct.pack("<12fH", 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0)
    assert area(read("b.stl", b"solid as bytes".ljust(80) + struct.pack("<I", 1) + row)) == pytest.approx(0.5)


def test_large_but_finite_coordinates_are_sampled(read):
    cloud = read("a.xyz", "1e306 0 0\n0 -1e306 0\n")
    assert isinstance(cloud, Cloud)
    assert np.isfinite(sample(cloud, 5, 0).points).all()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_nothing_blocks(tmp_path, width):
    os.mkfifo(tmp_path / "a.ply")
    os.mkfifo(tmp_path / "a.xyz")
    with pytest.raises(ShapeError, match="a named pipe, not a file"):
        read_shape(tmp_path / "a.ply")
    with pytest.raises(UsageError, match=r"a.xyz is a named pipe, not a file"):
        read_structures(tmp_path / "a.xyz")
    with pytest.raises(UsageError, match=r"a.xyz is a named pipe, not a file"):
        read_structures(tmp_path)
    (tmp_path / "b.off").symlink_to("/dev/zero")
    with pytest.raises(ShapeError, match="a device, not a file"):
        read_shape(tmp_path / "b.off")
    (tmp_path / "c.xyz").symlink_to("/dev/zero")
    with pytest.raises(UsageError, match="a device, not a file"):
        read_structures(tmp_path / "c.xyz")


MATRIX = "1 2 3 2 4 5 3 5 6"
STRESS = f'1\nProperties=species:S:1:pos:R:3 pbc="F F F" {{}}="{MATRIX}"\nO 0 0 0\n'


@pytest.mark.parametrize("key", ["stress", "virial", "alpha"])
def test_a_symmetric_matrix_is_the_same_under_every_key(tmp_path, key):
    from intertwine.groups import O3

    O = O3()
    (tmp_path / "a.xyz").write_text(STRESS.format(key))
    matrix = O.vector * O.vector
    assert read_structures(tmp_path / "a.xyz", {key: matrix}).cloud_fields[key][0].tolist() == [
        1,
        2,
        3,
        2,
        4,
        5,
        3,
        5,
        6,
    ]
    with pytest.raises(UsageError, match=f'symmetric .* "{key}:ij=ji"'):
        read_structures(tmp_path / "a.xyz", {key: O.rep("0e+2e")})


def test_six_numbers_of_stress_are_in_the_order_of_voigt(tmp_path, width):
    from ase.calculators.singlepoint import SinglePointCalculator
    from ase.io import write

    from ase import Atoms

    atoms = Atoms("O", [[0, 0, 0]])
    atoms.calc = SinglePointCalculator(atoms, stress=np.array([1.0, 4, 6, 5, 3, 2]))
    write(tmp_path / "a.traj", atoms)
    values = read_structures(tmp_path / "a.traj", {"stress": width(9)}).cloud_fields["stress"]
    assert values.tolist() == [[1, 2, 3, 2, 4, 5, 3, 5, 6]]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("2\n\nO 1.0D+00 0 0.0d0\nH 0 0 1.5*^-1\n", [8, 1]),
        ("2\n\nD 1 0 0\nT 0 0 0.15\n", [1, 1]),
        ("2\n\n8 1 0 0\n1 0 0 0.15\n", [8, 1]),
        ("2\nProperties=pos:R:3:species:S:1\n1 0 0 D\n0 0 0.15 17\n", [1, 17]),
        (
            "2\ngdb 1\t" + "0.5 " * 15 + "\nC 1 0 0 -0.5\nH 0 0 1.5*^-1 2.1*^-6\n13 17\nC C\nInChI=1S InChI=1S\n",
            [6, 1],
        ),
    ],
    ids=["exponents", "isotopes", "numbers", "last column", "QM9"],
)
def test_dialects_of_xyz(tmp_path, width, text, numbers):
    (tmp_path / "a.xyz").write_text(text)
    data = read_structures(tmp_path / "a.xyz")
    assert data.point_fields["numbers"].tolist() == numbers
    assert data.positions.tolist() == [[1, 0, 0], [0, 0, 0.15]]


def test_numbers_of_a_comment_in_dialects_and_words_left_alone(tmp_path, width):
    (tmp_path / "a.xyz").write_text('1\nenergy=-1.5D+01 gap="2.0*^-1" name=2D4\nO 0 0 0\n')
    fields = read_structures(tmp_path / "a.xyz", {"energy": width(1), "gap": width(1)}).cloud_fields
    assert [fields["energy"].item(), fields["gap"].item()] == [-15, 0.2]
    with pytest.raises(UsageError, match='"name" is not numeric: 2D4'):
        read_structures(tmp_path / "a.xyz", {"name": width(1)})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("1\n\nO 1e300 0 0\n", r"atom 1 is at 1e\+300 0 0 Angstrom; expected at most 1e\+06"),
        ("3\n\nO 0 0 1\nH 0 1 0\nH 0 0 1\n", "atoms 1 and 3 are at the same place"),
        ("1\nenergy=1e300\nO 0 0 0\n", 'target "energy" is too large'),
        ("1\n\n119 0 0 0\n", "unknown element|cannot be read"),
    ],
)
def test_structures_beyond_bounds(tmp_path, width, text, says):
    (tmp_path / "a.xyz").write_text(text)
    with pytest.raises(UsageError, match=says):
        read_structures(tmp_path / "a.xyz", {"energy": width(1)} if "energy" in text else {})
