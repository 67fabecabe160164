"""Draws the pictures of these pages: python docs/grids/pictures.py"""

from pathlib import Path

import matplotlib
import torch

import intertwine as iw

matplotlib.use("Agg")
from matplotlib import pyplot as plt

IMAGES = Path(__file__).parents[1] / "images"


def show(axis, picture, limit=None):
    limit = float(picture.abs().max()) if limit is None else limit
    axis.imshow(picture.detach(), cmap="RdBu_r", vmin=-limit, vmax=limit)
    axis.set_xticks([])
    axis.set_yticks([])


def group_convolution():
    torch.manual_seed(3)
    G = iw.Cyclic(8)
    conv = iw.nn.GridConv(G.trivial, G.regular, kernel_size=9, padding="same", bias=False)
    axis = torch.linspace(-1, 1, 65)
    y, x = torch.meshgrid(-axis, axis, indexing="ij")
    shape = ((x.abs() < 0.6) & (y.abs() < 0.3) | ((x - 0.4) ** 2 + (y - 0.3) ** 2 < 0.05)).float()
    fields = conv(shape[None, None])[0].detach()
    figure, axes = plt.subplots(2, 9, figsize=(9, 2.2), layout="constrained")
    axes[0, 0].axis("off")
    axes[1, 0].imshow(shape, cmap="gray_r")
    axes[1, 0].set_xticks([])
    axes[1, 0].set_yticks([])
    axes[1, 0].set_title("image", fontsize=8)
    filters = conv.filter()[:, 0].detach()
    for h in range(8):
        show(axes[0, h + 1], filters[h], float(filters.abs().max()))
        show(axes[1, h + 1], fields[h], float(fields.abs().max()))
        axes[0, h + 1].set_title(f"{45 * h} deg", fontsize=8)
    figure.savefig(IMAGES / "group_convolution.png", dpi=110)


def steerable_filters():
    G, size = iw.SO2(), 9
    figure, axes = plt.subplots(4, 7, figsize=(7, 4), layout="constrained")
    for row, frequency in enumerate((1, 2)):
        kernels = iw.nn.RingBasis().kernels(G.trivial, G.irrep(frequency), size)
        for column in range(7):
            for component in range(2):
                panel = axes[2 * row + component, column]
                if column < len(kernels):
                    show(panel, kernels[column, component, 0].view(size, size))
                else:
                    panel.axis("off")
        axes[2 * row, 0].set_ylabel(f"frequency {frequency}", fontsize=8)
    figure.savefig(IMAGES / "steerable_filters.png", dpi=110)


if __name__ == "__main__":
    group_convolution()
    steerable_filters()
