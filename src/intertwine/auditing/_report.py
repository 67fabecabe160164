"""What an audit found, as values and as text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import isfinite
from pathlib import Path
from typing import Any


class EquivarianceError(AssertionError):
    """A function does not obey the law that it was asked for."""


@dataclass(frozen=True)
class LayerError:
    """One layer under one law.

    Attributes:
        name: The layer's name, "output" for the whole function.
        law: "rotation", "translation", "permutation", or "all" for the three at once.
        max_error: The largest relative error; infinite when a number is not finite.
        mean_error: The mean relative error.
        worst: The worst element in words.
        zero: Whether the output was zero each time, so that the error says nothing.
        components: The largest error of each irrep, or of each other part that is judged by itself, by name.
        control: The largest error that interpolation alone explains; it is subtracted from the others.
    """

    name: str
    law: str
    max_error: float
    mean_error: float
    worst: str
    zero: bool = False
    components: tuple[tuple[str, float], ...] = ()
    control: float = 0.0

    @property
    def worst_component(self) -> str:
        """The name of the part with the largest error; empty if there is but one."""
        return max(self.components, key=lambda part: part[1])[0] if self.components else ""


@dataclass(frozen=True)
class ElementError:
    """The error of the whole function under one element; its rotation angle in degrees, None when it has none."""

    law: str
    error: float
    angle: float | None
    improper: bool


@dataclass(frozen=True)
class AuditRun:
    """The audit under one condition.

    Attributes:
        dtype: "float32", "float64", ...
        output: The whole function, a row for each law.
        layers: The layers that declare their output, in order of execution, a row for each law.
        elements: Each element that was tried.
        repeat_error: Relative difference of two calls on the same input: not zero when the function is random.
        mode: "eval" or "train".
        execution: "eager", "compiled" or "exported".
        gradient: Whether gradients were compared, not values.
    """

    dtype: str
    output: tuple[LayerError, ...]
    layers: tuple[LayerError, ...]
    elements: tuple[ElementError, ...]
    repeat_error: float
    mode: str = "eval"
    execution: str = "eager"
    gradient: bool = False

    @property
    def label(self) -> str:
        """The condition in words: "float32", "float64, train, compiled, gradient"."""
        words = [self.dtype, *(word for word in (self.mode, self.execution) if word not in ("eval", "eager"))]
        return ", ".join([*words, "gradient"] if self.gradient else words)

    @property
    def max_error(self) -> float:
        """The largest error of the whole function under any law."""
        return max(row.max_error for row in self.output)

    @property
    def zero(self) -> bool:
        """Whether the whole function was zero each time: then nothing is proved."""
        return all(row.zero for row in self.output)

    @property
    def finite(self) -> bool:
        """Whether every output was finite."""
        return isfinite(self.max_error)

    def passes(self, tolerance: float) -> bool:
        """Whether the whole function is finite, not zero, and within the tolerance."""
        return self.finite and not self.zero and self.max_error <= tolerance

    def first_failing(self, tolerance: float) -> LayerError | None:
        """The first layer in order of execution above the tolerance, under the simplest law that fails."""
        return next((row for row in self.layers if not row.max_error <= tolerance), None)


@dataclass(frozen=True)
class Report:
    """What an audit found. ``str(report)`` is the table; the first dtype gives the verdict.

    Attributes:
        audited: The name of what was audited.
        symbols: The laws that were measured and how they are written, ``{"rotation": "O(3)", ..., "all": "O(3) x T"}``.
        samples: How many random elements.
        seed: Their seed.
        tolerance: The largest relative error that passes.
        runs: One for each dtype, mode and form, and of the gradients.
    """

    audited: str
    symbols: Mapping[str, str]
    samples: int
    seed: int
    tolerance: float
    runs: tuple[AuditRun, ...]

    @property
    def max_error(self) -> float:
        """The largest relative error of the whole function under any law, in the first dtype."""
        return self.runs[0].max_error

    @property
    def errors(self) -> dict[str, float]:
        """The largest relative error under each condition: "float32", "float64, train", "float32, gradient"."""
        return {run.label: run.max_error for run in self.runs}

    @property
    def laws(self) -> dict[str, float]:
        """The largest relative error under each law, in the first dtype."""
        return {row.law: row.max_error for row in self.runs[0].output}

    @property
    def layers(self) -> tuple[LayerError, ...]:
        """The layers that declare what they return, in order of execution, a row for each law, in the first dtype."""
        return self.runs[0].layers

    @property
    def irreps(self) -> dict[str, float]:
        """The largest relative error of each irrep of the output over all runs; empty if there is but one."""
        found: dict[str, float] = {}
        for row in (row for run in self.runs for row in run.output):
            found.update({name: max(error, found.get(name, 0.0)) for name, error in row.components})
        return found

    @property
    def control(self) -> float:
        """The largest error that interpolation alone explains: what is smaller cannot be seen. 0 where all is exact."""
        return max(row.control for run in self.runs for row in run.output)

    @property
    def output(self) -> tuple[LayerError, ...]:
        """The whole function, a row for each law, in the first dtype."""
        return self.runs[0].output

    @property
    def worst(self) -> str:
        """The worst element in words."""
        return max(self.output, key=lambda row: row.max_error).worst

    @property
    def passed(self) -> bool:
        """Whether every run is finite, not zero, and within ``tolerance``."""
        return all(run.passes(self.tolerance) for run in self.runs)

    def check(self, tolerance: float | Mapping[str, float] | None = None) -> None:
        """Raise unless the law holds.

        Args:
            tolerance: The largest relative error that passes, by dtype or condition ("float64", "float64, train") if a
                mapping; the report's own by default.

        Raises:
            EquivarianceError: If an error is above the tolerance, or an output is not finite, or all of it is zero. One
                line with the error, the law, the first failing layer and the worst element.
        """
        from intertwine.auditing._text import failure

        for run in self.runs:
            if isinstance(tolerance, Mapping):
                limit = tolerance.get(run.label, tolerance.get(run.dtype, self.tolerance))
            else:
                limit = self.tolerance if tolerance is None else tolerance
            if not run.passes(limit):
                raise EquivarianceError(failure(self, run, limit))

    def __str__(self) -> str:
        from intertwine.auditing._text import table

        return table(self)

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON values; an error that is not finite is null."""
        runs = [_run_values(run) for run in self.runs]
        values: dict[str, Any] = _json_values(
            {
                "format": "intertwine-audit-1",
                "audited": self.audited,
                "passed": self.passed,
                "max_error": self.max_error,
                "tolerance": self.tolerance,
                "errors": self.errors,
                "laws": self.laws,
                "irreps": self.irreps,
                "control": self.control,
                "symbols": dict(self.symbols),
                "worst": self.worst,
                "samples": self.samples,
                "seed": self.seed,
                "runs": runs,
            }
        )
        return values

    def to_json(self, path: str | Path | None = None) -> str:
        """The report as JSON.

        Args:
            path: Where to write it as well, if given.

        Returns:
            The text.
        """
        return _write(json.dumps(self.to_dict(), indent=2, allow_nan=False) + "\n", path)

    def to_html(self, path: str | Path | None = None) -> str:
        """The report as one self-contained page with its plots; needs matplotlib (``pip install intertwine[report]``).

        Args:
            path: Where to write it as well, if given.

        Returns:
            The text.

        Raises:
            ValueError: If matplotlib is not installed.
        """
        from intertwine.auditing._html import html_page

        return _write(html_page(self), path)


def _run_values(run: AuditRun) -> dict[str, Any]:
    found = {"label": run.label, "max_error": run.max_error, "finite": run.finite, "zero": run.zero}
    values = asdict(run) | found
    for row in (*values["output"], *values["layers"]):
        row["components"] = dict(row["components"])
    return values


def _json_values(value: Any) -> Any:
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _json_values(part) for key, part in value.items()}
    if isinstance(value, tuple | list):
        return [_json_values(part) for part in value]
    return value


def _write(text: str, path: str | Path | None) -> str:
    if path is not None:
        Path(path).write_text(text, encoding="utf-8")
    return text
