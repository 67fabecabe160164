"""A trained, audited and exported classifier of images: its answers do not change when an image is turned."""

import tempfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw

import intertwine as iw
from intertwine.data import read_image

torch.set_num_threads(1)
numbers = np.random.default_rng(0)


def draw_polygons(folder: Path, corners: int) -> None:
    """Twelve small pictures of polygons: stands for your photos, one folder for each class."""
    folder.mkdir(parents=True)
    for number in range(12):
        picture, turn = Image.new("L", (17, 17)), numbers.uniform(0, 6.28)
        angles = turn + 2 * np.pi * np.arange(corners) / corners
        ImageDraw.Draw(picture).polygon([(8 + 6 * np.cos(a), 8 + 6 * np.sin(a)) for a in angles], fill=200)
        picture.save(folder / f"{number:02d}.png")


with tempfile.TemporaryDirectory() as folder:
    photos = Path(folder) / "photos"
    draw_polygons(photos / "squares", 4)
    draw_polygons(photos / "triangles", 3)

    options = {"group": "C8", "widths": "4,6", "augment": "rotate", "epochs": 4, "batch_size": 8}
    run = iw.fit("images", photos, output=Path(folder) / "run", **options)

    model = iw.load(run.best)
    print(model.predict(photos / "squares"))
    image = read_image(photos / "squares" / "00.png").pixels
    upright, turned = (model.predict(x)["probabilities"] for x in (image, image.rot90(1, (-2, -1))))
    print(f"turned by 90 degrees, probabilities change by {np.abs(upright - turned).max():.0e}")
    print(model.audit())

    exported = model.export(Path(folder) / "model.pt2")  # ordinary convolutions, for torch.export.load
    print(f"the file differs from the model by {exported.difference:.0e}")
