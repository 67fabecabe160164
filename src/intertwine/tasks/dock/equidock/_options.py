"""Options of the task `dock`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from intertwine._errors import UsageError
from intertwine.tasks._source import check_source
from intertwine.tasks.options import LARGEST_BATCH, LARGEST_RATE, SMALLEST_RATE, GroupedFitOptions, option


@dataclass(kw_only=True)
class DockOptions(GroupedFitOptions):
    """Options of `intertwine fit dock`."""

    data: str = option(
        "", help="Folder of complexes: NAME_l.pdb and NAME_r.pdb for each, ligand and receptor.", metavar="FOLDER",
        argument=True,
    )  # fmt: skip
    group_by: str | None = option(
        None, help="Keep complexes together in the split in whose names a regular expression finds the same.",
        group="Data", metavar="REGEX",
    )  # fmt: skip
    strict: bool = option(False, help="Stop at a file that cannot be read, instead of skipping it.", group="Data")
    hidden: int = option(32, help="Channels of a residue.", group="Model", minimum=1, maximum=4096)
    layers: int = option(
        5, help="Layers, which share weights from the second on.", group="Model", minimum=1, maximum=64
    )
    keypoints: int = option(
        24, help="Keypoints of each protein, which are aligned.", group="Model", minimum=3, maximum=1024
    )
    neighbors: int = option(10, help="k of the k-nearest-neighbor graph.", group="Model", minimum=1, maximum=256)
    dropout: float = option(
        0.15, help="Share of the features that are left out at random in training.", group="Training", minimum=0,
        maximum=0.9,
    )  # fmt: skip
    noise: float = option(
        0.5, help="Noise on the places of residues in training, standard deviation.", group="Training", minimum=0,
        maximum=100, metavar="ANGSTROM",
    )  # fmt: skip
    keypoint_weight: float = option(
        1.0, help="Weight of the distances between keypoints and interface.", group="Training", minimum=0, maximum=1e6
    )
    intersection_weight: float = option(
        10.0, help="Weight of the depth to which proteins intersect.", group="Training", minimum=0, maximum=1e6
    )
    site_weight: float = option(
        10_000.0, help="Weight of the attention to the interface.", group="Training", minimum=0, maximum=1e6
    )
    batch_size: int = option(
        1, help="Complexes in a step, over all devices.", group="Training", minimum=1, maximum=LARGEST_BATCH
    )
    learning_rate: float = option(
        0.002, help="Peak of the learning rate schedule.", group="Training", above=0, minimum=SMALLEST_RATE,
        maximum=LARGEST_RATE,
    )  # fmt: skip

    def check(self) -> None:
        """Everything that can be found wrong without reading data or importing torch."""
        super().check()
        check_source(self.data, self.public)
        if not Path(self.data).is_dir():
            raise UsageError(f'"{self.data}" is a file; expected a folder of complexes')
