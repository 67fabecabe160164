"""Implicit neural representations of MNIST: one small sine network for each digit, trained here."""

from __future__ import annotations

import time
from itertools import pairwise
from math import cos, pi, sqrt
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from intertwine._errors import UsageError
from intertwine._progress import ProgressCallback, no_progress
from intertwine.data._cache import load_cached, store_cached, user_cache
from intertwine.data._lazy_names import LazyNames
from intertwine.data._split import split_from_parts
from intertwine.data.images import ImageSet
from intertwine.data.networks import NetworkSet
from intertwine.data.public._digits import mnist

_FORMAT = 1
_PART = 500
"""Networks in a file of the cache; an interrupted call goes on after the last whole one."""
_AT_ONCE = 10
"""Networks trained at once: their activations fit into a processor's cache."""
_LAYERS = (2, 32, 32, 1)
_FREQUENCY = 30.0
_STEPS, _RATE, _WARMUP = 150, 0.005, 20
_LARGEST = 70_000
DEFAULT_COUNT = 10_000


class TrainedNetworks(NamedTuple):
    """Networks that were fitted to images.

    weights: tensors of their state dicts, (N, *shape); psnr: (N,) decibels.
    """

    weights: dict[str, Tensor]
    psnr: Tensor


def mnist_inrs(
    count: int | None = None, *, steps: int = _STEPS, progress: ProgressCallback = no_progress
) -> NetworkSet:
    """One sine network 2-32-32-1 for each digit of MNIST, from independent random initial weights.

    A network maps the position of a pixel in [-1, 1]^2, row and column, to its brightness in 0 .. 1,
    f(x) = W_3 sin(30 (W_2 sin(30 (W_1 x + b_1)) + b_2)) + b_3, fitted by Adam. Six digits of MNIST's training set
    and one of its test set take turns, so that any number of them has a split of six to one. Networks are trained in
    batches and kept in the cache in parts of 500; a call that was interrupted goes on where it was.

    Args:
        count: How many, at most 70,000; by default those that the cache has, or 10,000.
        steps: Steps of Adam.
        progress: Called with (networks trained, networks in all).

    Returns:
        The networks with the label "classes"; their remarks say how well they fit.

    Raises:
        UsageError: The count is out of range, or MNIST cannot be had.

    Reference: Navon et al., ICML 2023, section 6; Sitzmann et al., NeurIPS 2020, section 3.2. These networks are not
        theirs, and scores on them are not comparable.
    """
    folder = user_cache() / "networks" / f"mnist-inrs-{steps}"
    count = _cached_count(folder) or DEFAULT_COUNT if count is None else count
    if not 1 <= count <= _LARGEST:
        raise UsageError(f"--count expects 1 to {_LARGEST:,} networks, got {count:,}")
    digits = mnist()
    begin = time.monotonic()
    parts: list[dict[str, Tensor]] = []
    for first in range(0, count, _PART):
        size = min(_PART, count - first)
        parts.append(_part(digits, folder / f"{first // _PART:05d}.safetensors", first, size, steps, count, progress))
        progress(min(first + _PART, count), count)
    joined = {key: torch.cat([part[key] for part in parts]) for key in parts[0]}
    psnr = joined.pop("psnr")
    index = torch.arange(count)
    classes = digits.image_fields["classes"][digit_of(index)]
    split = split_from_parts(torch.where(index % 7 == 6, 2, 0))
    names = LazyNames(digit_of(index).numpy(), prefix="mnist/", digits=5)
    fit = f"peak signal-to-noise ratio {float(psnr.mean()):.1f} dB on average, {float(psnr.min()):.1f} dB at least"
    remarks = (fit, f"fitted or read in {time.monotonic() - begin:.0f} s")
    labels, label_names = {"classes": classes}, {"classes": digits.label_names["classes"]}
    return NetworkSet(joined, labels, label_names, names, split, (), "sine", _FREQUENCY, remarks)


def digit_of(index: Tensor) -> Tensor:
    """The digit of MNIST that each network is of: six of the training set, one of the test set, and so on.

    >>> digit_of(torch.arange(8)).tolist()
    [0, 1, 2, 3, 4, 5, 60000, 6]
    """
    return torch.where(index % 7 == 6, 60_000 + index // 7, index // 7 * 6 + index % 7)


def _cached_count(folder: Path) -> int:
    """How many networks the cache has, the last file perhaps not being full."""
    from safetensors import SafetensorError, safe_open

    files = sorted(folder.glob("*.safetensors")) if folder.is_dir() else []
    if not files:
        return 0
    try:
        with safe_open(files[-1], framework="pt") as file:
            return _PART * (len(files) - 1) + int(file.get_slice("psnr").get_shape()[0])
    except (SafetensorError, OSError):
        return _PART * (len(files) - 1)


def _part(
    digits: ImageSet, path: Path, first: int, size: int, steps: int, count: int, progress: ProgressCallback
) -> dict[str, Tensor]:
    """The networks of one file; trained where the file has fewer."""
    key = {"format": _FORMAT, "steps": steps, "rate": _RATE, "frequency": _FREQUENCY, "layers": list(_LAYERS)}
    kept = load_cached(path, key) or {}
    have = len(kept["psnr"]) if kept else 0
    pieces = [kept] if kept else []
    while have < size:
        # Always the same batches, so that networks do not depend on how many are asked for.
        index = torch.arange(first + have, min(first + have + _AT_ONCE - have % _AT_ONCE, first + size, _LARGEST))
        pixels = digits.batch(digit_of(index)).images[:, 0]
        trained = fit_sine_networks(pixels, steps=steps, seeds=index.tolist())
        pieces.append({**trained.weights, "psnr": trained.psnr})
        have += len(index)
        progress(first + have, count)
    joined = {name: torch.cat([piece[name] for piece in pieces]) for name in pieces[0]}
    if len(pieces) > 1 or not kept:
        store_cached(path, key, joined)
    return {name: tensor[:size] for name, tensor in joined.items()}


def fit_sine_networks(images: Tensor, *, seeds: list[int], steps: int = _STEPS) -> TrainedNetworks:
    """A sine network for each image, all trained at once.

    Args:
        images: ``(N, H, W)`` brightness in 0 .. 1.
        seeds: Of the initial weights of each.
        steps: Steps of Adam.

    Returns:
        The weights of N networks, and their peak signal-to-noise ratios.
    """
    number, height, width = images.shape
    rows, columns = torch.linspace(-1, 1, height), torch.linspace(-1, 1, width)
    positions = torch.stack(torch.meshgrid(rows, columns, indexing="ij"), -1).reshape(1, -1, 2)
    truth = images.reshape(number, -1, 1).float()
    weights = _initial_weights(seeds)
    for tensor in weights:
        tensor.requires_grad_()
    optimizer = torch.optim.Adam(weights, lr=_RATE, betas=(0.9, 0.99), foreach=True)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = _RATE * min(1, (step + 1) / _WARMUP) * (1 + cos(pi * step / steps)) / 2
        optimizer.zero_grad()
        (_evaluate(weights, positions) - truth).square().mean((1, 2)).sum().backward()
        optimizer.step()
    with torch.no_grad():
        error = (_evaluate(weights, positions) - truth).square().mean((1, 2))
    keys = [f"{2 * layer}.{name}" for layer in range(len(_LAYERS) - 1) for name in ("weight", "bias")]
    found = {key: tensor.detach() for key, tensor in zip(keys, weights, strict=True)}
    return TrainedNetworks(found, -10 * error.clamp_min(1e-12).log10())


def _initial_weights(seeds: list[int]) -> list[Tensor]:
    """Weights (N, out, in) and biases (N, out) of each layer, as the paper of sine networks draws them."""
    drawn: list[list[Tensor]] = []
    for seed in seeds:
        generator = torch.Generator().manual_seed(seed)
        network = []
        for layer, (inputs, outputs) in enumerate(pairwise(_LAYERS)):
            bound = 1 / inputs if layer == 0 else sqrt(6 / inputs) / _FREQUENCY
            for shape, limit in (((outputs, inputs), bound), ((outputs,), 1 / sqrt(inputs))):
                network.append((2 * torch.rand(shape, generator=generator) - 1) * limit)
        drawn.append(network)
    return [torch.stack(tensors) for tensors in zip(*drawn, strict=True)]


def _evaluate(weights: list[Tensor], positions: Tensor) -> Tensor:
    """The outputs of N networks at P positions, ``(N, P, 1)``."""
    x = positions.expand(len(weights[0]), -1, -1)
    layers = len(weights) // 2
    for layer in range(layers):
        matrix, bias = weights[2 * layer], weights[2 * layer + 1]
        x = torch.baddbmm(bias[:, None], x, matrix.mT)
        x = torch.sin(_FREQUENCY * x) if layer < layers - 1 else x
    return x
