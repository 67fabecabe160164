"""Configuration of a run on images from its options: what is decided once, before training, and kept in checkpoints."""

from __future__ import annotations

import math
from typing import Any

import torch

from intertwine._errors import UsageError
from intertwine._progress import ProgressCallback
from intertwine.data import ImageSet, Split, border_color, to_float
from intertwine.tasks._example_split import split_examples
from intertwine.tasks._source import resolve
from intertwine.tasks.images._choices import MODELS, parse_augmentations, parse_numbers, parse_restriction
from intertwine.tasks.images._options import ImageOptions
from intertwine.tasks.images._source import describe_source, read

_WIDTHS = {
    "gcnn": (4, 6, 8, 8, 12, 16),
    "steerable": (8, 12, 16, 16, 24, 32),
    "plain": (15, 23, 30, 30, 45, 60),
    "harmonic": (8, 8, 16, 16, 35, 35),
    "resnet": (8, 16, 32),
    "unet": (8, 16, 32),
}
"""The plain network has about as many parameters as that of C8 with twice its widths, and takes less time."""
_STAGES = ("resnet", "unet")
_SMALLEST_FIELD = 3.5
"""The resolution is not halved below this number of pixels."""
_SAMPLE = 2000
"""How many training images the background and the contrast are measured on."""


def plan(options: ImageOptions, progress: ProgressCallback) -> tuple[dict[str, Any], dict[str, Any], ImageSet]:
    """Read, split, and fill in defaults that depend on the data.

    Args:
        options: The options, checked.
        progress: Called while the data are read.

    Returns:
        The configuration and the split, both JSON, and the images that were read.

    Raises:
        UsageError: The data or the options are not what was expected.
    """
    source = resolve(options.data)
    images = read(source, options.size, options.channels, options.labels, strict=options.strict, progress=progress)
    split = split_examples(
        options,
        images.names,
        images.make_split,
        classes=images.image_fields.get("classes"),
        class_names=images.label_names.get("classes"),
        prescribed=images.split is not None,
    )
    _check_split(images, split, options.data)
    target = _target(images, split)
    network = network_config(options, images.size, target["kind"])
    config = {
        "data": describe_source(options.data, source, images),
        "layout": {"size": images.size, "channels": images.channels},
        "target": target,
        "network": network,
        "normalization": _normalization(images, split),
        "disk": _blank_corners(options, network, target["kind"]),
        "augment": list(parse_augmentations(options.augment)),
        "smoothing": options.smoothing,
        "seed": options.seed,
    }
    return config, split.to_json(), images


def network_config(options: ImageOptions, size: int, kind: str) -> dict[str, Any]:
    """The architecture, as JSON.

    Args:
        options: The options.
        size: Of the images.
        kind: Of the labels.

    Raises:
        UsageError: The numbers do not fit each other or the images.
    """
    model = "unet" if kind == "masks" and options.model == "gcnn" else options.model
    if (model == "unet") != (kind == "masks"):
        raise UsageError(f"--model {model} does not predict {kind}; use {'unet' if kind == 'masks' else 'gcnn'}")
    widths = _WIDTHS[model] if options.widths is None else parse_numbers("--widths", options.widths)
    layers = len(widths)
    text = options.kernel_size or ("3" if model in _STAGES else "5")
    kernels = parse_numbers("--kernel-size", text)
    if len(kernels) not in (1, layers):
        raise UsageError(f"--kernel-size gives {len(kernels)} numbers for {layers} layers; give one, or {layers}")
    if max(kernels) > size:
        raise UsageError(
            f"the filters of {max(kernels)} x {max(kernels)} pixels are larger than the images, {size} x {size}: "
            "--kernel-size, or --size, mends it"
        )
    pools = _pools(size, layers) if options.pool_after is None else parse_numbers("--pool-after", options.pool_after)
    if any(pool > layers for pool in pools):
        raise UsageError(
            f"--pool-after {','.join(map(str, pools))} names a layer that is not there: --widths has {layers}"
        )
    restriction = None if options.restrict is None else parse_restriction(options.restrict)
    if restriction is not None and restriction.layer > layers:
        raise UsageError(f"--restrict {options.restrict} names a layer that is not there: --widths has {layers}")
    return {
        "name": model,
        "group": options.group or MODELS[model],
        "restriction": None if restriction is None else list(restriction),
        "widths": list(widths),
        "kernel_size": list(kernels) if len(kernels) > 1 else kernels[0],
        "pool_after": [] if model in _STAGES else list(pools),
        "dropout": options.dropout,
    }


def _blank_corners(options: ImageOptions, network: dict[str, Any], kind: str) -> bool:
    """Whether the network sees the inscribed disk only: what a rotation moves in and out of it is then no signal."""
    if options.corners is not None:
        return options.corners == "blank"
    return kind != "masks" and network["group"] not in ("C1", "D1")


def _pools(size: int, layers: int) -> tuple[int, ...]:
    """After which layers the resolution is halved, so that the last ones see 4 to 7 pixels a side; 28: after 1, 2, 4.

    The first layer sees the full resolution: a halving after it saves most of the time of the others.
    """
    count = min(max(0, math.floor(math.log2(max(1, size / _SMALLEST_FIELD)))), layers - 1)
    step = max(1.0, (layers - 2) / max(1, count))
    return tuple(round(1 + number * step) for number in range(count))


def _target(images: ImageSet, split: Split) -> dict[str, Any]:
    """What is predicted, as JSON."""
    if "values" in images.image_fields:
        values = images.image_fields["values"][split.train]
        spread = float(values.std(correction=0))
        if spread == 0:
            raise UsageError(f"all {len(values):,} training images have the same number {float(values[0]):g}")
        return {"kind": "numbers", "mean": float(values.mean()), "spread": spread}
    kind = "masks" if "masks" in images.pixel_fields else "classes"
    return {"kind": kind, "classes": list(images.label_names[kind])}


def _normalization(images: ImageSet, split: Split) -> dict[str, Any]:
    """The background (the median color at the borders) and the contrast of training images, for each channel."""
    some = to_float(images.pixels[split.train[:_SAMPLE]]).double()
    background = border_color(some).median(0).values
    scale = (some - background[:, None, None]).square().mean((0, 2, 3)).sqrt()
    scale = torch.where(scale > 1e-6, scale, 1.0)
    return {name: [round(value, 6) for value in values.tolist()] for name, values in
            (("background", background), ("scale", scale))}  # fmt: skip


def _check_split(images: ImageSet, split: Split, given: str) -> None:
    """Raise if nothing is left to validate on, or a class has nothing to be learned from."""
    if not len(split.validation):
        raise UsageError(f"{given}: {len(images)} images leave none to validate on; give more of them")
    classes = images.image_fields.get("classes")
    if classes is None:
        return
    counts = classes[split.train].bincount(minlength=len(images.label_names["classes"]))
    for name, number in zip(images.label_names["classes"], counts.tolist(), strict=True):
        if not number:
            where = "its folder for training has none" if images.split is not None else "none is left"
            raise UsageError(f'{given}: {where} of class "{name}" to learn from; give more of them')
