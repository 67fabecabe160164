"""Circuit parts, 512 points: the part of each point, trained upright, three seeds, judged as given and turned.

    python benchmarks/shapes/segmentation.py            # every run that is missing, then the table

As in classification.py; the score is the mean intersection over union of the parts of each shape.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from runs import HEADS, arguments, rows, run
from showing import markdown

TABLE = Path(__file__).parent / "segmentation.md"
COMMON = {
    "data": "circuit-parts",
    "epochs": 12,
    "learning_rate": 0.003,
    "optimizer": "adamw",
    "draws": 4,
    "descriptor": "none",
    "stretch": 0.0,
}
ARMS: dict[str, dict[str, Any]] = {
    "parts-steerable-z": {"encoder": "steerable", "hidden": "12x0e+6x1o+3x2e", "augment": "z"},
    "parts-dgcnn-z": {"encoder": "dgcnn", "width": 14, "augment": "z"},
    "parts-dgcnn-SO3": {"encoder": "dgcnn", "width": 14, "augment": "SO3"},
}


def main() -> None:
    chosen = arguments(__doc__, ARMS)
    for seed in chosen.seeds:
        for arm in chosen.arms or ARMS:
            run(arm, seed, "segment", {**COMMON, **ARMS[arm]})
    TABLE.write_text(markdown((*HEADS, "seeds"), rows(ARMS, "shape_miou")), encoding="utf-8")
    print(TABLE.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
