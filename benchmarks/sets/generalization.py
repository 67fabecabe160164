"""The test accuracy of small convolutional networks from their weights alone.

--count networks, convolutions 1-8-16-16 of 3 x 3 with stride 2 and ReLU, the mean over pixels and a linear layer, each
trained on MNIST brought to 14 x 14 pixels, with a learning rate, optimizer, weight decay, initial scale, number of
images and number of steps drawn at random. They are trained 40 at once and kept in --folder; an interrupted call goes
on where it was. Every fifth is for the test. Learned is their accuracy on 1,000 test digits, in per cent:

- message, equivariant, statistics, plain: the models of `intertwine fit weights`;
- ridge, trees: mean, variance and five quantiles of each tensor, by ridge regression and, where scikit-learn is
  installed, by gradient-boosted trees (Unterthiner et al., Predicting neural network accuracy from weights, 2020).

    python benchmarks/sets/generalization.py --folder zoo --count 600 --epochs 40
"""

import argparse
import csv
import tempfile
import time
from itertools import product
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch.nn.functional import avg_pool2d, cross_entropy, unfold

import intertwine
from intertwine.data import mnist

AT_ONCE, BATCH, STEPS = 40, 32, 160
SHAPES = {
    "0.weight": (8, 1, 3, 3), "0.bias": (8,), "2.weight": (16, 8, 3, 3), "2.bias": (16,),
    "4.weight": (16, 16, 3, 3), "4.bias": (16,), "8.weight": (10, 16), "8.bias": (10,),
}  # fmt: skip
QUANTILES = (0.0, 0.25, 0.5, 0.75, 1.0)


def outputs(weights, images):
    """Logits (N, B, 10) of N networks for images (N, B, H, W)."""
    number, batch, size = images.shape[:3]
    x = images.unsqueeze(2)
    for layer in ("0", "2", "4"):
        patches = unfold(x.flatten(0, 1), 3, padding=1, stride=2).unflatten(0, (number, batch))
        x = weights[f"{layer}.weight"].flatten(2)[:, None] @ patches + weights[f"{layer}.bias"][:, None, :, None]
        size = -(-size // 2)
        x = x.relu().unflatten(-1, (size, size))
    return x.mean((-2, -1)) @ weights["8.weight"].mT + weights["8.bias"][:, None]


def trained(seed, train, test):
    """The weights of AT_ONCE networks and their accuracies in per cent."""
    generator = torch.Generator().manual_seed(seed)

    def drawn(low, high):
        uniform = torch.rand(AT_ONCE, generator=generator)
        return torch.exp(torch.tensor(low).log() + uniform * torch.tensor(high / low).log())

    adam = torch.rand(AT_ONCE, generator=generator) < 0.5
    rate = torch.where(adam, drawn(0.0005, 0.03), drawn(0.01, 0.5))
    decay, scale, images, steps = drawn(1e-5, 0.1), drawn(0.3, 2.0), drawn(50.0, 5000.0), drawn(20.0, float(STEPS))
    weights, first, second = {}, {}, {}
    for key, shape in SHAPES.items():
        fan = max(1, torch.tensor(shape[1:]).prod().item()) if len(shape) > 1 else 1
        w = torch.randn(AT_ONCE, *shape, generator=generator) * (2 / fan) ** 0.5 if len(shape) > 1 else None
        weights[key] = torch.zeros(AT_ONCE, *shape) if w is None else w * column(scale, w)
        weights[key].requires_grad_()
        first[key], second[key] = torch.zeros_like(weights[key]), torch.zeros_like(weights[key])
    begins = torch.randint(0, len(train[0]), (AT_ONCE, 1), generator=generator)
    for step in range(1, STEPS + 1):
        places = (torch.rand(AT_ONCE, BATCH, generator=generator) * images[:, None]).long()
        chosen = (begins + places) % len(train[0])
        logits = outputs(weights, train[0][chosen])
        loss = cross_entropy(logits.flatten(0, 1), train[1][chosen].flatten()) * AT_ONCE
        gradients = torch.autograd.grad(loss, list(weights.values()))
        now = rate * (step <= steps)
        with torch.no_grad():
            for (key, w), gradient in zip(weights.items(), gradients, strict=True):
                m, v, each = first[key], second[key], column(now, w)
                m.lerp_(gradient, 0.1)
                v.lerp_(gradient.square(), 0.01)
                move = (m / (1 - 0.9**step)) / ((v / (1 - 0.99**step)).sqrt() + 1e-8)
                w.sub_(each * (torch.where(column(adam, w), move, m) + column(decay, w) * w))
    with torch.no_grad():
        found = outputs(weights, test[0].expand(AT_ONCE, *test[0].shape)).argmax(-1)
    kept = {key: w.detach() for key, w in weights.items()}
    finite = torch.stack([w.flatten(1).isfinite().all(1) for w in kept.values()]).all(0)
    return kept, 100 * (found == test[1]).double().mean(1), finite


def column(x, like):
    return x.reshape(-1, *[1] * (like.ndim - 1))


def make(folder, count):
    """A folder of checkpoints with labels, as `intertwine fit weights` reads it; one part after the other."""
    parts = folder.with_name(folder.name + "-parts")
    parts.mkdir(parents=True, exist_ok=True)
    digits = mnist()
    pixels = avg_pool2d(digits.pixels[:, 0].float() / 255, 2)
    labels = digits.image_fields["classes"]
    train, test = (pixels[:60_000], labels[:60_000]), (pixels[60_000:61_000], labels[60_000:61_000])
    for number in range(-(-count // AT_ONCE)):
        part = parts / f"{number:05d}.safetensors"
        if not part.exists():
            weights, accuracies, finite = trained(number, train, test)
            save_file({**{k: w[finite] for k, w in weights.items()}, "accuracy": accuracies[finite]}, part)
    folder.mkdir(exist_ok=True)
    rows = [("file", "label", "split")]
    for part in sorted(parts.iterdir())[: -(-count // AT_ONCE)]:
        tensors = load_file(part)
        for k, accuracy in enumerate(tensors.pop("accuracy").tolist()):
            name = f"{part.stem}-{k:02d}.safetensors"
            save_file({key: tensor[k].contiguous() for key, tensor in tensors.items()}, folder / name)
            rows.append((name, f"{accuracy:.4f}", "test" if len(rows) % 5 == 0 else "train"))
    with (folder / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)


def statistics(networks):
    """Mean, variance and quantiles of each tensor, (N, 7 x tensors)."""
    columns = []
    for tensor in networks.weights.values():
        x = tensor.flatten(1)
        columns += [x.mean(1, keepdim=True), x.var(1, keepdim=True), x.quantile(torch.tensor(QUANTILES), 1).T]
    return torch.cat(columns, 1).double()


def ridge(x, y, tested):
    mean, spread = x.mean(0), x.std(0).clamp_min(1e-9)
    a, b = ((part - mean) / spread for part in (x, tested))
    weights = torch.linalg.solve(a.T @ a + torch.eye(a.shape[1], dtype=a.dtype), a.T @ (y - y.mean()))
    return b @ weights + y.mean()


def trees(x, y, tested):
    from sklearn.ensemble import HistGradientBoostingRegressor

    model = HistGradientBoostingRegressor(max_iter=300, learning_rate=0.05, random_state=0).fit(x.numpy(), y.numpy())
    return torch.from_numpy(model.predict(tested.numpy()))


def kendall(x, y):
    a, b = (torch.sign(part[:, None] - part) for part in (x, y))
    return float((a * b).sum() / (a.square().sum() * b.square().sum()).sqrt())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", required=True)
    parser.add_argument("--count", type=int, default=600)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--learning-rate", type=float, default=0.005)
    parser.add_argument("--keep-scales", action="store_true", help="Leave scales of hidden features as they are")
    parser.add_argument("--models", nargs="*", default=["statistics", "message", "equivariant", "plain"])
    options = parser.parse_args()
    begin = time.process_time()
    make(Path(options.folder), options.count)
    networks = intertwine.data.read_networks(options.folder, labels="numbers")
    y, split = networks.labels["values"], networks.split
    print(
        f"{len(networks)} networks of {networks.num_weights:,} weights, {len(split.test)} for the test, accuracy "
        f"{y.min():.1f} to {y.max():.1f} %, {y.mean():.1f} % on average; {time.process_time() - begin:.0f} s"
    )
    x = statistics(networks)
    learned, tested = (torch.cat([split.train, split.validation]), split.test)
    print(f"mean          error {(y[tested] - y[learned].mean()).abs().mean():.2f}")
    for name, method in (("ridge", ridge), ("trees", trees)):
        try:
            found = method(x[learned], y[learned], x[tested])
        except ImportError:
            print(f"{name:<13} not measured: scikit-learn is not installed")
            continue
        score = f"error {(found - y[tested]).abs().mean():.2f}   Kendall's tau {kendall(found, y[tested]):.3f}"
        print(f"{name:<13} {score}", flush=True)
    for model, seed in product(options.models, options.seeds):
        begin = time.process_time()
        with tempfile.TemporaryDirectory() as output:
            run = intertwine.fit(
                "weights", options.folder, output=str(Path(output) / "run"), epochs=options.epochs, model=model,
                activation="relu", labels="numbers", seed=seed, dropout=options.dropout,
                learning_rate=options.learning_rate, keep_signs=options.keep_scales,
            )  # fmt: skip
            metrics = intertwine.load(run.best).evaluate().metrics["given"]
            kept = min(run.history, key=lambda row: row["loss"])
        print(
            f"{model:<13} error {metrics['mae']:.2f}   Kendall's tau {metrics['tau']:.3f}   validation error "
            f"{kept.get('mae', float('nan')):.2f}   {time.process_time() - begin:.0f} s", flush=True,
        )  # fmt: skip


if __name__ == "__main__":
    main()
