"""Digits from the weights of sine networks: equivariant models beside perceptrons, by the same training.

The set is that of `intertwine data mnist-inrs --count N`. Candidates, each trained by `intertwine.fit` with the same
split, steps and seed:

- message: `intertwine fit weights`, messages along the layers, which start as evaluations at learned inputs;
- equivariant, and attention: linear maps between weights;
- no-symmetries: equivariant with signs and phases left as they are;
- linear-maps: the layers of DWSNets (Navon et al., 2023), all equivariant linear maps, and ReLU, without residuals,
  norms or expansions; our implementation of them, which spans the same maps;
- neural-functional: the layers of NFN (Zhou et al., 2023) from its package, `pip install nfn einops`: NPLinear with
  embedded inputs and outputs, ReLU, invariants by HNPPool;
- perceptron: of all weights in a row; permuted: with random permutations while training; aligned: hidden features of
  every network matched to those of the first by their weights, layer by layer (linear assignment, needs scipy);
- evaluated: a convolutional network on the pictures that the networks show, which reads outputs and not weights.

With --test FIRST LAST these networks are the test and all others are to train and validate on, so that networks that
no choice was made on can be the test. With --minutes each candidate has the same time of training.
Scores hold for this set only; published figures are of other networks.

    python benchmarks/sets/weights.py --epochs 20 --candidates equivariant perceptron
    intertwine data mnist-inrs --count 10000
    python benchmarks/sets/weights.py --test 7000 8999 --epochs 40 --seeds 0 1 2 --candidates message
    python benchmarks/sets/weights.py --test 7000 8999 --epochs 1000 --minutes 2
"""

import argparse
import csv
import json
import tempfile
import time
from dataclasses import replace
from itertools import pairwise, product
from math import cos, pi
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn.functional import cross_entropy, relu

from intertwine.data import mnist_inrs
from intertwine.nn import WeightSpace, WeightSpaceLinear, normal_form

PLANE = "rotate+scale+shift"
TASKS = {
    "message": {"model": "message", "augment": PLANE},
    "equivariant": {"model": "equivariant", "augment": PLANE},
    "attention": {"model": "attention", "augment": PLANE},
    "no-symmetries": {"model": "equivariant", "augment": PLANE, "keep_signs": True},
    "perceptron": {"model": "plain", "augment": PLANE},
    "permuted": {"model": "plain", "augment": f"{PLANE}+permute"},
}
HIDDEN, LAYERS = 48, 4
OTHERS = ("linear-maps", "neural-functional", "aligned", "evaluated")


def by_task(name, networks, options):
    import intertwine

    with tempfile.TemporaryDirectory() as folder:
        data = "mnist-inrs"
        if options.test is not None:
            data = str(written(networks, Path(folder) / "networks"))
        run = intertwine.fit(
            "weights", data, output=str(Path(folder) / "run"), epochs=options.epochs, seed=options.seed,
            train=options.train, minutes=options.minutes, labels="classes", activation="sine",
            frequency=networks.frequency,
            **TASKS[name],
        )  # fmt: skip
        model = intertwine.load(run.best)
        count = sum(parameter.numel() for parameter in model.model.parameters())
        return model.evaluate().metrics["given"]["accuracy"], count


def written(networks, folder):
    """A folder of checkpoints with labels and the parts of the split."""
    folder.mkdir()
    parts = ["train"] * len(networks)
    for index in networks.split.test.tolist():
        parts[index] = "test"
    rows = [("file", "label", "split")]
    for number, (label, part) in enumerate(zip(networks.labels["classes"].tolist(), parts, strict=True)):
        save_file(networks.state_dict(number), folder / f"{number:05d}.safetensors")
        rows.append((f"{number:05d}.safetensors", label, part))
    with (folder / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return folder


def read(test):
    networks = mnist_inrs()
    if test is None:
        return networks
    index = torch.arange(len(networks))
    tested = (index >= test[0]) & (index <= test[1])
    return replace(
        networks, split=replace(networks.split, train=index[~tested], validation=index[:0], test=index[tested])
    )


class LinearMaps(nn.Module):
    """Linear maps between weights and ReLU, then invariants and a perceptron."""

    def __init__(self, space, hidden, layers, classes):
        super().__init__()
        widths = [1, *[hidden] * layers]
        self.layers = nn.ModuleList(WeightSpaceLinear(space, a, b) for a, b in pairwise(widths))
        self.invariants = WeightSpaceLinear(space, hidden, 4 * hidden, invariant=True)
        self.head = nn.Sequential(nn.ReLU(), nn.Linear(4 * hidden, classes))

    def forward(self, *weights):
        for layer in self.layers:
            weights = tuple(relu(x) for x in layer(weights))
        return self.head(self.invariants(weights))


class NeuralFunctional(nn.Module):
    """The published layers of neural functional networks."""

    def __init__(self, weights, hidden, layers, classes):
        super().__init__()
        from nfn import layers as nfn
        from nfn.common import network_spec_from_wsfeat

        spec = network_spec_from_wsfeat(self.features(weights))
        modules = []
        for a, b in pairwise([1, *[hidden] * layers]):
            modules += [nfn.NPLinear(spec, a, b, io_embed=True), nfn.TupleOp(nn.ReLU())]
        size = hidden * nfn.HNPPool.get_num_outs(spec)
        self.network = nn.Sequential(
            *modules, nfn.HNPPool(spec), nn.Flatten(1), nn.Linear(size, 4 * hidden), nn.ReLU(),
            nn.Linear(4 * hidden, classes),
        )  # fmt: skip

    @staticmethod
    def features(weights):
        from nfn.common import WeightSpaceFeatures

        parts = [x.reshape(len(x), -1, 1) if x.ndim == 2 else x for x in weights]  # A bias of one output has no axis.
        parts = [x.movedim(-1, 1) for x in parts]
        return WeightSpaceFeatures(parts[::2], parts[1::2])

    def forward(self, *weights):
        return self.network(self.features(weights))


class Perceptron(nn.Module):
    def __init__(self, size, hidden, layers, classes):
        super().__init__()
        widths = [size, *[hidden] * layers]
        modules = []
        for a, b in pairwise(widths):
            modules += [nn.Linear(a, b), nn.LayerNorm(b), nn.GELU()]
        self.network = nn.Sequential(*modules, nn.Linear(hidden, classes))

    def forward(self, *weights):
        return self.network(torch.cat([x.flatten(1) for x in weights], 1))


def picture_network(classes):
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, 2, 1),
        nn.GELU(),
        nn.Conv2d(16, 32, 3, 2, 1),
        nn.GELU(),
        nn.Flatten(),
        nn.Linear(1568, classes),
    )


def aligned(space, weights):
    """Hidden features of each network in the order that matches the first network best, layer by layer."""
    from scipy.optimize import linear_sum_assignment

    from intertwine.actions import Transform

    weights = normal_form(space, weights)
    results, action = [], space.action(1)
    first = tuple(x[0] for x in weights)
    for k in range(len(weights[0])):
        network = tuple(x[k] for x in weights)
        for name, _ in space.sizes:
            into = next(i for i, array in enumerate(space.arrays) if array.output == name and array.role == "matrix")
            cost = torch.cdist(first[into].flatten(1), network[into].flatten(1))
            orders = {other: torch.arange(size) for other, size in space.sizes}
            orders[name] = torch.from_numpy(linear_sum_assignment(cost.numpy())[1])
            network = action(Transform(permutations=orders), network)
        results.append(network)
    return tuple(torch.stack(parts) for parts in zip(*results, strict=True))


def pictures(networks):
    axis = torch.linspace(-1, 1, 28)
    positions = torch.stack(torch.meshgrid(axis, axis, indexing="ij"), -1).reshape(1, -1, 2)
    weights = [networks.weights[f"{layer}.{name}"] for layer in (0, 2, 4) for name in ("weight", "bias")]
    shown = []
    for part in zip(*(w.split(500) for w in weights), strict=True):
        x = positions.expand(len(part[0]), -1, -1)
        for layer, (matrix, bias) in enumerate(zip(part[::2], part[1::2], strict=True)):
            x = torch.baddbmm(bias[:, None], x, matrix.mT)
            x = x if layer == 2 else torch.sin(networks.frequency * x)
        shown.append(x)
    return (torch.cat(shown).reshape(-1, 1, 28, 28),)


def by_loop(name, networks, options):
    split = networks.make_split(options.train, seed=options.seed)
    space = WeightSpace.of_state_dict(networks.state_dict(0), "sine", networks.frequency)
    arrays = space.stack([networks.state_dict(k) for k in range(len(networks))])
    classes, train = networks.labels["classes"], split.train
    if name in ("linear-maps", "neural-functional"):
        arrays = tuple((x - x[train].mean()) / x[train].std().clamp_min(1e-8) for x in arrays)
    arrays = aligned(space, arrays) if name == "aligned" else pictures(networks) if name == "evaluated" else arrays
    if name == "aligned":
        arrays = tuple((x - x[train].mean(0)) / x[train].std(0).clamp_min(1e-6) for x in arrays)
    torch.manual_seed(options.seed)
    model = {
        "linear-maps": lambda: LinearMaps(space, HIDDEN, LAYERS, 10),
        "neural-functional": lambda: NeuralFunctional(tuple(x[:1] for x in arrays), HIDDEN, LAYERS, 10),
        "aligned": lambda: Perceptron(space.num_weights, 12 * HIDDEN, LAYERS, 10),
        "evaluated": lambda: picture_network(10),
    }[name]()
    train_model(model, arrays, classes, split.train, options)
    with torch.no_grad():
        outputs = [model(*(x[part] for x in arrays)) for part in split.test.split(500)]
    right = (torch.cat(outputs).argmax(1) == classes[split.test]).double().mean()
    return float(right), sum(parameter.numel() for parameter in model.parameters())


def train_model(model, arrays, classes, train, options, rate=0.002):
    """AdamW with a warm-up and a cosine schedule over the epochs, or over the minutes where these end first."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.01)
    steps, begin, number = options.epochs * -(-len(train) // 64), time.monotonic(), 0
    for _ in range(options.epochs):
        for indices in train[torch.randperm(len(train))].split(64):
            spent = number / steps
            if options.minutes is not None:
                spent = max(spent, (time.monotonic() - begin) / (60 * options.minutes))
            if spent >= 1:
                return
            optimizer.param_groups[0]["lr"] = rate * min(1, spent / 0.1) * (1 + cos(pi * max(0, spent - 0.1) / 0.9)) / 2
            loss = cross_entropy(model(*(x[indices] for x in arrays)), classes[indices])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            number += 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candidates", nargs="+", default=[*TASKS, *OTHERS], choices=[*TASKS, *OTHERS])
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--train", type=int, default=None, help="Networks to train on; by default all of the split")
    parser.add_argument("--test", type=int, nargs=2, metavar=("FIRST", "LAST"), help="These networks are the test")
    parser.add_argument("--minutes", type=float, default=None, help="Of training, each")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--output", default=None, help="JSON lines")
    options = parser.parse_args()
    networks = read(options.test)
    for name, seed in product(options.candidates, options.seeds):
        options.seed = seed
        begin = time.monotonic()
        score, count = (by_task if name in TASKS else by_loop)(name, networks, options)
        row = {"candidate": name, "accuracy": score, "parameters": count, "seconds": time.monotonic() - begin}
        print(f"{name:<14} {100 * score:6.2f} %   {count:>9,} parameters   {row['seconds']:.0f} s", flush=True)
        if options.output:
            with Path(options.output).open("a", encoding="utf-8") as file:
                file.write(json.dumps({**row, **vars(options)}) + "\n")


if __name__ == "__main__":
    main()
