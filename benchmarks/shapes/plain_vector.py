"""VN-DGCNN as its paper writes it: plain PyTorch on tensors ``[B, C, 3, N, k]``, every layer applied to every edge."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from intertwine.models import VectorDGCNN
from intertwine.nn import VectorBatchNorm

EPSILON, SLOPE = 1e-6, 0.2


class PlainNorm(nn.Module):
    """Batch normalization of lengths."""

    def __init__(self, ours: VectorBatchNorm, spaces: int) -> None:
        super().__init__()
        self.norm = (nn.BatchNorm2d if spaces == 2 else nn.BatchNorm1d)(len(ours.weight))
        with torch.no_grad():
            self.norm.weight.copy_(ours.weight), self.norm.bias.copy_(ours.bias)
            self.norm.running_mean.copy_(ours.running_mean), self.norm.running_var.copy_(ours.running_variance)

    def forward(self, x: Tensor) -> Tensor:
        lengths = (x * x).sum(2).sqrt() + EPSILON
        return x / lengths.unsqueeze(2) * self.norm(lengths).unsqueeze(2)


class PlainLeakyReLU(nn.Module):
    """Linear, normalize, rectify."""

    def __init__(self, values: Tensor, directions: Tensor, norm: VectorBatchNorm, spaces: int) -> None:
        super().__init__()
        self.values, self.directions = (nn.Linear(*matrix.shape, bias=False) for matrix in (values, directions))
        with torch.no_grad():
            self.values.weight.copy_(values.T), self.directions.weight.copy_(directions.T)
        self.norm = PlainNorm(norm, spaces)

    def forward(self, x: Tensor) -> Tensor:
        channels_last = x.transpose(1, -1)
        q = self.norm(self.values(channels_last).transpose(1, -1))
        k = self.directions(channels_last).transpose(1, -1)
        along = (q * k).sum(2, keepdim=True)
        keep = (along >= 0).to(q.dtype)
        away = q - along / ((k * k).sum(2, keepdim=True) + EPSILON) * k
        return SLOPE * q + (1 - SLOPE) * (keep * q + (1 - keep) * away)


class PlainVectorDGCNN(nn.Module):
    """A `VectorDGCNN` of one vector per point, with its weights."""

    def __init__(self, ours: VectorDGCNN) -> None:
        super().__init__()
        self.k = ours.knn_graph.k
        self.convs = nn.ModuleList()
        for layer in (ours.embed.lift, *ours.layers):
            pairs = ((layer.difference_values, layer.values), (layer.difference_directions, layer.directions))
            matrices = [torch.cat([part.weights[0][0] for part in pair]) for pair in pairs]
            self.convs.append(PlainLeakyReLU(*matrices, layer.norm, 2))
        fuse, invariant = ours.fuse, ours.invariant
        self.fuse = PlainLeakyReLU(fuse.values.weights[0][0], fuse.directions.weights[0][0], fuse.norm, 1)
        means = (invariant.mean_values, invariant.mean_directions)
        first = (invariant.first.values, invariant.first.directions)
        matrices = [torch.cat([x.weights[0][0], y.weights[0][0]]) for x, y in zip(first, means, strict=True)]
        self.first = PlainLeakyReLU(*matrices, invariant.first.norm, 1)
        second = invariant.second
        self.second = PlainLeakyReLU(second.values.weights[0][0], second.directions.weights[0][0], second.norm, 1)
        self.frame = nn.Linear(second.rep_out.dim // 3, 3, bias=False)
        with torch.no_grad():
            self.frame.weight.copy_(invariant.frame.weights[0][0].T)
        self.head = ours.head.network

    def forward(self, points: Tensor) -> Tensor:
        """Classify ``(B, N, 3)``."""
        centered = points - points.mean(1, keepdim=True)
        x, layers = centered.mT.unsqueeze(1), []
        for conv in self.convs:
            x = conv(self.pairs(x)).mean(-1)
            layers.append(x)
        x = self.fuse(torch.cat(layers, 1))
        mean = x.mean(-1, keepdim=True).expand(x.shape)
        frame = self.second(self.first(torch.cat([x, mean], 1)))
        frame = self.frame(frame.transpose(1, -1)).transpose(1, -1)
        x = torch.einsum("bcan,bian->bicn", x, frame).flatten(1, 2)
        return self.head(torch.cat([x.amax(-1), x.mean(-1)], 1))

    def pairs(self, x: Tensor) -> Tensor:
        """``[B, C, 3, N]`` to differences and own, ``[B, 2 C, 3, N, k]``."""
        size, _, _, points = x.shape
        flat = x.flatten(1, 2)
        squares = flat.square().sum(1, keepdim=True)
        closeness = 2 * flat.mT @ flat - squares - squares.mT
        index = closeness.topk(self.k, dim=-1).indices + points * torch.arange(size)[:, None, None]
        rows = x.movedim(-1, 1).reshape(size * points, *x.shape[1:3])
        near = rows[index.flatten()].view(size, points, self.k, *x.shape[1:3])
        own = rows.view(size, points, 1, *x.shape[1:3]).expand_as(near)
        return torch.cat([near - own, own], 3).permute(0, 3, 4, 1, 2).contiguous()


def cross_entropy(outputs: Tensor, classes: Tensor) -> Tensor:
    return functional.cross_entropy(outputs, classes)
