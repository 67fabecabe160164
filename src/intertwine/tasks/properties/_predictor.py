"""The predictor of properties: files, tensors or atoms to properties in their own units."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from intertwine._errors import UsageError
from intertwine._progress import ProgressCallback, no_progress
from intertwine.data import CHEMICAL_SYMBOLS, PointCloudSet, Split
from intertwine.groups import SO3
from intertwine.tasks._predictor import Predictor
from intertwine.tasks._results import Evaluation, PredictionChunk, not_finite
from intertwine.tasks.properties._evaluation import evaluate_errors
from intertwine.tasks.properties._job import structure_dataset
from intertwine.tasks.properties._matrices import to_matrices
from intertwine.tasks.properties._memory import structures_in_memory
from intertwine.tasks.properties._model import PropertyModel, PropertyNetwork, network_inputs
from intertwine.tasks.properties._source import read, read_again, stream, target_values
from intertwine.tasks.properties._targets import PUBLIC, Target
from intertwine.tasks.properties._writing import PropertyWriter

_CHUNK = 1000


class PropertyPredictor(Predictor[PropertyModel, PointCloudSet]):
    """A `PropertyModel` in use. It predicts an array (S, d) for each target, by its name.

    For targets of atoms, a list of arrays (n, d), one for each structure.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".csv", ".extxyz", ".xyz")
    batch_size: ClassVar[int] = 128
    audit_batch_size: ClassVar[int] = 8
    public: ClassVar[tuple[str, ...]] = PUBLIC

    def __init__(self, model: PropertyModel, config: dict[str, Any], split: Split) -> None:
        super().__init__(model, config, split)
        self.targets = model.targets
        self.cutoff: float = config["encoder"]["cutoff"]

    @classmethod
    def build_model(cls, config: dict[str, Any]) -> PropertyModel:
        """The model that a configuration describes."""
        targets = [Target.from_json(target) for target in config["targets"]]
        pools = [target["pool"] for target in config["targets"]]
        return PropertyModel(config["elements"], targets, pools, config["encoder"])

    @torch.inference_mode()
    def __call__(
        self, structures: PointCloudSet, *, batch_size: int = 256, rotations: Tensor | None = None, name: str = ""
    ) -> Iterator[Tensor]:
        """Predictions in the targets' units, (B, D) float64, or a row for each atom, a batch at a time.

        Args:
            structures: What to predict for.
            batch_size: B.
            rotations: (S, 3, 3), applied to the positions first.
            name: The name of the data, for errors.

        Raises:
            UsageError: An element that the model never saw, in the first structure that has one.
        """
        self.check_elements(structures, name)
        dataset = structure_dataset(structures, self.cutoff)
        for indices in torch.split(torch.arange(len(structures)), batch_size):
            batch = dataset.batch(indices, rotations=None if rotations is None else rotations[indices])
            output: Tensor = self.model(*network_inputs(batch.to(self.device)))
            values = output.to("cpu", torch.float64)
            finite = values.isfinite().all(1)
            if not finite.all():
                row = int((~finite).nonzero()[0])
                broken = structures.names[int(indices[batch.batch[row] if self.model.per_atom else row])]
                raise not_finite(name or "data", broken, " ".join(target.name for target in self.targets))
            yield values

    @torch.inference_mode()
    def composition(self, structures: PointCloudSet) -> Tensor:
        """The predictions of the composition-only fit, (S, D) float64."""
        numbers, batch = structures.point_fields["numbers"].to(self.device), structures.batch.to(self.device)
        return self.model.shift(numbers, batch, len(structures)).to("cpu", torch.float64)

    def check_elements(self, structures: PointCloudSet, name: str) -> None:
        """Raise if a structure has an element that no training structure had."""
        known = structures.composition(self.model.elements).sum(1) == structures.counts
        if known.all():
            return
        index = int((~known).nonzero()[0])
        begin, end = structures.offsets[index : index + 2].tolist()
        atoms = structures.point_fields["numbers"][begin:end].tolist()
        strange = next(number for number in atoms if number not in self.model.elements)
        raise UsageError(
            f"{name or 'data'}, {structures.names[index]}: element {_symbol(strange)} was not seen in training; this "
            f"model knows {', '.join(map(_symbol, self.model.elements))}"
        )

    def check_protocols(self, protocols: Sequence[str]) -> None:
        """Raise if any is named."""
        if protocols:
            raise UsageError(
                f"--protocol {protocols[0]}: properties are always evaluated as given and rotated at random"
            )

    def read(self, source: str | None, progress: ProgressCallback) -> PointCloudSet:
        """Structures with known targets."""
        return read_again(self.config, progress) if source is None else read(source, self.targets, progress)

    def measure(
        self,
        examples: PointCloudSet,
        name: str,
        *,
        batch_size: int | None = None,
        seed: int = 0,
        progress: ProgressCallback = no_progress,
        protocols: Sequence[str] = (),
    ) -> Evaluation:
        """Errors as given, after a random rotation of each structure and its targets, and of composition alone.

        Of an equivariant model the first two are the same to rounding.
        """
        size = batch_size or self.batch_size
        rotations = SO3().sample(len(examples), generator=torch.Generator().manual_seed(seed))
        truth = torch.cat([target_values(examples, target) for target in self.targets], dim=1)
        matrices = self.model.rep_out.matrix(rotations)
        by_row = matrices[examples.batch] if self.model.per_atom else matrices
        rotated = torch.einsum("sij,sj->si", by_row, truth)
        done = 0

        def predict(matrices: Tensor | None) -> Tensor:
            nonlocal done
            parts = []
            for part in self(examples, batch_size=size, rotations=matrices, name=name):
                parts.append(part)
                done += len(part)
                progress(done, 2 * len(truth))
            return torch.cat(parts)

        errors = {
            "given": predict(None) - truth,
            "rotated": predict(rotations) - rotated,
            "composition": self.composition(examples) - truth,
        }
        return evaluate_errors(self.targets, errors, name, seed=seed, structures=examples)

    @property
    def audited_module(self) -> PropertyNetwork:
        """The network with normalized outputs.

        The shift by composition is left out: it is invariant whatever the encoder does, and only dilutes its error.
        """
        return self.model.network

    def audit_inputs(self, examples: PointCloudSet, name: str) -> list[tuple[Any, ...]]:
        """Batches of structures."""
        self.check_elements(examples, name)
        dataset = structure_dataset(examples, self.cutoff)
        return [
            network_inputs(dataset.batch(indices, dtype=torch.float64))
            for indices in torch.split(torch.arange(len(examples)), self.audit_batch_size)
        ]

    def stream(self, data: str, batch_size: int, *, strict: bool) -> Iterator[PointCloudSet]:
        """The structures of a file or folder; one that cannot be read is an error, strict or not."""
        return stream(data, _CHUNK)

    def from_memory(
        self, data: Any, batch_size: int, *, numbers: Any = None, cell: Any = None, pbc: Any = None, **fields: Any
    ) -> Iterator[PointCloudSet]:
        """Structures of tensors or of ase.

        Args:
            data: Positions ``(N, 3)`` in angstrom, or atoms of ase; or a list of them.
            batch_size: Not looked at.
            numbers: ``(N,)`` atomic numbers that go with positions, or a list.
            cell: ``(3, 3)`` lattice vectors as rows, angstrom, that go with positions, or a list.
            pbc: ``(3,)`` booleans, which of them are periodic, or a list; all by default.
            fields: None that is known.
        """
        return structures_in_memory(data, _CHUNK, numbers=numbers, cell=cell, pbc=pbc, **fields)

    def predict_chunk(self, chunk: PointCloudSet, name: str, batch_size: int) -> PredictionChunk:
        """The targets of some structures as files have them: a symmetric matrix in nine numbers."""
        values = torch.cat(list(self(chunk, batch_size=batch_size, name=name)))
        parts = zip(self.targets, torch.split(values, [target.dim for target in self.targets], 1), strict=True)
        arrays = {target.name: (to_matrices(part) if target.cartesian else part).numpy() for target, part in parts}
        if self.model.per_atom:
            ends = chunk.offsets[1:-1].numpy()
            return PredictionChunk(
                chunk.names, {}, {name: np.split(rows, ends) for name, rows in arrays.items()}, chunk
            )
        return PredictionChunk(chunk.names, arrays, {}, chunk)

    @property
    def columns(self) -> Mapping[str, tuple[str, ...]]:
        """The names of the numbers of each target."""
        return {target.name: target.columns for target in self.targets}

    @contextmanager
    def open_writer(self, path: Path, suffix: str) -> Iterator[PropertyWriter]:
        """A table, or structures with their properties."""
        with path.open("w", encoding="utf-8", newline="") as file:
            yield PropertyWriter(file, suffix, self.targets)


def _symbol(number: int) -> str:
    return CHEMICAL_SYMBOLS[number]
