"""Equivariance error against the angle, beside escnn on the same network with initial weights, and untrained plain.

Networks 1 -> 4 -> 4 regular fields of C_8 with filters of 5 pixels and ReLU, then the maximum over the group and the
mean over the pixels. Smooth images of 41 pixels that vanish at the border are turned by bicubic interpolation; the
error is the relative change of the four invariants, a mean over the seeds of the weights.

    python benchmarks/images/turning.py        where escnn is installed, beside it
"""

import itertools
from importlib.util import find_spec

import torch
from torch import nn

from intertwine.data import rotate_images
from intertwine.groups import Cyclic
from intertwine.nn import GridConv, GridGroupPool, GridPointwiseNonlinearity, GridSpatialPool

ORDER, WIDTH, KERNEL, SIZE, SEEDS = 8, 4, 5, 41, 8
DEGREES = (5, 10, 15, 22.5, 30, 40, 45, 60, 75, 90, 112.5, 135, 157.5, 180)


def ours():
    group = Cyclic(ORDER)
    reps = [group.trivial, WIDTH * group.regular, WIDTH * group.regular]
    net = nn.Sequential()
    for before, after in itertools.pairwise(reps):
        net.append(GridConv(before, after, KERNEL, padding="same", bias=False))
        net.append(GridPointwiseNonlinearity(after, "relu"))
    return net.append(GridGroupPool(reps[-1])).append(GridSpatialPool(WIDTH * group.trivial)).eval()


def escnn():
    from escnn import gspaces
    from escnn import nn as enn

    space = gspaces.rot2dOnR2(ORDER)
    kinds = [enn.FieldType(space, [space.trivial_repr])]
    kinds += [enn.FieldType(space, WIDTH * [space.regular_repr])] * 2
    layers = []
    for before, after in itertools.pairwise(kinds):
        layers += [enn.R2Conv(before, after, KERNEL, padding=KERNEL // 2, bias=False), enn.ReLU(after)]
    layers = enn.SequentialModule(*layers, enn.GroupPooling(kinds[-1])).eval()
    return lambda images: layers(enn.GeometricTensor(images, kinds[0])).tensor.mean((2, 3))


def plain():
    layers, channels = [], (1, WIDTH * ORDER, WIDTH * ORDER)
    for before, after in itertools.pairwise(channels):
        layers += [nn.Conv2d(before, after, KERNEL, padding=KERNEL // 2, bias=False), nn.ReLU()]
    pool = nn.Sequential(nn.Flatten(2), nn.MaxPool3d((ORDER, 1, 1)))
    net = nn.Sequential(*layers)
    return lambda images: pool[1](net(images)[:, None]).mean((1, 3, 4))


def smooth_images():
    noise = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    images = nn.functional.interpolate(noise, (SIZE, SIZE), mode="bicubic", align_corners=True)
    places = torch.arange(SIZE) - SIZE // 2
    return images * (1 - (places.square()[:, None] + places.square()) / 17**2).clamp_min(0)


@torch.inference_mode()
def errors(make, images):
    """The mean error at each angle, in per cent."""
    rows = []
    for seed in range(SEEDS):
        torch.manual_seed(seed)
        net = make()
        given = net(images)
        rows.append([float((net(rotate_images(images, d)) - given).norm() / given.norm()) for d in DEGREES])
    return (100 * torch.tensor(rows).mean(0)).tolist()


def main():
    images = smooth_images()
    networks = {"ours": ours, "plain": plain} | ({"escnn": escnn} if find_spec("escnn") else {})
    found = {name: errors(make, images) for name, make in networks.items()}
    print(f"| degrees | {' | '.join(found)} |\n|{'---|' * (1 + len(found))}")
    for row in zip(DEGREES, *found.values(), strict=True):
        print(f"| {row[0]:g} | {' | '.join(f'{value:.2g} %' for value in row[1:])} |")


if __name__ == "__main__":
    main()
