"""Small data of the tasks and commands on images, atoms, networks, pairs and scenes, and their damaged copies."""

from __future__ import annotations

import math
import random
import shutil
from pathlib import Path
from typing import Any

from fuzz_base import FITS
from fuzz_case import EITHER, RIGHT, WRONG, Case, Draw
from fuzz_files import BINARY, SPECIAL, broken, special, write

READERS = {
    "register": (("register", "a.xyz", "b.xyz", "--output", "motion.json"), ("a.xyz", "b.xyz")),
    "dock": (("dock", "ligand.pdb", "receptor.pdb", "--level", "0", "--spacing", "4", "--models", "1",
              "--refined", "2", "--output", "complex"), ("ligand.pdb", "receptor.pdb")),
    "keypoints": (("keypoints", "left.png", "right.png", "--geometry", "none", "--csv", "matches.csv"),
                  ("left.png", "right.png")),
    "filters": (("filters", "left.png", "--output", "filter.png"), ("left.png",)),
    "sfm": (("sfm", "scene.npz", "--output", "model"), ("scene.npz",)),
    **{f"fit {task}": (FITS[task], (FITS[task][2],)) for task in FITS},
}  # fmt: skip
"""Commands and the files or folders that they read."""
CONTENTS: dict[str, bytes] = {
    "empty": b"",
    "blank": b"\n\n \n",
    "binary": BINARY,
    "nulls": b"\0" * 2048,
    "text": b"this is something else\n",
    "json": b'{"a": 1}',
    "utf-16": "1 2 3\n".encode("utf-16"),
}
"""What none of these commands can read."""


def write_scenes(folder: Path) -> None:
    """Write the data."""
    draw = random.Random("scenes")
    _write_images(folder, draw)
    _write_networks(folder, draw)
    _write_scene(folder / "scene.npz", draw)
    for number in range(5):
        (folder / "scenes").mkdir(exist_ok=True)
        _write_scene(folder / "scenes" / f"{number}.npz", draw)
    for number in range(5):
        (folder / "views").mkdir(exist_ok=True)
        _drawing(draw).save(folder / "views" / f"{number}.png")
    _write_shapes(folder / "shapes", draw)
    (folder / "frames.extxyz").write_text("".join(_frame(draw) for _ in range(16)))
    surface = [_on_ellipsoid(draw) for _ in range(150)]
    turned = [(y + 1, -x, z) for x, y, z in surface]
    for name, points in (("a.xyz", surface), ("b.xyz", turned)):
        (folder / name).write_text("".join(f"{x:.5f} {y:.5f} {z:.5f}\n" for x, y, z in points))
    (folder / "ligand.pdb").write_text(_helix(8, 0.0))
    (folder / "receptor.pdb").write_text(_helix(12, 9.0))
    for number in range(5):
        (folder / "complexes").mkdir(exist_ok=True)
        for side, residues, shift in (("l", 8 + number, 0.0), ("r", 12, 9.0)):
            (folder / "complexes" / f"c{number}_{side}.pdb").write_text(_helix(residues, shift, draw))


def damaged_file(draw: Draw) -> Case:
    """A command with one of its files damaged, or none."""
    name = draw.choice(list(READERS))
    words, files = READERS[name]
    file = draw.choice(files)
    how = draw.choice(["none", "missing", "special", "content", "random", "random"])
    kind, content = draw.choice(SPECIAL), CONTENTS[draw.choice(list(CONTENTS))]
    noise = Draw(str(draw.random()))

    def prepare(folder: Path) -> None:
        path = folder / file
        if how == "missing":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        elif how == "special":
            special(file, kind)(folder)
        elif how == "content":
            for each in sorted(item for item in path.rglob("*") if item.is_file()) if path.is_dir() else [path]:
                write(str(each.relative_to(folder)), content)(folder)
        elif how == "random":
            each = noise.choice(sorted(item for item in path.rglob("*") if item.is_file())) if path.is_dir() else path
            each.write_bytes(broken(noise, each.read_bytes()))

    known = {"none": RIGHT, "random": EITHER}.get(how, WRONG)
    return Case(f"{name}: {file} {how}", words, known, prepare)


def _frame(draw: random.Random) -> str:
    """Atoms with an energy and forces."""
    rows = []
    for number in range(draw.randint(2, 5)):
        values = [1.5 * number + draw.gauss(0, 0.2), *(draw.gauss(0, 0.2 if axis < 2 else 1) for axis in range(5))]
        rows.append(" ".join([draw.choice("HCO"), *(f"{value:.5f}" for value in values)]))
    head = f'Properties=species:S:1:pos:R:3:forces:R:3 energy={draw.gauss(-10, 1):.5f} pbc="F F F"'
    return "\n".join([str(len(rows)), head, *rows, ""])


def _on_ellipsoid(draw: random.Random) -> tuple[float, float, float]:
    x, y, z = (draw.gauss(0, 1) for _ in range(3))
    length = math.sqrt(x * x + y * y + z * z)
    return x / length, 2 * y / length, 3 * z / length


def _helix(residues: int, shift: float, noise: random.Random | None = None) -> str:
    """The backbone of an alpha helix as PDB, its atoms a little moved if there is noise."""
    lines = []
    for residue in range(residues):
        for number, (atom, radius, turn, rise) in enumerate(
            [("N", 1.55, -28, -0.9), ("CA", 2.29, 0, 0.0), ("C", 1.68, 26, 1.1), ("O", 2.04, 22, 2.3)]
        ):
            angle = math.radians(100 * residue + turn)
            x, y, z = radius * math.cos(angle) + shift, radius * math.sin(angle), 1.5 * residue + rise
            if noise is not None:
                x, y, z = (value + noise.gauss(0, 0.1) for value in (x, y, z))
            lines.append(
                f"ATOM  {4 * residue + number + 1:5d}  {atom:<3s} ALA A{residue + 1:4d}    "
                f"{x:8.3f}{y:8.3f}{z:8.3f}  1.00  0.00           {atom[0]}"
            )
    return "\n".join([*lines, "END", ""])


def _write_images(folder: Path, draw: random.Random) -> None:
    from PIL import Image

    for kind, name in enumerate(("bars", "dots")):
        (folder / "photos" / name).mkdir(parents=True)
        for number in range(6):
            image = Image.new("L", (12, 12))
            places = [(x, y) for y in range(12) for x in range(12)]
            image.putdata([int(draw.random() * 60 + 150 * ((x // 3 + kind * (y // 3)) % 2)) for x, y in places])
            image.save(folder / "photos" / name / f"{number}.png")
    large = Image.new("L", (72, 64))
    large.putdata([draw.randrange(256) for _ in range(72 * 64)])
    large = large.resize((96, 96)).crop((8, 8, 88, 88))
    large.save(folder / "left.png")
    large.rotate(90).save(folder / "right.png")


def _drawing(draw: random.Random) -> Any:
    """A picture with corners at all places."""
    from PIL import Image, ImageDraw

    image = Image.new("L", (70, 60), 120)
    pen = ImageDraw.Draw(image)
    for _ in range(40):
        x, y, size = draw.uniform(0, 70), draw.uniform(0, 60), draw.uniform(3, 10)
        pen.polygon([(x + draw.gauss(0, size), y + draw.gauss(0, size)) for _ in range(3)], fill=draw.randrange(256))
    return image


def _write_shapes(folder: Path, draw: random.Random) -> None:
    folder.mkdir()
    for number in range(5):
        sizes = [draw.uniform(0.5, 2) for _ in range(3)]
        points = [[size * x for size, x in zip(sizes, _on_ellipsoid(draw), strict=True)] for _ in range(200)]
        rows = [" ".join(f"{x + (x > 0.3) * 0.2:.5f}" for x in point) for point in points]
        (folder / f"{number}.xyz").write_text("\n".join([*rows, ""]))


def _write_networks(folder: Path, draw: random.Random) -> None:
    import torch
    from safetensors.torch import save_file

    generator = torch.Generator().manual_seed(draw.randrange(1000))
    shapes = {"0.weight": (3, 1), "0.bias": (3,), "2.weight": (1, 3), "2.bias": (1,)}
    for kind, name in enumerate(("small", "large")):
        (folder / "nets" / name).mkdir(parents=True)
        for number in range(6):
            weights = {key: (1 + kind) * torch.randn(shape, generator=generator) for key, shape in shapes.items()}
            save_file(weights, folder / "nets" / name / f"{number}.safetensors")


def _write_scene(path: Path, draw: random.Random) -> None:
    import numpy as np

    points = np.array([[draw.uniform(-1, 1) for _ in range(3)] for _ in range(40)])
    rows, rotations, translations = [], [], []
    for camera in range(4):
        turn = 0.25 * camera
        rotation = np.array([[math.cos(turn), 0, math.sin(turn)], [0, 1, 0], [-math.sin(turn), 0, math.cos(turn)]])
        rotations.append(rotation)
        translations.append(np.array([0.1 * camera, 0.05 * camera**2, 5]))
        seen = points @ rotation.T + translations[-1]
        rows += [(camera, number, *(500 * seen[number, :2] / seen[number, 2] + 320)) for number in range(40)]
    table = np.array(rows)
    calibration = np.array([[500.0, 0, 320], [0, 500, 320], [0, 0, 1]])
    observed = {"camera": table[:, 0].astype(int), "point": table[:, 1].astype(int), "xy": table[:, 2:]}
    np.savez(path, **observed, K=calibration, R=np.array(rotations), t=np.array(translations))
