"""Malformed, truncated and odd files and folders for every command that reads some."""

from __future__ import annotations

import os
import random
import shutil
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

from fuzz_base import CLASSIFY, DATA, FITS, RUNS, cloud, molecule
from fuzz_case import EITHER, RIGHT, WRONG, Case, Draw

Damage = Callable[[Path], None]
BINARY = bytes(range(256)) * 8


def write(name: str, content: bytes | str) -> Damage:
    """Writes one file."""

    def prepare(folder: Path) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    return prepare


def special(name: str, kind: str) -> Damage:
    """Makes something that is no regular file."""

    def prepare(folder: Path) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
        if kind == "fifo":
            os.mkfifo(path)
        elif kind == "loop":
            path.symlink_to(path.name)
        elif kind == "dangling":
            path.symlink_to("nowhere")
        elif kind == "zero":
            path.symlink_to("/dev/zero")
        elif kind == "null":
            path.symlink_to("/dev/null")
        else:
            path.mkdir()

    return prepare


SPECIAL = ("fifo", "loop", "dangling", "zero", "null", "folder")


def broken(draw: Draw, content: bytes) -> bytes:
    """Content cut short, with bytes replaced, lines exchanged, or words replaced."""
    at, length = draw.randrange(len(content) + 1), draw.randint(1, 30)
    kind = draw.randrange(6)
    if kind == 0:
        return content[:at]
    if kind == 1:
        return content[:at] + bytes(draw.randrange(256) for _ in range(length)) + content[at + length :]
    if kind == 2:
        return content[:at] + content[at + length :]
    if kind == 3:
        lines = content.split(b"\n")
        lines.insert(draw.randrange(len(lines)), lines.pop(draw.randrange(len(lines))))
        return b"\n".join(lines)
    words = content.split(b" ")
    nasty = (b"nan", b"inf", b"1e300", b"-1e999", b"9" * 30, b"-1", b"0", b"abc", b"", b"\xff\xfe", b"1,5")
    words[draw.randrange(len(words))] = draw.choice(nasty)
    return b" ".join(words)


STRUCTURES: dict[str, tuple[bytes | str, str]] = {
    "empty": ("", WRONG),
    "blank": ("\n\n \n", WRONG),
    "binary": (BINARY, WRONG),
    "text": ("these are no molecules\n", WRONG),
    "negative count": ("-3\n\nH 0 0 0\n", WRONG),
    "no atoms": ("0\n\n", WRONG),
    "huge count": ("999999999999999999\n\nH 0 0 0\n", WRONG),
    "cut": ("5\nstrain=1\nH 0 0 0\nH 0 0 1\n", WRONG),
    "short line": ("2\nstrain=1\nH 0 0 0\nH 0 1\n", WRONG),
    "no number": ("2\nstrain=1\nH 0 0 0\nH 0 1 x\n", WRONG),
    "not finite": ("2\nstrain=1\nH 0 0 0\nH 0 1 nan\n", WRONG),
    "far": ("2\nstrain=1\nH 0 0 0\nH 0 1 1e300\n", WRONG),
    "one place": ("2\nstrain=1\nH 0 0 0\nH 0 0 0\n", WRONG),
    "element": ("2\nstrain=1\nXx 0 0 0\nH 0 0 1\n", WRONG),
    "periodic": ('2\nLattice="9 0 0 0 9 0 0 0 9" strain=1\nH 0 0 0\nH 0 0 1\n', EITHER),
    "properties": ("2\nProperties=species:S strain=1\nH 0 0 0\nH 0 0 1\n", WRONG),
    "no target": ("2\nnothing=1\nH 0 0 0\nH 0 0 1\n" * 16, WRONG),
    "target of text": ("2\nstrain=high\nH 0 0 0\nH 0 0 1\n" * 16, WRONG),
    "target not finite": ("2\nstrain=nan\nH 0 0 0\nH 0 0 1\n" * 16, WRONG),
    "target of another length": ('2\nstrain="1 2"\nH 0 0 0\nH 0 0 1\n' * 16, WRONG),
    "one structure": ("2\nstrain=1\nH 0 0 0\nH 0 0 1\n", WRONG),
    "latin": ("2\nstrain=1 name=\xe9\nH 0 0 0\nH 0 0 1\n".encode("latin-1"), WRONG),
    "utf-16": ("2\nstrain=1\nH 0 0 0\nH 0 0 1\n".encode("utf-16"), WRONG),
    "nulls": (b"\0" * 4096, WRONG),
    "open quote": ('2\nstrain="1\nH 0 0 0\nH 0 0 1\n', EITHER),
    "json": ('{"a": 1}', WRONG),
}
CLOUDS: dict[str, bytes | str] = {
    "empty": "",
    "binary": BINARY,
    "text": "no points\n",
    "one point": "0 0 0\n",
    "equal points": "1 1 1\n" * 30,
    "two columns": "0 0\n1 1\n",
    "ragged": "0 0 0\n1 1\n",
    "not finite": "0 0 0\nnan 1 1\n1 inf 1\n",
    "far": "0 0 0\n1e300 1 1\n-1e300 0 1\n",
    "count": "99999999999\n0 0 0\n",
    "eleven": "1 2 3 4 5 6 7 8 9 10 11\n" * 9,
    "nulls": "\0" * 900,
}


def structure_file(draw: Draw) -> Case:
    """A file of structures that is broken, for fit, predict and evaluate."""
    form = draw.choice(["fit", "predict", "evaluate", "audit"])
    name = draw.choice(["bad.extxyz", "bad.xyz", "bad.pdb", "bad.cif", "bad", "b\u00e4d \u65e5.extxyz"])
    if draw.random() < 0.2:
        return Case(f"structures: {form}", reading(form, name), WRONG, special(name, draw.choice(SPECIAL)))
    if draw.random() < 0.6:
        key = draw.choice(list(STRUCTURES))
        content, known = STRUCTURES[key]
        of_targets = key in ("one structure",) or "target" in key
        known = EITHER if form != "fit" and of_targets else known
        known = known if name.endswith("xyz") else EITHER
        return Case(f"structures: {key}", reading(form, name), known, write(name, content))
    source = "".join(molecule(draw, draw.randint(1, 6)) for _ in range(16)).encode()
    known = RIGHT if draw.random() < 0.1 and name.endswith("extxyz") else EITHER
    content = source if known == RIGHT else broken(draw, source)
    return Case(f"structures: {form}", reading(form, name), known, write(name, content))


def reading(form: str, name: str) -> tuple[str, ...]:
    """A command that reads a file of structures."""
    if form == "fit":
        return ("fit", "properties", name, *FITS["properties"][3:])
    rest = {"predict": ("--output", "a.csv"), "audit": ("--samples", "2"), "evaluate": ()}
    return (form, RUNS["properties"], name, *rest[form])


def shape_folder(draw: Draw) -> Case:
    """A folder of shapes in which a file, or all, are broken."""
    task = draw.choice(["classify", "segment"])
    form = draw.choice(["fit", "predict", "evaluate", "audit", "file"])
    words = {
        "fit": ("fit", task, "folder", *CLASSIFY[3:]),
        "predict": ("predict", RUNS[task], "folder", "--output", "a.csv"),
        "evaluate": ("evaluate", RUNS[task], "folder"),
        "audit": ("audit", RUNS[task], "folder", "--samples", "2"),
        "file": ("predict", RUNS[task], "folder/balls/bad.xyz", "--output", "a.csv"),
    }[form]
    data = DATA[task]
    suffix = draw.choice(["xyz", "txt", "pts", "ply", "off", "obj", "stl", "glb", "gltf", "npz"])
    if form == "file":
        words = (*words[:2], f"folder/balls/bad.{suffix}", *words[3:])
    key = draw.choice(list(CLOUDS))
    how = draw.choice(["one", "all", "special", "empty", "one class", "none", "random"])
    noise = random.Random(draw.random())

    def prepare(folder: Path) -> None:
        target = folder / "folder"
        if how == "empty":
            target.mkdir()
            return
        if how == "all":
            for kind in ("balls", "eggs"):
                write(f"folder/{kind}/bad.{suffix}", CLOUDS[key])(folder)
            return
        shutil.copytree(folder / data, target)
        if how == "one class":
            shutil.rmtree(target / "eggs")
        if how == "special":
            special(f"folder/balls/bad.{suffix}", noise.choice(SPECIAL))(folder)
        elif how == "random":
            content = cloud(noise, 1, data == "parts").encode()
            write(f"folder/balls/bad.{suffix}", broken(Draw(noise.random()), content))(folder)
        elif how != "none":
            write(f"folder/balls/bad.{suffix}", CLOUDS[key])(folder)

    known = EITHER
    if how == "empty" or (how == "all" and form == "fit"):
        known = WRONG
    if how == "one class" and task == "classify" and form == "fit":
        known = WRONG
    if form == "file" and (how in ("none", "special") or (how == "one" and suffix not in ("xyz", "txt", "pts"))):
        known = WRONG
    if how == "none" and form in ("fit", "predict", "evaluate"):
        known = RIGHT
    if draw.random() < 0.1:
        return Case("shapes: strict", ("fit", task, "folder", *CLASSIFY[3:], "--strict"), WRONG, _with_bad(data))
    return Case(f"shapes: {form}, {how}, {key}", words, known, prepare)


def _with_bad(data: str) -> Damage:
    def prepare(folder: Path) -> None:
        shutil.copytree(folder / data, folder / "folder")
        write("folder/balls/bad.ply", "no ply")(folder)

    return prepare


def png(width: int, height: int, rows: bytes | None = None) -> bytes:
    """A gray image."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    pixels = rows if rows is not None else b"".join(b"\0" + bytes(width) for _ in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")


def image_file(draw: Draw) -> Case:
    """A picture that is broken, for `pattern --detect` and `--motif`, `filters`, and `keypoints` of one image."""
    words = draw.choice(
        [
            ("pattern", "--detect", "bad.png"),
            ("pattern", "p4m", "out.png", "--size", "40", "--motif", "bad.png"),
            ("filters", "bad.png"),
            ("keypoints", "bad.png", "--csv", "points.csv", "--output", "points.png"),
        ]
    )
    whole = png(40, 40, b"".join(b"\0" + bytes(draw.randrange(256) for _ in range(40)) for _ in range(40)))
    contents: dict[str, tuple[bytes, str]] = {
        "empty": (b"", WRONG),
        "text": (b"no picture", WRONG),
        "binary": (BINARY, WRONG),
        "cut": (whole[: len(whole) // 2], WRONG),
        "huge": (png(60000, 60000, b"\0"), WRONG),
        "no rows": (png(40, 40, b""), WRONG),
        "one pixel": (png(1, 1), EITHER),
        "one color": (png(64, 64), EITHER),
        "random": (broken(draw, whole), EITHER),
    }
    key = draw.choice([*contents, "special"])
    if key == "special":
        return Case("image: special", words, WRONG, special("bad.png", draw.choice(SPECIAL)))
    return Case(f"image: {key}", words, contents[key][1], write("bad.png", contents[key][0]))


PYTHON: dict[str, tuple[str, str]] = {
    "empty": ("", WRONG),
    "syntax": ("def model(:\n", WRONG),
    "exit": ("import sys\nsys.exit(0)\n", WRONG),
    "raises": ("raise RuntimeError('no')\n", WRONG),
    "interrupt": ("raise KeyboardInterrupt\n", WRONG),
    "number": ("model = 3\n", WRONG),
    "nothing": ("model = None\n", WRONG),
    "text": ("model = 'a'\n", WRONG),
    "tuple": ("model = (1, 2)\n", WRONG),
    "tuple of three": ("model = (1, 2, 3)\n", WRONG),
    "dict": ("model = {'f': 3}\n", WRONG),
    "factory raises": ("def model():\n    raise ValueError('no')\n", WRONG),
    "undeclared": ("def model(x):\n    return x\n", WRONG),
    "wrong rep": ("def model(x):\n    return x\nmodel.rep_in = model.rep_out = '1xx0e'\n", WRONG),
    "wrong shape": ("def model(x):\n    return x[..., :2]\nmodel.rep_in = model.rep_out = '1x1o'\n", WRONG),
    "not finite": ("def model(x):\n    return x / 0\nmodel.rep_in = model.rep_out = '1x1o'\n", EITHER),
    "import": ("import nothing_of_that_name\n", WRONG),
    "binary": ("\x00\x01", WRONG),
    "identity": ("def model(x):\n    return x\nmodel.rep_in = model.rep_out = '1x1o'\n", EITHER),
}


def python_file(draw: Draw) -> Case:
    """A Python file with a model that cannot be audited."""
    if draw.random() < 0.4:
        name = draw.choice(["undeclared", "number", "nothing", "ends", "raises", "l\u00e4yer", "_"])
        return Case("python: name", ("audit", f"model.py:{name}", "--samples", "2"), WRONG)
    if draw.random() < 0.2:
        text = draw.choice(
            [
                "nope.py:model",
                "nope:model",
                "model:nope",
                "model.py:",
                ":layer",
                "math:sqrt",
                "os:name",
                "folder/m.py:model",
                "a..b:c",
                "model.py:layer:layer",
                "1:2",
            ]
        )
        return Case("python: place", ("audit", text), WRONG)
    if draw.random() < 0.2:
        return Case("python: right", ("audit", "model.py:layer", "--samples", "2"), RIGHT)
    key = draw.choice(list(PYTHON))
    content, known = PYTHON[key]
    return Case(f"python: {key}", ("audit", "bad.py:model", "--samples", "2"), known, write("bad.py", content))
