"""Encoders of molecules by name, as `PointEncoder` takes their family; nothing imports torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Layer = str | Mapping[str, Any]

ENCODERS: dict[str, Layer] = {
    "depthwise": "depthwise",
    "equiformer": "equiformer",
    "message": "message",
    "steerable": {"name": "steerable", "norm": "layer"},
}


def encoder_name(layer: Layer) -> str:
    """The name of the family that a checkpoint describes.

    >>> encoder_name("message"), encoder_name({"name": "steerable", "norm": "layer"})
    ('message', 'steerable')
    """
    return layer if isinstance(layer, str) else str(layer["name"])
