"""Completion of matrices with a known answer: an exchangeable network on sparse entries beside a dense layer.

Each matrix is U V^T of rank 2 with U and V drawn anew, --rows by --columns, a share of its entries observed. A network
reads the observed entries and predicts all others; it is trained on new matrices in each step and tested on matrices of
its size and of twice the size. Beside it: the mean of the row and of the column, and a perceptron of the whole matrix,
which takes one size only. Printed is the root mean square error over hidden entries, divided by their spread.

    python benchmarks/sets/completion.py --steps 500
"""

import argparse

import torch
from torch import nn

from intertwine.models import ExchangeableNetwork


def draw(batch, rows, columns, share, generator):
    left = torch.randn(batch, rows, 2, generator=generator)
    right = torch.randn(batch, columns, 2, generator=generator)
    truth = left @ right.mT / 2**0.5
    seen = torch.rand(truth.shape, generator=generator) < share
    return truth, seen


class Perceptron(nn.Module):
    """The dense form: all entries in a row."""

    def __init__(self, rows, columns, hidden):
        super().__init__()
        size = rows * columns
        self.network = nn.Sequential(
            nn.Linear(2 * size, hidden), nn.GELU(), nn.Linear(hidden, hidden), nn.GELU(), nn.Linear(hidden, size)
        )

    def forward(self, x):
        return self.network(x.flatten(-3)).unflatten(-1, x.shape[-3:-1]).unsqueeze(-1)


def given(truth, seen):
    return torch.stack([truth * seen, seen.float()], -1)


def error(model, sizes, share, generator, batch=64):
    truth, seen = draw(batch, *sizes, share, generator)
    with torch.no_grad():
        predicted = model(given(truth, seen))[..., 0]
    return float((predicted - truth)[~seen].square().mean().sqrt() / truth[~seen].std())


def means(x):
    values, seen = x.unbind(-1)
    row, column, every = (
        (values.sum(d, keepdim=True) / seen.sum(d, keepdim=True).clamp_min(1)) for d in (2, 1, (1, 2))
    )
    return (row + column - every).unsqueeze(-1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=12)
    parser.add_argument("--columns", type=int, default=16)
    parser.add_argument("--share", type=float, default=0.6)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--hidden", type=int, default=48)
    options = parser.parse_args()
    torch.manual_seed(0)
    sizes = options.rows, options.columns
    models = {
        "exchangeable": ExchangeableNetwork("rows columns", 2, 1, hidden=options.hidden, layers=5),
        "perceptron": Perceptron(*sizes, 256),
    }
    print(f"means of row and column   {error(means, sizes, options.share, torch.Generator().manual_seed(1)):.3f}")
    for name, model in models.items():
        optimizer, generator = torch.optim.Adam(model.parameters(), lr=0.002), torch.Generator().manual_seed(0)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, options.steps)
        for _ in range(options.steps):
            truth, seen = draw(32, *sizes, options.share, generator)
            loss = (model(given(truth, seen))[..., 0] - truth)[~seen].square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        test = torch.Generator().manual_seed(1)
        larger = (2 * sizes[0], 2 * sizes[1])
        twice = f"{error(model, larger, options.share, test):.3f}" if name == "exchangeable" else "-"
        count = sum(parameter.numel() for parameter in model.parameters())
        print(
            f"{name:<25} {error(model, sizes, options.share, test):.3f}   twice the size {twice}   {count:,} parameters"
        )


if __name__ == "__main__":
    main()
