"""Options of the task `segment`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from intertwine.tasks.clouds import CloudOptions
from intertwine.tasks.options import option


@dataclass(kw_only=True)
class SegmentOptions(CloudOptions):
    """Options of `intertwine fit segment`."""

    data: str = option(
        "", help="Folder of clouds with a label at each point (of text: a last column of whole numbers, or a header "
        "such as x y z label; in .pts a fourth column is an intensity); or a public set (circuit-parts).",
        metavar="DATA", argument=True,
    )  # fmt: skip
    public: ClassVar[tuple[str, ...]] = ("circuit-parts",)
