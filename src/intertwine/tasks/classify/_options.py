"""Options of the task `classify`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from intertwine.tasks.clouds import CloudOptions
from intertwine.tasks.options import option


@dataclass(kw_only=True)
class ClassifyOptions(CloudOptions):
    """Options of `intertwine fit classify`."""

    data: str = option(
        "", help="Folder of meshes or clouds, CLASS/FILE; or a public set (furniture).", metavar="DATA", argument=True
    )
    public: ClassVar[tuple[str, ...]] = ("furniture",)
