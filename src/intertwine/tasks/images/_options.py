"""Options of the task `images`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from intertwine._errors import UsageError
from intertwine.tasks._source import check_source
from intertwine.tasks.images._choices import (
    CONTINUOUS,
    CORNERS,
    LABELS,
    MODELS,
    PUBLIC,
    check_group_name,
    parse_augmentations,
    parse_numbers,
    parse_restriction,
)
from intertwine.tasks.options import (
    LARGEST_BATCH,
    LARGEST_RATE,
    OPTIMIZER_HELP,
    SMALLEST_RATE,
    GroupedFitOptions,
    check_below_one,
    option,
)
from intertwine.training import OPTIMIZER_NAMES, Settings


@dataclass(kw_only=True)
class ImageOptions(GroupedFitOptions):
    """Options of `intertwine fit images`."""

    data: str = option(
        "", help="Folder CLASS/FILE, or images/ and masks/; a .csv, IDX or .npz file; or a public set (rotated-mnist).",
        metavar="DATA", argument=True,
    )  # fmt: skip
    labels: str | None = option(
        None, help="What labels are: classes, numbers (a regression) or masks; by default what they look like.",
        group="Data", choices=LABELS,
    )  # fmt: skip
    size: int | None = option(
        None, help="Side of the square that images are brought to, in pixels; by default theirs, at most 128.",
        group="Data", minimum=1, maximum=1024,
    )  # fmt: skip
    channels: int | None = option(
        None, help="1 for gray, 3 for colors; by default colors where an image has any.", group="Data", minimum=1,
        maximum=3,
    )  # fmt: skip
    strict: bool = option(False, help="Stop at a file that cannot be read, instead of skipping it.", group="Data")
    model: str = option(
        "gcnn", help="Architecture of the network; masks always take unet.", group="Model", choices=list(MODELS)
    )
    group: str | None = option(
        None, help="Symmetry of the network: C4, C8, C16, ... (rotations), D4, D8, ... (with reflections), SO2, O2; by "
        "default C8, and SO2 for harmonic and steerable.", group="Model", metavar="GROUP",
    )  # fmt: skip
    restrict: str | None = option(
        None, help="Subgroup after a layer, such as C16@5 for a network of D16: the last layers see mirror images.",
        group="Model", metavar="GROUP@LAYER",
    )  # fmt: skip
    widths: str | None = option(
        None, help="Fields of each layer, such as 4,6,8,8,12,16.", group="Model", metavar="N,N,..."
    )
    kernel_size: str | None = option(
        None, help="Pixels of the filters, odd: one number, or one for each layer.", group="Model", metavar="N[,N,...]"
    )
    pool_after: str | None = option(
        None, help="Layers after which the resolution is halved, such as 2,4.", group="Model", metavar="N,N,..."
    )
    dropout: float = option(0.0, help="Dropout rate of whole fields.", group="Model", minimum=0)
    corners: str | None = option(
        None, help="What the network sees outside of the disk in the image, which a rotation moves out of it: the "
        "background (blank, the default of networks with rotations that predict no masks) or the image (keep).",
        group="Model", choices=CORNERS,
    )  # fmt: skip
    augment: str = option(
        "none", help="Random changes of training images: rotate, flip, shift, scale, elastic, joined by +.",
        group="Training", metavar="NAME+NAME",
    )  # fmt: skip
    batch_size: int = option(
        64, help="Images in a step, over all devices.", group="Training", minimum=1, maximum=LARGEST_BATCH
    )
    optimizer: str = option("muon", help=OPTIMIZER_HELP, group="Training", choices=list(OPTIMIZER_NAMES))
    learning_rate: float = option(
        0.01, help="Peak of the learning rate schedule.", group="Training", above=0, minimum=SMALLEST_RATE,
        maximum=LARGEST_RATE,
    )  # fmt: skip
    smoothing: float = option(0.0, help="Label smoothing, 0 to 1.", group="Training", minimum=0)

    public: ClassVar[tuple[str, ...]] = PUBLIC

    def check(self) -> None:
        """Everything that can be found wrong without reading data or importing torch."""
        super().check()
        check_below_one({"--dropout": self.dropout, "--smoothing": self.smoothing})
        if self.channels == 2:
            raise UsageError("--channels expects 1 (gray) or 3 (colors), got 2")
        self._check_network()
        parse_augmentations(self.augment)
        check_source(self.data, self.public)

    def _check_network(self) -> None:
        """The group, and the numbers of the layers."""
        if self.group is not None:
            check_group_name(self.group)
            if self.model == "plain" and self.group != "C1":
                raise UsageError(f"--model plain has no symmetry; leave --group {self.group} out, or use --model gcnn")
            if self.model == "harmonic" and self.group not in CONTINUOUS:
                raise UsageError(f"--model harmonic has the symmetry SO2 or O2, got --group {self.group}")
        for flag, text in (("--widths", self.widths), ("--pool-after", self.pool_after)):
            if text is not None:
                parse_numbers(flag, text)
        if self.restrict is not None:
            parse_restriction(self.restrict)
            if self.model not in ("gcnn", "steerable", "resnet"):
                raise UsageError(f"--restrict is for gcnn, steerable and resnet, not for --model {self.model}")
        if self.pool_after is not None and self.model in ("resnet", "unet"):
            raise UsageError(f"--pool-after: {self.model} halves the resolution once after each of its stages")
        if self.kernel_size is not None:
            sizes = parse_numbers("--kernel-size", self.kernel_size)
            even = next((size for size in sizes if size % 2 == 0), None)
            if even is not None:
                raise UsageError(
                    f"--kernel-size {even} is even: its center lies between pixels and the image would move by half a "
                    f"pixel, which breaks the symmetry; use {even - 1} or {even + 1}"
                )
            if len(sizes) > 1 and self.model in ("resnet", "unet"):
                raise UsageError(f"--kernel-size expects one number for {self.model}, got {self.kernel_size}")

    @property
    def settings(self) -> Settings:
        """Settings of the run, with some weight decay."""
        return replace(super().settings, weight_decay=0.01, warmup=0.05)
