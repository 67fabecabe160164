"""Options of the tasks whose examples are files."""

from __future__ import annotations

from dataclasses import dataclass

from intertwine.tasks._example_groups import compile_pattern
from intertwine.tasks.options._fit_options import FitOptions, option


@dataclass(kw_only=True)
class GroupedFitOptions(FitOptions):
    """What `fit` understands where every example is a file: files that belong together stay together in the split."""

    group_by: str | None = option(
        None, help="Keep files together in the split: those of one folder (parent), or those in whose path a regular "
        "expression finds the same.", group="Data", metavar="parent|REGEX",
    )  # fmt: skip

    def check(self) -> None:
        """Everything that can be found wrong without reading data or importing torch."""
        super().check()
        if self.group_by is not None:
            compile_pattern(self.group_by)
