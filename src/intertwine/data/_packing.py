"""Point cloud sets as flat dictionaries of tensors, for the cache."""

from __future__ import annotations

import json
from typing import Any

import torch
from torch import Tensor

from intertwine.data._point_cloud_set import PointCloudSet
from intertwine.data._ragged import offsets_from_counts
from intertwine.data._split import SPLIT_PARTS, Split


def pack_clouds(clouds: PointCloudSet) -> dict[str, Tensor]:
    """All that `unpack_clouds` needs: arrays as they are, strings as JSON in a tensor of bytes."""
    tensors = {"positions": clouds.positions, "counts": clouds.counts}
    tensors |= {f"point.{name}": values.contiguous() for name, values in clouds.point_fields.items()}
    tensors |= {f"cloud.{name}": values.contiguous() for name, values in clouds.cloud_fields.items()}
    words: dict[str, Any] = {
        "vectors": sorted(clouds.vectors),
        "label_names": dict(clouds.label_names),
        "names": list(clouds.names),
        "skipped": clouds.skipped,
    }
    if clouds.split is not None:
        tensors |= {f"split.{part}": getattr(clouds.split, part) for part in SPLIT_PARTS}
        words["split_seed"] = clouds.split.seed
    return {**tensors, "words": pack_json(words)}


def unpack_clouds(tensors: dict[str, Tensor]) -> PointCloudSet:
    """The inverse of `pack_clouds`."""
    words = unpack_json(tensors["words"])
    counts = tensors["counts"]
    split = None
    if "split_seed" in words:
        train, validation, test = (tensors[f"split.{part}"] for part in SPLIT_PARTS)
        split = Split(len(counts), train, validation, test, words["split_seed"])
    return PointCloudSet(
        tensors["positions"],
        offsets_from_counts(counts),
        _level(tensors, "point."),
        _level(tensors, "cloud."),
        words["vectors"],
        {name: tuple(labels) for name, labels in words["label_names"].items()},
        words["names"],
        split,
        tuple((name, reason) for name, reason in words["skipped"]),
    )


def pack_json(content: Any) -> Tensor:
    """JSON as a tensor of bytes."""
    return torch.frombuffer(bytearray(json.dumps(content).encode()), dtype=torch.uint8)


def unpack_json(content: Tensor) -> Any:
    """The inverse of `pack_json`."""
    return json.loads(bytes(content.numpy()))


def _level(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): values for name, values in tensors.items() if name.startswith(prefix)}
