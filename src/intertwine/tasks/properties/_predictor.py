"""A trained model together with what turns files into its inputs and its outputs into files."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import torch
from torch import Tensor

from intertwine._errors import UsageError
from intertwine.auditing import Report, audit
from intertwine.data import Split, Structures, StructureSet, qm9, write_csv, write_extxyz
from intertwine.tasks._source import check_source, resolve
from intertwine.tasks._task import AuditSettings, Evaluation, Progress
from intertwine.tasks.properties._symmetric_matrices import to_matrices
from intertwine.tasks.properties._evaluation import evaluate
from intertwine.tasks.properties._model import PropertyModel
from intertwine.tasks.properties._source import check_unchanged, read, stream
from intertwine.tasks.properties._targets import PUBLIC, Target

if TYPE_CHECKING:
    from intertwine.training import Checkpoint

_CHUNK = 1000
_AUDITED = 8
_RESERVED = frozenset({"Properties", "Lattice", "pbc", "name", "stress", "virial"})


class PropertyPredictor:
    """A `PropertyModel` in use.

    Args:
        model: The model, in evaluation mode.
        config: The configuration of its run.
        split: The split of its run.
    """

    suffixes: tuple[str, ...] = (".csv", ".extxyz", ".xyz")
    batch_size: int = 128

    def __init__(self, model: PropertyModel, config: dict[str, Any], split: Split) -> None:
        self.config, self.split = config, split
        self.targets = model.targets
        self.cutoff: float = config["encoder"]["cutoff"]
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model = model.to(self.device).eval()

    @classmethod
    def from_checkpoint(cls, checkpoint: Checkpoint) -> PropertyPredictor:
        """The predictor of a checkpoint.

        Raises:
            UsageError: The weights do not fit the configuration.
        """
        config = checkpoint.config
        try:
            targets = [Target.from_json(target) for target in config["targets"]]
            pools = [target["pool"] for target in config["targets"]]
            model = PropertyModel(config["elements"], targets, pools, config["encoder"])
        except (KeyError, TypeError, ValueError) as error:
            raise UsageError(f"{checkpoint.folder}: its configuration is not one of this version: {error!r}") from error
        checkpoint.load_into(model)
        return cls(model, config, Split.from_json(checkpoint.split))

    @torch.inference_mode()
    def __call__(
        self, structures: Structures, *, batch_size: int = 256, rotations: Tensor | None = None, what: str = ""
    ) -> Iterator[Tensor]:
        """Predictions in the targets' units, (B, D) float64, a batch at a time.

        Args:
            structures: What to predict for.
            batch_size: B.
            rotations: (S, 3, 3), applied to the positions first.
            what: The name of the data, for errors.

        Raises:
            UsageError: An element that the model never saw, in the first structure that has one.
        """
        self.check_elements(structures, what)
        data = StructureSet(structures, self.cutoff)
        for indices in torch.split(torch.arange(len(structures)), batch_size):
            part = data.batch(indices, rotations=None if rotations is None else rotations[indices])
            moved = (tensor.to(self.device) for tensor in (part.numbers, part.positions, part.edges, part.batch))
            output: Tensor = self.model(*moved, part.structures)
            yield output.to("cpu", torch.float64)

    @torch.inference_mode()
    def composition(self, structures: Structures) -> Tensor:
        """What the composition-only fit says of these structures, (S, D) float64."""
        numbers, batch = structures.numbers.to(self.device), structures.batch.to(self.device)
        return self.model.shift(numbers, batch, len(structures)).to("cpu", torch.float64)

    def check_elements(self, structures: Structures, what: str) -> None:
        """Raise if a structure has an element that no training structure had."""
        known = structures.composition(self.model.elements).sum(1) == structures.counts
        if known.all():
            return
        from intertwine.data._elements import SYMBOLS

        index = int((~known).nonzero()[0])
        atoms = structures.numbers[structures.offsets[index] : structures.offsets[index + 1]].tolist()
        strange = next(number for number in atoms if number not in self.model.elements)
        raise UsageError(
            f"{what or 'data'}, {structures.names[index]}: element {SYMBOLS[strange]} was not seen in training; this "
            f"model knows {', '.join(SYMBOLS[number] for number in self.model.elements)}"
        )

    def check_protocols(self, protocols: Sequence[str]) -> None:
        """Raise at the first: this task has but one way, and it has no name."""
        if protocols:
            raise UsageError(f"--protocol {protocols[0]}: properties are always judged as given and turned at random")

    def fetch(self, data: str | None, progress: Progress) -> None:
        """Parse the tables of QM9 the first time."""
        if (self.config["data"]["source"] if data is None else data) == "qm9":
            qm9([], progress=progress)

    def load(self, data: str | None) -> tuple[Structures, str]:
        """Structures to judge by: all of `data`, or the test part of what the model was trained on; and what they are.

        Raises:
            UsageError: They cannot be read, or there are none.
        """
        trained_on = self.config["data"]["source"]
        if data is not None:
            check_source(data, PUBLIC)
        source = trained_on if data is None else resolve(data)
        if data is not None and source != trained_on:
            return read(data, self.targets), data
        check_source(source, PUBLIC)
        structures = read(source, self.targets)
        if change := check_unchanged(self.config["data"], len(structures)):
            warnings.warn(change, stacklevel=2)
        given = self.config["data"]["given"]
        if not len(self.split.test):
            raise UsageError(f"the split of {given} left no structures for the test; pass other data")
        return structures.select(self.split.test), f"test split of {given}"

    def evaluate(
        self, data: str | None, *, batch_size: int, seed: int, progress: Progress, protocols: Sequence[str] = ()
    ) -> Evaluation:
        """Errors on known answers: as given, after a random rotation of each structure, and of composition alone.

        Raises:
            UsageError: A protocol is named: this task has but one.
        """
        self.check_protocols(protocols)
        structures, what = self.load(data)
        return evaluate(self, structures, what, batch_size=batch_size, seed=seed, progress=progress)

    def predict(
        self, data: str, output: Path, suffix: str, *, batch_size: int, progress: Progress, strict: bool = False
    ) -> int:
        """Write predictions to `output`, as CSV or extended XYZ by `suffix`; returns how many.

        A structure that cannot be read is an error, strict or not.
        """
        check_source(data, PUBLIC)
        done = 0
        with output.open("w", encoding="utf-8", newline="") as file:
            for structures in stream(data, _CHUNK):
                values = torch.cat(list(self(structures, batch_size=batch_size, what=data)))
                if suffix == ".csv":
                    self._write_csv(file, structures, values, header=done == 0)
                else:
                    write_extxyz(file, structures, self._named(values))
                done += len(structures)
                progress(done, None)
        return done

    def audit(self, data: str | None, auditing: AuditSettings) -> Report:
        """The equivariance of the normalized outputs, on a batch of real structures.

        The shift by composition is left out: it is invariant whatever the encoder does, and only dilutes its error.
        """
        structures, what = self.load(data)
        generator = torch.Generator().manual_seed(auditing.seed)
        order = torch.randperm(len(structures), generator=generator)
        chosen = order[: auditing.inputs * _AUDITED]
        picked = structures.select(chosen)
        self.check_elements(picked, what)
        batches = StructureSet(picked, self.cutoff)
        inputs = []
        for indices in torch.split(torch.arange(len(picked)), _AUDITED):
            part = batches.batch(indices, dtype=torch.float64)
            inputs.append((part.numbers, part.positions, part.edges, part.batch, part.structures))
        network = self.model.network
        return audit(
            network, network.action_in, network.action_out, inputs=inputs, samples=auditing.samples, seed=auditing.seed
        )

    def _named(self, values: Tensor) -> dict[str, Tensor]:
        """Each target as files have it."""
        parts = zip(self.targets, torch.split(values, [target.dim for target in self.targets], 1), strict=True)
        return {
            f"predicted_{target.name}" if target.name in _RESERVED else target.name: (
                to_matrices(part) if target.cartesian else part
            )
            for target, part in parts
        }

    def _write_csv(self, file: IO[str], structures: Structures, values: Tensor, *, header: bool) -> None:
        named = zip(self.targets, self._named(values).values(), strict=True)
        columns = {
            title: column
            for target, part in named
            for title, column in zip(target.columns, part.unbind(1), strict=True)
        }
        write_csv(file, structures, columns, header=header)


__all__ = ["PropertyPredictor"]
