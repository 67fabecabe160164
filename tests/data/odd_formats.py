"""Odd but legal files of images, proteins, cameras and weights, each with what a reader must find in it."""

from __future__ import annotations

import bz2
import gzip
import io
import struct
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from odd_shapes import Draw, OddFile

from intertwine.data import read_state_dict
from intertwine.data.images._arrays import read_idx_images
from intertwine.data.tracks import read_tracks

Found = dict[str, object]
Array = np.ndarray
RESIDUES = ("ALA", "GLY", "SER", "LEU")
BACKBONE = {"N": (1.55, -28.0, -0.9), "CA": (2.3, 0.0, 0.0), "C": (1.65, 27.0, 1.1), "O": (1.9, 22.0, 2.3)}
IDX_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}


class Format(NamedTuple):
    """How our reader and another one read a file that is there."""

    read: Callable[[Path], Found]
    second: Callable[[Path], Found | None]


def idx(draw: Draw) -> OddFile:
    """Images of MNIST's format in one of its types, plain or gzip, with labels or without."""
    kind = 8 if draw.plain else draw.choice(list(IDX_TYPES))
    shape = (draw.randint(1, 4), draw.randint(1, 5), draw.randint(1, 5))
    images = np.array([draw.randrange(128) for _ in range(int(np.prod(shape)))]).reshape(shape)
    labels = np.array([draw.randrange(10) for _ in range(shape[0])])

    def packed(array: Array, code: int) -> bytes:
        head = bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
        content = head + array.astype(IDX_TYPES[code]).tobytes()
        return gzip.compress(content, mtime=0) if zipped else content

    zipped = not draw.plain and draw.random() < 0.4
    name = draw.choice(["train-images-idx3-ubyte", "t10k-images-idx3-ubyte", "train-images.idx3-ubyte"])
    ending = ".gz" if zipped else ""
    truth: Found = {"images": images}
    beside = {}
    if draw.random() < 0.5:
        beside[name.replace("images", "labels").replace("idx3", "idx1") + ending] = packed(labels, 8)
        truth["labels"] = labels
    return OddFile(name + ending, packed(images, kind), truth, beside)


def read_idx(path: Path) -> Found:
    (arrays,) = read_idx_images(path)
    return {"images": arrays.images} | ({} if arrays.labels is None else {"labels": arrays.labels})


def second_idx(path: Path) -> Found:
    """As torchvision reads them: the last byte of the magic number counts axes, the one before says the type."""
    content = path.read_bytes()
    content = gzip.decompress(content) if path.suffix == ".gz" else content
    magic = int.from_bytes(content[:4], "big")
    axes, kind = magic % 256, magic // 256
    shape = [int.from_bytes(content[4 * (k + 1) : 4 * (k + 2)], "big") for k in range(axes)]
    return {"images": np.frombuffer(content, IDX_TYPES[kind], offset=4 * (axes + 1)).reshape(shape)}


class _Atom(NamedTuple):
    record: str
    name: str
    alternate: str
    residue: str
    chain: str
    number: int
    code: str
    place: tuple[float, float, float]
    occupancy: float
    element: str


def _protein(draw: Draw) -> tuple[list[_Atom], Array]:
    """Atoms of a helix with waters, hydrogens and alternate locations, and the places that a reader keeps."""
    atoms: list[_Atom] = []
    kept: list[tuple[float, float, float]] = []
    first = draw.choice([1, 1, -3, 997])
    chain, shift = draw.choice("AB" if draw.plain else "ABa1"), draw.uniform(-50, 50)
    for number in range(draw.randint(2, 6)):
        residue = draw.choice(RESIDUES)
        for name, (radius, angle, height) in BACKBONE.items():
            phi = np.radians(angle + 100 * number)
            place = (
                round(radius * float(np.cos(phi)) + shift, 3),
                round(radius * float(np.sin(phi)), 3),
                round(height + 1.5 * number, 3),
            )
            atoms.append(_Atom("ATOM", name, "", residue, chain, first + number, "", place, 1.0, name[0]))
            kept.append(place)
            if not draw.plain and draw.random() < 0.1:
                atoms[-1] = atoms[-1]._replace(alternate="A", occupancy=0.6)
                other = (place[0] + 0.5, place[1], place[2])
                atoms.append(atoms[-1]._replace(alternate="B", occupancy=0.4, place=other))
            if not draw.plain and draw.random() < 0.1:
                away = (place[0], place[1] + 1.0, place[2])
                atoms.append(_Atom("ATOM", "H", "", residue, chain, first + number, "", away, 1.0, "H"))
    if not draw.plain and draw.random() < 0.5:
        atoms.append(_Atom("HETATM", "O", "", "HOH", "W", 1, "", (1.0, 2.0, 3.0), 1.0, "O"))
    return atoms, np.array(kept)


def pdb(draw: Draw) -> OddFile:
    """A protein in the columns of PDB, with remarks, models, and element symbols or none."""
    atoms, kept = _protein(draw)
    with_elements = draw.plain or draw.random() < 0.7
    rows = []
    for serial, atom in enumerate(atoms, 1):
        name = f" {atom.name:<3s}" if len(atom.name) < 4 else atom.name
        x, y, z = atom.place
        row = (
            f"{atom.record:<6s}{serial:5d} {name}{atom.alternate or ' '}{atom.residue:>3s} {atom.chain}{atom.number:4d}"
            f"{atom.code or ' '}   {x:8.3f}{y:8.3f}{z:8.3f}{atom.occupancy:6.2f}{draw.choice([0.0, 99.99]):6.2f}"
        )
        rows.append(row + (f"          {atom.element:>2s}" if with_elements else ""))
    if draw.plain:
        lines = [*rows, "END"]
    else:
        before = draw.choice([[], ["REMARK   1 A REMARK"], ["HEADER    A PROTEIN", "TITLE     OF MINE"]])
        cell = draw.choice([[], ["CRYST1    1.000    1.000    1.000  90.00  90.00  90.00 P 1           1"]])
        end = draw.choice([["END"], ["TER", "END"], [], ["CONECT    1    2", "END"]])
        models = draw.randint(1, 2)
        body = rows if models == 1 else ["MODEL        1", *rows, "ENDMDL", "MODEL        2", *rows[:4], "ENDMDL"]
        lines = [*before, *cell, *body, *end]
    text = draw.choice(["\n", "\n" if draw.plain else "\r\n"]).join([*lines, ""]).encode()
    name = "a.pdb" if draw.plain else draw.choice(["a.pdb", "a.ent", "A.PDB", "a.pdb.gz"])
    return OddFile(name, gzip.compress(text, mtime=0) if name.endswith(".gz") else text, {"points": kept})


def mmcif(draw: Draw) -> OddFile:
    """A protein as a table of mmCIF, with its columns in any order, quotes, comments and missing values."""
    atoms, kept = _protein(draw)
    columns: dict[str, Callable[[int, _Atom], str]] = {
        "group_PDB": lambda serial, atom: atom.record,
        "id": lambda serial, atom: str(serial),
        "type_symbol": lambda serial, atom: atom.element,
        "label_atom_id": lambda serial, atom: f'"{atom.name}"' if quoted else atom.name,
        "label_alt_id": lambda serial, atom: atom.alternate or ".",
        "label_comp_id": lambda serial, atom: atom.residue,
        "label_asym_id": lambda serial, atom: atom.chain,
        "label_entity_id": lambda serial, atom: "1",
        "label_seq_id": lambda serial, atom: str(atom.number) if atom.record == "ATOM" else ".",
        "pdbx_PDB_ins_code": lambda serial, atom: "?",
        "Cartn_x": lambda serial, atom: f"{atom.place[0]:.3f}",
        "Cartn_y": lambda serial, atom: f"{atom.place[1]:.3f}",
        "Cartn_z": lambda serial, atom: f"{atom.place[2]:.3f}",
        "occupancy": lambda serial, atom: f"{atom.occupancy:.2f}",
        "B_iso_or_equiv": lambda serial, atom: "0.00",
        "auth_seq_id": lambda serial, atom: str(atom.number),
        "auth_asym_id": lambda serial, atom: atom.chain,
        "pdbx_PDB_model_num": lambda serial, atom: "1",
    }
    quoted = not draw.plain and draw.random() < 0.5
    names = list(columns)
    if not draw.plain:
        draw.shuffle(names)
    gap = draw.choice([" ", " " if draw.plain else "   "])
    rows = [gap.join(columns[name](serial, atom) for name in names) for serial, atom in enumerate(atoms, 1)]
    head = ["data_mine", "#", "_entry.id mine", "loop_", *(f"_atom_site.{name}" for name in names)]
    comment = [] if draw.plain else draw.choice([[], ["# a comment"], ["_cell.length_a ?"]])
    text = draw.choice(["\n", "\n" if draw.plain else "\r\n"]).join([*head, *rows, "#", *comment, ""]).encode()
    name = "a.cif" if draw.plain else draw.choice(["a.cif", "a.mmcif", "a.cif.gz"])
    return OddFile(name, gzip.compress(text, mtime=0) if name.endswith(".gz") else text, {"points": kept})


def read_protein(path: Path) -> Found:
    from intertwine.tasks.dock import read_structure

    found = read_structure(path).structure
    assert np.isfinite(found.coordinates).all(), "coordinates that are not finite"
    return {"points": found.coordinates}


def second_pdb(path: Path) -> Found:
    from ase.io.proteindatabank import read_proteindatabank

    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return {"points": read_proteindatabank(io.StringIO(text.decode()), index=0).positions}


def second_mmcif(path: Path) -> Found:
    """The table as words: legal here, where no value has a blank."""
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    lines = text.decode().split("loop_", 1)[1].split("#")[0].split("\n")
    names = [line.strip().removeprefix("_atom_site.") for line in lines if line.startswith("_atom_site.")]
    rows = [line.split() for line in lines if line.strip() and not line.startswith("_")]
    places = [names.index(f"Cartn_{axis}") for axis in "xyz"]
    return {"points": np.array([[float(row[k]) for k in places] for row in rows])}


class _Scene(NamedTuple):
    """cameras: number, model, width, height, parameters; images: number, name, camera, pose, xy (n, 2), points (n,)."""

    cameras: list[tuple[int, str, int, int, list[float]]]
    images: list[tuple[int, str, int, list[float], Array, list[int]]]

    def truth(self, on_track: bool = True) -> Found:
        """The observations in the order of the images' names."""
        images = sorted(self.images, key=lambda image: image[1])
        seen = [(number, *place) for number, image in enumerate(images) for place, point in zip(*image[4:], strict=True)
                if point >= 0 or not on_track]  # fmt: skip
        table = np.array(seen).reshape(-1, 3)
        focal = [next(camera[4][0] for camera in self.cameras if camera[0] == image[2]) for image in images]
        return {"points": table[:, 1:], "camera": table[:, 0], "focal": np.array(focal)}


def _scene(draw: Draw) -> _Scene:
    cameras = []
    for number in draw.sample(range(1, 99), draw.randint(1, 3)):
        focal, center = draw.uniform(300, 900), [draw.uniform(100, 300), draw.uniform(100, 300)]
        params = {"SIMPLE_PINHOLE": [focal, *center], "PINHOLE": [focal, focal + 1, *center]}
        params |= {"SIMPLE_RADIAL": [focal, *center, 0.0], "OPENCV": [focal, focal, *center, 0.0, 0.0, 0.0, 0.0]}
        model = draw.choice(list(params))
        cameras.append((number, model, 640, 480, params[model]))
    images = []
    for number in range(1, draw.randint(2, 4)):
        size = draw.randint(0 if number > 1 else 1, 5)
        xy = np.array([[draw.uniform(0, 640), draw.uniform(0, 480)] for _ in range(size)]).reshape(-1, 2).round(4)
        points = [k + 1 if draw.random() < 0.8 or k == 0 else -1 for k in range(size)]
        quaternion = np.array([draw.gauss(0, 1) for _ in range(4)])
        pose = [*(quaternion / np.linalg.norm(quaternion)).tolist(), *(draw.gauss(0, 1) for _ in range(3))]
        name = f"{draw.choice(['im', 'b', 'z'])}{number}{'' if draw.plain else draw.choice(['', ' a', 'é'])}.png"
        images.append((number, name, draw.choice(cameras)[0], pose, xy, points))
    return _Scene(cameras, images)


def colmap_text(draw: Draw) -> OddFile:
    """A model of COLMAP as text, with comments and blank lines."""
    scene = _scene(draw)
    comment = ["# a comment"] if draw.plain else draw.choice([[], ["# a comment"], ["# a", "#"]])
    cameras = [" ".join(map(str, (*camera[:4], *camera[4]))) for camera in scene.cameras]
    images = []
    for number, name, camera, pose, xy, points in scene.images:
        images.append(" ".join(map(str, (number, *pose, camera, name))))
        images.append(" ".join(f"{x} {y} {point}" for (x, y), point in zip(xy.tolist(), points, strict=True)))
    end = draw.choice(["\n", "\n" if draw.plain else "\r\n"])
    files = {
        "cameras.txt": end.join([*comment, *cameras, ""]).encode(),
        "images.txt": end.join([*comment, *images, ""]).encode(),
        "points3D.txt": end.join([f"{k} 0 0 1 9 9 9 0.5" for k in range(1, 6)] + [""]).encode(),
    }
    name = draw.choice(["cameras.txt", "images.txt"])
    return OddFile(name, files.pop(name), scene.truth(), files)


def colmap_binary(draw: Draw) -> OddFile:
    """A binary model of COLMAP."""
    scene = _scene(draw)
    numbers = {"SIMPLE_PINHOLE": 0, "PINHOLE": 1, "SIMPLE_RADIAL": 2, "OPENCV": 4}
    cameras = struct.pack("<Q", len(scene.cameras)) + b"".join(
        struct.pack(f"<iiQQ{len(params)}d", number, numbers[model], width, height, *params)
        for number, model, width, height, params in scene.cameras
    )
    images = struct.pack("<Q", len(scene.images))
    for number, name, camera, pose, xy, points in scene.images:
        images += struct.pack("<i7di", number, *pose, camera) + name.encode() + b"\0" + struct.pack("<Q", len(points))
        images += b"".join(struct.pack("<ddq", *place, point) for place, point in zip(xy, points, strict=True))
    points3d = struct.pack("<Q", 5) + b"".join(
        struct.pack("<Q3d3BdQ", k, 0, 0, 1, 9, 9, 9, 0.5, 0) for k in range(1, 6)
    )
    files = {"cameras.bin": cameras, "images.bin": images, "points3D.bin": points3d}
    name = draw.choice(["cameras.bin", "images.bin"])
    return OddFile(name, files.pop(name), scene.truth(), files)


def read_scene(path: Path) -> Found:
    found = read_tracks(path.parent if path.stem in ("cameras", "images") else path)
    assert bool(found.xy.isfinite().all()), "observations that are not finite"
    return {"points": found.xy.numpy(), "camera": found.camera.numpy(), "focal": found.intrinsics[:, 0, 0].numpy()}


def second_colmap(path: Path) -> Found:
    import pycolmap

    found = pycolmap.Reconstruction(str(path.parent))
    images = sorted(found.images.values(), key=lambda image: image.name)
    seen = [(k, *point.xy) for k, image in enumerate(images) for point in image.points2D if point.has_point3D()]
    table = np.array(seen).reshape(-1, 3)
    focal = [found.cameras[image.camera_id].calibration_matrix()[0, 0] for image in images]
    return {"points": table[:, 1:], "camera": table[:, 0], "focal": np.array(focal)}


def bal(draw: Draw) -> OddFile:
    """A problem of BAL without distortion, its numbers in lines of any length, plain or compressed."""
    cameras, points = draw.randint(1, 3), draw.randint(1, 4)
    pairs = [(camera, point) for camera in range(cameras) for point in range(points) if draw.random() < 0.7] or [(0, 0)]
    xy = np.array([[draw.uniform(-300, 300), draw.uniform(-300, 300)] for _ in pairs]).round(4)
    focal = [draw.uniform(300, 900) for _ in range(cameras)]
    numbers = [f"{camera} {point} {x} {y}" for (camera, point), (x, y) in zip(pairs, xy.tolist(), strict=True)]
    for length in focal:
        numbers += [f"{draw.gauss(0, 1):.6e}" for _ in range(6)] + [repr(length), "0", "0.0"]
    numbers += [f"{draw.gauss(0, 1):.6e}" for _ in range(3 * points)]
    first = f"{cameras} {points} {len(pairs)}"
    if draw.plain:
        text = "\n".join([first, *numbers, ""])
    else:
        gaps = [draw.choice(["\n", " ", "\r\n", "\n\n", "\t"]) for _ in numbers]
        text = first + "".join(gap + number for gap, number in zip(gaps, numbers, strict=True))
    name = draw.choice(["problem.txt", *([] if draw.plain else ["problem.txt.bz2", "problem.txt.gz"])])
    packers: dict[str, Callable[[bytes], bytes]] = {".bz2": bz2.compress, ".gz": partial(gzip.compress, mtime=0)}
    pack = packers.get(Path(name).suffix, bytes)
    truth: Found = {"points": xy * [1, -1], "camera": np.array(pairs)[:, 0], "focal": np.array(focal)}
    return OddFile(name, pack(text.encode()), truth)


def second_bal(path: Path) -> Found:
    """The layout as its page has it."""
    unpack: Callable[[bytes], bytes] = {".bz2": bz2.decompress, ".gz": gzip.decompress}.get(path.suffix, bytes)
    words = iter(unpack(path.read_bytes()).split())
    cameras, points, count = (int(next(words)) for _ in range(3))
    seen = [(int(next(words)), int(next(words)), float(next(words)), -float(next(words))) for _ in range(count)]
    table, focal = np.array(seen), []
    for _ in range(cameras):
        *_, length, first, second = (float(next(words)) for _ in range(9))
        assert first == second == 0, "distortion"
        focal.append(length)
    assert [float(next(words)) for _ in range(3 * points)]
    return {"points": table[:, 2:], "camera": table[:, 0], "focal": np.array(focal)}


def checkpoint(draw: Draw) -> OddFile:
    """Weights by name as safetensors or in torch's formats, with other types, entries and wrappers."""
    dtypes = [torch.float32] if draw.plain else [torch.float32, torch.float64, torch.float16, torch.bfloat16]
    weights = {}
    for number in range(draw.randint(1, 3)):
        shape = [draw.randint(1, 4) for _ in range(draw.randint(0, 2))]
        values = torch.tensor([draw.gauss(0, 1) for _ in range(int(np.prod(shape)))]).reshape(shape)
        weights[f"{number}.weight"] = values.to(draw.choice(dtypes))
    expected = torch.cat([weights[key].float().flatten() for key in sorted(weights)])
    if not draw.plain and draw.random() < 0.3:
        weights["steps"] = torch.tensor([3])
    kind = draw.choice(["safetensors", "torch"] if draw.plain else ["safetensors", "torch", "old torch"])
    file = io.BytesIO()
    if kind == "safetensors":
        from safetensors.torch import save

        content = save(weights, metadata=None if draw.plain else {"a": "é"})
        return OddFile("a.safetensors", content, {"points": expected.numpy()})
    wrapper = None if draw.plain else draw.choice([None, "state_dict", "model"])
    whole = weights if wrapper is None else {wrapper: weights, "epoch": 3}
    torch.save(whole, file, _use_new_zipfile_serialization=kind == "torch")
    name = "a.pt" if draw.plain else draw.choice(["a.pt", "a.pth", "a.ckpt", "a.bin"])
    return OddFile(name, file.getvalue(), {"points": expected.numpy()})


def _joined(tensors: dict[str, torch.Tensor]) -> Found:
    values = [tensors[key].detach().float().flatten() for key in sorted(tensors) if tensors[key].is_floating_point()]
    return {"points": torch.cat(values).numpy()}


def read_checkpoint(path: Path) -> Found:
    found = _joined(read_state_dict(path))
    assert np.isfinite(found["points"]).all(), "weights that are not finite"
    return found


def second_checkpoint(path: Path) -> Found:
    """Safetensors by their layout: the length of a header in JSON, the header, the numbers; torch's by torch."""
    if path.suffix != ".safetensors":
        content = torch.load(path, weights_only=True)
        return _joined(content.get("state_dict", content.get("model", content)))
    import json

    content = path.read_bytes()
    size = int.from_bytes(content[:8], "little")
    head, data = json.loads(content[8 : 8 + size]), content[8 + size :]
    types = {"F32": torch.float32, "F64": torch.float64, "F16": torch.float16, "BF16": torch.bfloat16}
    found = {}
    for name in sorted(key for key in head if key != "__metadata__" and head[key]["dtype"] in types):
        begin, end = head[name]["data_offsets"]
        found[name] = torch.frombuffer(bytearray(data[begin:end]), dtype=types[head[name]["dtype"]])
    return _joined(found)


FORMATS: dict[Callable[[Draw], OddFile], Format] = {
    idx: Format(read_idx, second_idx),
    pdb: Format(read_protein, second_pdb),
    mmcif: Format(read_protein, second_mmcif),
    colmap_text: Format(read_scene, second_colmap),
    colmap_binary: Format(read_scene, second_colmap),
    bal: Format(read_scene, second_bal),
    checkpoint: Format(read_checkpoint, second_checkpoint),
}
"""The reader of each writer, and another one."""
