"""Readers of sets of images: whole, with labels, or streamed without."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor

from intertwine._errors import UsageError
from intertwine._progress import ProgressCallback, no_progress
from intertwine.data._split import SPLIT_PARTS, Split, split_from_parts
from intertwine.data.images._arrays import ImageArrays, idx_files, is_idx, read_idx_images, read_npz_images
from intertwine.data.images._entries import ImageEntry, has_masks, list_folder, list_masks, list_table
from intertwine.data.images._image_file import (
    IMAGE_SUFFIXES,
    ImageFile,
    ImageHeader,
    read_header,
    read_image,
    read_mask,
)
from intertwine.data.images._image_set import IGNORED, ImageSet
from intertwine.data.images._labels import label_fields, mask_classes
from intertwine.data.images._layout import ImageLayout, fit_mask
from intertwine.data.images._unpack import unpack_arrays

_TABLES = (".csv", ".tsv")
ResultT = TypeVar("ResultT")


def read_images(
    source: str | os.PathLike[str],
    *,
    size: int | None = None,
    channels: int | None = None,
    labels: str | None = None,
    strict: bool = False,
    progress: ProgressCallback = no_progress,
) -> ImageSet:
    """All images of a source with their labels, in one layout.

    A source is a folder with a folder of image files for each class (also below train, val and test), a folder with
    images/ and masks/, a table of paths and labels (CSV), an IDX file or a folder of them, or a NumPy archive.

    Args:
        source: The folder or file.
        size: Side of the square that images are brought to; None for what `ImageLayout.of_images` says.
        channels: 1 for gray, 3 for colors; None for colors where an image has any.
        labels: "classes", "numbers" or "masks"; None for what they look like.
        strict: A bad file is an error, else it is skipped and listed.
        progress: Called with (files read, files in all).

    Returns:
        The images: with the field "classes", "values" or "masks".

    Raises:
        UsageError: There is no image that can be read, or no label; or, if strict, a file cannot be read.

    >>> read_images("photos/")    # doctest: +SKIP
    ImageSet(412 images, 3 x 96 x 96; of images: classes)
    """
    path = Path(source)
    arrays = _arrays(path)
    if arrays is not None:
        return unpack_arrays(arrays, path, size, channels, labels)
    entries = _entries(path)
    kept, headers, skipped = _headers(entries, strict)
    if not kept:
        raise UsageError(f"{path}: no image can be read: {skipped[0][0]} ({skipped[0][1]})")
    layout, remarks = ImageLayout.of_images(headers, size, channels)
    read, pixels, masks, said = _decoded(kept, layout, strict, skipped, progress)
    if not read:
        raise UsageError(f"{path}: no image can be read: {skipped[0][0]} ({skipped[0][1]})")
    if masks:
        values, names, remark = mask_classes(torch.stack(masks))
        found = ImageSet(_stacked(pixels), {}, {"masks": values}, {"masks": names})
        remarks = (*remarks, *remark)
    else:
        fields, label_names = label_fields([entry.label for entry in read], labels, str(path))
        found = ImageSet(_stacked(pixels), fields, {}, label_names)
    return replace(
        found,
        names=[entry.name for entry in read],
        split=_split([entry.part for entry in read]),
        skipped=tuple(skipped),
        remarks=(*remarks, *said),
    )


def iter_images(
    source: str | os.PathLike[str], layout: ImageLayout, chunk: int = 64, *, strict: bool = False
) -> Iterator[ImageSet]:
    """The images of a source without labels, some at a time; memory does not grow with their number.

    Args:
        source: As `read_images`, or a single image file.
        layout: What images are brought to.
        chunk: The most images at once.
        strict: A bad file is an error, else it is skipped and listed.

    Yields:
        Images with the fields "height" and "width" of what was read; `skipped` is of this chunk.

    Raises:
        UsageError: There is no image that can be read.
    """
    path = Path(source)
    arrays = _arrays(path)
    if arrays is not None:
        whole = unpack_arrays(arrays, path, layout.size, layout.channels, None, labeled=False)
        whole = replace(whole, split=None)
        for indices in torch.split(torch.arange(len(whole)), chunk):
            yield whole.select(indices)
        return
    entries = [ImageEntry(path, path.name)] if path.suffix.lower() in IMAGE_SUFFIXES else _entries(path)
    done, first = 0, None
    for begin in range(0, len(entries), chunk):
        skipped: list[tuple[str, str]] = []
        sizes: list[tuple[int, int]] = []
        bare = [entry._replace(mask=None) for entry in entries[begin : begin + chunk]]
        read, pixels, _, said = _decoded(bare, layout, strict, skipped, no_progress, sizes)
        done, first = done + len(read), first or (skipped[0] if skipped else None)
        if read:
            heights, widths = torch.tensor(sizes).T
            fields = {"height": heights, "width": widths}
            names = [entry.name for entry in read]
            yield ImageSet(_stacked(pixels), fields, names=names, skipped=tuple(skipped), remarks=said)
    if not done:
        assert first is not None, "there are entries"
        raise UsageError(f"{path}: no image can be read: {first[0]} ({first[1]})")


def _arrays(path: Path) -> list[ImageArrays] | None:
    """The arrays of an IDX file, a folder of them, or an archive; None for other sources."""
    if not path.exists():
        raise UsageError(f'no file or folder "{path}"')
    if path.is_dir():
        return read_idx_images(path) if idx_files(path) else None
    if path.suffix.lower() == ".npz":
        return read_npz_images(path)
    return read_idx_images(path) if is_idx(path) else None


def _entries(path: Path) -> list[ImageEntry]:
    if path.is_dir():
        return list_masks(path) if has_masks(path) else list_folder(path)
    if path.suffix.lower() in _TABLES:
        return list_table(path)
    raise UsageError(
        f"{path}: expected a folder of images, a table (.csv), an IDX file (-images-idx3-ubyte) or an archive (.npz)"
    )


def _headers(
    entries: Sequence[ImageEntry], strict: bool
) -> tuple[list[ImageEntry], list[ImageHeader], list[tuple[str, str]]]:
    """The entries that look like images, with their sizes, and the others."""
    kept: list[ImageEntry] = []
    headers: list[ImageHeader] = []
    skipped: list[tuple[str, str]] = []
    for entry in entries:
        header = _attempt(_read_entry_header, entry, strict, skipped)
        if header is not None:
            kept.append(entry)
            headers.append(header)
    return kept, headers, skipped


def _read_entry_header(entry: ImageEntry) -> ImageHeader:
    return read_header(entry.path)


def _decoded(
    entries: Sequence[ImageEntry],
    layout: ImageLayout,
    strict: bool,
    skipped: list[tuple[str, str]],
    progress: ProgressCallback,
    sizes: list[tuple[int, int]] | None = None,
) -> tuple[list[ImageEntry], list[Tensor], list[Tensor], tuple[str, ...]]:
    """The entries that can be read, their pixels and masks, and what was done to them; bad ones join `skipped`."""
    read, pixels, masks, remarks = [], [], [], Counter[str]()
    for number, entry in enumerate(entries, 1):
        found = _attempt(_read_entry, entry, strict, skipped)
        if found is not None:
            image, mask = found
            read.append(entry)
            pixels.append(layout.apply(image.pixels))
            masks += [] if mask is None else [fit_mask(mask, layout.size, IGNORED)]
            remarks.update(image.remarks)
            if sizes is not None:
                sizes.append((image.pixels.shape[1], image.pixels.shape[2]))
        progress(number, len(entries))
    said = tuple(f"{remark} ({count:,} {'file' if count == 1 else 'files'})" for remark, count in remarks.items())
    return read, pixels, masks, said


def _read_entry(entry: ImageEntry) -> tuple[ImageFile, Tensor | None]:
    """The image of an entry, and its mask."""
    image = read_image(entry.path)
    if entry.mask is None:
        return image, None
    mask = read_mask(entry.mask)
    if mask.shape != image.pixels.shape[1:]:
        sizes = [" x ".join(map(str, shape)) for shape in (mask.shape, image.pixels.shape[1:])]
        raise UsageError(f"{entry.mask} is {sizes[0]}, its image {sizes[1]}")
    return image, mask


def _attempt(
    read: Callable[[ImageEntry], ResultT], entry: ImageEntry, strict: bool, skipped: list[tuple[str, str]]
) -> ResultT | None:
    """What `read` returns; None, and the reason in `skipped`, where the file is bad."""
    try:
        return read(entry)
    except UsageError as error:
        if strict or "pip install" in str(error):
            raise
        skipped.append((entry.name, str(error).removeprefix(f"{entry.path}: ")))
        return None


def _stacked(pixels: Sequence[Tensor]) -> Tensor:
    """One tensor of all, uint8 where each is."""
    if all(one.dtype == torch.uint8 for one in pixels):
        return torch.stack(list(pixels))
    return torch.stack([one.to(torch.float32) / 255 if one.dtype == torch.uint8 else one for one in pixels])


def _split(parts: Sequence[str]) -> Split | None:
    return split_from_parts(torch.tensor([SPLIT_PARTS.index(part) for part in parts])) if all(parts) else None
