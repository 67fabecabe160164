"""Names that options of the task on images may take; importing this costs nothing."""

from __future__ import annotations

import re
from typing import NamedTuple

from intertwine._errors import UsageError
from intertwine.tasks._suggestions import parse_words, unknown

PUBLIC = ("fashion-mnist", "mnist", "rotated-mnist")
"""The public sets of images."""
MODELS = {"gcnn": "C8", "harmonic": "SO2", "plain": "C1", "resnet": "C8", "steerable": "SO2", "unet": "C8"}
"""The models and the group of each, unless one is given."""
AUGMENTATIONS = ("none", "rotate", "flip", "shift", "scale", "elastic")
LABELS = ("classes", "numbers", "masks")
PROTOCOLS = ("given", "turned")
CORNERS = ("blank", "keep")
CONTINUOUS = ("SO2", "O2")
LARGEST_ORDER = 64


class Restriction(NamedTuple):
    """From which layer on a network is equivariant under which subgroup only."""

    group: str
    layer: int


def check_group_name(name: str) -> str:
    """A group of the plane by name: C1 to C64, D1 to D64, SO2, O2.

    Raises:
        UsageError: It is none.

    >>> check_group_name("D4")
    'D4'
    """
    match = re.fullmatch(r"[CD](\d+)", name)
    if name in CONTINUOUS or (match and 1 <= int(match[1]) <= LARGEST_ORDER):
        return name
    if re.fullmatch(r"[cdCD]\d+", name):
        raise UsageError(f'--group expects C1 to C{LARGEST_ORDER} or D1 to D{LARGEST_ORDER}, SO2 or O2, got "{name}"')
    raise unknown("group", name, ("C4", "C8", "C16", "D4", "D8", "D16", *CONTINUOUS))


def parse_restriction(text: str) -> Restriction:
    """The restriction that "C16@5" means: to C16 after layer 5.

    Raises:
        UsageError: It means none.

    >>> parse_restriction("C16@5")
    Restriction(group='C16', layer=5)
    """
    group, _, layer = text.partition("@")
    if not layer.isdigit() or int(layer) < 1:
        raise UsageError(f'--restrict expects a group and a layer such as C16@5, got "{text}"')
    return Restriction(check_group_name(group), int(layer))


def parse_numbers(flag: str, text: str) -> tuple[int, ...]:
    """The positive whole numbers of a text such as "8,12,16".

    Raises:
        UsageError: It is another text.

    >>> parse_numbers("--widths", "8,12")
    (8, 12)
    """
    words = [word.strip() for word in text.split(",")]
    if not all(word.isdigit() and 1 <= int(word) <= 4096 for word in words) or len(words) > 64:
        raise UsageError(f'{flag} expects whole numbers from 1 to 4096 such as 8,12,16, got "{text}"')
    return tuple(map(int, words))


def parse_augmentations(text: str) -> tuple[str, ...]:
    """The augmentations of a text such as "rotate+shift", in one order.

    Raises:
        UsageError: One is not known.

    >>> parse_augmentations("shift+rotate"), parse_augmentations("none")
    (('rotate', 'shift'), ())
    """
    return parse_words("augmentation", text, AUGMENTATIONS)
