"""Options of the task `classify`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from intertwine.tasks.clouds import DESCRIPTOR_HELP, DESCRIPTORS, CloudOptions
from intertwine.tasks.options import LARGEST_RATE, OPTIMIZER_HELP, SMALLEST_RATE, option
from intertwine.training import OPTIMIZER_NAMES


@dataclass(kw_only=True)
class ClassifyOptions(CloudOptions):
    """Options of `intertwine fit classify`."""

    data: str = option(
        "", help="Folder of meshes or clouds, CLASS/FILE; or a public set (furniture).", metavar="DATA", argument=True
    )
    public: ClassVar[tuple[str, ...]] = ("furniture",)
    descriptor: str = option("surface", help=DESCRIPTOR_HELP, group="Model", choices=list(DESCRIPTORS))
    dropout: float = option(0.5, help="Dropout rate of the head.", group="Model", minimum=0)
    stretch: float = option(
        0.15, help="Standard deviation of the logarithms of random factors of each axis of training clouds.",
        group="Training", minimum=0, maximum=1,
    )  # fmt: skip
    optimizer: str = option("muon", help=OPTIMIZER_HELP, group="Training", choices=list(OPTIMIZER_NAMES))
    learning_rate: float = option(
        0.01, help="Peak of the learning rate schedule.", group="Training", above=0, minimum=SMALLEST_RATE,
        maximum=LARGEST_RATE,
    )  # fmt: skip
