"""Speed of the exchangeable layer beside reading and writing its arrays once.

A matrix of 1,000 rows and 50,000 columns has --entries observed entries of 64 channels. Printed are the times of the
layer forward, and forward and backward; of reading the input and writing the output once, which is a copy into new
memory, as the layer writes into new memory (for a step also the gradients: twice as long); of a copy into memory that
is there already; of the matrix product alone; and ratios. Then the same for a dense array of as many entries, and the
time of a step for fewer and more entries. --memory runs one step alone and prints the peak memory of the process.

    python benchmarks/sets/speed.py                      one million entries
    python benchmarks/sets/speed.py --entries 10000000 --memory
"""

import argparse
import resource
import time

import torch

from intertwine.nn import ExchangeableLinear, ObservedEntries

ROWS, COLUMNS, CHANNELS = 1000, 50_000, 64


def best(call, rounds):
    call()
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)
    return min(times)


def step(layer, x, gradient, *args):
    x = x.requires_grad_()
    layer(x, *args).backward(gradient)
    x.grad = None


def table(name, layer, x, rounds, *args):
    def copy():
        return x.detach().clone()

    def forward():
        with torch.no_grad():
            layer(x, *args)

    weight, place = torch.randn(CHANNELS, CHANNELS), torch.empty_like(x)
    once, again, ahead = best(copy, rounds), best(lambda: place.copy_(x.detach()), rounds), best(forward, rounds)
    gradient = torch.randn(x.shape)
    whole = best(lambda: step(layer, x, gradient, *args), rounds)
    product = best(lambda: x.detach() @ weight, rounds)
    print(f"{name}, {x.numel() // CHANNELS:,} entries of {CHANNELS} channels, {torch.get_num_threads()} threads")
    print(f"  read and write once       {1e3 * once:8.1f} ms   {1e3 * again:.1f} ms into memory that is there")
    print(f"  matrix product alone      {1e3 * product:8.1f} ms   {product / once:5.2f} times")
    print(f"  layer, forward            {1e3 * ahead:8.1f} ms   {ahead / once:5.2f} times")
    print(
        f"  layer, with gradients     {1e3 * whole:8.1f} ms   {whole / (2 * once):5.2f} times two readings and writings"
    )


def scaling(layer, entries, rounds, generator):
    """Times of a step for a quarter, half, all and twice as many entries."""
    for count in (entries // 4, entries // 2, entries, 2 * entries):
        observed, x = sample(count, generator), torch.randn(count, CHANNELS)
        gradient = torch.randn(x.shape)
        whole = best(lambda x=x, g=gradient, observed=observed: step(layer, x, g, observed), rounds)
        print(f"step, {count:>10,} entries {1e3 * whole:10.1f} ms {1e9 * whole / count:8.0f} ns for each")


def sample(count, generator):
    index = torch.stack([torch.randint(size, (count,), generator=generator) for size in (ROWS, COLUMNS)])
    return ObservedEntries.from_index(index, (ROWS, COLUMNS))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--memory", action="store_true")
    options = parser.parse_args()
    generator = torch.Generator().manual_seed(0)
    entries = sample(options.entries, generator)
    layer, x = ExchangeableLinear("rows columns", CHANNELS, CHANNELS), torch.randn(options.entries, CHANNELS)
    if options.memory:
        begin = time.perf_counter()
        step(layer, x, torch.randn(x.shape), entries)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(f"{options.entries:,} entries: one step {time.perf_counter() - begin:.1f} s, peak memory {peak:.1f} GB")
        return
    table("sparse, in any order", layer, x, options.rounds, entries)
    by_row = ObservedEntries.from_index(entries.indices[:, entries.indices[0].argsort()], (ROWS, COLUMNS))
    table("sparse, sorted by row", layer, x, options.rounds, by_row)
    table("dense", layer, x.reshape(ROWS, -1, CHANNELS), options.rounds)
    scaling(layer, options.entries, options.rounds, generator)


if __name__ == "__main__":
    main()
