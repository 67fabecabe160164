"""Speed of group convolutions: beside the ordinary convolution with filters of the same size, and beside escnn.

The network is 1 -> 8 -> 16 -> 16 regular fields of C_8 with filters of 7, 5 and 5 pixels and ReLU, on a batch of 32
images of 28 x 28. First it is checked that both libraries compute the same function: escnn's weights are moved into
:class:`GridConv` with the rings of escnn. Then times of fresh processes (import, construction, first forward) with the
memory that a training step adds, and processor times of steps, which other programs disturb less than they do those of
a clock: all candidates do one each in turn, and the ratios are medians over the rounds.

    python benchmarks/images/speed.py                                      where escnn is installed, beside it
    python benchmarks/images/speed.py --threads 1 --rounds 3 --batch 4     a trial
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parent.parent))
from measure import machine, seconds, table

WIDTHS, KERNELS, ORDER, SIZE, DEGREES = (1, 8, 16, 16), (7, 5, 5), 8, 28, (0, 1, 2)


def intertwine_network(basis=None):
    from intertwine.groups import Cyclic
    from intertwine.nn import GridConv, GridPointwiseNonlinearity

    group, layers = Cyclic(ORDER), []
    reps = [WIDTHS[0] * group.trivial, *(width * group.regular for width in WIDTHS[1:])]
    for rep_in, rep_out, kernel in zip(reps, reps[1:], KERNELS, strict=False):
        layers += [GridConv(rep_in, rep_out, kernel, padding="same", basis=basis), GridPointwiseNonlinearity(rep_out)]
    return nn.Sequential(*layers)


def plain_network():
    channels = [WIDTHS[0], *(width * ORDER for width in WIDTHS[1:])]
    layers = []
    for before, after, kernel in zip(channels, channels[1:], KERNELS, strict=False):
        layers += [nn.Conv2d(before, after, kernel, padding=kernel // 2), nn.ReLU()]
    return nn.Sequential(*layers)


class EscnnNetwork(nn.Module):
    def __init__(self):
        super().__init__()
        from escnn import gspaces
        from escnn import nn as enn

        space = gspaces.rot2dOnR2(ORDER)
        types = [enn.FieldType(space, WIDTHS[0] * [space.trivial_repr])]
        types += [enn.FieldType(space, width * [space.regular_repr]) for width in WIDTHS[1:]]
        layers = []
        for before, after, kernel in zip(types, types[1:], KERNELS, strict=False):
            layers += [enn.R2Conv(before, after, kernel, padding=kernel // 2), enn.ReLU(after)]
        self.field_type, self.layers = types[0], enn.SequentialModule(*layers)
        self.wrap = enn.GeometricTensor

    def forward(self, images):
        return self.layers(self.wrap(images, self.field_type)).tensor


def intertwine_spatial():
    from intertwine.groups import SO3
    from intertwine.nn import GridConv

    rep = SO3().rep(" + ".join(f"8x{degree}" for degree in DEGREES))
    return GridConv(rep, rep, 5)


def escnn_spatial():
    from escnn import gspaces
    from escnn import nn as enn

    space = gspaces.rot3dOnR3()
    field = enn.FieldType(space, [space.irrep(degree) for degree in DEGREES for _ in range(8)])
    return enn.R3Conv(field, field, 5)


NETWORKS = {"plain": plain_network, "intertwine": intertwine_network, "escnn": EscnnNetwork}
SPATIAL = {"intertwine": intertwine_spatial, "escnn": escnn_spatial}


def carried_over(network):
    """The network of `GridConv` with the filters of a network of escnn, and the largest relative residual of them."""
    from intertwine.nn import GridConv

    ours = intertwine_network(escnn_rings())
    pairs = zip(
        [layer for layer in network.modules() if type(layer).__name__ == "R2Conv"],
        [layer for layer in ours if isinstance(layer, GridConv)],
        strict=True,
    )
    residuals = []
    for theirs, layer in pairs:
        nn.init.normal_(theirs.bias)
        filters, bias = (value.detach() for value in theirs.expand_parameters())
        weight, kernel = layer.weights[0], layer.kernels[0]
        _, copies_out, copies_in, *_ = weight.shape
        basis = kernel(torch.eye(kernel.fan).unflatten(1, kernel.weight_shape)).double()  # fan, order, dim_in, pixels
        target = filters.double().flatten(2).unflatten(0, (copies_out, ORDER)).unflatten(2, (copies_in, -1))
        target = target.permute(1, 3, 4, 0, 2).flatten(3).flatten(0, 2)
        found = torch.linalg.lstsq(basis.flatten(1).T, target).solution
        residuals.append(float((basis.flatten(1).T @ found - target).norm() / target.norm()))
        with torch.no_grad():
            weight.copy_(found.T.reshape(weight.shape))
            layer.bias.copy_(bias.view(copies_out, ORDER)[:, 0])
    return ours, max(residuals)


def escnn_rings():
    """The rings of escnn's `R2Conv` as functions of a `GridConv`."""
    from intertwine.nn import KernelBasis
    from intertwine.ops import circular_harmonics, kernel_points

    @dataclass(frozen=True)
    class Rings(KernelBasis):
        def kernels(self, rep_in, rep_out, kernel_size):
            raise NotImplementedError("pairs without a regular representation are not compared")

        def functions(self, group, kernel_size):
            points, last, found = kernel_points(kernel_size, 2), kernel_size // 2, []
            turned = torch.einsum("hji,xj->hxi", group.elements, points)
            for radius in range(last + 1):
                sigma = 0.4 if radius == last else 0.6 if radius else 0.005
                limit = 2 if radius == last else min(2 * radius, 2 * radius - (radius + 1) % 2) if radius else 0
                profile = torch.exp(-(points.norm(dim=-1) - radius).square() / (2 * sigma**2))
                found += [(circular_harmonics(m, turned) * profile[:, None]).mT for m in range(limit + 1)]
            return torch.cat(found, 1)

    return Rings()


def difference(ours, other, images):
    """The relative difference of two networks in float32."""
    with torch.no_grad():
        expected = other.eval()(images)
        return float((ours.eval()(images) - expected).norm() / expected.norm())


def fresh(name, threads, batch):
    """In a process of its own: seconds of import, construction, first forward, spatial layer; megabytes of a step."""
    torch.set_num_threads(threads)
    images = torch.randn(1, 1, SIZE, SIZE)
    imports = {"intertwine": "intertwine.nn", "escnn": "escnn.nn", "plain": "torch.nn"}[name]
    found = {"import": seconds(lambda: __import__(imports))}
    network, found["construction"] = timed(NETWORKS[name])
    with torch.no_grad():
        found["first forward"] = seconds(lambda: network(images))
    before = peak_megabytes()
    training_step(network, torch.randn(batch, 1, SIZE, SIZE))()
    found["step, MB"] = peak_megabytes() - before
    if name in SPATIAL:
        found["SO(3) 5^3 layer"] = seconds(SPATIAL[name])
    print(json.dumps(found))


def peak_megabytes():
    """The largest memory of this process so far. That of ``getrusage`` may be the parent's."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1000


def in_fresh_process(name, threads, batch, repeats):
    """The medians of `fresh`."""
    command = [sys.executable, __file__, "--fresh", name, "--threads", str(threads), "--batch", str(batch)]
    rows = [
        json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1])
        for _ in range(repeats)
    ]
    return {key: statistics.median(row[key] for row in rows) for key in rows[0]}


def timed(make):
    start = time.perf_counter()
    made = make()
    return made, time.perf_counter() - start


def training_step(network, images):
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-3)

    def step():
        optimizer.zero_grad()
        network(images).square().mean().backward()
        optimizer.step()

    return step


def evaluation(network, images):
    def step():
        with torch.inference_mode():
            network(images)

    return step


def processor_seconds(step):
    begin = time.process_time()
    step()
    return time.process_time() - begin


def ratios(steps, rounds):
    """Lines of the median time of each step, and of the median of its ratios to "plain" and to "intertwine"."""
    for step in steps.values():
        step()
    times = {name: [] for name in steps}
    for _ in range(rounds):
        for name, step in steps.items():
            times[name].append(processor_seconds(step))

    def over(name, other):
        return statistics.median(a / b for a, b in zip(times[name], times[other], strict=True))

    lines = []
    for name, found in times.items():
        numbers = f"{over(name, 'plain'):.3f} | {over(name, 'intertwine'):.2f}"
        lines.append(f"| {name} | {1e3 * statistics.median(found):.1f} | {numbers} |")
    return lines


def check_same_function(names, images):
    """Print how far ours is from escnn with escnn's weights, from its own export, and from the law."""
    from intertwine.nn import export_grid

    if "escnn" in names:
        peer = EscnnNetwork()
        moved, residual = carried_over(peer)
        found = difference(moved, peer, images)
        weights = [sum(weight.numel() for weight in network.parameters()) for network in (moved, peer)]
        print(
            f"escnn's function from its weights, {weights[0]} and {weights[1]}: relative difference {found:.1e}, "
            f"of the filters {residual:.1e}"
        )
        assert found < 1e-5, "not the same function"
    network = intertwine_network()
    found = difference(network, export_grid(network), images)
    print(f"export, relative difference: {found:.1e}")
    assert found < 1e-5, "the export is another function"
    network, images = network.double(), images.double()
    with torch.no_grad():
        turned = network(torch.rot90(images, 1, (-2, -1)))
        expected = torch.rot90(network(images), 1, (-2, -1)).unflatten(1, (-1, ORDER)).roll(2, 2).flatten(1, 2)
    print(f"a quarter turn, float64: {float((turned - expected).norm() / expected.norm()):.1e}")


def step_tables(names, images, rounds):
    """Print the times of training steps and of evaluation."""
    from intertwine.nn import export_grid

    networks = {name: NETWORKS[name]() for name in names}
    training = {name: training_step(network, images) for name, network in networks.items()}
    head = "ms|over plain|over intertwine"
    print(table(f"training step|{head}", ratios(training, rounds)))
    exported = {f"{name}, exported": export(networks[name]) for name, export in
                (("intertwine", export_grid), ("escnn", export_escnn)) if name in networks}  # fmt: skip
    steps = {name: evaluation(network.eval(), images) for name, network in (networks | exported).items()}
    print(table(f"evaluation|{head}", ratios(steps, rounds)))


def export_escnn(network):
    return network.eval().layers.export()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--no-escnn", action="store_true", help="leave escnn out")
    parser.add_argument("--fresh", choices=list(NETWORKS), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.fresh:
        fresh(options.fresh, options.threads[0], options.batch)
        return
    names = [name for name in NETWORKS if name != "escnn" or (find_spec("escnn") and not options.no_escnn)]
    torch.manual_seed(0)
    images = torch.randn(options.batch, 1, SIZE, SIZE)
    print(f"{machine()}; batch {options.batch}, {options.rounds} rounds\n")
    check_same_function(names, images[:4])
    starts = {name: in_fresh_process(name, options.threads[0], options.batch, 3) for name in names}
    columns = list(starts["intertwine"])
    lines = [f"| {name} | {' | '.join(f'{row[key]:.3f}' if key in row else '-' for key in columns)} |"
             for name, row in starts.items()]  # fmt: skip
    print(f"\nseconds in a fresh process, after the import of torch, {options.threads[0]} thread")
    print(table("|".join(["", *columns]), lines))
    for threads in options.threads:
        torch.set_num_threads(threads)
        print(f"\n{threads} thread{'s' * (threads > 1)}")
        step_tables(names, images, options.rounds)


if __name__ == "__main__":
    main()
