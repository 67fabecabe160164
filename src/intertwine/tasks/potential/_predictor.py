"""The predictor of potentials: structures to energies, forces and stresses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from intertwine._errors import UsageError
from intertwine._progress import ProgressCallback, no_progress
from intertwine.auditing import Report
from intertwine.data import CHEMICAL_SYMBOLS, PointCloudSet, Split
from intertwine.models import Potential
from intertwine.tasks._exported import ExportResult
from intertwine.tasks._predictor import Predictor
from intertwine.tasks._results import AuditSettings, Evaluation, PredictionChunk, not_finite
from intertwine.tasks.potential._audit import AuditedPotential, audit_input, finite_difference_run
from intertwine.tasks.potential._dataset import FrameDataset
from intertwine.tasks.potential._evaluation import Outputs, evaluate_errors, frame_errors
from intertwine.tasks.potential._exported import export_potential
from intertwine.tasks.potential._job import build_potential, read_again
from intertwine.tasks.potential._memory import structures_in_memory
from intertwine.tasks.potential._writing import PotentialWriter, Structures
from intertwine.tasks.potential.frames import read_frames, stream_frames

_CHUNK = 100
_EXPORT_ATOMS = 50
"""An export is audited on a structure of at least as many atoms, where there is one."""


class PotentialPredictor(Predictor[Potential, PointCloudSet]):
    """A `Potential` in use. It predicts the energy (S, 1) in eV, the forces in eV/A and the stress in eV/A^3."""

    suffixes: ClassVar[tuple[str, ...]] = (".extxyz", ".xyz")
    batch_size: ClassVar[int] = 16
    export_formats: ClassVar[tuple[str, ...]] = ("torch",)
    audit_batch_size: ClassVar[int] = 2
    kind: ClassVar[str] = "frames"
    public: ClassVar[tuple[str, ...]] = ()

    def __init__(self, model: Potential, config: dict[str, Any], split: Split) -> None:
        super().__init__(model, config, split)
        self.elements = tuple(config["model"]["elements"])
        self.cutoff: float = config["model"]["cutoff"]

    @classmethod
    def build_model(cls, config: dict[str, Any]) -> Potential:
        """The model that a configuration describes."""
        return build_potential(config)

    def __call__(
        self, frames: PointCloudSet, *, batch_size: int = 16, name: str = "", dtype: torch.dtype = torch.float32
    ) -> Iterator[Outputs]:
        """Predictions in eV, eV/A and eV/A^3, float64, a batch of frames at a time.

        Args:
            frames: With numbers and cells.
            batch_size: Frames at a time.
            name: Of the data, for errors.
            dtype: Of the positions.

        Raises:
            UsageError: An element that the model never saw, or a prediction that is not finite.
        """
        self.check_elements(frames, name)
        dataset = FrameDataset(frames, self.cutoff)
        for indices in torch.split(torch.arange(len(frames)), batch_size):
            graphs = dataset.batch(indices, dtype).to(self.device)
            periodic = torch.linalg.det(graphs.cells.double()).abs() > 0
            with torch.enable_grad():
                out = self.model(*graphs[:6], cells=graphs.cells, forces=True, stress=bool(periodic.any()))
            stress = torch.zeros(len(indices), 9) if out.stress is None else out.stress.flatten(1)
            stress = torch.where(periodic[:, None], stress, 0.0)
            values = Outputs(*(part.detach().to("cpu", torch.float64) for part in (out.energy, out.forces, stress)))
            self._check_finite(values, frames, indices, name)
            yield values

    def _check_finite(self, values: Outputs, frames: PointCloudSet, indices: Tensor, name: str) -> None:
        owner = torch.arange(len(indices)).repeat_interleave(frames.counts[indices])
        finite = values.energy.isfinite() & values.stress.isfinite().all(1)
        broken = torch.zeros(len(indices)).index_add_(0, owner, (~values.forces.isfinite().all(1)).float()) > 0
        if bool((~finite | broken).any()):
            raise not_finite(name or "data", frames.names[int(indices[~finite | broken][0])], "energy and forces")

    def check_elements(self, frames: PointCloudSet, name: str) -> None:
        """Raise if a frame has an element that no training frame had."""
        known = frames.composition(self.elements).sum(1) == frames.counts
        if known.all():
            return
        index = int((~known).nonzero()[0])
        begin, end = frames.offsets[index : index + 2].tolist()
        atoms = frames.point_fields["numbers"][begin:end].tolist()
        strange = next(number for number in atoms if number not in self.elements)
        known_symbols = ", ".join(CHEMICAL_SYMBOLS[number] for number in self.elements)
        raise UsageError(
            f"{name or 'data'}, {frames.names[index]}: element {CHEMICAL_SYMBOLS[strange]} was not seen in training; "
            f"this potential knows {known_symbols}"
        )

    def read(self, source: str | None, progress: ProgressCallback) -> PointCloudSet:
        """Frames with known labels."""
        if source is None:
            return read_again(self.config, progress)
        return read_frames([source], self.config["keys"], progress, units=self.config.get("units")).frames

    def outputs(
        self, frames: PointCloudSet, name: str, batch_size: int | None = None, progress: ProgressCallback = no_progress
    ) -> Outputs:
        """The predictions for all frames at once."""
        parts, done = [], 0
        for part in self(frames, batch_size=batch_size or self.batch_size, name=name):
            parts.append(part)
            done += len(part.energy)
            progress(done, len(frames))
        return Outputs(*(torch.cat(values) for values in zip(*parts, strict=True)))

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
        """Errors in meV, meV per atom and meV/A: of all frames, by kind of frame and by element."""
        errors = frame_errors(self.outputs(examples, name, batch_size, progress), examples)
        return evaluate_errors(errors, examples, name)

    @property
    def audited_module(self) -> AuditedPotential:
        """Energies above the references, energies of atoms, forces and, of periodic frames, the stress."""
        return AuditedPotential(self.model, periodic=bool(self.config["found"]["stress"]))

    def audit_inputs(self, examples: PointCloudSet, name: str) -> list[tuple[Any, ...]]:
        """Batches of frames."""
        self.check_elements(examples, name)
        dataset = FrameDataset(examples, self.cutoff)
        return [
            audit_input(dataset.batch(indices, torch.float64))
            for indices in torch.split(torch.arange(len(examples)), self.audit_batch_size)
        ]

    def audit(self, data: str | Path | None = None, settings: AuditSettings | None = None) -> Report:
        """Measure the equivariance of energies and forces, and forces against finite differences of the energy."""
        settings = settings or AuditSettings()
        report = super().audit(data, settings)
        examples, _ = self.load(data)
        graphs = FrameDataset(examples.select([0]), self.cutoff).batch([0], torch.float64)
        return replace(report, runs=(*report.runs, finite_difference_run(self.model.cpu(), graphs, settings.seed)))

    def stream(self, data: str, batch_size: int, *, strict: bool) -> Iterator[Structures]:
        """The structures of a file or folder; one that cannot be read is an error, strict or not."""
        for frames, atoms in stream_frames(data, _CHUNK):
            yield Structures(frames, atoms)

    def from_memory(
        self, data: Any, batch_size: int, *, numbers: Any = None, cell: Any = None, **fields: Any
    ) -> Iterator[Structures]:
        """Structures of tensors or of ase.

        Args:
            data: Positions ``(N, 3)`` in angstrom, or Atoms of ase; or a list of them.
            batch_size: Not looked at.
            numbers: ``(N,)`` atomic numbers that go with positions, or a list.
            cell: ``(3, 3)`` lattice vectors, rows of zeros where a direction is not periodic; or a list.
            fields: None that is known.
        """
        return structures_in_memory(data, _CHUNK, numbers=numbers, cell=cell, **fields)

    def predict_chunk(self, chunk: Structures, name: str, batch_size: int) -> PredictionChunk:
        """Energy, forces, and the stress of structures that are periodic in three directions."""
        frames = chunk.frames
        parts = list(self(frames, batch_size=batch_size, name=name))
        energy, forces, stress = (torch.cat(values) for values in zip(*parts, strict=True))
        ragged = {"forces": [part.numpy() for part in forces.split(frames.counts.tolist())]}
        if bool(stress.any()):
            ragged["stress"] = list(stress.numpy())
        return PredictionChunk(frames.names, {"energy": energy[:, None].numpy()}, ragged, chunk)

    def write_export(self, path: Path, format: str, *, force: bool) -> ExportResult:
        """Write a program from structures to energies, with their gradient.

        Raises:
            UsageError: There are no data to audit it on, or the file cannot be written.
        """
        frames = self.read(None, no_progress)
        largest = int(frames.counts.clamp_max(_EXPORT_ATOMS).argmax())
        graphs = FrameDataset(frames.select([largest]), self.cutoff).batch([0])
        return export_potential(self.model.cpu(), graphs, self.config, path, force=force)

    @property
    def columns(self) -> Mapping[str, tuple[str, ...]]:
        """The names of the components."""
        return {"energy": ("energy",), "forces": ("x", "y", "z")}

    @contextmanager
    def open_writer(self, path: Path, suffix: str) -> Iterator[PotentialWriter]:
        """Structures with their energies, forces and stresses."""
        with path.open("w", encoding="utf-8", newline="") as file:
            yield PotentialWriter(file)
