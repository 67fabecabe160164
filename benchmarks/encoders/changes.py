"""Rows of the ablations: data sets, and the changes of the default encoder that are tried on each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Change:
    """What a row changes.

    Attributes:
        options: Of ``intertwine fit``.
        encoder: Keyword arguments of ``PointEncoder`` (qm9 only).
        settings: Fields of ``intertwine.training.Settings``.
    """

    options: Mapping[str, Any] = field(default_factory=dict)
    encoder: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class DataSet:
    """A data set with the options that all its rows share.

    Attributes:
        task: Of ``intertwine fit``.
        score: The validation metric that is compared.
        options: Of ``intertwine fit``.
        train: Training structures; None for the split of the set.
    """

    task: str
    score: str
    options: Mapping[str, Any]
    train: int | None = None


MOLECULES = {"target": "polarizability", "validation": 500, "test": 2000, "hidden": "32x0e + 16x1o", "cutoff": 4.0}
SETS = {
    "qm9": DataSet("properties", "mae", {"data": "qm9", **MOLECULES}, train=2000),
    "furniture": DataSet("classify", "accuracy", {"data": "furniture", "augment": "SO3", "draws": 8}),
    "circuit-parts": DataSet("segment", "miou", {"data": "circuit-parts", "augment": "SO3"}),
}

_UNSTRETCHED = {"stretch": 0.0}
_ADAMW, _MUON = {"optimizer": "adamw"}, {"optimizer": "muon"}


def _layer(name: str, **options: Any) -> Change:
    return Change(encoder={"layer": {"name": name, **options}})


_CLOUDS = {
    "default": Change(),
    "adamw 0.003": Change(options=_UNSTRETCHED, settings={**_ADAMW, "learning_rate": 0.003}),
    "muon 0.003": Change(options=_UNSTRETCHED, settings={**_MUON, "learning_rate": 0.003}),
    "muon 0.01": Change(options=_UNSTRETCHED, settings={**_MUON, "learning_rate": 0.01}),
    "muon 0.02": Change(options=_UNSTRETCHED, settings={**_MUON, "learning_rate": 0.02}),
    "muon 0.01, stretch 0.15": Change(options={"stretch": 0.15}, settings={**_MUON, "learning_rate": 0.01}),
    "muon 0.01, stretch 0.15, dropout 0.5": Change(
        options={"stretch": 0.15, "dropout": 0.5}, settings={**_MUON, "learning_rate": 0.01}
    ),
    "muon 0.01, weight decay 0.1": Change(
        options=_UNSTRETCHED, settings={**_MUON, "learning_rate": 0.01, "weight_decay": 0.1}
    ),
    "2 layers a level": Change(options={"layers": 2}),
    "3 levels": Change(options={"levels": 3}),
    "twice the channels": Change(options={"hidden": "32x0e+16x1o+8x2e"}),
    "32 neighbors": Change(options={"neighbors": 32}),
    "normals": Change(options={"normals": True}),
    "no dropout": Change(options={"dropout": 0.0}),
    "batches of 8": Change(options={"batch_size": 8}),
    "depthwise": Change(options={"encoder": "depthwise"}),
    "equiformer": Change(options={"encoder": "equiformer"}),
    "egnn": Change(options={"encoder": "egnn"}),
    "vector-dgcnn": Change(options={"encoder": "vector-dgcnn"}),
    "dgcnn": Change(options={"encoder": "dgcnn"}),
    "dgcnn, principal frame": Change(options={"encoder": "dgcnn", "frame": "pca"}),
}
_CLOUDS |= {
    f"{name}, adamw": replaced
    for name in ("vector-dgcnn", "dgcnn", "dgcnn, principal frame")
    for replaced in [Change(options=_CLOUDS[name].options, settings={**_ADAMW, "learning_rate": 0.003})]
}

CHANGES: dict[str, dict[str, Change]] = {
    "qm9": {
        "default": Change(),
        "adamw 0.005": Change(settings={**_ADAMW, "learning_rate": 0.005}),
        "adamw 0.005, no norm": Change(encoder={"layer": "steerable"}, settings={**_ADAMW, "learning_rate": 0.005}),
        "no norm": Change(encoder={"layer": "steerable"}),
        "batch norm": _layer("steerable", norm="batch"),
        "muon 0.002": Change(settings={"learning_rate": 0.002}),
        "muon 0.01": Change(options=_UNSTRETCHED, settings={"learning_rate": 0.01}),
        "weight decay 0.1": Change(settings={"weight_decay": 0.1}),
        "no moving average": Change(settings={"ema": None}),
        "no clipping": Change(settings={"clip": None}),
        "batches of 16": Change(options={"batch_size": 16}),
        "batches of 64": Change(options={"batch_size": 64}),
        "degree 2": Change(options={"hidden": "32x0e + 16x1o + 8x2e"}),
        "2 layers": Change(options={"layers": 2}),
        "4 layers": Change(options={"layers": 4}),
        "cutoff 5": Change(options={"cutoff": 5.0}),
        "16 radial functions": Change(encoder={"radial_basis": 16}),
        "radial network": Change(encoder={"radial_hidden": [32]}),
        "output scale 1": Change(encoder={"output_scale": 1.0}),
        "depthwise": _layer("depthwise"),
        "depthwise, no norm": _layer("depthwise", norm="none"),
        "depthwise, squares": _layer("depthwise", correlation=2),
        "equiformer": _layer("equiformer"),
        "equiformer, no norm": _layer("equiformer", norm="none"),
        "attention": Change(encoder={"layer": "attention"}),
        "egnn": Change(encoder={"layer": "egnn"}),
        "message": Change(encoder={"layer": "message"}),
    },
    "furniture": _CLOUDS,
    "circuit-parts": _CLOUDS,
}
