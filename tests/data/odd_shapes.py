"""Odd but legal files of shapes, each with what a reader must find in it."""

from __future__ import annotations

import io
import json
import struct
from base64 import b64encode
from collections.abc import Callable
from random import Random
from typing import NamedTuple

import numpy as np


class Draw(Random):
    """Random numbers of a seed; four seeds in ten write files plainly, which every reader should read."""

    def __init__(self, seed: str) -> None:
        super().__init__(seed)
        self.plain = self.random() < 0.4


class OddFile(NamedTuple):
    """A file: its name, its content, other files beside it, and what is in it (None where nobody knows).

    For a surface `truth` is {"area", "low", "high", "triangles"}, for a cloud {"points"}, for structures {"numbers",
    "positions"}.
    """

    name: str
    content: bytes
    truth: dict[str, object] | None
    beside: dict[str, bytes] = {}  # noqa: RUF012  no one writes to it


class Mesh(NamedTuple):
    """vertices (V, 3) and polygons, each a list of vertices."""

    vertices: np.ndarray
    polygons: list[list[int]]


def prism(draw: Draw, triangles: bool = False) -> Mesh:
    """A prism over a polygon of three to eight corners, sometimes over an L, a star or a comb, somewhere in space."""
    if draw.random() < 0.3 and not triangles:
        ell = [(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)]
        star = [((1 + k % 2) * np.cos(k * np.pi / 5), (1 + k % 2) * np.sin(k * np.pi / 5)) for k in range(10)]
        comb = [(0, 0), (5, 0), (5, 2), (4, 2), (4, 1), (3, 1), (3, 2), (2, 2), (2, 1), (1, 1), (1, 2), (0, 2)]
        ring = draw.choice([ell, star, comb])
        shift = draw.randrange(len(ring))
        ring = ring[shift:] + ring[:shift]
    else:
        sides = 3 if triangles else draw.randint(3, 8)
        ring = [(np.cos(2 * np.pi * k / sides), np.sin(2 * np.pi * k / sides)) for k in range(sides)]
    size = len(ring)
    scale, shift3 = 10.0 ** draw.randint(-3, 3), np.array([draw.uniform(-5, 5) for _ in range(3)])
    vertices = np.array([(x, y, z) for z in (0.0, 1.0) for x, y in ring]) * scale + shift3 * scale
    sides4 = [[k, (k + 1) % size, size + (k + 1) % size, size + k] for k in range(size)]
    polygons = [list(range(size - 1, -1, -1)), list(range(size, 2 * size)), *sides4]
    if triangles:
        polygons = [[p[0], p[k], p[k + 1]] for p in polygons for k in range(1, len(p) - 1)]
    return Mesh(vertices.astype(np.float32).astype(np.float64), polygons)


def truth_of(mesh: Mesh) -> dict[str, object]:
    """The area by Newell's formula, which holds for every planar polygon, and the box."""
    area = 0.0
    for polygon in mesh.polygons:
        points = mesh.vertices[polygon] - mesh.vertices[polygon[0]]
        area += 0.5 * float(np.linalg.norm(np.cross(points, np.roll(points, -1, axis=0)).sum(axis=0)))
    return {
        "area": area,
        "low": mesh.vertices.min(axis=0),
        "high": mesh.vertices.max(axis=0),
        "triangles": sum(len(polygon) - 2 for polygon in mesh.polygons),
    }


def _row(draw: Draw, words: list[str]) -> str:
    if draw.plain:
        return " ".join(words)
    blank = draw.choice([" ", " ", "\t", "  "])
    return draw.choice(["", "", "", "  ", "\t"]) + blank.join(words) + draw.choice(["", "", " ", "\t"])


def _numbers(values: np.ndarray) -> list[str]:
    return [repr(float(value)) for value in values]


def _text(draw: Draw, lines: list[str]) -> bytes:
    return draw.choice(["\n", "\n" if draw.plain else "\r\n"]).join([*lines, ""]).encode("latin-1")


def obj(draw: Draw) -> OddFile:
    mesh = prism(draw)
    relative, form = draw.random() < 0.5 and not draw.plain, draw.choice(["{}", "{}", "{}/{}", "{}//{}", "{}/{}/{}"])
    before = 0 if draw.plain else draw.randint(0, 4)
    lines = draw.choice([[], ["# Gr\xf6\xdfe in mm"], ["mtllib gone.mtl", "o part"]])
    lines += [_row(draw, ["v", "9e3", "1", "-1"]) for _ in range(before)]
    extra = draw.choice([[], ["1.0"], ["0.5", "0.5", "0.5"]])
    lines += [_row(draw, ["v", *_numbers(vertex), *extra]) for vertex in mesh.vertices]
    lines += draw.choice([[], ["", "vn 0 0 1", "vt 0.5 0.5"], ["g side", "s off", "usemtl red"]])
    for number, polygon in enumerate(mesh.polygons):
        words = []
        for corner in polygon:
            index = corner - len(mesh.vertices) if relative else corner + 1 + before
            words.append(form.replace("{}", str(index), 1).replace("{}", "1"))
        if draw.random() < 0.2 and not draw.plain:
            words.insert(2, "\\\n")
        lines.append(_row(draw, ["f", *words]) + draw.choice(["", "", "" if draw.plain else f" # face {number}"]))
        if draw.random() < 0.1:
            lines.append("usemtl blue")
    return OddFile("a.obj", _text(draw, lines), truth_of(mesh))


def off(draw: Draw) -> OddFile:
    mesh = prism(draw, triangles=draw.plain)
    prefix = "" if draw.plain else draw.choice(["", "", "C", "N", "ST", "CN", "STCN"])
    normal = [["0", "0", "1"]] if "N" in prefix else []
    columns = [*normal, *([["0.5", "0.5", "0.5", "1"]] if "C" in prefix else [])]
    columns += [["0.1", "0.9"]] if "ST" in prefix else []
    counts = [str(len(mesh.vertices)), str(len(mesh.polygons)), *draw.choice([["0"], ["0"], []])]
    start = draw.choice([[f"{prefix}OFF", " ".join(counts)], [f"{prefix}OFF {' '.join(counts)}"]])
    start = draw.choice([start, ["# remark", *start], [start[0], "# remark OFF", "", *start[1:]]])
    if not prefix and not draw.plain and draw.random() < 0.1:
        start = ["OFF" + " ".join(counts)]
    lines = list(start)
    for vertex in mesh.vertices:
        lines.append(_row(draw, [*_numbers(vertex), *(word for column in columns for word in column)]))
        if draw.random() < 0.05:
            lines.append(draw.choice(["", "# 3 0 1 2"]))
    colors = draw.choice([[], [], ["255", "0", "0"], ["0.5", "0.5", "0.5", "1.0"], ["7"]])
    lines += [_row(draw, [str(len(polygon)), *map(str, polygon), *colors]) for polygon in mesh.polygons]
    return OddFile("a.off", _text(draw, lines), truth_of(mesh))


_PLY_TYPES = {"float": "f", "double": "d", "float32": "f", "uchar": "B", "int": "i", "uint": "I", "short": "h"}
_PLY_TYPES |= {"ushort": "H", "uint8": "B", "int32": "i", "char": "b", "int8": "b", "uint16": "H"}


def ply(draw: Draw) -> OddFile:
    """A mesh, or, one time in four, a cloud."""
    mesh, cloud = prism(draw, triangles=draw.plain), draw.random() < 0.25
    form = draw.choice(["ascii", "binary_little_endian", "binary_big_endian"])
    real = draw.choice(["float", "double", "float32"])
    size_kind, index_kind = (
        draw.choice(["uchar", "int", "uint8", "ushort", "char"]),
        draw.choice(["int", "uint", "short"]),
    )
    names = draw.choice([["x", "y", "z"], ["X", "Y", "Z"], ["z", "y", "x"]])
    extra = draw.choice([[], [("uchar", c) for c in ("red", "green", "blue")], [("short", "confidence")]])
    labels, flags = draw.random() < 0.3, draw.random() < 0.3
    head = ["ply", f"format {form} 1.0", draw.choice(["comment Gr\xf6\xdfe", "obj_info made by hand", "comment end"])]
    camera = draw.random() < 0.2
    if camera:
        head += ["element camera 1", "property float view", "property list uchar float k"]
    head += [f"element vertex {len(mesh.vertices)}", *(f"property {real} {name}" for name in names)]
    head += [f"property {kind} {name}" for kind, name in extra]
    if not cloud:
        head += [f"element face {len(mesh.polygons)}"] + ["property uchar flags"] * flags
        head += [f"property list {size_kind} {index_kind} {draw.choice(['vertex_indices', 'vertex_index'])}"]
        head += ["property int label"] * labels
    rows: list[list[tuple[str, float]]] = []
    if camera:
        rows.append([("float", 0.5), ("uchar", 2), ("float", 1.0), ("float", 2.0)])
    for vertex in mesh.vertices:
        rows.append([(real, float(vertex["xyz".index(name.lower())])) for name in names])
        rows[-1] += [(kind, k) for k, (kind, _) in enumerate(extra)]
    for number, polygon in enumerate([] if cloud else mesh.polygons):
        row: list[tuple[str, float]] = [("uchar", 1)] * flags + [(size_kind, len(polygon))]
        rows.append(row + [(index_kind, corner) for corner in polygon] + [("int", number)] * labels)
    if form == "ascii":
        content = _text(draw, [*head, "end_header", *(_row(draw, [f"{v!r}" for _, v in row]) for row in rows)])
    else:
        order = "<" if "little" in form else ">"
        body = b"".join(struct.pack(order + _PLY_TYPES[kind], value) for row in rows for kind, value in row)
        content = _text(draw, [*head, "end_header"]) + body
    truth = {"points": mesh.vertices} if cloud else truth_of(mesh)
    if labels and not cloud:
        truth["labels"] = np.repeat(np.arange(len(mesh.polygons)), [len(p) - 2 for p in mesh.polygons])
    return OddFile("a.ply", content, truth)


def stl(draw: Draw) -> OddFile:
    mesh = prism(draw, triangles=True)
    corners = mesh.vertices[np.array(mesh.polygons)]
    if draw.random() < 0.5:
        head = draw.choice([b"", b"solid made by CAD", b"solid\n", b"COLOR=\xff\xff\xff\xff"]).ljust(80, b"\0")
        rows = b"".join(struct.pack("<12fH", 0, 0, 1, *triangle.reshape(-1), 7) for triangle in corners)
        return OddFile("a.stl", head + struct.pack("<I", len(corners)) + rows, truth_of(mesh))
    name = draw.choice(["", "part", "two words", "vertex 1 2 3", "endsolid facet"])
    middle = draw.randrange(1, len(corners)) if draw.random() < 0.3 else 0
    lines = [f"solid {name}"]
    for number, triangle in enumerate(corners):
        if middle and number == middle:
            lines += [f"endsolid {name}", f"solid {name}"]
        lines += [_row(draw, ["facet", "normal", "0", "0", "1"]), _row(draw, ["outer", "loop"])]
        lines += [_row(draw, ["vertex", *_numbers(vertex)]) for vertex in triangle]
        lines += [_row(draw, ["endloop"]), _row(draw, ["endfacet"])]
    lines.append(draw.choice(["endsolid", f"endsolid {name}"]))
    content = _text(draw, lines)
    return OddFile("a.stl", content.upper() if draw.random() < 0.4 else content, truth_of(mesh))


def gltf(draw: Draw) -> OddFile:
    mesh = prism(draw, triangles=True)
    corners, indices = mesh.vertices.astype("<f4"), np.array(mesh.polygons).reshape(-1).astype("<u2")
    data = corners.tobytes() + indices.tobytes()
    data += b"\0" * (-len(data) % 4)
    shift = [draw.randint(-9, 9) for _ in range(3)]
    accessor = {"bufferView": 0, "componentType": 5126, "count": len(corners), "type": "VEC3"}
    views = [{"buffer": 0, "byteOffset": 0, "byteLength": corners.nbytes}]
    views.append({"buffer": 0, "byteOffset": corners.nbytes, "byteLength": indices.nbytes})
    tree: dict[str, object] = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "translation": shift}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "indices": 1}]}],
        "accessors": [
            {**accessor, "min": corners.min(axis=0).tolist(), "max": corners.max(axis=0).tolist()},
            {"bufferView": 1, "componentType": 5123, "count": len(indices), "type": "SCALAR"},
        ],
        "bufferViews": views,
    }
    truth = truth_of(Mesh(mesh.vertices + shift, mesh.polygons))
    form = draw.choice(["glb", "data", "file"])
    if form == "glb":
        tree["buffers"] = [{"byteLength": len(data)}]
        text = json.dumps(tree).encode()
        text += b" " * (-len(text) % 4)
        chunks = struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(data), b"BIN\0") + data
        return OddFile("a.glb", b"glTF" + struct.pack("<II", 2, 12 + len(chunks)) + chunks, truth)
    name, encoded = draw.choice([("my cube.bin", "my%20cube.bin"), ("a.bin", "a.bin"), ("w\xfc.bin", "w%C3%BC.bin")])
    uri = encoded if form == "file" else "data:application/octet-stream;base64," + b64encode(data).decode()
    tree["buffers"] = [{"byteLength": len(data), "uri": uri}]
    content = json.dumps(tree, indent=draw.choice([None, 2])).encode()
    return OddFile("a.gltf", content, truth, {name: data} if form == "file" else {})


def text_cloud(draw: Draw) -> OddFile:
    points = np.array([[draw.uniform(-9, 9) for _ in range(3)] for _ in range(draw.randint(2, 20))])
    extra = draw.choice([[], ["4"], ["0", "0", "1"], ["0", "1", "0", "3"], ["255", "0", "9", "0", "0", "1"]])
    names = {0: "", 1: "label", 3: "nx ny nz", 4: "nx ny nz label", 6: "red green blue nx ny nz"}[len(extra)]
    mark = draw.choice([" ", "\t", ",", ", ", ";", "  "])
    rows = [mark.join([*_numbers(point), *extra]) for point in points]
    if draw.random() < 0.2:
        rows = [row.replace("e", "D") for row in rows]
    if mark == ";" and draw.random() < 0.5:
        rows = [row.replace(".", ",") for row in rows]
    header = mark.join(f"x y z {names}".split())
    remarks = draw.choice([[], ["# remark"], ["// remark"], ["# " + header], [header], [header.upper()]])
    start = draw.choice([[], [], [str(len(points))], [str(len(points)), "a remark of its own"]])
    rows.insert(draw.randint(1, len(rows)), draw.choice(["# in between", "", "// 1 2 3"]))
    return OddFile(
        f"a.{draw.choice(['xyz', 'txt', 'pts'])}", _text(draw, [*start, *remarks, *rows]), {"points": points}
    )


def npz_cloud(draw: Draw) -> OddFile:
    points = np.array([[draw.randint(-99, 99) for _ in range(3)] for _ in range(draw.randint(3, 20))])
    points[0] = points[1] + 1
    array = points.astype(draw.choice(["f2", "f4", "f8", ">f4", "i4", "i8", ">i2"]))
    if draw.random() < 0.2:
        array = np.asfortranarray(array)
    arrays = {draw.choice(["points", "pos", "arr_0", "Points", "xyz", "positions"]): array}
    if draw.random() < 0.3:
        arrays["label"] = np.arange(len(points))
    buffer = io.BytesIO()
    (np.savez if draw.random() < 0.5 else np.savez_compressed)(buffer, **arrays)
    return OddFile("a.npz", buffer.getvalue(), {"points": points.astype(np.float64)})


SHAPES: tuple[Callable[[Draw], OddFile], ...] = (obj, off, ply, stl, gltf, text_cloud, npz_cloud)
