"""Settings of `intertwine fit images` compared: optimizer, network and augmentation, at equal minutes.

    python benchmarks/images/settings.py --data digits:1000 --runs gcnn/adamw/0.005/none gcnn/muon/0.02/none
    python benchmarks/images/settings.py --data patches:PHOTOS --runs plain/muon/0.02/rotate --minutes 2

digits:N is N digits of rotated MNIST (rebuilt). patches:PHOTOS is 20 color photos of a folder as 20 classes: upright
squares of 32 pixels that do not overlap, 50 a photo to learn from, the others to compare and to test on. A run is
MODEL/OPTIMIZER/RATE/AUGMENTATION, where MODEL may name a group, as in gcnn:C16. Settings are chosen by the error on
images for comparison, which are neither trained on, nor watched, nor tested on. One JSON object a run goes to --output.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from intertwine.data import image_files, read_image, rotate_images, rotated_mnist, to_float
from intertwine.tasks.images import ImageOptions, Images
from intertwine.training import fit, load_checkpoint

PHOTOS, SIDE, RESOLUTION = 20, 32, 400
LARGEST, WATCHED, COMPARED, TESTED, TURNED = 50, 200, 1000, 2000, 1000


def digits(count):
    """Pixels (N, 28, 28) and labels to learn from, to compare on and to test on."""
    images = rotated_mnist()
    parts = (images.split.train[: count + WATCHED], images.split.validation[:COMPARED], images.split.test[:TESTED])
    return [(images.pixels[part][:, 0].numpy(), images.image_fields["classes"][part].numpy()) for part in parts]


def patches(folder, squares):
    """Pixels (N, 32, 32, 3) and labels: squares of a checkerboard of each photo, in random order."""
    generator, parts = np.random.default_rng(0), ([], [], [])
    color = [path for path in image_files(Path(folder)) if usable(path)][:PHOTOS]
    for label, path in enumerate(color):
        photo = shrunk(to_float(read_image(path).pixels))
        rows, columns = photo.shape[1] // SIDE, photo.shape[2] // SIDE
        cells = photo[:, : rows * SIDE, : columns * SIDE].unflatten(2, (columns, SIDE)).unflatten(1, (rows, SIDE))
        cells = cells.permute(1, 3, 2, 4, 0).reshape(-1, SIDE, SIDE, 3).mul(255).round().to(torch.uint8).numpy()
        cells = cells[generator.permutation(len(cells))]
        ends = np.cumsum([0, squares + WATCHED // PHOTOS, COMPARED // PHOTOS, TESTED // PHOTOS])
        for part, first, last in zip(parts, ends, ends[1:], strict=False):
            part.append((cells[first:last], np.full(len(cells[first:last]), label)))
    return [tuple(map(np.concatenate, zip(*part, strict=True))) for part in parts]


def usable(path):
    """Whether a photo has colors and gives enough squares."""
    pixels = read_image(path).pixels
    height, width = shrunk(to_float(pixels)).shape[1:] if len(pixels) == 3 else (0, 0)
    return (height // SIDE) * (width // SIDE) >= LARGEST + (WATCHED + COMPARED) // PHOTOS + 30


def shrunk(photo):
    scale = RESOLUTION / min(photo.shape[1:])
    size = [round(side * scale) for side in photo.shape[1:]]
    return torch.nn.functional.interpolate(photo[None], size, mode="bilinear", antialias=True)[0]


def measure(data, run, seed, **budget):
    """Train with some settings; the errors on images for comparison, for the test, and on those turned."""
    model, optimizer, rate, augment = run.split("/")
    model, _, group = model.partition(":")
    learned, compared, tested = data
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "images.npz"
        np.savez(archive, images=learned[0], labels=learned[1])
        options = ImageOptions.from_values("images", {
            "data": str(archive), "model": model, "group": group or None, "optimizer": optimizer,
            "learning_rate": float(rate), "augment": augment, "seed": seed, "validation": WATCHED, "test": 0,
            **{name: value for name, value in budget.items() if value is not None},
        })  # fmt: skip
        job = Images().prepare(options)
        begin = time.time()
        result = fit(job, Path(folder) / "run", options.settings)
        spent = (time.time() - begin) / 60
        load_checkpoint(result.best).load_into(job.model)
    angles = 360 * torch.rand(TURNED, generator=torch.Generator().manual_seed(0))
    return {
        "run": run, "seed": seed, "corners": budget["corners"], "minutes": round(spent, 2),
        "epochs": len(result.history),
        "parameters": sum(weight.numel() for weight in job.model.parameters()),
        "train_loss": round(result.history[-1]["train_loss"], 4),
        "compared_percent": error_percent(job.model, *compared),
        "test_percent": error_percent(job.model, *tested),
        "turned_percent": error_percent(job.model, *(part[:TURNED] for part in shuffled(*tested)), angles),
        "drift": round(result.history[-1]["drift"], 4),
    }  # fmt: skip


def shuffled(pixels, labels):
    order = np.random.default_rng(0).permutation(len(pixels))
    return pixels[order], labels[order]


@torch.inference_mode()
def error_percent(model, pixels, labels, angles=None):
    """How many of the images are given a wrong class, each turned by an angle."""
    model.eval()
    wrong = 0
    images = torch.from_numpy(pixels)
    images = images[:, None] if images.ndim == 3 else images.permute(0, 3, 1, 2)
    for begin in range(0, len(images), 100):
        part = to_float(images[begin : begin + 100])
        if angles is not None:
            part = rotate_images(part, angles[begin : begin + 100], model.background.flatten())
        wrong += int((model(part).argmax(1).numpy() != labels[begin : begin + 100]).sum())
    return round(100 * wrong / len(images), 2)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="digits:N or patches:FOLDER")
    parser.add_argument("--runs", nargs="+", required=True, help="MODEL[:GROUP]/OPTIMIZER/RATE/AUGMENTATION")
    parser.add_argument("--minutes", type=float, help="of training, each")
    parser.add_argument("--epochs", type=int, default=1000)
    parser.add_argument("--widths", help="as for `intertwine fit images`")
    parser.add_argument("--kernel-size", help="as for `intertwine fit images`")
    parser.add_argument("--corners", help="as for `intertwine fit images`")
    parser.add_argument("--squares", type=int, default=LARGEST, help=f"of a photo to learn from, at most {LARGEST}")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", default="settings.jsonl")
    arguments = parser.parse_args()
    kind, _, what = arguments.data.partition(":")
    data = digits(int(what)) if kind == "digits" else patches(what, arguments.squares)
    for run in arguments.runs:
        row = {"data": arguments.data, "images": [len(labels) for _, labels in data]}
        budget = {name: getattr(arguments, name) for name in ("minutes", "epochs", "widths", "kernel_size", "corners")}
        row |= measure(data, run, arguments.seed, **budget)
        print(json.dumps(row), flush=True)
        with open(arguments.output, "a") as file:
            file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
