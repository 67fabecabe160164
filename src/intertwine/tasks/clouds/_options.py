"""Options of the generic task on point clouds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from intertwine._errors import UsageError
from intertwine.tasks._source import check_source
from intertwine.tasks.clouds._choices import AXES, DESCRIPTORS, GROUPS, ROTATIONS
from intertwine.tasks.clouds._encoders import ENCODERS, FRAMES, check_group, check_size
from intertwine.tasks.options import (
    LARGEST_BATCH,
    LARGEST_RATE,
    LARGEST_SAMPLE,
    OPTIMIZER_HELP,
    SMALLEST_RATE,
    GroupedFitOptions,
    check_below_one,
    check_features,
    option,
)
from intertwine.training import OPTIMIZER_NAMES, Settings

DESCRIPTOR_HELP = (
    "Rotation-invariant descriptor of the whole cloud beside the encoder: shape (power spectrum and histograms of "
    "positions), surface (also of normals up to sign, which are estimated where a file has none), or none."
)


@dataclass(kw_only=True)
class CloudOptions(GroupedFitOptions):
    """Options of a task on clouds besides those of every task."""

    encoder: str = option("steerable", help="Architecture of the point encoder.", group="Model", choices=list(ENCODERS))
    frame: str = option(
        "none", help="Canonicalization of the cloud before the encoder.", group="Model", choices=list(FRAMES)
    )
    group: str = option(
        "O3",
        help="Symmetry of the encoder: O3 with reflections, SO3 tells mirror images apart.",
        group="Model",
        choices=list(GROUPS),
    )
    hidden: str | None = option(
        None,
        help="Hidden features of a point, such as 16x0e+8x1o+4x2e, for encoders that are sized by a representation.",
        group="Model",
        metavar="REP",
    )
    width: int | None = option(
        None, help="Hidden channels of a point, for encoders that are sized by a number.", group="Model", minimum=1,
        maximum=4096,
    )  # fmt: skip
    layers: int | None = option(
        None, help="Layers of the encoder, on each level.", group="Model", minimum=1, maximum=64
    )
    levels: int | None = option(
        None,
        help="Downsampling steps, each to a quarter of the points; 0 keeps all points in all layers.",
        group="Model",
        minimum=0,
        maximum=8,
    )
    neighbors: int = option(16, help="k of the k-nearest-neighbor graph.", group="Model", minimum=1, maximum=1024)
    normals: bool = option(False, help="Use surface normals as input features.", group="Model")
    vertical: bool = option(
        False,
        help="Use the up vector as an input feature, which rotates with the cloud: for shapes whose up is known.",
        group="Model",
    )
    descriptor: str = option("shape", help=DESCRIPTOR_HELP, group="Model", choices=list(DESCRIPTORS))
    dropout: float = option(
        0.2, help="Dropout rate of the head; 0 is none in the descriptor too.", group="Model", minimum=0
    )
    points: int = option(512, help="Points sampled on each surface.", group="Data", minimum=1, maximum=1_000_000)
    draws: int = option(
        4, help="Clouds sampled per shape; a training step uses one of them.", group="Data", minimum=1, maximum=1000
    )
    up: str = option("z", help="The vertical axis of the files.", group="Data", choices=AXES)
    strict: bool = option(False, help="Stop at a file that cannot be read, instead of skipping it.", group="Data")
    augment: str = option(
        "none",
        help="Random rotation of each training cloud: none, about the vertical (z), or any (SO3).",
        group="Training",
        choices=ROTATIONS,
    )
    jitter: float = option(
        0.01, help="Standard deviation of the noise on training points; clouds have radius 1.",
        group="Training", minimum=0, maximum=10,
    )  # fmt: skip
    stretch: float = option(
        0.0, help="Standard deviation of the logarithms of random factors of each axis of training clouds.",
        group="Training", minimum=0, maximum=1,
    )  # fmt: skip
    batch_size: int = option(
        16, help="Shapes in a step, over all devices.", group="Training", minimum=1, maximum=LARGEST_BATCH
    )
    optimizer: str = option("adamw", help=OPTIMIZER_HELP, group="Training", choices=list(OPTIMIZER_NAMES))
    learning_rate: float = option(
        0.003, help="Peak of the learning rate schedule.", group="Training", above=0, minimum=SMALLEST_RATE,
        maximum=LARGEST_RATE,
    )  # fmt: skip
    estimated_normals: float = option(
        0.5, help="Share of training clouds whose normals are estimated from their points, as those of files without "
        "normals are, with --descriptor surface; 1 leaves the normals of files unused, in predictions too.",
        group="Training", minimum=0, maximum=1,
    )  # fmt: skip
    smoothing: float = option(0.1, help="Label smoothing, 0 to 1.", group="Training", minimum=0)

    def check(self) -> None:
        """Everything that can be found wrong without reading data or importing torch."""
        super().check()
        check_below_one({"--dropout": self.dropout, "--smoothing": self.smoothing})
        if self.points * self.draws > LARGEST_SAMPLE:
            raise UsageError(f"--points {self.points} times --draws {self.draws} may be at most {LARGEST_SAMPLE:,}")
        if self.levels and 4**self.levels > self.points:
            raise UsageError(
                f"--levels {self.levels} leaves less than one of --points {self.points}: each level keeps a quarter"
            )
        check_features("--hidden", self.hidden)
        check_size(self.encoder, self.hidden, self.width, self.levels)
        check_group(self.encoder, self.group, self.frame)
        check_source(self.data, self.public)
        if self.data not in self.public and not Path(self.data).is_dir():
            raise UsageError(f'"{self.data}" is a file; expected a folder of meshes or clouds')

    @property
    def settings(self) -> Settings:
        """Settings of the run; a short moving average of the weights and some decay suit small sets of shapes."""
        return replace(super().settings, ema=0.99, weight_decay=0.01)
