"""Options of the task `keypoints`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from intertwine._errors import UsageError
from intertwine.tasks._source import check_source
from intertwine.tasks._suggestions import unknown
from intertwine.tasks.options import LARGEST_BATCH, LARGEST_RATE, SMALLEST_RATE, GroupedFitOptions, option
from intertwine.tasks.runs import check_checkpoint_folder
from intertwine.training import Settings

MODELS = ("equivariant", "plain")
"""The kinds of networks."""
SMALLEST_CROP = 32
_LARGEST_ORDER = 64


@dataclass(kw_only=True)
class KeypointOptions(GroupedFitOptions):
    """Options of `intertwine fit keypoints`."""

    data: str = option("", help="Folder of photos, with folders in it or without.", metavar="FOLDER", argument=True)
    resolution: int = option(
        400, help="Shorter side that larger photos are scaled down to, in pixels.", group="Data", minimum=SMALLEST_CROP,
        maximum=4096,
    )  # fmt: skip
    strict: bool = option(False, help="Stop at a file that cannot be read, instead of skipping it.", group="Data")
    model: str = option(
        "equivariant", help="Network: equivariant under rotations, or plain convolutions with as many parameters.",
        group="Model", choices=list(MODELS),
    )  # fmt: skip
    group: str | None = option(
        None, help="Rotations that the network is equivariant under: C8, C4, C16, ... or SO2; by default C8.",
        group="Model", metavar="GROUP",
    )  # fmt: skip
    width: int = option(4, help="Fields of each layer of the detector.", group="Model", minimum=1, maximum=256)
    radius: float = option(
        4.0, help="Least distance of two keypoints, in pixels.", group="Model", minimum=1, maximum=64
    )
    detector: str | None = option(
        None, help="Checkpoint whose detector is taken and frozen: the descriptor alone is learned.", group="Model",
        metavar="CHECKPOINT",
    )  # fmt: skip
    crop: int = option(
        96, help="Side of the pairs of windows, in pixels.", group="Training", minimum=SMALLEST_CROP, maximum=1024
    )
    pairs: int = option(16, help="Pairs drawn of each photo in an epoch.", group="Training", minimum=1, maximum=10_000)
    samples: int = option(64, help="Keypoints drawn in each window.", group="Training", minimum=1, maximum=4096)
    tolerance: float = option(
        3.0, help="Largest distance of two keypoints that are the same, in pixels.", group="Training", above=0,
        maximum=64,
    )  # fmt: skip
    rotation: float = option(
        180.0, help="Largest rotation between the windows of a pair, in degrees.", group="Training", minimum=0,
        maximum=180,
    )  # fmt: skip
    batch_size: int = option(
        8, help="Pairs in a step, over all devices.", group="Training", minimum=1, maximum=LARGEST_BATCH
    )
    learning_rate: float = option(
        0.003, help="Peak of the learning rate schedule.", group="Training", above=0, minimum=SMALLEST_RATE,
        maximum=LARGEST_RATE,
    )  # fmt: skip

    def check(self) -> None:
        """Everything that can be found wrong without reading data or importing torch."""
        super().check()
        self._check_group()
        if self.crop <= 4 * self.radius + SMALLEST_CROP // 2:
            raise UsageError(
                f"--crop {self.crop} is too small for keypoints {self.radius:g} pixels apart: use --radius "
                f"{(self.crop - SMALLEST_CROP // 2) // 8 or 1}, or larger windows"
            )
        if self.resolution < self.crop:
            raise UsageError(f"--resolution {self.resolution} is less than --crop {self.crop}: no window fits a photo")
        if self.detector is not None:
            check_checkpoint_folder(Path(self.detector))
        check_source(self.data, self.public)

    def _check_group(self) -> None:
        if self.group is None:
            return
        if self.model == "plain":
            raise UsageError(f"--model plain has no symmetry; leave --group {self.group} out")
        number = self.group[1:]
        known = ("C4", "C8", "C16", "SO2")
        if self.group != "SO2" and not (self.group[:1] == "C" and number.isdigit()):
            raise unknown("group", self.group, known)
        if self.group != "SO2" and not 3 <= int(number) <= _LARGEST_ORDER:
            raise UsageError(f'--group expects C3 to C{_LARGEST_ORDER}, or SO2, got "{self.group}"')

    @property
    def settings(self) -> Settings:
        """Settings of the run, with some weight decay."""
        return replace(super().settings, weight_decay=0.01, warmup=0.05)
