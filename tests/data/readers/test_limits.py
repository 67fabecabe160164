"""What readers take and refuse at their limits: counts, indices, sizes, columns, units of numbers."""

import struct

import numpy as np
import pytest

from ase import Atoms
from intertwine.data._sampling import ShapeError
from intertwine.data.readers._columns import (
    COLOR,
    color_labels,
    columns_to_labels,
    columns_to_normals,
    integer_labels,
    unit_normals,
)
from intertwine.data.readers._structure_record import check_atoms
from intertwine.data.readers._text_clouds import read_text_cloud
from intertwine.data.readers._xyz_dialects import standard_atoms, standard_comment
from intertwine.data.readers.meshes._obj import read_obj
from intertwine.data.readers.meshes._off import read_off
from intertwine.data.readers.meshes._ply_binary import BinaryRows
from intertwine.data.readers.meshes._ply_elements import read_ply_elements
from intertwine.data.readers.meshes._polygons import _ears, _is_concave, polygons_from_lists, triangulate
from intertwine.data.readers.meshes._stl import check_binary_stl, is_binary_stl, read_stl


def test_colors_are_numbers():
    bytes_ = [np.array([1, 255]), np.array([2, 0]), np.array([3, 255])]
    assert (color_labels(*bytes_) - COLOR).tolist() == [0x010203, 0xFF00FF]
    shares = [np.array([0.0, 1.0, 2.0]), np.array([0.5, -1.0, np.nan]), np.array([1 / 255, 0.6 / 255, 0.4 / 255])]
    assert (color_labels(*shares) - COLOR).tolist() == [0x008001, 0xFF0001, 0xFF0000]
    assert COLOR == 2**40


def test_labels_come_before_colors_and_are_whole():
    columns = {name: np.array([1, 2]) for name in ("part", "class", "r", "g", "b")}
    assert columns_to_labels(columns | {"class": np.array([7, 8])}).tolist() == [7, 8]
    assert columns_to_labels({name: columns[name] for name in "rgb"})[0] == COLOR + 0x010101
    assert columns_to_labels({"r": columns["r"], "g": columns["g"]}) is None
    assert integer_labels(np.array([0.0, -3.0])).tolist() == [0, -3]
    for bad in (0.5, np.nan, np.inf, float(COLOR), -float(COLOR)):
        assert integer_labels(np.array([1.0, bad])) is None
    assert integer_labels(np.array([float(COLOR - 1)])).tolist() == [COLOR - 1]
    assert integer_labels(np.array([3, 4], dtype=np.uint8)).dtype == np.int64


def test_normals_have_length_one_to_a_hundredth():
    for length, found in ((1.009, True), (0.991, True), (1.011, False), (0.989, False)):
        normals = unit_normals(np.array([[0.0, length, 0.0], [1, 0, 0]]))
        assert (normals is not None) == found
        if found:
            assert np.allclose(normals, [[0, 1, 0], [1, 0, 0]])
    assert columns_to_normals({"nx": np.ones(1), "ny": np.zeros(1)}) is None
    named = {"normal_x": np.zeros(1), "normal_y": np.zeros(1), "normal_z": np.ones(1)}
    assert columns_to_normals(named).tolist() == [[0, 0, 1]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("e=1.5D-6", "e=1.5e-6"),
        ("-2.d+03 .5d1", "-2.e+03 .5e1"),
        ("1.5*^-6 2*^3", "1.5e-6 2e3"),
        ("A1.5d3 1.5d3x 1.5d1234 15d3", "A1.5d3 1.5d3x 1.5d1234 15d3"),
    ],
)
def test_exponents(text, expected):
    assert standard_comment(text) == expected


@pytest.mark.parametrize(
    ("comment", "line", "expected"),
    [
        ("", "D 0 0 0\n", "H 0 0 0\n"),
        ("", "6 0 0 0\n", "C 0 0 0\n"),
        ("", "118 0 0 0\n", "Og 0 0 0\n"),
        ("", "119 0 0 0\n", "119 0 0 0\n"),
        ("", "0 0 0 0\n", "0 0 0 0\n"),
        ("", "1000 0 0 0\n", "1000 0 0 0\n"),
        ("", "Fe 0 0 0\n", "Fe 0 0 0\n"),
        ("Properties=pos:R:3:species:S:1", "0 0 1 T\n", "0 0 1 H\n"),
        ("Properties=pos:R:3:species:S:1", "1 1\n", "1 1\n"),
        ("Properties=id:I:1:pos:R:3:species:S:1:f:R:3", "1 0 0 0 8 1 1 1\n", "1 0 0 0 O 1 1 1\n"),
        ("Properties=pos:R:3:Z:I:1", "1 1 1 8\n", "1 1 1 8\n"),
    ],
)
def test_symbols(comment, line, expected):
    assert standard_atoms([line], comment)[0].split() == expected.split()


OBJ = "v 0 0 0\nv 1 0 0\nv 0 1 0\n"


@pytest.mark.parametrize(
    ("face", "corners"),
    [("1 2 3", [0, 1, 2]), ("-3 -2 -1", [0, 1, 2]), ("3/1 2//5 1/2/3", [2, 1, 0]), ("0 1 2", None), ("-4 1 2", None),
     ("4 1 2", None), ("a 1 2", None)],
)  # fmt: skip
def test_indices_of_obj(face, corners):
    content = f"{OBJ}f {face}\n".encode()
    if corners is None:
        with pytest.raises(ShapeError, match=r"line 4|vertex 3 of 3"):
            read_obj(content)
    else:
        assert read_obj(content).faces.tolist() == [corners]


def test_vertices_of_obj_and_what_is_left_out():
    content = b"# v 9 9 9\n  v 1 2 3 0.5 0.5 0.5 # mine\nvt 0 0\nv 4 \\\n 5 6\nl 1 2\n"
    assert read_obj(content).points.tolist() == [[1, 2, 3], [4, 5, 6]]
    for line in ("v 1 2", "v 1 2 x"):
        with pytest.raises(ShapeError, match=f'line 1: "{line}": expected three numbers after v'):
            read_obj(line.encode())


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("OFF 3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2", None),
        ("OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0", "cut short: 3 vertices and 1 faces, but 3 lines"),
        ("OFF\n3 0 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2", "4 lines follow, but 3 vertices, 0 faces"),
        ("OFF\n-1 0 0", "expected the numbers of vertices, faces and edges"),
        ("OFF\n0 -1 0", "expected the numbers of vertices, faces and edges"),
        ("OFF\n3", "expected the numbers of vertices, faces and edges"),
        ("OFF", "expected the numbers of vertices, faces and edges"),
        ("OFF 3 1 0\n0 0 0\n1 0 0\n0 1\n3 0 1 2", "expected the x y z of a vertex"),
        ("OFF 3 1 0\n0 0 0\n1 0 0\n0 1 0\n4 0 1 2", "expected a number of corners and as many vertices"),
        ("OFF 3 1 0\n0 0 0\n1 0 0\n0 1 0\n-1 0 1", "expected a number of corners and as many vertices"),
        ("OFF 3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 3", "a face names vertex 3 of 3"),
        ("4OFF 3 1 0", "is not read; save it as plain OFF"),
        ("NnOFF 3 1 0", "is not read; save it as plain OFF"),
        ("nOFF 3\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2", 'the variant "nOFF" is not read; save it as plain OFF'),
        ("noff 3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2", 'the variant "noff" is not read; save it as plain OFF'),
        ("NOFF 3 1 0\n0 0 0 0 0 1\n1 0 0 0 0 1\n0 1 0 0 0 1\n3 0 1 2", None),
        ("stcNOff 3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2", None),
        ("OFF BINARY 3", "is not read; save it as plain OFF"),
        ("PLY", "expected OFF on its first line"),
    ],
)
def test_counts_of_off(text, says):
    if says is None:
        assert read_off(text.encode()).faces.tolist() == [[0, 1, 2]]
    else:
        with pytest.raises(ShapeError, match=says):
            read_off(text.encode())


def test_colors_of_off_are_left_out():
    found = read_off(b"OFF\n3 1 0\n0 0 0 255 0 0\n1 0 0 1 2 3\n0 1 0 1 2 3\n3 0 1 2 0.5 0.5 0.5\n")
    assert found.faces.tolist() == [[0, 1, 2]]
    assert found.vertices[1].tolist() == [1, 0, 0]
    assert read_off(b"OFF 1 0 0\n1 2 3").points.tolist() == [[1, 2, 3]]


def binary_stl(triangles: int, said: int | None = None) -> bytes:
    head = b"solid".ljust(80) + struct.pack("<I", triangles if said is None else said)
    body = [struct.pack("<12fH", *range(12 * k, 12 * k + 12), 0) for k in range(triangles)]
    return head + b"".join(body)


def test_sizes_of_stl():
    for count in (0, 1, 3):
        assert is_binary_stl(binary_stl(count))
        assert not is_binary_stl(binary_stl(count) + b"x")
        check_binary_stl(binary_stl(count))
    check_binary_stl(b"x" * 83)
    with pytest.raises(ShapeError, match="84 bytes, but 1 triangles take 134"):
        check_binary_stl(binary_stl(0, said=1))
    found = read_stl(binary_stl(2))
    assert found.vertices[3:].tolist() == [[15, 16, 17], [18, 19, 20], [21, 22, 23]]
    assert found.faces.tolist() == [[0, 1, 2], [3, 4, 5]]


FACET = "facet normal 0 0 1\nouter loop\nvertex 0 0 0\nvertex 1 0 0\nvertex 0 1 0\nendloop\nendfacet\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"solid a\n{FACET}endsolid a\nsolid b\n{FACET}endsolid b\n", None),
        (f"solid a\n{FACET}", 'ends without "endsolid"'),
        (f"solid a\n{FACET}facet\nendsolid\n", "cut short: 2 facets, but 1 loops"),
        (
            "solid a\n" + FACET.replace("endloop\n", "endloop\nvertex 1 1 1\n") + "endsolid\n",
            "more vertices than loops",
        ),
        ("solid a\n" + FACET.replace("vertex 1 0 0\n", "") + "endsolid\n", "without exactly three vertices"),
        ("solid a\n" + FACET.replace("vertex 1 0 0", "vertex 1 0") + "endsolid\n", "without exactly three vertices"),
        ("solid a\n" + FACET.replace("vertex 1 0 0", "vertex 1 0 x") + "endsolid\n", "a coordinate that is no number"),
    ],
)
def test_text_of_stl(text, says):
    if says is None:
        assert read_stl(text.encode()).vertices[3:].tolist() == [[0, 0, 0], [1, 0, 0], [0, 1, 0]]
    else:
        with pytest.raises(ShapeError, match=says):
            read_stl(text.encode())


PLY = "ply\nformat ascii 1.0\nelement vertex 2\nproperty float x\nproperty int k\nelement face 2\n" \
      "property list uchar int i\nproperty int s\nend_header\n"  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ("1 2\n3 4\n3 0 1 0 7\n0 8\n", None),
        ("1 2\n3 4\n3 0 1 0 7\n", 'face.*1|1.*"face"'),
        ("1 2\n3 4\n3 0 1 0 7\n0 8\n0 8\n", "1 lines more than the header announces"),
        ("1 2\n3 4 5\n3 0 1 0 7\n0 8\n", 'a row of "vertex" has 3 numbers; expected 2'),
        ("1 2\n3 x\n3 0 1 0 7\n0 8\n", 'a row of "vertex" is not numbers'),
        ("1 2\n3 4\n3 0 1 0\n0 8\n", 'row 1 of "face" has too few numbers'),
        ("1 2\n3 4\n3 0 1 0 7\n-1 8\n", 'row 2 of "face" has too few numbers'),
        ("1 2\n3 4\n3 0 1 0 7\n0 8 9\n", 'row 2 of "face" has too many numbers'),
    ],
)
def test_rows_of_text_in_ply(rows, says):
    if says is None:
        vertex, face = read_ply_elements((PLY + rows).encode())
        assert vertex.columns["k"].tolist() == [2, 4]
        assert vertex.columns["x"].tolist() == [1, 3]
        assert face.lists["i"].sizes.tolist() == [3, 0]
        assert face.lists["i"].values.tolist() == [0, 1, 0]
        assert face.columns["s"].tolist() == [7, 8]
    else:
        with pytest.raises(ShapeError, match=says):
            read_ply_elements((PLY + rows).encode())


def binary_ply(order: str, sizes: list[int], lists: int = 1) -> bytes:
    """Rows of a float, a list of shorts and a double, or two lists, of the sizes."""
    name = {"<": "little", ">": "big"}[order]
    head = f"ply\nformat binary_{name}_endian 1.0\nelement row {len(sizes)}\nproperty float a\n"
    head += "property list uchar short b\nproperty double c\n" + "property list int uchar d\n" * (lists - 1)
    rows = [
        struct.pack(f"{order}fB{size}hd", number + 0.5, size, *range(size), -number)
        + (struct.pack(f"{order}i{size}B", size, *range(size)) if lists > 1 else b"")
        for number, size in enumerate(sizes)
    ]
    return (head + "end_header\n").encode() + b"".join(rows)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("lists", [1, 2])
@pytest.mark.parametrize("sizes", [[2, 2, 2], [3, 0, 1], [0, 2], []])
def test_rows_of_bytes_in_ply(order, lists, sizes):
    content = binary_ply(order, sizes, lists)
    (row,) = read_ply_elements(content)
    assert row.columns["a"].tolist() == [number + 0.5 for number in range(len(sizes))]
    assert row.columns["c"].tolist() == [-number for number in range(len(sizes))]
    for name in "bd"[:lists]:
        assert row.lists[name].sizes.tolist() == sizes
        assert row.lists[name].values.tolist() == [value for size in sizes for value in range(size)]
    assert read_ply_elements(content + b"\0\n") is not None
    with pytest.raises(ShapeError, match="bytes more than the header announces"):
        read_ply_elements(content + b"x")
    if sizes:
        with pytest.raises(ShapeError, match="row"):
            read_ply_elements(content[:-1])


def test_negative_sizes_in_bytes():
    head = b"ply\nformat binary_little_endian 1.0\nelement row 2\nproperty list char char b\nend_header\n"
    with pytest.raises(ShapeError, match="row"):
        read_ply_elements(head + struct.pack("<bbbb", 1, 5, -1, 0))
    two = head.replace(b"end_header", b"property list char char c\nend_header")
    with pytest.raises(ShapeError, match='row 1 of "row" has a list of -2 numbers'):
        read_ply_elements(two + struct.pack("<6b", -2, 5, 1, 0, 0, 0))
    assert BinaryRows(b"", "<").elements([]) == []


def test_polygons_of_four_and_more_corners():
    square = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], dtype=float)
    dart = np.array([[0, 0, 0], [2, -1, 0], [0.5, 0, 0], [2, 1, 0]], dtype=float)
    assert _is_concave(np.stack([square, dart, np.roll(dart, 1, axis=0)])).tolist() == [False, False, True]
    found, owner = triangulate(polygons_from_lists([[0, 1, 2, 3], [0], [3, 2, 1, 0]]), square)
    assert found.tolist() == [[0, 1, 2], [0, 2, 3], [3, 2, 1], [3, 1, 0]]
    assert owner.tolist() == [0, 0, 2, 2]
    five = np.array([[0, 0, 0], [4, 0, 0], [4, 4, 0], [2, 1, 0], [0, 4, 0]], dtype=float)
    for turn in range(5):
        ring = np.roll(five, turn, axis=0)
        for points in (ring, ring[::-1], ring[:, [2, 0, 1]]):
            ears = _ears(points)
            corners = points[ears]
            areas = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 2
            assert areas.sum() == pytest.approx(10)  # 16 less the notch of 6
            assert sorted(np.unique(ears)) == [0, 1, 2, 3, 4]
    straight = np.array([[0, 0, 0], [1, 0, 0], [2, 0, 0], [2, 2, 0], [0, 2, 0]], dtype=float)
    assert not _is_concave(straight[None])[0]


TRIPLE = "0.6 0.8 0"


@pytest.mark.parametrize(
    ("row", "normals", "labels"),
    [
        ("1 2 3 4", False, [4, 5]),
        (f"1 2 3 {TRIPLE}", True, None),
        (f"1 2 3 {TRIPLE} 7", True, [7, 5]),
        ("1 2 3 0 128 255 7", False, [7, 5]),
        (f"1 2 3 {TRIPLE} 0 0 2", True, [COLOR + 2, COLOR + 2]),
        (f"1 2 3 {TRIPLE} 0 0 1", True, None),
        (f"1 2 3 0 0 255 {TRIPLE}", True, [COLOR + 255] * 2),
        (f"1 2 3 0 0 256 {TRIPLE}", True, None),
        (f"1 2 3 {TRIPLE} 0 0 1 7", True, [7, 5]),
    ],
)
def test_columns_without_names(row, normals, labels):
    words = row.split()
    other = [*words[:-1], "5"] if labels is not None and labels[-1] == 5 else words
    found = read_text_cloud(f"{row}\n{' '.join(other)}\n".encode())
    assert found.points[0].tolist() == [1, 2, 3]
    assert (found.normals is not None) == normals
    assert (None if found.labels is None else found.labels.tolist()) == labels


def test_first_lines_of_tables():
    assert read_text_cloud(b"2\nremark\n1 2 3 4\n1 2 3 5\n").labels.tolist() == [4, 5]
    assert read_text_cloud(b"2\n1 2 3 4\n1 2 3 5\n").labels is None  # a scan: an intensity
    with pytest.raises(ShapeError, match="its first line says 3 points, 2 follow"):
        read_text_cloud(b"3\n1 2 3\n1 2 3\n")
    named = read_text_cloud(b"# label;Z;y;X\n1;2;3,5;4\n")
    assert named.points.tolist() == [[4, 3.5, 2]]
    assert named.labels.tolist() == [1]
    with pytest.raises(ShapeError, match="4 columns under a header of 3 names"):
        read_text_cloud(b"x y z\n1 2 3 4\n")
    with pytest.raises(ShapeError, match="under a header of 4 names"):
        read_text_cloud(b"x y z z\n1 2 3 4\n")
    bright = read_text_cloud(b"x,y,z,r,g,b\n0,0,0,1,0,255\n")
    assert bright.labels.tolist() == [COLOR + 0x0100FF]
    dim = read_text_cloud(b"x,y,z,r,g,b\n0,0,0,1,0,1\n")
    assert dim.labels.tolist() == [COLOR + 0xFF00FF]


def atoms(positions, numbers=None, cell=None, pbc=False):
    count = len(positions)
    return Atoms(numbers or [1] * count, positions=positions, cell=cell, pbc=pbc)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (atoms([[0, 0, 0]]), None),
        (atoms([[0, 0, 0], [0, 0, 1e6]]), None),
        (atoms([[0, 0, 0], [0, 0, 1.01e6]]), "atom 2 is at 0 0 1.01e"),
        (atoms([[0, 0, 1], [0, 0, 0]], [118, 1]), None),
        (atoms([[0, 0, 1], [0, 0, 0]], [1, 0]), r'unknown element "X" \(atom 2\)'),
        (atoms([[0, 0, 0], [0, 0, 0]]), "every atom is at the origin"),
        (atoms([[0, 0, 1], [0, 0, 2], [0, 0, 1]]), "atoms 1 and 3 are at the same place"),
        (atoms([[0, 0, 0]], cell=[1e-5, 1, 1], pbc=True), None),
        (atoms([[0, 0, 0]], cell=[1e-7, 1, 1], pbc=True), "it is periodic, and has no cell"),
        (atoms([[0, 0, 0]], cell=[np.nan, 1, 1], pbc=True), "its lattice vectors are not finite"),
        (atoms([[0, 0, 0]], cell=[[1, 0, 0], [1, 1e-7, 0], [0, 0, 1]], pbc=True), "are not independent"),
        (atoms([[0, 0, 0]], cell=[[1, 0, 0], [1, 1e-5, 0], [0, 0, 1]], pbc=True), None),
        (atoms([[0, 0, 0], [0, 0, 2]], cell=[4, 4, 2], pbc=True), "atom 2 is a periodic image of atom 1"),
        (atoms([[0, 0, 0], [0, 0, 2]], cell=[4, 4, 2], pbc=[True, True, False]), None),
        (atoms([[0, 0, 0], [0, 0, 1.9999]], cell=[4, 4, 2], pbc=True), None),
    ],
)
def test_atoms_at_their_limits(given, says):
    if says is None:
        check_atoms(given, "here")
    else:
        with pytest.raises(ValueError, match=says):
            check_atoms(given, "here")
