"""Labels of images: classes by name, numbers, and the classes of pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from intertwine._errors import UsageError
from intertwine.data.images._image_set import IGNORED

Fields = dict[str, Tensor]
KINDS = ("classes", "numbers")


def label_fields(labels: Sequence[str], kind: str | None, source: str) -> tuple[Fields, dict[str, tuple[str, ...]]]:
    """The field "classes" or "values" of labels as text, and the names of the classes.

    Args:
        labels: One for each image.
        kind: "classes" or "numbers"; None for numbers where all are numbers and one is not whole.
        source: Where they come from, for errors.

    Raises:
        UsageError: A label is missing or no number, or there is one class only.

    >>> label_fields(["10", "9", "10"], None, "")[1]
    {'classes': ('9', '10')}
    """
    missing = next((number for number, label in enumerate(labels, 1) if not label), None)
    if missing is not None:
        raise UsageError(
            f"{source}: image {missing} has no label; expected a folder for each class, a table of labels, or masks"
        )
    numbers = [_number(label) for label in labels]
    if kind is None:
        kind = "numbers" if _are_measured(numbers) else "classes"
    if kind == "numbers":
        for label, number in zip(labels, numbers, strict=True):
            if number is None or not math.isfinite(number):
                raise UsageError(f'{source}: the label "{label}" is not a finite number')
        return {"values": torch.tensor(numbers, dtype=torch.float64)}, {}
    if kind != "classes":
        raise UsageError(f"{source}: there are no masks here; expected a folder with images/ and masks/")
    names = sorted(set(labels), key=_natural)
    if len(names) < 2:
        raise UsageError(f'{source}: one class only, "{names[0]}"; expected a folder or a label for each class')
    index = {name: number for number, name in enumerate(names)}
    return {"classes": torch.tensor([index[label] for label in labels])}, {"classes": tuple(names)}


def mask_classes(masks: Tensor) -> tuple[Tensor, tuple[str, ...], tuple[str, ...]]:
    """Class indices 0, 1, ... of the values of masks, the values as names, and a remark.

    255 stands for pixels without a class, unless 0 and 255 are the only values.

    Args:
        masks: (N, H, W) uint8.

    Raises:
        UsageError: There is one class only.

    >>> mask_classes(torch.tensor([[[0, 255]]], dtype=torch.uint8))[:2]
    (tensor([[[0, 1]]], dtype=torch.uint8), ('0', '255'))
    """
    values = masks.unique().tolist()
    void = IGNORED in values and len(values) != 2
    known = [value for value in values if not (void and value == IGNORED)]
    if len(known) < 2:
        raise UsageError(f"the masks have one class only, {known[0] if known else IGNORED}; expected two or more")
    table = torch.full((256,), IGNORED, dtype=torch.uint8)
    table[known] = torch.arange(len(known), dtype=torch.uint8)
    remarks = ("pixels of value 255 in masks are left out",) if void else ()
    return table[masks.long()], tuple(map(str, known)), remarks


def _number(label: str) -> float | None:
    try:
        return float(label)
    except ValueError:
        return None


def _are_measured(numbers: Sequence[float | None]) -> bool:
    """Whether these are the values of a quantity: all numbers, and one not whole."""
    known = [number for number in numbers if number is not None and math.isfinite(number)]
    return len(known) == len(numbers) and any(not number.is_integer() for number in known)


def _natural(label: str) -> tuple[int, float, str]:
    """The order of classes: by number where they are numbers, else by letters."""
    number = _number(label)
    return (1, 0.0, label) if number is None or math.isnan(number) else (0, number, label)
