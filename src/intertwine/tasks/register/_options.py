"""Options of the task `register`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from intertwine._errors import UsageError
from intertwine.tasks._source import check_source
from intertwine.tasks.options import (
    LARGEST_BATCH,
    LARGEST_RATE,
    OPTIMIZER_HELP,
    SMALLEST_RATE,
    GroupedFitOptions,
    check_features,
    option,
)
from intertwine.training import OPTIMIZER_NAMES, Settings

DENSE, HIDDEN = "dense", "48x0e+16x1o"
ENCODERS = ("attention", DENSE, "depthwise", "equiformer", "steerable")
"""Families of layers whose outputs turn with the cloud."""


@dataclass(kw_only=True)
class RegisterOptions(GroupedFitOptions):
    """Options of `intertwine fit register`."""

    data: str = option("", help="Folder of meshes or point clouds.", metavar="FOLDER", argument=True)
    encoder: str = option(DENSE, help="Architecture of the point encoder.", group="Model", choices=list(ENCODERS))
    hidden: str = option(
        HIDDEN, help="Features of a point, of degree 0 and 1 in the dense encoder.", group="Model", metavar="REP"
    )
    layers: int = option(2, help="Layers of the encoder.", group="Model", minimum=1, maximum=64)
    neighbors: int = option(
        16,
        help="k of the k-nearest-neighbor graph; not used by the dense encoder.",
        group="Model",
        minimum=1,
        maximum=1024,
    )
    blocks: int = option(
        2, help="Blocks of bi-equivariant attention between the clouds.", group="Model", minimum=0, maximum=64
    )
    superpoints: int = option(
        32, help="Points of each cloud that attend to those of the other one.", group="Model", minimum=4, maximum=4096
    )
    points: int = option(
        128, help="Points of each cloud that are matched, a farthest-point sample.", group="Data", minimum=16,
        maximum=16_384,
    )  # fmt: skip
    strict: bool = option(False, help="Stop at a file that cannot be read, instead of skipping it.", group="Data")
    overlap: float = option(
        0.3, help="Least overlap of the two views of a pair, as a share of each; the largest is 1.", group="Training",
        minimum=0.1, maximum=1,
    )  # fmt: skip
    noise: float = option(
        0.005, help="Standard deviation of the noise on points, as a share of the diameter.", group="Training",
        minimum=0, maximum=0.1,
    )  # fmt: skip
    pairs: int = option(4, help="Pairs drawn of each shape in an epoch.", group="Training", minimum=1, maximum=10_000)
    batch_size: int = option(
        8, help="Pairs in a step, over all devices.", group="Training", minimum=1, maximum=LARGEST_BATCH
    )
    optimizer: str = option("muon", help=OPTIMIZER_HELP, group="Training", choices=list(OPTIMIZER_NAMES))
    learning_rate: float = option(
        0.01, help="Peak of the learning rate schedule.", group="Training", above=0, minimum=SMALLEST_RATE,
        maximum=LARGEST_RATE,
    )  # fmt: skip

    def check(self) -> None:
        """Everything that can be found wrong without reading data or importing torch."""
        super().check()
        check_features("--hidden", self.hidden)
        if self.superpoints > self.points:
            raise UsageError(f"--superpoints {self.superpoints} are more than the --points {self.points} they are of")
        check_source(self.data, self.public)
        if not Path(self.data).is_dir():
            raise UsageError(f'"{self.data}" is a file; expected a folder of meshes or clouds')

    @property
    def settings(self) -> Settings:
        """Settings of the run, with some weight decay and a short warmup."""
        return replace(super().settings, weight_decay=0.01, warmup=0.05)
