"""Furniture, 512 points: every encoder trained upright and turned, three seeds, judged as given and turned.

    python benchmarks/shapes/classification.py            # every run that is missing, then the table
    python benchmarks/shapes/classification.py dgcnn-z --seeds 0    # this arm, this seed

A run is kept in build/shapes/; one that is there is not made again. Arms differ in the encoder, in what stands around
it, in how clouds are turned in training, and in whether they are told the vertical, which then turns with the cloud;
each has 100,000 parameters within ten per cent, and all see as many clouds. The arms `defaults` are what
`intertwine fit classify furniture` does, and the same with `--vertical`: more parameters, Muon, a descriptor, normals.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from runs import HEADS, arguments, rows, run
from showing import markdown

TABLE = Path(__file__).parent / "classification.md"
COMMON = {
    "data": "furniture",
    "epochs": 60,
    "learning_rate": 0.003,
    "optimizer": "adamw",
    "draws": 8,
    "descriptor": "none",
    "stretch": 0.0,
}
SIZES: dict[str, dict[str, Any]] = {
    "attention": {"hidden": "10x0e+5x1o+2x2e"},
    "dgcnn": {"width": 14},
    "egnn": {"hidden": "24x0e+8x1o", "width": 32},
    "lifted": {"hidden": "12"},
    "message": {"hidden": "32x0e", "width": 40},
    "pointnet": {"width": 16},
    "steerable": {"hidden": "18x0e+9x1o+4x2e"},
    "vector": {"hidden": "18x1o"},
    "vector-dgcnn": {"width": 9},
}
TURNED = ("dgcnn", "message", "pointnet", "steerable", "vector-dgcnn")
FRAMES = ("pca", "average", "learned")
TOLD = ("dgcnn-SO3", "egnn-z", "steerable-z", "vector-dgcnn-z")
ARMS: dict[str, dict[str, Any]] = {
    **{f"{name}-z": {"encoder": name, "augment": "z"} for name in SIZES},
    **{f"{name}-SO3": {"encoder": name, "augment": "SO3"} for name in TURNED},
    **{f"dgcnn-{frame}": {"encoder": "dgcnn", "augment": "z", "frame": frame} for frame in FRAMES},
}
ARMS |= {f"{arm}-vertical": {**ARMS[arm], "vertical": True} for arm in TOLD}
DEFAULTS: dict[str, dict[str, Any]] = {"defaults": {}, "defaults-vertical": {"vertical": True}}


def options(arm: str) -> dict[str, Any]:
    """What ``intertwine fit classify`` is told for an arm."""
    if arm in DEFAULTS:
        return {"data": "furniture", **DEFAULTS[arm]}
    return {**COMMON, **SIZES[ARMS[arm]["encoder"]], **ARMS[arm]}


def main() -> None:
    every = [*ARMS, *DEFAULTS]
    chosen = arguments(__doc__, every)
    for seed in chosen.seeds:
        for arm in chosen.arms or every:
            run(arm, seed, "classify", options(arm))
    TABLE.write_text(markdown((*HEADS, "seeds"), rows(every, "accuracy")), encoding="utf-8")
    print(TABLE.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
