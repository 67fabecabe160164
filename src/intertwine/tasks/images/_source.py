"""Images of files, folders and public sets: read whole, read again for a run, or streamed in chunks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import torch

from intertwine import data
from intertwine._errors import UsageError
from intertwine._progress import ProgressCallback, no_progress
from intertwine.data import ImageLayout, ImageSet, iter_images, read_images
from intertwine.tasks._source import check_names, names_digest
from intertwine.tasks._suggestions import nearest

_PUBLIC_SETS: dict[str, Callable[..., ImageSet]] = {
    "fashion-mnist": lambda **options: data.fashion_mnist(**options),
    "mnist": lambda **options: data.mnist(**options),
    "rotated-mnist": lambda **options: data.rotated_mnist(**options),
}


def read(
    source: str,
    size: int | None,
    channels: int | None,
    labels: str | None = None,
    *,
    strict: bool = False,
    progress: ProgressCallback = no_progress,
) -> ImageSet:
    """All images of a source, which may be the name of a public set; arguments as those of `read_images`.

    Raises:
        UsageError: There are no images, or no labels of this kind.
    """
    if source not in _PUBLIC_SETS:
        return read_images(source, size=size, channels=channels, labels=labels, strict=strict, progress=progress)
    if labels not in (None, "classes"):
        raise UsageError(f"{source} has classes, no {labels}")
    images = _PUBLIC_SETS[source](progress=progress)
    layout = ImageLayout(size or images.size, channels or images.channels)
    if layout == ImageLayout(images.size, images.channels):
        return images
    return replace(images, pixels=torch.stack([layout.apply(one) for one in images.pixels]))


def read_again(config: dict[str, Any], progress: ProgressCallback = no_progress) -> ImageSet:
    """The images that a run was begun with.

    Args:
        config: Of the run.
        progress: As for `read`.

    Raises:
        UsageError: They are gone, or no longer what they were: the split does not fit.
    """
    recorded, layout = config["data"], config["layout"]
    images = read(recorded["source"], layout["size"], layout["channels"], config["target"]["kind"], progress=progress)
    check_names(recorded, images.names, "images")
    return images


def describe_source(given: str, source: str, images: ImageSet) -> dict[str, Any]:
    """What a checkpoint keeps of its data."""
    return {
        "given": given,
        "source": source,
        "images": len(images),
        "names_sha256": names_digest(images.names),
        "skipped": [list(pair) for pair in images.skipped],
        "remarks": list(images.remarks),
    }


def rename_labels(images: ImageSet, target: dict[str, Any], name: str) -> ImageSet:
    """Images of other data with the class indices of a run.

    Args:
        images: The images.
        target: What the run predicts.
        name: The name of the data, for errors.

    Raises:
        UsageError: They have other labels, or a class that was not learned.
    """
    kind = target["kind"]
    if kind == "numbers":
        if "values" not in images.image_fields:
            raise UsageError(f"{name} has no numbers to compare with")
        return images
    if kind not in images.label_names:
        raise UsageError(f"{name} has no {kind} to compare with")
    known, theirs = list(target["classes"]), images.label_names[kind]
    for label in theirs:
        if label not in known:
            match = nearest(label, known)
            question = f'; did you mean "{match}"?' if match else "."
            raise UsageError(
                f'{name} has the class "{label}", which was not learned{question} Known: {", ".join(known)}'
            )
    table = torch.tensor([known.index(label) for label in theirs])
    if kind == "classes":
        fields = {"classes": table[images.image_fields["classes"]]}
        return replace(images, image_fields=fields, label_names={kind: tuple(known)}, split=None)
    padded = torch.full((256,), data.IGNORED, dtype=torch.uint8)
    padded[: len(table)] = table.to(torch.uint8)
    masks = padded[images.pixel_fields["masks"].long()]
    return replace(images, pixel_fields={"masks": masks}, label_names={kind: tuple(known)}, split=None)


def stream(source: str, layout: ImageLayout, chunk: int, *, strict: bool) -> Iterator[ImageSet]:
    """The images of a source, a chunk at a time, without labels; memory does not grow with their number.

    Args:
        source: A folder, a file, or the name of a public set.
        layout: Of the images of the run.
        chunk: The most images at once.
        strict: Whether a bad file is an error.

    Raises:
        UsageError: There is nothing that can be read, or, if strict, a file that cannot.
    """
    if source not in _PUBLIC_SETS:
        yield from iter_images(source, layout, chunk, strict=strict)
        return
    every = replace(read(source, layout.size, layout.channels), image_fields={}, label_names={})
    for indices in torch.split(torch.arange(len(every)), chunk):
        yield every.select(indices)
