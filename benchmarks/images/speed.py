"""Speed of group convolutions: beside the ordinary convolution with filters of the same size, and beside escnn.

The network is 1 -> 8 -> 16 -> 16 regular fields of C_8 with filters of 7, 5 and 5 pixels and ReLU, on a batch of 32
images of 28 x 28. All candidates do a step each in turn; the medians of the rounds are printed, with their ratios to
the ordinary convolution.

    python benchmarks/images/speed.py            escnn is measured where it is installed
"""

import argparse
import statistics
import time

import torch
from torch import nn

WIDTHS, KERNELS, ORDER, BATCH, SIZE = (1, 8, 16, 16), (7, 5, 5), 8, 32, 28


def intertwine_network():
    from intertwine.groups import Cyclic
    from intertwine.nn import GridConv, GridPointwiseNonlinearity

    group, layers = Cyclic(ORDER), []
    reps = [WIDTHS[0] * group.trivial, *(width * group.regular for width in WIDTHS[1:])]
    for rep_in, rep_out, kernel in zip(reps, reps[1:], KERNELS, strict=False):
        layers += [GridConv(rep_in, rep_out, kernel, padding="same"), GridPointwiseNonlinearity(rep_out)]
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


def step(network, images, optimizer):
    optimizer.zero_grad()
    network(images).square().mean().backward()
    optimizer.step()


def spatial_layer():
    from intertwine.groups import SO3
    from intertwine.nn import GridConv

    rep = SO3().rep("8x0 + 8x1 + 8x2")
    return GridConv(rep, rep, 5)


def escnn_spatial_layer():
    from escnn import gspaces
    from escnn import nn as enn

    space = gspaces.rot3dOnR3()
    field = enn.FieldType(space, 8 * [space.irrep(0)] + 8 * [space.irrep(1)] + 8 * [space.irrep(2)])
    return enn.R3Conv(field, field, 5)


def timed(make):
    start = time.perf_counter()
    made = make()
    return made, time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--no-escnn", action="store_true", help="leave escnn out")
    options = parser.parse_args()
    torch.manual_seed(0)
    images = torch.randn(BATCH, 1, SIZE, SIZE)
    candidates = {"plain": plain_network, "intertwine": intertwine_network}
    try:
        import escnn  # noqa: F401

        if not options.no_escnn:
            candidates["escnn"] = EscnnNetwork
    except ImportError:
        pass
    networks = {}
    for name, make in candidates.items():
        networks[name], seconds = timed(make)
        print(f"{name:12} built in {seconds:.3f} s")
    _, seconds = timed(spatial_layer)
    print(f"SO(3) 5^3 layer, 8 fields of degrees 0, 1, 2: built in {seconds:.3f} s")
    if "escnn" in candidates:
        print(f"the same by escnn: built in {timed(escnn_spatial_layer)[1]:.3f} s")
    net = networks["intertwine"].double().eval()
    turned = net(torch.rot90(images.double(), 1, (-2, -1)))
    expected = torch.rot90(net(images.double()), 1, (-2, -1)).unflatten(1, (-1, ORDER)).roll(2, 2).flatten(1, 2)
    error = ((turned - expected).abs().max() / expected.abs().max()).item()
    print(f"a quarter turn commutes up to {error:.1e}")
    from intertwine.nn import export_grid

    networks["intertwine"] = net.float().train()
    networks["export"] = export_grid(net)
    error = float((networks["export"](images) - net.eval()(images)).abs().max())
    print(f"the export agrees up to {error:.1e}")
    net.train()
    training = {name: network for name, network in networks.items() if name != "export"}
    optimizers = {name: torch.optim.SGD(network.parameters(), lr=1e-3) for name, network in training.items()}
    times = {name: [] for name in training}
    forward = {name: [] for name in networks}
    for _ in range(options.rounds):
        for name, network in training.items():
            times[name].append(timed(lambda network=network, name=name: step(network, images, optimizers[name]))[1])
    with torch.no_grad():
        for network in networks.values():
            network.eval()
        for _ in range(options.rounds):
            for name, network in networks.items():
                forward[name].append(timed(lambda network=network: network(images))[1])
    for title, found in (("training step", times), ("evaluation", forward)):
        reference = statistics.median(found["plain"][1:])
        for name, values in found.items():
            median = statistics.median(values[1:])
            print(f"{title:14} {name:12} {median * 1e3:8.1f} ms   {median / reference:.2f} x plain")


if __name__ == "__main__":
    main()
