"""What `fit classify` and `fit segment` understand alike."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from intertwine._errors import UsageError
from intertwine.tasks._options import FitOptions, option
from intertwine.tasks._source import check_source
from intertwine.tasks.clouds._encoders import ENCODERS, FRAMES, check_group, check_size
from intertwine.tasks.clouds._choices import AXES, GROUPS, TURNS
from intertwine.training import Settings


@dataclass(kw_only=True)
class ShapeOptions(FitOptions):
    """What a task on clouds understands besides what every task does."""

    encoder: str = option(
        "steerable", help="How points talk to their neighbors.", group="Model", choices=list(ENCODERS)
    )
    frame: str = option(
        "none", help="What stands around the encoder: a frame of the cloud.", group="Model", choices=list(FRAMES)
    )
    group: str = option(
        "O3",
        help="O3: a shape and its mirror image are the same; SO3: they may differ.",
        group="Model",
        choices=list(GROUPS),
    )
    hidden: str | None = option(
        None,
        help="Features of a point, such as 16x0e+8x1o+4x2e, where the encoder has such.",
        group="Model",
        metavar="REP",
    )
    width: int | None = option(
        None, help="Channels of a point, where the encoder has no REP.", group="Model", minimum=1
    )
    layers: int | None = option(None, help="Layers of the encoder, on each level.", group="Model", minimum=1)
    levels: int | None = option(
        None,
        help="How many times one point in four is kept, where the encoder can; 0 for all layers on all points.",
        group="Model",
        minimum=0,
    )
    neighbors: int = option(16, help="Edges into each point.", group="Model", minimum=1)
    normals: bool = option(False, help="Let the normals of the surface in.", group="Model")
    vertical: bool = option(
        False,
        help="Let the vertical in, as a vector that turns with the cloud: for shapes of which it is known.",
        group="Model",
    )
    dropout: float = option(0.2, help="In the head.", group="Model", minimum=0)
    points: int = option(512, help="Points sampled on each surface.", group="Data", minimum=1)
    draws: int = option(
        4, help="Clouds drawn from each surface; training takes one or another.", group="Data", minimum=1
    )
    up: str = option("z", help="The vertical axis of the files.", group="Data", choices=AXES)
    strict: bool = option(False, help="Refuse files that cannot be read, instead of skipping them.", group="Data")
    augment: str = option(
        "none",
        help="Turn each cloud whenever it is seen: about the vertical, or at all.",
        group="Training",
        choices=TURNS,
    )
    jitter: float = option(
        0.01, help="Spread by which points are moved whenever they are seen; the sphere has radius 1.",
        group="Training", minimum=0,
    )  # fmt: skip
    batch_size: int = option(16, help="Shapes in a step, over all devices.", group="Training", minimum=1)
    learning_rate: float = option(0.003, help="Peak of the schedule.", group="Training", above=0)
    smoothing: float = option(0.1, help="Of the labels, 0 to 1.", group="Training", minimum=0)

    public: ClassVar[tuple[str, ...]] = ()
    """The names of public sets that the task can learn from."""

    def check(self) -> None:
        """Everything that can be found wrong without reading data or importing torch."""
        super().check()
        for name, value in (("--dropout", self.dropout), ("--smoothing", self.smoothing)):
            if value >= 1:
                raise UsageError(f"{name} expects a share below 1, got {value}")
        check_size(self.encoder, self.hidden, self.width, self.levels)
        check_group(self.encoder, self.group, self.frame)
        check_source(self.data, self.public)
        if self.data not in self.public and not Path(self.data).is_dir():
            raise UsageError(f'"{self.data}" is a file; expected a folder of meshes or clouds')

    @property
    def settings(self) -> Settings:
        """A short memory of the weights and some decay: sets of shapes are small."""
        return replace(super().settings, ema=0.99, weight_decay=0.01)
