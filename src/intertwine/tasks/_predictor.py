"""The base class of trained models in use: evaluate, audit and predict, whatever the application."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar, overload

import torch
from torch import Tensor, nn

from intertwine._errors import UsageError
from intertwine._progress import ProgressCallback, no_progress
from intertwine.auditing import Report, audit
from intertwine.data import Split
from intertwine.tasks._exported import ExportResult, write_exported
from intertwine.tasks._output import check_output, check_prediction_output, output_file, output_folder
from intertwine.tasks._results import (
    AuditSettings,
    Evaluation,
    Examples,
    PredictionChunk,
    PredictionResult,
    PredictionWriter,
    check_finite_predictions,
)
from intertwine.tasks._source import PUBLIC, check_source, check_still_there, progress_unit, resolve
from intertwine.tasks._suggestions import unknown

if TYPE_CHECKING:
    from intertwine.training import Checkpoint


ModelT = TypeVar("ModelT", bound=nn.Module)
ExamplesT = TypeVar("ExamplesT", bound=Examples)


class Predictor(ABC, Generic[ModelT, ExamplesT]):
    """A trained model with everything that turns data into its inputs and its outputs into answers.

    What is the same in every application stands here. A subclass says how its model is built, how examples are read,
    measured and turned into inputs of the model, and how predictions are made and written.

    Args:
        model: The model; it is put into evaluation mode.
        config: The configuration of its run.
        split: The split of its run.
    """

    suffixes: ClassVar[tuple[str, ...]]
    """What predictions may be written as, the default first; an empty one is a folder."""
    batch_size: ClassVar[int]
    """How many examples at a time, by default."""
    audit_batch_size: ClassVar[int]
    """How many examples there are in each input of an audit."""
    kind: ClassVar[str] = "structures"
    """What examples are called."""
    public: ClassVar[tuple[str, ...]] = PUBLIC
    """The public sets that it can read."""
    protocols: ClassVar[tuple[str, ...]] = ()
    """The ways of evaluating that `evaluate` tells apart."""
    export_formats: ClassVar[tuple[str, ...]] = ("torch", "onnx")
    """What the model may be exported as."""

    def __init__(self, model: ModelT, config: dict[str, Any], split: Split) -> None:
        self.config, self.split = config, split
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model = model.to(self.device).eval()

    @classmethod
    def from_checkpoint(cls, checkpoint: Checkpoint) -> Self:
        """The predictor of a checkpoint.

        Raises:
            UsageError: The weights do not fit the configuration.
        """
        try:
            data, split = checkpoint.config["data"], Split.from_json(checkpoint.split)
            if not isinstance(data["source"], str) or not isinstance(data["given"], str):
                raise TypeError("the data have no name")
            with torch.random.fork_rng(devices=[]):
                model = cls.build_model(checkpoint.config)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise UsageError(f"{checkpoint.folder}: its configuration is not one of this version: {error!r}") from error
        checkpoint.load_into(model)
        return cls(model, checkpoint.config, split)

    # What an application says.

    @classmethod
    @abstractmethod
    def build_model(cls, config: dict[str, Any]) -> ModelT:
        """The model that a configuration describes, with initial weights."""

    @abstractmethod
    def read(self, source: str | None, progress: ProgressCallback) -> ExamplesT:
        """Examples with known answers.

        Args:
            source: A path or the name of a public set; None for the data of the run, which must be what they were.
            progress: Called while they are read.

        Raises:
            UsageError: They cannot be read, or have other classes or quantities than the run.
        """

    @abstractmethod
    def measure(
        self,
        examples: ExamplesT,
        name: str,
        *,
        batch_size: int | None = None,
        seed: int = 0,
        progress: ProgressCallback = no_progress,
        protocols: Sequence[str] = (),
    ) -> Evaluation:
        """Compare the predictions for examples with their known answers; arguments as those of `evaluate`."""

    @abstractmethod
    def audit_inputs(self, examples: ExamplesT, name: str) -> Sequence[Any]:
        """The inputs of `audited_module` for examples, in float64, `audit_batch_size` at a time."""

    @abstractmethod
    def stream(self, data: str, batch_size: int, *, strict: bool) -> Iterator[Any]:
        """The examples of files in chunks for `predict_chunk`; memory does not grow with their number.

        Raises:
            UsageError: There is nothing to read; or, if strict, at the first file that cannot be read.
        """

    @abstractmethod
    def from_memory(self, data: Any, batch_size: int, **fields: Any) -> Iterator[Any]:
        """Examples that the caller holds, in chunks for `predict_chunk`.

        Args:
            data: Positions or objects, of one example or a list of them.
            batch_size: How many of them at a time.
            fields: What belongs to the positions, by name.

        Raises:
            UsageError: They are not what the model takes.
        """

    @abstractmethod
    def predict_chunk(self, chunk: Any, name: str, batch_size: int) -> PredictionChunk:
        """The predictions for a chunk; `name` is that of the data, for errors."""

    @abstractmethod
    def open_writer(self, path: Path, suffix: str) -> AbstractContextManager[PredictionWriter]:
        """A writer of predictions in the format of a suffix."""

    # What an application may say.

    @property
    def columns(self) -> Mapping[str, tuple[str, ...]]:
        """For arrays of `predict`, what the entries of the last axis are called."""
        return {}

    @property
    def audited_module(self) -> nn.Module:
        """The part of the model whose equivariance is measured; it has `action_in` and `action_out`."""
        return self.model

    @property
    def claims_symmetry(self) -> bool:
        """Whether the audited module is meant to pass."""
        return True

    def export_module(self) -> tuple[nn.Module, Tensor]:
        """An ordinary module of torch with the model's outputs, and an example of its input, two at once.

        Raises:
            UsageError: The task has no export.
        """
        raise UsageError(
            f"models on {self.kind} are not exported; those of the tasks images, classify, segment and potential are"
        )

    def audit_note(self, examples: ExamplesT) -> str:
        """What to say of the inputs of an audit, where they are not the examples as they are; else empty."""
        return ""

    def check_protocols(self, protocols: Sequence[str]) -> None:
        """Raise a `UsageError` unless `evaluate` knows these protocols; nothing is read for it."""
        if protocols and not self.protocols:
            raise UsageError(f"--protocol {protocols[0]}: this task has one way of evaluating only, and no protocols")
        for name in protocols:
            if name not in self.protocols:
                raise unknown("protocol", name, self.protocols)

    def test_examples(self, examples: ExamplesT) -> ExamplesT:
        """Of the data of the run, the test split."""
        return examples.select(self.split.test)

    # What every predictor does.

    def progress_unit(self, data: str | Path | None) -> str:
        """What `progress` counts while these data are read."""
        return progress_unit(self.config["data"]["source"] if data is None else str(data))

    def load(self, data: str | Path | None = None, progress: ProgressCallback = no_progress) -> tuple[ExamplesT, str]:
        """Examples with known answers and their name: all of `data`, or the test split of the data of the run.

        Args:
            data: A path or the name of a public set; None for the data of the run.
            progress: Called while they are read.

        Raises:
            UsageError: They cannot be read, or there are none, or they do not fit the model.
        """
        own = self.config["data"]
        if data is not None:
            check_source(str(data), self.public)
            if resolve(str(data)) != own["source"]:
                return self.read(str(data), progress), str(data)
        check_still_there(own["source"], "pass other data, all of which is then used (DATA after the checkpoint)")
        check_source(own["source"], self.public)
        if not len(self.split.test):
            raise UsageError(f"the split of {own['given']} left no {self.kind} for the test; pass other data")
        return self.test_examples(self.read(None, progress)), f"test split of {own['given']}"

    def evaluate(
        self,
        data: str | Path | None = None,
        *,
        batch_size: int | None = None,
        seed: int = 0,
        progress: ProgressCallback = no_progress,
        protocols: Sequence[str] = (),
    ) -> Evaluation:
        """Compare predictions with known answers: those of `data`, or of the test split of the data of the run.

        Args:
            data: As for `load`.
            batch_size: Examples at a time.
            seed: Of the random rotations.
            progress: Called while data are read, then with how many predictions are made.
            protocols: Names that the task gives to ways of evaluating; all when empty.

        Raises:
            UsageError: As for `load`; or there is no such protocol.
        """
        self.check_protocols(protocols)
        examples, name = self.load(data, progress)
        return self.measure(examples, name, batch_size=batch_size, seed=seed, progress=progress, protocols=protocols)

    def audit(self, data: str | Path | None = None, settings: AuditSettings | None = None) -> Report:
        """Measure the equivariance of the model on real examples.

        Args:
            data: As for `load`.
            settings: The size of the audit.
        """
        settings = settings or AuditSettings()
        examples, name = self.load(data)
        generator = torch.Generator().manual_seed(settings.seed)
        order = torch.randperm(len(examples), generator=generator)[: settings.inputs * self.audit_batch_size]
        selected = examples.select(order)
        inputs, note = self.audit_inputs(selected, name), self.audit_note(selected)
        module: Any = self.audited_module
        report = audit(
            module, module.action_in, module.action_out, inputs=inputs, samples=settings.samples, seed=settings.seed
        )
        return replace(report, remarks=(note,) if note else ())

    @overload
    def predict(
        self,
        data: Any,
        *,
        output: None = None,
        force: bool = False,
        batch_size: int | None = None,
        progress: ProgressCallback = no_progress,
        strict: bool = False,
        **fields: Any,
    ) -> PredictionResult: ...

    @overload
    def predict(
        self,
        data: Any,
        *,
        output: str | Path,
        force: bool = False,
        batch_size: int | None = None,
        progress: ProgressCallback = no_progress,
        strict: bool = False,
        **fields: Any,
    ) -> int: ...

    def predict(
        self,
        data: Any,
        *,
        output: str | Path | None = None,
        force: bool = False,
        batch_size: int | None = None,
        progress: ProgressCallback = no_progress,
        strict: bool = False,
        **fields: Any,
    ) -> PredictionResult | int:
        """Predictions for files, folders, tensors or objects.

        Args:
            data: A path, the name of a public set, or examples as `from_memory` takes them.
            output: Where to write them, chunk by chunk: memory does not grow with their number.
            force: Whether an existing file may be replaced.
            batch_size: Examples at a time.
            progress: Called with how many predictions are made; the total is not known.
            strict: Whether a file that cannot be read is an error; else it is named and skipped where that makes sense.
            fields: What belongs to tensors, by name: `numbers=` of atoms, `normals=` of points.

        Returns:
            The predictions; where they are written, how many there are.

        Raises:
            UsageError: The data or the output are not what was expected.
        """
        size = batch_size or self.batch_size
        name = str(data) if isinstance(data, str | os.PathLike) else None
        if output is not None:
            self.check_output(Path(output), force=force, source=name)
        if name is None:
            chunks = self.from_memory(data, size, **fields)
        elif fields:
            raise UsageError(f"{', '.join(fields)} belong to tensors; {name} is a file or folder, which has its own")
        else:
            check_source(name, self.public)
            chunks = self.stream(name, size, strict=strict)
        predictions = self._predicted(chunks, name or "data", size, progress)
        if output is None:
            return PredictionResult(list(predictions), self.columns, self._write)
        return self._write(predictions, Path(output), force)

    def export(self, path: str | Path, format: str = "torch", *, force: bool = False) -> ExportResult:
        """Write the model as a file that other programs run, and audit it from the file.

        Args:
            path: The file.
            format: "torch", to be loaded by `torch.export.load`, or "onnx".
            force: Whether an existing file may be replaced.

        Raises:
            UsageError: The task has no export, or not in this format; or the file cannot be written.
        """
        if format not in self.export_formats:
            raise UsageError(f"--format of models on {self.kind} is {' or '.join(self.export_formats)}, got {format}")
        check_output(Path(path), force=force)
        return self.write_export(Path(path), format, force=force)

    def write_export(self, path: Path, format: str, *, force: bool) -> ExportResult:
        """What `export` does once format and path are checked: here, to write `export_module`."""
        ordinary, example = self.export_module()
        claims = self.claims_symmetry
        return write_exported(self.model.cpu(), ordinary, example, path, format, claims=claims, force=force)

    def _predicted(
        self, chunks: Iterable[Any], name: str, batch_size: int, progress: ProgressCallback
    ) -> Iterator[PredictionChunk]:
        done = 0
        for chunk in chunks:
            predictions = self.predict_chunk(chunk, name, batch_size)
            check_finite_predictions(predictions, name)
            del chunk
            done += len(predictions.names)
            yield predictions
            progress(done, None)

    def _write(self, predictions: Iterable[PredictionChunk], path: Path, force: bool) -> int:
        suffix, done = self.check_output(path, force=force), 0
        place = output_file(path, force=force) if suffix else output_folder(path)
        with place as part, self.open_writer(part, suffix) as writer:
            for chunk in predictions:
                writer.write(chunk)
                done += len(chunk.names)
        return done

    def check_output(self, path: Path, *, force: bool = False, source: str | None = None) -> str:
        """The suffix of a file of predictions; raises, before any work is done, if it could not be written.

        Args:
            path: The file or folder to write.
            force: Whether an existing file may be replaced.
            source: The data that are read for it.

        Raises:
            UsageError: The format is not known, or the path cannot be written.
        """
        suffix = path.suffix.lower()
        if suffix not in self.suffixes:
            known = ", ".join(name or "nothing (a folder)" for name in self.suffixes)
            raise UsageError(f'no format "{path.suffix}" of predictions; expected --output to end in one of {known}')
        check_prediction_output(path, source, force=force)
        return suffix
