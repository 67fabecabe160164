"""The options of `intertwine fit segment`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from intertwine.tasks._options import option
from intertwine.tasks.clouds._options import CloudOptions


@dataclass(kw_only=True)
class SegmentOptions(CloudOptions):
    """What `fit segment` understands."""

    data: str = option(
        "", help="A folder of clouds with a label at each point; or a public set (circuit-parts).", metavar="DATA",
        argument=True,
    )  # fmt: skip
    public: ClassVar[tuple[str, ...]] = ("circuit-parts",)
