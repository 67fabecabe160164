"""Completion of matrices with a known answer: networks on sets of entries, a dense one, and matrix factorization.

Each matrix is U V^T of rank 2 with U and V drawn anew, --rows by --columns, a share of its entries observed. A network
reads the observed entries and predicts all others; it is trained on new matrices in each step and tested on matrices of
its size and of twice the size. Printed is the root mean square error over hidden entries, divided by their spread: 1 is
that of zero, which is the mean of these matrices.

- axial: rows are compared with rows and columns with columns, and exchangeable layers between (AxialTransformer);
- exchangeable: exchangeable layers alone, which see entries and the means of their rows and columns;
- perceptron: the dense form, of the whole matrix, for one size only;
- means: of the row and of the column, which add up to what is predicted;
- factorization: alternating least squares for each matrix alone, which is told the rank.

    python benchmarks/sets/completion.py --steps 1000
"""

import argparse
import time

import torch
from torch import nn

from intertwine.models import AxialTransformer, ExchangeableNetwork

RANK = 2


def draw(batch, rows, columns, share, generator):
    left = torch.randn(batch, rows, RANK, generator=generator)
    right = torch.randn(batch, columns, RANK, generator=generator)
    truth = left @ right.mT / RANK**0.5
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


def factorization(x, steps=100, first=10.0, last=0.1):
    """Alternating least squares with a ridge that falls from step to step."""
    values, seen = x.double().unbind(-1)
    generator = torch.Generator().manual_seed(0)
    right = torch.randn(len(x), x.shape[2], RANK, generator=generator, dtype=torch.float64)
    for step in range(steps):
        ridge = first * (last / first) ** (step / (steps - 1))
        left = _solved(values, seen, right, ridge)
        right = _solved(values.mT, seen.mT, left, ridge)
    return (left @ right.mT).unsqueeze(-1).to(x.dtype)


def _solved(values, seen, factors, ridge):
    """The factors of each row, given those of the columns."""
    squares = torch.einsum("bij,bjr,bjs->birs", seen, factors, factors)
    squares = squares + ridge * torch.eye(RANK, dtype=squares.dtype)
    return torch.linalg.solve(squares, torch.einsum("bij,bjr->bir", values * seen, factors))


def trained(model, sizes, options):
    optimizer = torch.optim.Adam(model.parameters(), lr=options.rate)
    generator = torch.Generator().manual_seed(options.seed)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, options.rate, options.steps)
    for _ in range(options.steps):
        truth, seen = draw(32, *sizes, options.share, generator)
        loss = (model(given(truth, seen))[..., 0] - truth)[~seen].square().mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    return model


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=12)
    parser.add_argument("--columns", type=int, default=16)
    parser.add_argument("--share", type=float, default=0.6)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=0.004)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--models", nargs="+", default=["axial", "exchangeable", "perceptron"])
    options = parser.parse_args()
    sizes = options.rows, options.columns
    larger = tuple(2 * size for size in sizes)
    makers = {
        "axial": lambda: AxialTransformer(2, 1),
        "exchangeable": lambda: ExchangeableNetwork("rows columns", 2, 1, hidden=48, layers=5),
        "perceptron": lambda: Perceptron(*sizes, 256),
    }
    for name, model in {"means": means, "factorization": factorization, **dict.fromkeys(options.models)}.items():
        begin, count = time.process_time(), 0
        if model is None:
            torch.manual_seed(options.seed)
            model = trained(makers[name](), sizes, options)
            count = sum(parameter.numel() for parameter in model.parameters())
        spent, test = time.process_time() - begin, torch.Generator().manual_seed(1000)
        found = f"{error(model, sizes, options.share, test):.3f}"
        twice = "-" if name == "perceptron" else f"{error(model, larger, options.share, test):.3f}"
        print(f"{name:<14} {found}   twice the size {twice}   {count:>7,} parameters   {spent:.0f} s", flush=True)


if __name__ == "__main__":
    main()
