"""Options of the task `weights`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from intertwine.tasks._source import check_source
from intertwine.tasks._suggestions import parse_words
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

PUBLIC = ("mnist-inrs",)
"""The public sets of networks."""
LABELS = ("classes", "numbers")
ACTIVATIONS = ("relu", "tanh", "sine", "other")
MODELS = ("attention", "equivariant", "message", "plain", "statistics")
HIDDEN = {"attention": 48, "equivariant": 48, "message": 64, "plain": 48, "statistics": 64}
LAYERS = {"attention": 4, "equivariant": 4, "message": 2, "plain": 4, "statistics": 2}
"""Channels and layers of each model by default."""
AUGMENTATIONS = ("none", "noise", "permute", "rotate", "scale", "shift")
PROTOCOLS = ("given", "permuted")


def parse_augmentations(text: str) -> tuple[str, ...]:
    """The augmentations of a text such as "rotate+shift", in one order.

    Raises:
        UsageError: One is not known.

    >>> parse_augmentations("shift+rotate"), parse_augmentations("none")
    (('rotate', 'shift'), ())
    """
    return parse_words("augmentation", text, AUGMENTATIONS)


@dataclass(kw_only=True)
class WeightOptions(GroupedFitOptions):
    """Options of `intertwine fit weights`."""

    data: str = option(
        "", help="Folder of checkpoints (safetensors, or torch's with tensors only) with labels.csv, or CLASS/FILE; "
        "or a public set (mnist-inrs).", metavar="DATA", argument=True,
    )  # fmt: skip
    labels: str | None = option(
        None, help="What labels are: classes or numbers (a regression); by default what they look like.",
        group="Data", choices=LABELS,
    )  # fmt: skip
    architecture: int | None = option(
        None, help="Which of several architectures in the folder to learn from; 1 is the most frequent.", group="Data",
        minimum=1, maximum=1000,
    )  # fmt: skip
    activation: str | None = option(
        None, help="Activation of the networks that are read; its symmetries are then removed. By default that of a "
        "public set, else other, which has none.", group="Data", choices=ACTIVATIONS,
    )  # fmt: skip
    frequency: float = option(
        30.0, help="Factor in a sine activation, sin(frequency x).", group="Data", above=0, maximum=10000
    )
    strict: bool = option(False, help="Stop at a file that cannot be read, instead of skipping it.", group="Data")
    model: str = option(
        "message", help="Architecture: messages along the layers of a network (message); linear maps between weights "
        "(equivariant), with attention among hidden features as well; statistics of each tensor (statistics), which "
        "tell how networks were trained; or a perceptron of all weights in a row (plain).",
        group="Model", choices=MODELS,
    )  # fmt: skip
    hidden: int | None = option(
        None, help="Channels of each hidden feature (message, default 64) or of each weight (default 48); width of the "
        "perceptron of statistics (default 64).",
        group="Model", minimum=1, maximum=4096,
    )  # fmt: skip
    layers: int | None = option(
        None, help="Number of layers (default 4); in the perceptron after messages or statistics (default 2).",
        group="Model", minimum=1, maximum=64,
    )  # fmt: skip
    dropout: float = option(0.0, help="Dropout rate of channels.", group="Model", minimum=0)
    keep_signs: bool = option(
        False, help="Leave signs, phases and scales of hidden features as they are.", group="Model"
    )
    augment: str | None = option(
        None, help="Random changes of training networks, joined by +: rotate, scale, shift of the plane they are "
        "functions on (the default for mnist-inrs; else none); noise; permute, which a plain model needs.",
        group="Training", metavar="NAME+NAME",
    )  # fmt: skip
    optimizer: str = option("muon", help=OPTIMIZER_HELP, group="Training", choices=list(OPTIMIZER_NAMES))
    batch_size: int = option(
        64, help="Networks in a step, over all devices.", group="Training", minimum=1, maximum=LARGEST_BATCH
    )
    learning_rate: float = option(
        0.005, help="Peak of the learning rate schedule.", group="Training", above=0, minimum=SMALLEST_RATE,
        maximum=LARGEST_RATE,
    )  # fmt: skip
    smoothing: float = option(0.0, help="Label smoothing, 0 to 1.", group="Training", minimum=0)

    public: ClassVar[tuple[str, ...]] = PUBLIC

    def check(self) -> None:
        """Everything that can be found wrong without reading data or importing torch."""
        super().check()
        check_below_one({"--dropout": self.dropout, "--smoothing": self.smoothing})
        parse_augmentations(self.augmentations)
        check_source(self.data, self.public)

    @property
    def augmentations(self) -> str:
        """The augmentations, joined by +."""
        return self.augment or ("rotate+scale+shift" if self.data in PUBLIC else "none")

    @property
    def settings(self) -> Settings:
        """Settings of the run, with some weight decay."""
        return replace(super().settings, weight_decay=0.01, warmup=0.05)
