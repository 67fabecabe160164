from __future__ import annotations

import json
import struct

import numpy as np
import pytest

from intertwine._errors import UsageError
from intertwine.data._sampling import Cloud, ShapeError, Surface, sample
from intertwine.data.readers import read_shape
from intertwine.data.readers._columns import COLOR
from intertwine.data.readers.meshes import _formats

trimesh = pytest.importorskip("trimesh")

TRIANGLE = "3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n"


def box(tmp_path, kind, **options):
    path = tmp_path / f"box.{kind}"
    trimesh.creation.box((1, 2, 3)).export(path, **options)
    return path


def extent(shape):
    points = sample(shape, 4000, 0).points
    return points.max(axis=0) - points.min(axis=0)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("off", {}),
        ("ply", {"encoding": "ascii"}),
        ("ply", {"encoding": "binary"}),
        ("obj", {}),
        ("stl", {}),
        ("stl_ascii", {}),
        ("glb", {}),
        ("gltf", {}),
    ],
    ids=lambda value: "-".join(value.values()) if isinstance(value, dict) else value,
)
def test_every_format_of_a_mesh_gives_the_same_surface(tmp_path, kind, options):
    path = tmp_path / f"box.{kind.split('_')[0]}"
    mesh = trimesh.creation.box((1, 2, 3))
    if kind == "gltf":
        for name, content in trimesh.Scene(mesh).export(file_type="gltf").items():
            (path if name == "model.gltf" else tmp_path / name).write_bytes(content)
    else:
        mesh.export(path, file_type=kind, **options)
    surface = read_shape(path.rename(path.with_suffix(path.suffix.upper())) if kind == "off" else path)
    assert isinstance(surface, Surface)
    assert len(surface.faces) == 12
    assert extent(surface) == pytest.approx([1, 2, 3], abs=1e-2)


@pytest.mark.parametrize(
    "header", ["OFF", "OFF3 1 0", "OFF 3 1 0", "# a remark\nOFF"], ids=["plain", "glued", "one line", "remark"]
)
def test_headers_of_off(tmp_path, header):
    path = tmp_path / "a.off"
    body = TRIANGLE if "3 1 0" not in header and "OFF3" not in header else TRIANGLE.partition("\n")[2]
    path.write_text(header + "\n" + body)
    assert read_shape(path).faces.tolist() == [[0, 1, 2]]


def test_obj_without_its_mtl_and_with_polygons(tmp_path):
    path = tmp_path / "a.obj"
    path.write_text(
        "mtllib gone.mtl\nv 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nusemtl red\nf 1 2 3 4\nv 0 0 1\nusemtl blue\nf 1 2 5\n"
    )
    assert len(read_shape(path).faces) == 3


def test_scenes_are_joined_where_they_put_their_parts(tmp_path):
    scene, box = trimesh.Scene(), trimesh.creation.box()
    move = trimesh.transformations.translation_matrix
    scene.add_geometry(box, transform=move([5, 0, 0]))
    scene.add_geometry(box, transform=move([-5, 0, 0]) @ np.diag([-1.0, 1, 1, 1]))
    scene.export(tmp_path / "a.glb")
    surface = read_shape(tmp_path / "a.glb")
    assert len(surface.faces) == 24
    assert surface.vertices[:, 0].min() == pytest.approx(-5.5)
    assert surface.vertices[:, 0].max() == pytest.approx(5.5)
    cloud = sample(surface, 500, 0)
    centers = np.where(cloud.points[:, :1] > 0, [[5.0, 0, 0]], [[-5.0, 0, 0]])
    assert ((cloud.points - centers) * cloud.normals).sum(axis=1) == pytest.approx(0.5)  # outwards, in the mirror too


PLY = """ply
format ascii 1.0
element vertex 3
property float x
property float y
property float z
{properties}
{faces}end_header
0 0 0 {first}
1 0 0 {second}
0 1 0 {third}
{rest}"""


def ply(properties, rows, faces="", rest=""):
    first, second, third = rows
    return PLY.format(properties=properties, faces=faces, first=first, second=second, third=third, rest=rest)


def test_labels_colors_and_normals_of_ply_clouds(tmp_path):
    path = tmp_path / "a.ply"
    path.write_text(ply("property int label", ["4", "5", "4"]))
    cloud = read_shape(path)
    assert isinstance(cloud, Cloud)
    assert cloud.labels.tolist() == [4, 5, 4]
    path.write_text(
        ply("\n".join(f"property uchar {c}" for c in ("red", "green", "blue")), ["255 0 0", "0 1 2", "0 0 0"])
    )
    assert (read_shape(path).labels - COLOR).tolist() == [0xFF0000, 0x000102, 0]
    path.write_text(ply("\n".join(f"property float {c}" for c in ("nx", "ny", "nz")), ["0 0 1", "1 0 0", "0 -1 0"]))
    cloud = read_shape(path)
    assert cloud.normals.tolist() == [[0, 0, 1], [1, 0, 0], [0, -1, 0]]
    assert cloud.labels is None


def test_labels_of_ply_meshes(tmp_path):
    path = tmp_path / "a.ply"
    faces = "element face 2\nproperty list uchar int vertex_indices\nproperty int class\n"
    path.write_text(ply("property int ignored", "000", faces, "3 0 1 2 6\n3 2 1 0 7\n"))
    surface = read_shape(path)
    assert surface.face_labels.tolist() == [6, 7]
    assert surface.vertex_labels is None
    faces = "element face 1\nproperty list uchar int vertex_indices\n"
    path.write_text(ply("property int label", "123", faces, "3 0 1 2\n"))
    assert read_shape(path).vertex_labels.tolist() == [1, 2, 3]


@pytest.mark.parametrize("name", ["a.off", "a.obj", "a.ply"])
def test_vertices_without_faces_are_a_cloud(tmp_path, name):
    text = {"off": "OFF\n2 0 0\n0 0 0\n1 0 0\n", "obj": "v 0 0 0\nv 1 0 0\n"}
    text["ply"] = ply("property int ignored", "000")
    path = tmp_path / name
    path.write_text(text[name[2:]])
    assert isinstance(read_shape(path), Cloud)
    assert len(read_shape(path).points) == (3 if name == "a.ply" else 2)


@pytest.mark.parametrize(
    ("text", "normals", "labels"),
    [
        ("0 0 0\n1 2 3\n", None, None),
        ("# x y z label\n0 0 0 4\n1 2 3 5.0\n", None, [4, 5]),
        ("0,0,0,0,0,1\n1,2,3,0,1,0\n", [[0, 0, 1], [0, 1, 0]], None),
        ("0 0 0 0 0 1 3\n1 2 3 0 1 0 -1\n", [[0, 0, 1], [0, 1, 0]], [3, -1]),
        ("0 0 0 255 0 0 3\n1 2 3 0 9 0 3\n", None, [3, 3]),
        ("2\n0 0 0 0.5\n1 2 3 0.25\n", None, None),
    ],
    ids=["bare", "labels", "normals", "all", "colors", "intensities"],
)
def test_columns_of_text(tmp_path, text, normals, labels):
    path = tmp_path / "a.xyz"
    path.write_text(text)
    cloud = read_shape(path)
    assert cloud.points.tolist() == [[0, 0, 0], [1, 2, 3]]
    assert (cloud.normals if normals is None else cloud.normals.tolist()) == normals
    assert (cloud.labels if labels is None else cloud.labels.tolist()) == labels


SCAN = [
    ("0 0 0 7\n1 2 3 9\n", None, None),
    ("0 0 0 255 0 0\n1 2 3 0 9 0\n", None, None),
    ("0 0 0 7 255 0 0\n1 2 3 9 0 9 4\n", None, None),
    ("0 0 0 -1207 255 0 0\n1 2 3 9 0 9 4\n", None, None),
    ("0 0 0 0 0 1 3\n1 2 3 0 1 0 2\n", [[0, 0, 1], [0, 1, 0]], [3, 2]),
    ("0 0 0 0 0 1 255 0 9\n1 2 3 0 1 0 0 0 1\n", [[0, 0, 1], [0, 1, 0]], None),
    ("0 0 0 7 255 0 0 0 0 1\n1 2 3 9 0 9 4 0 1 0\n", [[0, 0, 1], [0, 1, 0]], None),
    ("0 0 0 255 0 9 0 0 1 3\n1 2 3 0 0 1 0 1 0 2\n", [[0, 0, 1], [0, 1, 0]], [3, 2]),
    ("x y z intensity label\n0 0 0 7 3\n1 2 3 9 2\n", None, [3, 2]),
]


@pytest.mark.parametrize(("text", "normals", "labels"), SCAN)
@pytest.mark.parametrize("name", ["a.pts", "a.PTS", "counted.txt"])
def test_intensities_and_colors_of_scans_are_no_labels(tmp_path, name, text, normals, labels):
    path = tmp_path / name
    path.write_text(f"2\n{text}" if name == "counted.txt" and not text.startswith("x") else text)
    cloud = read_shape(path)
    assert cloud.points.tolist() == [[0, 0, 0], [1, 2, 3]]
    assert (cloud.normals if normals is None else cloud.normals.tolist()) == normals
    assert (cloud.labels if labels is None else cloud.labels.tolist()) == labels


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("0 0 0 7\n1 2 3 9\n", [7, 9]),
        ("0 0 0 0.5\n1 2 3 9\n", None),
        ("0,0,0,255,0,0\n1,2,3,0,9,0\n", None),
        ("0,0,0,255,0,0,3\n1,2,3,0,9,0,2\n", [3, 2]),
        ("0 0 0 0.3 0.4 0.1 3\n1 2 3 0.1 0.1 0.2 2\n", [3, 2]),
        ("0 0 0 -1207 255 0 0\n1 2 3 9 0 9 4\n", None),
        ("0 0 0 0.25 255 0 0\n1 2 3 0.5 0 9 4\n", None),
        ("0 0 0 7 255 0 0 0 0 1\n1 2 3 9 0 9 4 0 1 0\n", None),
        ("2\na remark\n0 0 0 7\n1 2 3 9\n", [7, 9]),
    ],
)
@pytest.mark.parametrize("name", ["a.xyz", "a.txt"])
def test_the_last_column_of_text_is_a_label_where_it_can_be_one(tmp_path, name, text, labels):
    (tmp_path / name).write_text(text)
    cloud = read_shape(tmp_path / name)
    assert (cloud.labels if labels is None else cloud.labels.tolist()) == labels


def test_npz(tmp_path):
    points, labels = np.arange(6, dtype=np.float32).reshape(2, 3), np.array([1, 0], dtype=np.uint8)
    np.savez(tmp_path / "a.npz", points=points, normals=np.eye(3)[:2], labels=labels)
    cloud = read_shape(tmp_path / "a.npz")
    assert cloud.points.dtype == np.float64
    assert cloud.labels.tolist() == [1, 0]
    assert cloud.normals.tolist() == np.eye(3)[:2].tolist()
    np.savez(tmp_path / "b.npz", points=points)
    bare = read_shape(tmp_path / "b.npz")
    assert (bare.normals, bare.labels) == (None, None)


def stl_of_nothing():
    return b"\0" * 80 + struct.pack("<I", 0)


PLY_CUT_SHORT = b"""ply
format ascii 1.0
element vertex 4
property float x
property float y
property float z
element face 2
property list uchar int vertex_indices
end_header
0 0 0
1 0 0
1 1 0
0 1 0
3 0 1 2
"""


def test_a_mark_of_the_order_of_bytes_is_no_content(tmp_path):
    (tmp_path / "a.xyz").write_bytes(b"\xef\xbb\xbf1 2 3\n4 5 6\n")
    assert read_shape(tmp_path / "a.xyz").points.tolist() == [[1, 2, 3], [4, 5, 6]]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.off", b"", "the file is empty"),
        ("a.npz", b" \n", "the file is empty"),
        ("a.ply", b"OFF\n" + TRIANGLE.encode(), "expected PLY by its name, but it begins like OFF"),
        ("a.off", b"ply\nformat ascii 1.0\n", "expected OFF by its name, but it begins like PLY"),
        ("a.stl", b"v 0 0 0\nf 1 1 1\n", "expected STL by its name, but it begins like OBJ"),
        ("a.glb", b"PK\x03\x04", "expected GLB by its name, but it begins like NPZ"),
        ("a.obj", b"\x89PNG\r\n\x1a\n", "expected OBJ by its name, but it begins with 89 50 4e 47"),
        ("a.xyz", b"Hello, world\n", 'expected columns of numbers by its name, but it begins with "Hello, world"'),
        ("a.xyz", b"3\nwater\nO 0 0 0\nH 1 0 0\nH 0 1 0\n", "not columns of numbers"),
        ("a.xyz", b"0 0\n1 1\n", "2 columns; expected x y z"),
        ("a.xyz", b"0 0 0\n1 1\n", r"not columns of numbers \(the number of columns changed from 3 to 2 at row 2\)"),
        ("a.xyz", b"# nothing\n#\n", "expected columns of numbers"),
        ("a.off", b"OFF\n3 1 0\n0 0 0\n", "cannot be read as OFF"),
        ("a.off", b"OFF\n0 0 0\n", "no vertices"),
        ("a.off", b"OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 7\n", "cannot be read as OFF"),
        ("a.obj", b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 9\n", "cannot be read as OBJ"),
        ("a.stl", stl_of_nothing(), "no vertices"),
        ("a.stl", b"\0" * 80 + b"\7\0\0\0" + b"\0" * 100, "no STL, or cut short: 184 bytes, but 7 triangles take 434"),
        ("a.ply", PLY_CUT_SHORT, 'cut short: 1 of 2 rows of "face"'),
        ("a.glb", b"glTF" + b"\0" * 16, "cannot be read as GLB"),
        ("a.gltf", b"{]", "cannot be read as GLTF"),
        ("a.gltf", json.dumps({"asset": {"version": "2.0"}}).encode(), "no vertices|cannot be read as GLTF"),
        (
            "a.ply",
            b"ply\nformat binary_little_endian 1.0\nelement vertex 9\nproperty float x\nend_header\n",
            "cannot be|no v",
        ),
        ("a.npz", b"PK\x03\x04 and no more", "cannot be read as NPZ"),
    ],
)
def test_bad_files_give_one_line(tmp_path, name, content, says):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ShapeError, match=says) as caught:
        read_shape(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"vertices": np.eye(3)}, 'no array "points"; it has vertices'),
        ({"points": np.zeros(3)}, r'"points" is float64 \(3,\); expected numbers \(P, 3\)'),
        ({"points": np.array([["a", "b", "c"]])}, '"points" is <U1'),
        ({"points": np.eye(3), "labels": np.arange(2)}, r'"labels" is int64 \(2,\); expected numbers \(3,\)'),
        ({"points": np.eye(3), "normals": np.eye(2)}, r'"normals" is float64 \(2, 2\)'),
        ({"points": np.array([{}], dtype=object)}, "cannot be read as NPZ"),
    ],
    ids=["no points", "flat", "words", "labels", "normals", "pickle"],
)
def test_bad_arrays_give_one_line(tmp_path, arrays, says):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(ShapeError, match=says):
        read_shape(tmp_path / "a.npz")


def test_a_file_that_is_gone(tmp_path):
    with pytest.raises(ShapeError, match="No such file"):
        read_shape(tmp_path / "a.xyz")


def test_what_to_install(tmp_path, monkeypatch):
    path = box(tmp_path, "glb")
    monkeypatch.setattr(_formats, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r'pip install "intertwine\[shapes\]"'):
        read_shape(path)


def test_a_ply_file_may_declare_elements_of_which_it_has_none(tmp_path):
    path = tmp_path / "a.ply"
    faces = "element face 0\nproperty list uchar int vertex_indices\n"
    path.write_text(ply("property int label", ["4", "5", "4"], faces))
    assert len(read_shape(path).points) == 3
