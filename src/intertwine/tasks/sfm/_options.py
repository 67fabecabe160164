"""Options of the task `sfm`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from intertwine._errors import UsageError
from intertwine.tasks._source import check_source, resolve
from intertwine.tasks.options import LARGEST_BATCH, LARGEST_RATE, SMALLEST_RATE, GroupedFitOptions, option

PROTOCOLS = ("inference", "fine-tuned", "geometry")
"""Ways of evaluating: the network alone, the network optimized on each scene, and no network; each then adjusted."""
CAMERAS = ("calibrated", "projective")


@dataclass(kw_only=True)
class SfmOptions(GroupedFitOptions):
    """Options of `intertwine fit sfm`."""

    data: str = option(
        "", help="Folder of scenes, or a scene: COLMAP model (folder), database, table of tracks, arrays (.npz).",
        metavar="SCENES", argument=True,
    )  # fmt: skip
    more: Sequence[str] = option((), help="More folders of scenes, or scenes.", metavar="SCENES", argument=True)
    cameras: str = option(
        "calibrated", help="calibrated, or projective: 3 x 4 matrices from the tracks alone, without intrinsics.",
        group="Model", choices=CAMERAS,
    )  # fmt: skip
    views: str = option(
        "10-20", help="Fewest and most cameras of a scene in a training step, which are drawn at random.",
        group="Training", metavar="MIN-MAX",
    )  # fmt: skip
    points: int = option(
        300, help="Most points of a scene in a training step.", group="Training", minimum=16, maximum=100_000
    )
    synthetic: int = option(
        64, help="Random scenes of many kinds in an epoch, made anew each time, beside the scenes given.",
        group="Training", minimum=0, maximum=1_000_000,
    )  # fmt: skip
    tuning: int = option(
        500, help="Steps of optimization on each scene in evaluate --protocol fine-tuned.", group="Training",
        minimum=0, maximum=1_000_000,
    )  # fmt: skip
    hidden: int = option(
        64, help="Channels of each observation, a multiple of 4.", group="Model", minimum=4, maximum=4096
    )
    layers: int = option(5, help="Number of equivariant layers.", group="Model", minimum=1, maximum=64)
    batch_size: int = option(
        4, help="Scenes in a step, over all devices.", group="Training", minimum=1, maximum=LARGEST_BATCH
    )
    learning_rate: float = option(
        0.001, help="Peak of the learning rate schedule.", group="Training", above=0, minimum=SMALLEST_RATE,
        maximum=LARGEST_RATE,
    )  # fmt: skip

    public: ClassVar[tuple[str, ...]] = ()

    def check(self) -> None:
        """Everything that can be found wrong without reading data or importing torch."""
        super().check()
        parse_views(self.views)
        if self.hidden % 4:
            raise UsageError(f"--hidden expects a multiple of 4, the number of heads, got {self.hidden}")
        for source in (self.data, *self.more):
            check_source(source, self.public)

    @property
    def resolved(self) -> dict[str, Any]:
        """The options that name files, with absolute paths."""
        return {"data": resolve(self.data), "more": [*map(resolve, self.more)]}


def parse_views(text: str) -> tuple[int, int]:
    """The two numbers of a text such as "10-20".

    Raises:
        UsageError: They are not two numbers of at least 2, the first the smaller one.

    >>> parse_views("10-20")
    (10, 20)
    """
    first, dash, second = text.partition("-")
    if not (dash and first.strip().isdecimal() and second.strip().isdecimal() and 2 <= int(first) <= int(second)):
        raise UsageError(f'--views expects two numbers of cameras from 2 on, such as 10-20, got "{text}"')
    return int(first), int(second)
