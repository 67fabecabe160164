"""The options of `intertwine fit classify`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from intertwine.tasks._options import option
from intertwine.tasks.clouds._options import CloudOptions


@dataclass(kw_only=True)
class ClassifyOptions(CloudOptions):
    """What `fit classify` understands."""

    data: str = option(
        "", help="A folder of meshes or clouds, CLASS/FILE; or a public set (furniture).", metavar="DATA", argument=True
    )
    public: ClassVar[tuple[str, ...]] = ("furniture",)
