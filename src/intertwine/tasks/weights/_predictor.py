"""Trained models on networks in use: checkpoints and folders of them to classes and numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from intertwine._errors import UsageError
from intertwine._progress import ProgressCallback, no_progress
from intertwine.data import NetworkSet, Split
from intertwine.nn import Weights, check_weights
from intertwine.tasks._example_metrics import ClassMetrics, Metrics
from intertwine.tasks._predictor import Predictor
from intertwine.tasks._results import Evaluation, PredictionChunk, PredictionWriter, not_finite
from intertwine.tasks._skipped import warn_skipped
from intertwine.tasks._source import resolve
from intertwine.tasks._table_predictions import (
    class_predictions,
    number_predictions,
    open_class_writer,
    open_number_writer,
)
from intertwine.tasks.weights._job import number_of, relative_change
from intertwine.tasks.weights._metrics import RankMetrics
from intertwine.tasks.weights._network import arrays_of, make_network, permuted_weights, weight_space
from intertwine.tasks.weights._options import PROTOCOLS, PUBLIC
from intertwine.tasks.weights._source import (
    check_architecture,
    fit_to_run,
    read,
    read_again,
    stream,
)


class WeightPredictor(Predictor[Any, NetworkSet]):
    """A model on networks in use; arguments as those of `Predictor`."""

    suffixes: ClassVar[tuple[str, ...]] = (".csv",)
    batch_size: ClassVar[int] = 128
    audit_batch_size: ClassVar[int] = 1
    kind: ClassVar[str] = "networks"
    public: ClassVar[tuple[str, ...]] = PUBLIC
    protocols: ClassVar[tuple[str, ...]] = PROTOCOLS

    def __init__(self, model: Any, config: dict[str, Any], split: Split) -> None:
        super().__init__(model, config, split)
        self.space, self.field = weight_space(config), "values" if config["target"]["kind"] == "numbers" else "classes"

    @classmethod
    def build_model(cls, config: dict[str, Any]) -> nn.Module:
        """The model that a configuration describes."""
        return make_network(config)

    def metrics(self) -> Metrics:
        """Metrics to be gathered."""
        return ClassMetrics(self.config["target"]["classes"], self.kind)

    def read(self, source: str | None, progress: ProgressCallback) -> NetworkSet:
        """Networks with known labels, in the classes of the run."""
        if source is None:
            return read_again(self.config, progress)
        networks = read(resolve(source), self.config["target"]["kind"], progress=progress)
        warn_skipped(networks.skipped)
        return fit_to_run(networks, self.config, source)

    @torch.inference_mode()
    def outputs(self, weights: Weights) -> Tensor:
        """The outputs for arrays ``(N, *axes, 1)``, on the CPU."""
        outputs: Tensor = self.model(*(x.to(self.device) for x in weights))
        return outputs.cpu()

    def measure(
        self,
        examples: NetworkSet,
        name: str,
        *,
        batch_size: int | None = None,
        seed: int = 0,
        progress: ProgressCallback = no_progress,
        protocols: Sequence[str] = (),
    ) -> Evaluation:
        """Metrics on networks as given, and with their hidden features permuted at random."""
        given, permuted, change, done = self.metrics(), self.metrics(), 0.0, 0
        for indices in torch.split(torch.arange(len(examples)), batch_size or self.batch_size):
            some = examples.select(indices)
            weights, labels = arrays_of(self.space, some.weights), some.labels[self.field]
            outputs = self.outputs(weights)
            broken = ~outputs.isfinite().all(1)
            if broken.any():
                raise not_finite(name, some.names[int(broken.nonzero()[0])], self.field)
            moved = self.outputs(permuted_weights(self.space, weights, seed))
            given.add(outputs, labels)
            permuted.add(moved, labels)
            change += float(relative_change(moved, outputs).sum())
            done += len(indices)
            progress(done, len(examples))
        found, other, change = given.figures(), permuted.figures(), change / max(len(examples), 1)
        wanted = protocols or PROTOCOLS
        rows = (("as given", *given.cells(found), "-"), ("permuted", *permuted.cells(other), f"{change:.2g}"))
        chosen = tuple(row for row, protocol in zip(rows, PROTOCOLS, strict=True) if protocol in wanted)
        content = {"data": name, "networks": len(examples), "given": found, "permuted": other, "drift": change}
        notes = [f"{len(examples):,} networks ({name})"]
        if "permuted" in wanted:
            notes.append(f"a permutation of hidden features changes the outputs by {100 * change:.2g} % of their norm")
        columns = ("networks", *given.columns, "change of outputs")
        return Evaluation(columns, chosen, content, tuple(notes), given.details(found))

    def audit_inputs(self, examples: NetworkSet, name: str) -> list[Weights]:
        """The arrays of each network in float64."""
        arrays = arrays_of(self.space, examples.weights)
        return [tuple(x[k].double() for x in arrays) for k in range(len(examples))]

    @property
    def claims_symmetry(self) -> bool:
        """Not of a plain model."""
        return bool(self.config["network"]["name"] != "plain")

    def stream(self, data: str, batch_size: int, *, strict: bool) -> Iterator[NetworkSet]:
        """The networks of a file or a folder; files that cannot be used are named at the end."""
        skipped: list[tuple[str, str]] = []
        for chunk in stream(resolve(data), self.config, batch_size, strict=strict):
            skipped += chunk.skipped
            yield chunk
        warn_skipped(skipped)

    def from_memory(self, data: Any, batch_size: int, **fields: Any) -> Iterator[NetworkSet]:
        """Networks of modules or state dicts.

        Args:
            data: A module or state dict, or a list of these.
            batch_size: How many of them at a time.
            fields: None that is known.
        """
        if fields:
            raise UsageError(f"networks have no further fields, got {', '.join(fields)}")
        several = data if isinstance(data, list | tuple) else [data]
        states = [each.state_dict() if isinstance(each, nn.Module) else each for each in several]
        if not states or not all(isinstance(state, Mapping) for state in states):
            raise UsageError(f"expected modules or state dicts, got {type(several[0]).__name__ if several else 'none'}")
        for begin in range(0, len(states), batch_size):
            yield self._in_memory(states[begin : begin + batch_size], begin)

    def _in_memory(self, states: Sequence[Mapping[str, Tensor]], begin: int) -> NetworkSet:
        keys = list(self.config["shapes"])
        names = [str(begin + number) for number in range(1, len(states) + 1)]
        for name, state in zip(names, states, strict=True):
            if any(key not in state for key in keys):
                raise UsageError(f"network {name} has no tensor {next(key for key in keys if key not in state)!r}")
            shapes = {key: state[key][None] for key in keys}
            check_architecture(NetworkSet(shapes), self.config, f"network {name}")
        stacked = {key: torch.stack([state[key].detach().cpu().float() for state in states]) for key in keys}
        return NetworkSet(stacked, names=names)

    def predict_chunk(self, chunk: NetworkSet, name: str, batch_size: int) -> PredictionChunk:
        """The classes of some networks."""
        probabilities = self._chunk_outputs(chunk).softmax(1)
        return class_predictions(list(chunk.names), probabilities, self.config["target"]["classes"])

    def _chunk_outputs(self, chunk: NetworkSet) -> Tensor:
        weights = arrays_of(self.space, chunk.weights)
        check_weights(self.space, weights, 1)
        return self.outputs(weights)


class WeightClassPredictor(WeightPredictor):
    """Predicts the arrays "class" (N,) and "probabilities" (N, classes)."""

    @property
    def columns(self) -> Mapping[str, tuple[str, ...]]:
        """The classes of the probabilities."""
        return {"probabilities": tuple(self.config["target"]["classes"])}

    def open_writer(self, path: Path, suffix: str) -> AbstractContextManager[PredictionWriter]:
        """A table."""
        return open_class_writer(path, self.config["target"]["classes"])


class WeightNumberPredictor(WeightPredictor):
    """Predicts the array "value" (N,), in the unit of the labels."""

    def metrics(self) -> Metrics:
        """Errors and the rank correlation."""
        return RankMetrics(lambda outputs: number_of(outputs, self.config["target"]))

    def predict_chunk(self, chunk: NetworkSet, name: str, batch_size: int) -> PredictionChunk:
        """The numbers of some networks."""
        values = number_of(self._chunk_outputs(chunk), self.config["target"])
        return number_predictions(list(chunk.names), values)

    def open_writer(self, path: Path, suffix: str) -> AbstractContextManager[PredictionWriter]:
        """A table."""
        return open_number_writer(path)


PREDICTORS: dict[str, type[WeightPredictor]] = {"classes": WeightClassPredictor, "numbers": WeightNumberPredictor}
"""By what is predicted."""
