"""Test error on rotated MNIST (rebuilt: 12,000 / 50,000 digits), ours beside each other and beside escnn.

The images are those of `intertwine data rotated-mnist`, which is not the original file set: every network, escnn's too,
is trained and tested on the same images with the same optimizer, schedule, average of the weights and batches.

    python benchmarks/images/rotated_mnist.py                              all networks, seed 0
    python benchmarks/images/rotated_mnist.py --networks p4 harmonic --seeds 0 1 2 --epochs 60
    python benchmarks/images/rotated_mnist.py --networks p4 z2 --train 300 1200 4800 12000 --augment none rotate
    python benchmarks/images/rotated_mnist.py --networks escnn-c16         where escnn is installed

With --train 12000 the validation digits are trained on too, all but 500 that a run must be watched on, as the papers do
after the choice of their settings; the last average of the weights is tested. One JSON object a run goes to --output.
"""

import argparse
import json
import time
from pathlib import Path

import torch
from torch import nn

import intertwine as iw
from intertwine.data import Split, rotated_mnist
from intertwine.models import GCNN, HarmonicNetwork
from intertwine.nn import PixelBasis
from intertwine.tasks.images import ImageJob
from intertwine.training import Settings, fit

CLASSES, WIDE = 10, (16, 24, 32, 32, 48, 64)
WATCHED = 500
"""Digits that a run is validated on. They choose nothing: the last average of the weights is tested."""
NARROW = {"kernel_size": 3, "pool_after": (2, 4), "head": ()}
"""Seven layers of 3 x 3 pixels as in Cohen and Welling, ICML 2016, with a second halving of the resolution after the
fourth: padding keeps the size here, and the mean over pixels is the readout. No dropout: with ten fields a layer, 0.1
costs most of the learning."""
LARGE = {"widths": WIDE, "kernel_size": (7, 5, 5, 5, 5, 5), "pool_after": (2, 4)}
"""Six layers: the shape of the networks of Weiler and Cesa, NeurIPS 2019."""
HALF = {"widths": tuple(width // 2 for width in WIDE), "kernel_size": (7, 5, 5, 5, 5, 5), "pool_after": (1, 3)}
"""The same with half the fields and earlier halvings of the resolution, for short runs."""


def ours(group, **options):
    return GCNN(group.trivial, CLASSES * group.trivial, **options)


def harmonic():
    group = iw.SO2()
    return HarmonicNetwork(group.trivial, CLASSES * group.trivial, widths=(7, 7, 14, 14, 26, 26))


def escnn_c16():
    """The same layers as "c16" in escnn."""
    from escnn import gspaces
    from escnn import nn as enn

    space = gspaces.rot2dOnR2(16)
    kind, layers = enn.FieldType(space, [space.trivial_repr]), []
    for number, (width, kernel) in enumerate(zip(LARGE["widths"], LARGE["kernel_size"], strict=True), 1):
        after = enn.FieldType(space, width * [space.regular_repr])
        conv = enn.R2Conv(kind, after, kernel, padding=kernel // 2, bias=False)
        layers += [conv, enn.InnerBatchNorm(after), enn.ReLU(after, inplace=True)]
        if number in LARGE["pool_after"]:
            layers.append(enn.PointwiseAvgPoolAntialiased(after, sigma=0.66, stride=2))
        kind = after
    return EscnnNetwork(kind, enn.SequentialModule(*layers, enn.GroupPooling(kind)), enn)


class EscnnNetwork(nn.Module):
    def __init__(self, kind, layers, enn):
        super().__init__()
        self.layers, self.tensor = layers, enn.GeometricTensor
        width = WIDE[-1]
        hidden = nn.Sequential(nn.Linear(width, 64, bias=False), nn.BatchNorm1d(64), nn.ELU())
        self.head = nn.Sequential(hidden, nn.Linear(64, CLASSES))

    def forward(self, images):
        fields = self.layers(self.tensor(images, self.layers.in_type)).tensor
        return self.head(fields.mean((2, 3)))


NETWORKS = {
    "z2": lambda: ours(iw.Cyclic(1), widths=(21,) * 7, basis=PixelBasis(), **NARROW),
    "p4": lambda: ours(iw.Cyclic(4), widths=(10,) * 7, basis=PixelBasis(), **NARROW),
    "harmonic": harmonic,
    "c8-half": lambda: ours(iw.Cyclic(8), **HALF),
    "c8": lambda: ours(iw.Cyclic(8), **LARGE),
    "c16": lambda: ours(iw.Cyclic(16), **LARGE),
    "so2": lambda: ours(iw.SO2(), **LARGE),
    "d16-c16": lambda: ours(iw.Dihedral(16), **LARGE, restriction=(5, iw.Cyclic(16))),
    "escnn-c16": escnn_c16,
}


class Scaled(nn.Module):
    """Pixels over their standard deviation, then a network."""

    def __init__(self, network, scale):
        super().__init__()
        self.network, self.scale = network, scale

    def forward(self, images):
        return self.network(images / self.scale)


def job_of(images, network, train, augment, seed):
    """The job of the task, with a network of our own."""
    whole = images.split
    learned = torch.cat((whole.train, whole.validation))[:train]
    watched = whole.validation[-WATCHED:]
    order = Split(
        whole.n, learned[: len(learned) - WATCHED if train > len(whole.train) else train], watched, whole.test, seed
    )
    scale = float(images.batch(learned[:2000]).images.square().mean().sqrt())
    config = {
        "data": {"given": "rotated-mnist", "source": "rotated-mnist"},
        "layout": {"size": 28, "channels": 1},
        "target": {"kind": "classes", "classes": list(images.label_names["classes"])},
        "network": {"name": "plain", "group": "C1", "restriction": None, "widths": [1], "kernel_size": 1,
                    "pool_after": [], "dropout": 0.0},
        "normalization": {"background": [0.0], "scale": [scale]},
        "disk": False,
        "augment": [] if augment == "none" else augment.split("+"),
        "smoothing": 0.0,
        "seed": seed,
    }  # fmt: skip
    job = ImageJob(config, order.to_json(), images)
    torch.manual_seed(seed)
    job.model = Scaled(NETWORKS[network](), scale)
    return job


@torch.inference_mode()
def error_percent(model, images):
    model.eval()
    wrong = 0
    for indices in images.split.test.split(500):
        part = images.batch(indices)
        wrong += int((model(part.images).argmax(1) != part.image_fields["classes"]).sum())
    return 100 * wrong / len(images.split.test)


def measure(images, network, train, augment, seed, arguments):
    job = job_of(images, network, train, augment, seed)
    settings = Settings(
        epochs=max(arguments.epochs, round(arguments.epochs * arguments.least / train)),
        batch_size=64,
        learning_rate=arguments.learning_rate,
        optimizer=arguments.optimizer,
        weight_decay=0.01,
        warmup=0.05,
        seed=seed,
        minutes=arguments.minutes,
    )
    begin = time.time()
    folder = Path(arguments.runs) / f"{network}-{train}-{augment}-{arguments.epochs}-{seed}"
    result = fit(job, folder, settings, resume=(folder / "last").exists())
    if result.interrupted:
        raise SystemExit("interrupted; the same command goes on")
    load_weights(job.model, result.last)
    minutes = (time.time() - begin) / 60
    return {
        "network": network,
        "train": train,
        "augment": augment,
        "seed": seed,
        "parameters": sum(weight.numel() for weight in job.model.parameters()),
        "error_percent": round(error_percent(job.model, images), 3),
        "minutes": round(minutes, 2),
        "epochs": len(result.history),
    }


def load_weights(model, checkpoint):
    """The average of the weights at the end of a run."""
    from intertwine.training import load_checkpoint

    load_checkpoint(checkpoint).load_into(model)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=[n for n in NETWORKS if n != "escnn-c16"])
    parser.add_argument("--train", nargs="+", type=int, default=[12_000])
    parser.add_argument("--augment", nargs="+", default=["rotate"], help="none, or kinds joined by +")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument(
        "--least", type=int, default=3000, help="a smaller training set is seen as often as one of this"
    )
    parser.add_argument("--minutes", type=float, help="budget of a run")
    parser.add_argument("--learning-rate", type=float, default=0.02)
    parser.add_argument("--optimizer", choices=["muon", "adamw"], default="muon")
    parser.add_argument("--runs", default="build/rotated_mnist", help="folder of the runs; an interrupted one goes on")
    parser.add_argument("--output", default="rotated_mnist.jsonl")
    arguments = parser.parse_args()
    images = rotated_mnist()
    for network in arguments.networks:
        for train in arguments.train:
            for augment in arguments.augment:
                for seed in arguments.seeds:
                    row = json.dumps(measure(images, network, train, augment, seed, arguments))
                    print(row, flush=True)
                    with open(arguments.output, "a") as file:
                        file.write(row + "\n")


if __name__ == "__main__":
    main()
