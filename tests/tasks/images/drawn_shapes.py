"""Small pictures of shapes, drawn at random orientations: classes, a number, masks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

CORNERS = {"square": 4, "triangle": 3}


def draw(corners: int, random: np.random.Generator, size: int = 17) -> tuple[Image.Image, Image.Image, float]:
    """A regular polygon, its mask, and its radius."""
    image, mask = Image.new("L", (size, size), 20), Image.new("L", (size, size))
    center, radius, turn = size / 2 + random.uniform(-1, 1, 2), random.uniform(3, 7), random.uniform(0, 2 * np.pi)
    angles = turn + 2 * np.pi * np.arange(corners) / corners
    points = [tuple(center + radius * np.array([np.cos(angle), np.sin(angle)])) for angle in angles]
    ImageDraw.Draw(image).polygon(points, fill=int(random.integers(150, 255)))
    ImageDraw.Draw(mask).polygon(points, fill=1)
    return image, mask, radius


def write_classes(folder: Path, each: int = 10, kinds=CORNERS) -> Path:
    random = np.random.default_rng(0)
    for kind in kinds:
        (folder / kind).mkdir(parents=True, exist_ok=True)
        for number in range(each):
            draw(CORNERS[kind], random)[0].save(folder / kind / f"{number}.png")
    return folder


def write_numbers(folder: Path, count: int = 20) -> Path:
    random, rows = np.random.default_rng(0), ["path,value"]
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        image, _, radius = draw(4, random)
        image.save(folder / f"{number}.png")
        rows.append(f"{number}.png,{radius:.4f}")
    (folder / "labels.csv").write_text("\n".join(rows))
    return folder / "labels.csv"


def write_masks(folder: Path, count: int = 12) -> Path:
    random = np.random.default_rng(0)
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for number in range(count):
        image, mask, _ = draw(3, random)
        image.save(folder / "images" / f"{number}.png")
        mask.save(folder / "masks" / f"{number}.png")
    return folder
