"""Voxelized furniture: a voxel CNN of the rotations of the cube, one of SO(3) and an ordinary one, upright and turned.

All learn from upright shapes alone. They are tested on upright ones, on the same turned by the 24 rotations of the
cube, and by random rotations.

    python benchmarks/images/voxels.py --networks octahedral so3 plain --epochs 20
"""

import argparse
import json
import time

import torch
from torch import nn
from torch.nn import functional

from intertwine.data import furniture
from intertwine.groups import SO3, Octahedral
from intertwine.models import VoxelCNN
from intertwine.ops import voxelize

SIZE, BATCH, POINTS = 20, 16, 1024
WIDTHS, KERNELS, POOLS = (2, 4, 6), (5, 3, 3), (1, 2)


class Plain(nn.Sequential):
    """An ordinary network with about as many weights as the octahedral one."""

    def __init__(self, classes):
        before, layers = 1, []
        for width, kernel in zip((10, 20, 30), KERNELS, strict=True):
            layers += [nn.Conv3d(before, width, kernel, padding=kernel // 2, bias=False), nn.BatchNorm3d(width)]
            layers += [nn.ReLU(), nn.AvgPool3d(2)] if width < 30 else [nn.ReLU()]
            before = width
        head = [nn.Linear(before, 64, bias=False), nn.BatchNorm1d(64), nn.ELU(), nn.Linear(64, classes)]
        super().__init__(*layers, nn.AdaptiveAvgPool3d(1), nn.Flatten(), *head)


def voxel_cnn(group, widths):
    return lambda classes: VoxelCNN(
        group.trivial, classes * group.trivial, widths=widths, kernel_size=KERNELS, pool_after=POOLS
    )


NETWORKS = {"octahedral": voxel_cnn(Octahedral(), WIDTHS), "so3": voxel_cnn(SO3(), (8, 16, 24)), "plain": Plain}


def volumes(clouds, matrices):
    """The volumes ``(B, 1, SIZE, SIZE, SIZE)`` of turned clouds, each centered and scaled to the ball."""
    count = len(matrices)
    points = clouds.positions.view(count, -1, 3)
    points = points - points.mean(1, keepdim=True)
    points = points / points.norm(dim=2).amax(1)[:, None, None]
    turned = (points.float() @ matrices.mT).flatten(0, 1)
    batch = torch.arange(count).repeat_interleave(points.shape[1])
    return voxelize(turned, batch, count, SIZE).clamp_max(1)


@torch.inference_mode()
def errors(network, shapes, sample):
    """The error in per cent on shapes turned by sampled matrices."""
    network.eval()
    wrong = 0
    for part in shapes.split.test.split(BATCH):
        clouds = shapes.select(part)
        answers = network(volumes(clouds, sample(len(part)))).argmax(1)
        wrong += int((answers != clouds.cloud_fields["classes"]).sum())
    return round(100 * wrong / len(shapes.split.test), 1)


def train(network, shapes, epochs):
    learned = torch.cat((shapes.split.train, shapes.split.validation))
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.01, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.01, epochs * (len(learned) // BATCH))
    upright = torch.eye(3).expand(BATCH, 3, 3)
    for epoch in range(epochs):
        network.train()
        total = 0.0
        for part in learned[torch.randperm(len(learned))].split(BATCH):
            if len(part) < BATCH:
                continue
            clouds = shapes.select(part)
            loss = functional.cross_entropy(network(volumes(clouds, upright)), clouds.cloud_fields["classes"])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += float(loss.detach())
        print(f"epoch {epoch + 1}/{epochs}  loss {total / (len(learned) // BATCH):.3f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    shapes = furniture(POINTS)
    octahedral = Octahedral().elements.float()
    samples = {
        "upright": lambda count: torch.eye(3).expand(count, 3, 3),
        "turned by 90 degrees": lambda count: octahedral[torch.randint(len(octahedral), (count,))],
        "turned": lambda count: SO3().sample(count).float(),
    }
    for name in arguments.networks:
        torch.manual_seed(arguments.seed)
        network, begin = NETWORKS[name](len(shapes.label_names["classes"])), time.time()
        train(network, shapes, arguments.epochs)
        row = {"network": name, "weights": sum(weight.numel() for weight in network.parameters())}
        row |= {label: errors(network, shapes, sample) for label, sample in samples.items()}
        print(json.dumps(row | {"minutes": round((time.time() - begin) / 60, 1)}), flush=True)


if __name__ == "__main__":
    main()
