"""Results of a trained model: evaluations, audit settings, and predictions with named arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Self

from intertwine._errors import UsageError

if TYPE_CHECKING:
    import numpy.typing as npt
    from torch import Tensor


class Examples(Protocol):
    """A set of examples with known answers."""

    def __len__(self) -> int: ...

    def select(self, indices: Tensor | Sequence[int]) -> Self:
        """These examples, in this order."""


@dataclass(frozen=True)
class Evaluation:
    """A table for people and the same figures for programs.

    Attributes:
        columns: Headings; the first column names the rows.
        rows: Cells as text.
        metrics: JSON, written beside the checkpoint.
        notes: Lines worth saying under the table.
        details: Further tables, such as one with a row for each class: headings and cells.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    metrics: dict[str, Any]
    notes: tuple[str, ...] = field(default=())
    details: tuple[tuple[tuple[str, ...], tuple[tuple[str, ...], ...]], ...] = field(default=())


@dataclass(frozen=True)
class AuditSettings:
    """The size of an audit: `samples` group elements on each of `inputs` batches of examples."""

    samples: int = 32
    inputs: int = 2
    seed: int = 0


class PredictionChunk(NamedTuple):
    """The predictions for some examples.

    names: of the examples; arrays: name -> one row for each example; ragged: name -> one array for each example, where
    they differ in length; examples: what was predicted for, as writers need it.
    """

    names: Sequence[str]
    arrays: Mapping[str, npt.NDArray[Any]]
    ragged: Mapping[str, Sequence[npt.NDArray[Any]]]
    examples: Any


def check_finite_predictions(chunk: PredictionChunk, source: str) -> None:
    """Raise if a prediction is NaN or infinite.

    Args:
        chunk: The predictions.
        source: The name of the data.

    Raises:
        UsageError: The first example with such a prediction.
    """
    import numpy as np

    for key, rows in (*chunk.arrays.items(), *chunk.ragged.items()):
        for name, row in zip(chunk.names, rows, strict=True):
            if np.asarray(row).dtype.kind == "f" and not np.isfinite(row).all():
                raise not_finite(source, name, key)


def not_finite(source: str, name: str, key: str) -> UsageError:
    """The error for a prediction that is NaN or infinite."""
    return UsageError(
        f"{source}, {name}: the prediction of {key} is not finite; look for extreme or coincident coordinates there, "
        "or leave it out"
    )


class PredictionWriter(Protocol):
    """A file or folder that takes predictions chunk by chunk."""

    def write(self, chunk: PredictionChunk) -> None:
        """Write the predictions for some more examples."""


class PredictionResult(Mapping[str, Any]):
    """Predictions in memory: a mapping from names to arrays.

    An array has one row for each example; where examples differ in size it is a list with one array for each.

    Args:
        chunks: The predictions.
        columns: name -> what the entries of the last axis of that array are called.
        save: Writes chunks to a path, replacing a file if told to; `Predictor.predict` gives it.

    >>> import numpy as np
    >>> chunk = PredictionChunk(["a.ply"], {"class": np.array(["chair"])}, {}, None)
    >>> result = PredictionResult([chunk], {}, lambda chunks, path, force: 1)
    >>> len(result.names), result["class"].tolist()
    (1, ['chair'])
    """

    def __init__(
        self,
        chunks: Sequence[PredictionChunk],
        columns: Mapping[str, tuple[str, ...]],
        save: Callable[[Iterable[PredictionChunk], Path, bool], int],
    ) -> None:
        self._chunks, self._save = list(chunks), save
        self.columns = dict(columns)
        self.names = [name for chunk in self._chunks for name in chunk.names]

    def __getitem__(self, key: str) -> Any:
        import numpy as np

        if key not in self._keys():
            raise KeyError(f"no array {key!r}; there are {', '.join(self._keys())}")
        if key in self._chunks[0].arrays:
            return np.concatenate([chunk.arrays[key] for chunk in self._chunks])
        return [array for chunk in self._chunks for array in chunk.ragged[key]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys())

    def __len__(self) -> int:
        return len(self._keys())

    def __repr__(self) -> str:
        return f"PredictionResult({len(self.names):,} examples: {', '.join(self._keys())})"

    def _keys(self) -> list[str]:
        return [*self._chunks[0].arrays, *self._chunks[0].ragged] if self._chunks else []

    def write(self, path: str | Path, *, force: bool = False) -> Path:
        """Write the predictions to a file or folder, as `intertwine predict --output` does.

        Args:
            path: Its suffix says how.
            force: Whether an existing file may be replaced.

        Returns:
            The path.

        Raises:
            UsageError: The format is not known, or the path cannot be written.
        """
        self._save(self._chunks, Path(path), force)
        return Path(path)
