"""Options of the task `potential`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from intertwine._errors import UsageError
from intertwine.tasks._source import check_source, resolve
from intertwine.tasks.options import (
    LARGEST_BATCH,
    LARGEST_EPOCHS,
    LARGEST_RATE,
    OPTIMIZER_HELP,
    SMALLEST_RATE,
    FitOptions,
    check_features,
    flag,
    option,
    share,
)
from intertwine.training import OPTIMIZER_NAMES

UNITS = {"eV": 1.0, "kcal/mol": 4184 / 96485.33212, "kJ/mol": 1000 / 96485.33212}
"""Units of energy, in eV."""

_LARGEST_WEIGHT = 1e6


@dataclass(kw_only=True)
class PotentialOptions(FitOptions):
    """Options of `intertwine fit potential` besides those of every task."""

    data: str = option(
        "",
        help="Frames with energies and forces: extended XYZ, NPZ, or what ase reads.",
        metavar="TRAIN",
        argument=True,
    )
    more: Sequence[str] = option((), help="More files to train on.", metavar="MORE", argument=True)
    validation: str | int | float | None = option(
        "5%", help="Validation frames, which choose the best epoch: how many of those of TRAIN, or a file.",
        group="Data", metavar="COUNT|FRACTION|FILE", spelling="--valid",
    )  # fmt: skip
    test: str | int | float | None = option(
        None, help="Test frames, which training never sees: how many of those of TRAIN, or a file.", group="Data",
        metavar="COUNT|FRACTION|FILE",
    )  # fmt: skip
    group_by: str | None = option(
        None, help="Keep frames of TRAIN together in the split: those of one formula, such as conformers, or those "
        "with the same value of a key of the file.", group="Data", metavar="formula|KEY",
    )  # fmt: skip
    energy_key: str | None = option(
        None, help="Key of the energy (eV); found by itself when not given.", group="Labels", metavar="KEY"
    )
    forces_key: str | None = option(
        None, help="Key of the forces (eV/A); found by itself when not given.", group="Labels", metavar="KEY"
    )
    stress_key: str | None = option(
        None, help="Key of the stress (eV/A^3) or virial (eV) of periodic frames; found by itself when not given.",
        group="Labels", metavar="KEY",
    )  # fmt: skip
    units: str | None = option(
        None, help="Unit of energies, and of forces per angstrom; by default that which a file states, else eV.",
        group="Labels", choices=list(UNITS),
    )  # fmt: skip
    isolated_atoms: str | None = option(
        None, help="Frames of one atom each, whose energies are subtracted; by default those among the frames, else a "
        "least-squares fit.", group="Labels", metavar="FILE",
    )  # fmt: skip
    energy_weight: float = option(
        100.0, help="Weight of energies in the loss at the end of the run; it begins with a hundredth of that.",
        group="Loss", minimum=0, maximum=_LARGEST_WEIGHT,
    )  # fmt: skip
    forces_weight: float = option(
        1.0, help="Weight of forces in the loss.", group="Loss", minimum=0, maximum=_LARGEST_WEIGHT
    )
    stress_weight: float = option(
        1.0, help="Weight of stresses in the loss.", group="Loss", minimum=0, maximum=_LARGEST_WEIGHT
    )
    hidden: str = option(
        "64x0e + 64x1o", help="Hidden features of an atom, such as 64x0e+64x1o.", group="Model", metavar="REP"
    )
    body_order: int = option(
        4, help="Body order of a layer: 4 multiplies the neighbors of an atom up to three times.", group="Model",
        minimum=2, maximum=4,
    )  # fmt: skip
    lmax: int = option(2, help="Largest degree of the spherical harmonics.", group="Model", minimum=0, maximum=8)
    layers: int = option(2, help="Layers.", group="Model", minimum=1, maximum=16)
    cutoff: float = option(
        5.0, help="Distance below which atoms interact, in angstrom.", group="Model", above=0, maximum=1000
    )
    committee: int = option(
        8, help="Readouts fitted to resampled frames at the end, whose deviations are an uncertainty; 0 for none.",
        group="Model", minimum=0, maximum=100,
    )  # fmt: skip
    epochs: int = option(200, help="Passes over the training set.", group="Training", minimum=1, maximum=LARGEST_EPOCHS)
    batch_size: int = option(
        5, help="Frames in a step, over all devices.", group="Training", minimum=1, maximum=LARGEST_BATCH
    )
    learning_rate: float = option(
        0.01, help="Peak of the learning rate schedule.", group="Training", above=0, minimum=SMALLEST_RATE,
        maximum=LARGEST_RATE,
    )  # fmt: skip
    optimizer: str = option("muon", help=OPTIMIZER_HELP, group="Training", choices=list(OPTIMIZER_NAMES))

    def check(self) -> None:
        """Everything that can be found wrong without reading data or importing torch."""
        super().check()
        for source in self.sources.values():
            check_source(source, self.public)
        check_features("--hidden", self.hidden)
        if self.committee == 1:
            raise UsageError("--committee 1 has no deviation: give 2 or more, or 0 for none")
        twice = [source for source in self.training_files if self.training_files.count(source) > 1]
        if twice:
            raise UsageError(f"{twice[0]} is given twice")
        if self.group_by is not None and self.file_of("validation") is not None and not self.shares["test"]:
            raise UsageError(f"--group-by {self.group_by}: --valid is a file and --test no share, so nothing is split")
        if not self.energy_weight and not self.forces_weight:
            raise UsageError("--energy-weight and --forces-weight are both 0: there is nothing to learn")

    @property
    def shares(self) -> dict[str, int | float | None]:
        """As for every task; a file is no share."""
        parts: dict[str, int | float | None] = {"train": share("train", self.train)}
        for name in ("validation", "test"):
            parts[name] = None if _is_file(name, getattr(self, name)) else share(name, getattr(self, name))
        return parts

    @property
    def training_files(self) -> list[str]:
        """The files to train on, resolved."""
        return [resolve(self.data), *map(resolve, self.more)]

    @property
    def keys(self) -> dict[str, str | None]:
        """The keys of the labels that the user named."""
        return {"energy": self.energy_key, "forces": self.forces_key, "stress": self.stress_key}

    def file_of(self, part: str) -> str | None:
        """The file with the validation or test frames; None where they are a share of the training files."""
        value = getattr(self, part)
        return str(value) if _is_file(part, value) else None

    @property
    def sources(self) -> dict[str, str]:
        """Every file that is named, by the option that names it."""
        named = {"TRAIN": self.data, **{f"MORE {number}": file for number, file in enumerate(self.more, 1)}}
        given = {"--validation": self.file_of("validation"), "--test": self.file_of("test"),
                 "--isolated-atoms": self.isolated_atoms}  # fmt: skip
        return named | {name: file for name, file in given.items() if file is not None}

    @property
    def resolved(self) -> dict[str, Any]:
        """The options that name files, with absolute paths."""
        files: dict[str, Any] = {"data": resolve(self.data), "more": [*map(resolve, self.more)]}
        for part in ("validation", "test"):
            if (file := self.file_of(part)) is not None:
                files[part] = resolve(file)
        return files | ({"isolated_atoms": resolve(self.isolated_atoms)} if self.isolated_atoms is not None else {})


def _is_file(name: str, value: str | float | int | None) -> bool:
    """Whether text names a file rather than a count or a fraction.

    Raises:
        UsageError: It is neither.
    """
    if not isinstance(value, str):
        return False
    try:
        share(name, value)
    except UsageError:
        if Path(value).exists():
            return True
        raise UsageError(
            f'{flag(name)} expects a count such as 50, a fraction such as 5%, or a file; there is no file "{value}"'
        ) from None
    return False
