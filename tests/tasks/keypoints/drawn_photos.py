"""Small pictures with corners and blobs at all places, in place of photos."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw


def draw(seed: int, width: int = 90, height: int = 80) -> Image.Image:
    random = np.random.default_rng(seed)
    image = Image.new("L", (width, height), int(random.integers(80, 170)))
    pen = ImageDraw.Draw(image)
    for _ in range(45):
        center, radius, turn = random.uniform(0, (width, height)), random.uniform(2, 9), random.uniform(0, 2 * np.pi)
        corners = int(random.integers(3, 6))
        angles = turn + 2 * np.pi * np.arange(corners) / corners
        points = [tuple(center + radius * np.array([np.cos(angle), np.sin(angle)])) for angle in angles]
        pen.polygon(points, fill=int(random.integers(0, 255)))
    return image


def write_photos(folder: Path, count: int = 5) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        draw(number).save(folder / f"{number}.png")
    return folder
