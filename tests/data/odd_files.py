"""Odd but legal, malformed and truncated files for every reader, from a seed; run by hand, it prints counts.

    python tests/data/odd_files.py --count 5000

A legal file must be read as what was written. A damaged one must be refused in one line, or be read as points that are
finite; where a second reader (trimesh, meshio, ase, pycolmap, numpy) accepts it too, the two are compared, the counts
printed.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import shutil
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from odd_formats import FORMATS
from odd_shapes import SHAPES, Draw, OddFile

from intertwine._errors import UsageError
from intertwine.data import read_structures
from intertwine.data._sampling import Cloud, ShapeError, sample
from intertwine.data.readers import read_shape

SECONDS = 3.0
_NASTY = ("nan", "inf", "1e300", "-1e999", "99999999999999999999", "-1", "0", "1e-320", "abc", "1,5", "1_0", "0x10", "")


def structures(draw: Draw) -> OddFile:
    """One or two molecules as extended or plain XYZ."""
    lines, numbers, positions = [], [], []
    for _ in range(draw.randint(1, 3)):
        atoms = draw.randint(1, 6)
        found = [draw.choice([1, 6, 8, 17]) for _ in range(atoms)]
        places = np.array([[draw.uniform(-9, 9) for _ in range(3)] for _ in range(atoms)])
        symbol = {1: draw.choice(["H", "H", "D", "T", "1"]), 6: draw.choice(["C", "6"]), 8: draw.choice(["O", "8"])}
        symbol[17] = draw.choice(["Cl", "17"])
        if draw.plain:
            symbol = {1: "H", 6: "C", 8: "O", 17: "Cl"}
        exponent = "e" if draw.plain else draw.choice(["e", "D", "d", "*^", "E"])
        rows = [[f"{value:.8e}".replace("e", exponent) for value in place] for place in places]
        form = draw.choice(["plain", "species first", "species last", "numbers", "forces"])
        comment = {
            "plain": draw.choice(["", "a remark", "energy=-1.5"]),
            "species first": f'Properties=species:S:1:pos:R:3 energy=-1.5{exponent}+00 pbc="F F F"',
            "species last": 'Properties=pos:R:3:species:S:1 pbc="F F F"',
            "numbers": "Properties=Z:I:1:pos:R:3",
            "forces": "Properties=species:S:1:pos:R:3:forces:R:3 energy=-1.5",
        }[form]
        lines += [f"{draw.choice(['', ' '])}{atoms}", comment]
        for number, row in zip(found, rows, strict=True):
            name = str(number) if form == "numbers" else symbol[number]
            words = [*row, name] if form == "species last" else [name, *row]
            lines.append(draw.choice([" ", "\t", "   "]).join(words + ["0.0"] * (3 * (form == "forces"))))
        lines += [] if draw.plain else draw.choice([[], [], [""], ["", " "]])
        numbers += found
        positions.append(places)
    text = draw.choice(["\n", "\r\n"]).join([*lines, ""])
    content = draw.choice([b"", b"", b"\xef\xbb\xbf"]) + text.encode()
    truth = {"numbers": np.array(numbers), "positions": np.concatenate(positions)}
    return OddFile(draw.choice(["a.xyz", "a.extxyz"]), content, truth)


WRITERS: tuple[Callable[[Draw], OddFile], ...] = (*SHAPES, structures, *FORMATS)


def damage(draw: Draw, content: bytes) -> bytes:
    """The content cut short, or with bytes or numbers replaced, removed, repeated or put in."""
    at = draw.randrange(len(content) + 1)
    length = draw.randint(1, 30)
    kind = draw.randrange(8)
    if kind == 0:
        return content[:at]
    if kind == 1:
        return content[:at] + bytes(draw.randrange(256) for _ in range(length)) + content[at + length :]
    if kind == 2:
        return content[:at] + content[at + length :]
    if kind == 3:
        return content[: at + length] + content[at:]
    if kind == 4:
        lines = content.split(b"\n")
        lines.insert(draw.randrange(len(lines)), lines.pop(draw.randrange(len(lines))))
        return b"\n".join(lines)
    if kind == 5:
        return content + content[: at if draw.random() < 0.5 else None]
    words = content.split(b" ")
    words[draw.randrange(len(words))] = draw.choice(_NASTY).encode()
    return b" ".join(words)


def check(name: str, read: Callable[[Draw], OddFile], seed: int, broken: bool, folder: Path) -> tuple[str, str]:
    """What became of one file, and of the second reader.

    Raises:
        AssertionError: a legal file was refused or read wrongly, or a damaged one gave neither one line nor points.
    """
    draw = Draw(f"{name} {seed}")
    file = read(draw)
    content, truth = (damage(draw, file.content), None) if broken else (file.content, file.truth)
    folder = folder / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for beside, data in file.beside.items():
        (folder / beside).write_bytes(data)
    path = folder / file.name
    path.write_bytes(content)
    begin = time.process_time()
    try:
        with limit(20):
            found = _read(path, read)
    except (ShapeError, UsageError) as error:
        message = str(error)
        assert truth is None, f"a legal file is refused: {message}"
        assert message.strip(), "refused without a word"
        assert "\n" not in message, f"more than one line: {message}"
        assert len(message) < 400, f"a long line: {message}"
        return "refused", ""
    finally:
        taken = time.process_time() - begin
        assert taken < SECONDS, f"took {taken:.1f} s"
    for key, value in (truth or {}).items():
        given = found.get(key)
        assert given is not None, f"no {key}"
        scale = np.abs(np.asarray(truth.get("high", truth.get("points", 1.0)))).max() if truth else 1.0
        tolerance = 1e-4 * float(value) if key == "area" else 1e-5 * scale  # type: ignore[arg-type]
        assert np.shape(given) == np.shape(value), f"{key}: shape {np.shape(given)}, expected {np.shape(value)}"
        assert np.allclose(given, value, rtol=0, atol=tolerance), f"{key}: {given}, expected {value}"
    second = _second(path, read)
    return "read", "" if second is None else compare(found, second)


def compare(found: dict[str, object], second: dict[str, object]) -> str:
    """Whether two readers found the same."""
    keys = [key for key in found if key in second]
    for key in keys:
        first, other = np.asarray(found[key], dtype=np.float64), np.asarray(second[key], dtype=np.float64)
        if first.shape != other.shape or not np.allclose(
            first, other, rtol=1e-3, atol=1e-5 * np.abs(other).max(initial=0)
        ):
            return "differ"
    return "agree" if keys else "differ"


@contextlib.contextmanager
def limit(seconds: int) -> Iterator[None]:
    """Raises AssertionError after some seconds."""

    def stop(*_: object) -> None:
        raise AssertionError(f"no end after {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _read(path: Path, writer: Callable[[Draw], OddFile]) -> dict[str, object]:
    if writer in FORMATS:
        return FORMATS[writer].read(path)
    return _read_structures(path) if writer is structures else _read_shape(path)


def _read_shape(path: Path) -> dict[str, object]:
    shape = read_shape(path)
    cloud = sample(shape, 64, 0)
    assert cloud.points.shape == (64, 3), "another number of points"
    assert np.isfinite(cloud.points).all(), "points that are not finite"
    if isinstance(shape, Cloud):
        return {"points": shape.points}
    return {**_measures(shape.vertices[shape.faces]), "labels": shape.face_labels}


def _measures(corners: np.ndarray) -> dict[str, object]:
    with np.errstate(all="ignore"):
        normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        area = 0.5 * float(np.linalg.norm(normals, axis=1).sum())
    points = corners.reshape(-1, 3)
    return {"area": area, "low": points.min(axis=0), "high": points.max(axis=0), "triangles": len(corners)}


def _read_structures(path: Path) -> dict[str, object]:
    data = read_structures(path)
    assert data.positions.isfinite().all(), "positions that are not finite"
    return {"numbers": data.point_fields["numbers"].numpy(), "positions": data.positions.numpy()}


def _second(path: Path, read: Callable[[Draw], OddFile]) -> dict[str, object] | None:
    """The same by trimesh, meshio or ase; None where none of them reads it."""
    if read in FORMATS:
        return _quietly(FORMATS[read].second, path)
    if read is structures:
        return _quietly(_ase, path)
    if path.suffix in (".off", ".ply", ".obj", ".stl", ".glb", ".gltf"):
        found = _quietly(_trimesh, path)
        return _quietly(_meshio, path) if found is None else found
    return None


def _quietly(read: Callable[[Path], dict[str, object] | None], path: Path) -> dict[str, object] | None:
    with warnings.catch_warnings(), np.errstate(all="ignore"), contextlib.redirect_stdout(None), limit(60):
        warnings.simplefilter("ignore")
        try:
            return read(path)
        except (Exception, SystemExit):  # whatever the other reader meets
            return None


def _ase(path: Path) -> dict[str, object] | None:
    from ase.io import read

    frames = read(path, index=":", format="extxyz")
    return {
        "numbers": np.concatenate([frame.numbers for frame in frames]),
        "positions": np.concatenate([frame.positions for frame in frames]),
    }


def _trimesh(path: Path) -> dict[str, object] | None:
    import trimesh

    logging.getLogger("trimesh").setLevel(logging.CRITICAL)
    mesh = trimesh.load_mesh(path, process=False)
    return _measures(mesh.vertices[mesh.faces]) if len(mesh.faces) else None


def _meshio(path: Path) -> dict[str, object] | None:
    import meshio

    mesh = meshio.read(path)
    fans = [cells.data[:, [0, k, k + 1]] for cells in mesh.cells for k in range(1, cells.data.shape[1] - 1)]
    return _measures(mesh.points[np.concatenate(fans)]) if fans else None


def try_files(seeds: range, folder: Path, report: Callable[[str], None] = print) -> tuple[Counter[str], list[str]]:
    """Every reader on a legal and on a damaged file of each seed: counts, and what went wrong."""
    counts: Counter[str] = Counter()
    faults = []
    for writer in WRITERS:
        for broken in (False, True):
            one: Counter[str] = Counter()
            for seed in seeds:
                kind = "damaged" if broken else "legal"
                try:
                    outcome, second = check(writer.__name__, writer, seed, broken, folder)
                except Exception as error:  # every kind of it is a fault of the reader
                    faults.append(f"{writer.__name__}, {kind}, seed {seed}: {type(error).__name__}: {str(error)[:200]}")
                    outcome, second = "FAULT", ""
                one[outcome] += 1
                one[f"second reader: {second or 'none'}"] += outcome == "read"
            report(f"{writer.__name__:12}{'damaged' if broken else 'legal':9}{dict(sorted(one.items()))}")
            counts += one
    return counts, faults


def main() -> int:
    """Counts and faults on stdout; 1 if there is a fault."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=400, help="files in all")
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    options = parser.parse_args()
    each = max(1, options.count // (2 * len(WRITERS)))
    with tempfile.TemporaryDirectory() as folder:
        counts, faults = try_files(range(options.seed, options.seed + each), Path(folder))
    total = f"{2 * each * len(WRITERS)} files, {len(faults)} faults: {dict(sorted(counts.items()))}"
    sys.stdout.write("\n".join([total, *faults[:40], ""]))
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
