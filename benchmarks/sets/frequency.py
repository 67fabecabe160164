"""The frequency of a sine from the weights of the network that was fitted to it.

--count sine networks 1-32-32-1, each fitted to sin(2 pi f x) on [-1, 1] from initial weights of its own, f uniform in
0.5 .. 8; the models of `intertwine fit weights` learn f from the weights. Printed are mean absolute errors on the test
networks, beside that of the mean.

    python benchmarks/sets/frequency.py --count 1000 --epochs 40
"""

import argparse
import csv
import tempfile
import time
from math import pi, sqrt
from pathlib import Path

import torch
from safetensors.torch import save_file

import intertwine

FREQUENCY, SIZES = 30.0, (1, 32, 32, 1)


def fitted(targets, generator, steps=200, rate=0.002):
    x = torch.linspace(-1, 1, 128)[:, None]
    truth = torch.sin(2 * pi * targets[:, None, None] * x)
    weights = []
    for layer in range(3):
        inputs, outputs = SIZES[layer : layer + 2]
        bound = 1 / inputs if layer == 0 else sqrt(6 / inputs) / FREQUENCY
        for shape, limit in (((outputs, inputs), bound), ((outputs,), 1 / sqrt(inputs))):
            drawn = torch.rand(len(targets), *shape, generator=generator)
            weights.append(((2 * drawn - 1) * limit).requires_grad_())
    optimizer = torch.optim.Adam(weights, lr=rate, foreach=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        y = x.expand(len(targets), -1, -1)
        for layer in range(3):
            y = torch.baddbmm(weights[2 * layer + 1][:, None], y, weights[2 * layer].mT)
            y = torch.sin(FREQUENCY * y) if layer < 2 else y
        loss = (y - truth).square().mean((1, 2))
        optimizer.zero_grad()
        loss.sum().backward()
        optimizer.step()
        schedule.step()
    return [w.detach() for w in weights], float(loss.detach().mean())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--models", nargs="+", default=["message", "plain", "equivariant"])
    options = parser.parse_args()
    generator = torch.Generator().manual_seed(0)
    targets = 0.5 + 7.5 * torch.rand(options.count, generator=generator)
    with tempfile.TemporaryDirectory() as folder:
        zoo = Path(folder) / "zoo"
        zoo.mkdir()
        rows, losses = [("file", "label")], []
        for begin in range(0, options.count, 50):
            weights, loss = fitted(targets[begin : begin + 50], generator)
            losses.append(loss)
            for k, target in enumerate(targets[begin : begin + 50].tolist()):
                name = f"{begin + k:05d}.safetensors"
                keys = [f"{2 * layer}.{part}" for layer in range(3) for part in ("weight", "bias")]
                save_file({key: w[k].contiguous() for key, w in zip(keys, weights, strict=True)}, zoo / name)
                rows.append((name, f"{target:.6f}"))
        with (zoo / "labels.csv").open("w", newline="") as file:
            csv.writer(file).writerows(rows)
        print(f"{options.count} networks, mean square error {sum(losses) / len(losses):.2g}")
        print(f"mean of all   {(targets - targets.mean()).abs().mean():.4f}")
        for model in options.models:
            begin = time.monotonic()
            run = intertwine.fit(
                "weights", str(zoo), output=str(Path(folder) / model), epochs=options.epochs, model=model,
                activation="sine", frequency=FREQUENCY, labels="numbers",
            )  # fmt: skip
            found = intertwine.load(run.best).evaluate().metrics["given"]
            print(f"{model:<13} {found}   {time.monotonic() - begin:.0f} s", flush=True)


if __name__ == "__main__":
    main()
