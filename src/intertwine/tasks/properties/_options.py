"""Options of the task `properties`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from intertwine._errors import UsageError
from intertwine.tasks._example_groups import FORMULA
from intertwine.tasks._source import check_source
from intertwine.tasks.options import LARGEST_RATE, OPTIMIZER_HELP, SMALLEST_RATE, FitOptions, check_features, option
from intertwine.tasks.properties._encoders import ENCODERS
from intertwine.tasks.properties._hidden import check_hidden
from intertwine.tasks.properties._targets import PUBLIC, Target, parse_targets, public_targets
from intertwine.training import OPTIMIZER_NAMES

POOLS = ("mean", "sum")


@dataclass(kw_only=True)
class PropertiesOptions(FitOptions):
    """Options of `intertwine fit properties` besides those of every task."""

    target: Sequence[str] = option(
        (),
        help="Target; repeat for several. REP is its representation: 0e, 1o, 0e+2e, ij or ij=ji.",
        group="Target",
        metavar="NAME[:REP][@UNIT]",
    )
    encoder: str = option("steerable", help="Architecture of the encoder.", group="Model", choices=list(ENCODERS))
    hidden: str | None = option(
        None, help="Hidden features of an atom, such as 32x0e+16x1o+8x2e.", group="Model", metavar="REP"
    )
    layers: int = option(3, help="Layers of the encoder.", group="Model", minimum=1, maximum=64)
    cutoff: float = option(
        5.0, help="Distance below which atoms interact, in angstrom.", group="Model", above=0, maximum=1000
    )
    pool: str | None = option(
        None, help="Pooling over atoms; chosen for each target when not given.", group="Model", choices=POOLS
    )
    group_by: str | None = option(
        None, help="Keep structures together in the split: those of one formula, such as conformers, or those with the "
        "same number in a field of the file.", group="Data", metavar="formula|FIELD",
    )  # fmt: skip
    optimizer: str = option("muon", help=OPTIMIZER_HELP, group="Training", choices=list(OPTIMIZER_NAMES))
    learning_rate: float = option(
        0.005, help="Peak of the learning rate schedule.", group="Training", above=0, minimum=SMALLEST_RATE,
        maximum=LARGEST_RATE,
    )  # fmt: skip
    augment: bool = option(False, help="Random rotation of each training structure.", group="Training")

    public: ClassVar[tuple[str, ...]] = PUBLIC

    def check(self) -> None:
        """Everything that can be found wrong without reading data or importing torch."""
        super().check()
        check_source(self.data, self.public)
        check_features("--hidden", self.hidden)
        for target in self.targets:
            check_features(f"--target {target.name}", target.rep)
        if self.group_by not in (None, FORMULA) and self.data in self.public:
            raise UsageError(f"--group-by {self.group_by}: {self.data} has no such field, only {FORMULA}")
        check_hidden(self.hidden, self.targets)

    @property
    def targets(self) -> tuple[Target, ...]:
        """What is to be learned; units are filled in where the data are known.

        Raises:
            UsageError: A target is none, or the public set has none of that name.
        """
        targets = parse_targets(self.target)
        return public_targets(self.data, targets) if self.data in self.public else targets
