"""A fixed, readable color for each part: the same in pages and in files, light or dark."""

from __future__ import annotations

import colorsys

_FIRST = (
    (72, 120, 208),
    (238, 133, 74),
    (94, 168, 110),
    (214, 95, 120),
    (149, 108, 180),
    (191, 155, 50),
    (69, 176, 181),
    (140, 97, 60),
    (220, 126, 192),
    (121, 150, 60),
)
_GOLDEN = 0.6180339887498949


def part_color(part: int) -> tuple[int, int, int]:
    """Red, green and blue, 0 to 255, of a part; ten that differ at a glance, then hues by the golden section.

    >>> part_color(0), part_color(11)
    ((72, 120, 208), (103, 102, 204))
    """
    if part < len(_FIRST):
        return _FIRST[part]
    later = part - len(_FIRST)
    red, green, blue = colorsys.hls_to_rgb((0.05 + _GOLDEN * later) % 1, 0.45 + 0.15 * (later % 2), 0.5)
    return round(255 * red), round(255 * green), round(255 * blue)


def web(color: tuple[int, int, int]) -> str:
    """The color as pages write it.

    >>> web((72, 120, 208))
    '#4878d0'
    """
    return "#{:02x}{:02x}{:02x}".format(*color)
