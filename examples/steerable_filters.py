"""Draw steerable filters, the oriented energy and dominant angles of a photo or a drawing, and its SIFT keypoints.

python examples/steerable_filters.py [PHOTO]
"""

import sys
import tempfile
from math import cos, pi, sin

import torch
from matplotlib.figure import Figure

from intertwine.data import read_image
from intertwine.ops import filter_kernels, gaussian_derivative, hilbert_fit, oriented_energy, sift


def drawing(size: int = 128) -> torch.Tensor:
    """Blobs and bars."""
    y, x = torch.meshgrid(torch.arange(float(size)), torch.arange(float(size)), indexing="ij")
    image = torch.zeros(size, size)
    for u, v, turn, length in torch.rand(24, 4, generator=torch.Generator().manual_seed(1)).tolist():
        dx, dy, a = x - u * size, y - v * size, pi * turn
        along, across = dx * cos(a) + dy * sin(a), dy * cos(a) - dx * sin(a)
        image += torch.exp(-((along / (4 + 12 * length)) ** 2) - (across / 3) ** 2)
    return image


def main(path: str, photo: str | None = None) -> None:
    """Write the picture."""
    angles = torch.arange(4, dtype=torch.float64) * pi / 4
    c, s = angles.cos(), angles.sin()
    rotations = torch.stack([torch.stack([c, -s], -1), torch.stack([s, c], -1)], -2)
    figure = Figure(figsize=(10, 5), layout="constrained")
    axes = figure.subplots(2, 6)
    for row, (name, function) in enumerate((("G2", gaussian_derivative(2)), ("H2", hilbert_fit(2)))):
        for column, kernel in enumerate(filter_kernels(function, rotations, 41, 0.15)):
            axes[row, column].imshow(kernel, cmap="gray")
            axes[row, column].set_title(f"{name} at {45 * column} degrees", fontsize=8)
    image = drawing() if photo is None else read_image(photo, channels=1).pixels[0].float()
    energy, keypoints = oriented_energy(image / image.max()), sift(image / image.max())
    axes[0, 4].imshow(image, cmap="gray")
    axes[0, 4].set_title("image", fontsize=8)
    axes[0, 5].imshow(energy.mean, cmap="magma")
    axes[0, 5].set_title("oriented energy", fontsize=8)
    hue = torch.where(energy.strength > 0.05 * energy.strength.max(), energy.angle, torch.nan)
    axes[1, 4].imshow(hue, cmap="hsv", vmin=-pi / 2, vmax=pi / 2)
    axes[1, 4].set_title("dominant angle", fontsize=8)
    axes[1, 5].imshow(image, cmap="gray")
    axes[1, 5].set_title(f"{len(keypoints.positions)} SIFT keypoints", fontsize=8)
    (x, y), r, a = keypoints.positions.T, 3 * keypoints.scales, keypoints.angles
    u, v = r * a.cos(), r * a.sin()
    axes[1, 5].quiver(x, y, u, v, angles="xy", scale_units="xy", scale=1, color="orange", width=0.01)
    for each in axes.flat:
        each.set_axis_off()
    figure.savefig(path, dpi=100)
    print(f"{len(keypoints.positions)} keypoints, drawn in {path}")


if __name__ == "__main__":
    main(f"{tempfile.mkdtemp()}/classical.png", *sys.argv[1:2])
