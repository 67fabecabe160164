"""Results of an audit: errors by layer, law, group element and condition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite


class EquivarianceError(AssertionError):
    """A function is not equivariant within the tolerance."""


@dataclass(frozen=True)
class LayerError:
    """Error statistics of one layer under one law.

    Attributes:
        name: The layer's name, "output" for the whole function.
        law: "rotation", "translation", "permutation", or "all" for the product.
        max_error: The largest relative error; infinite when a number is not finite.
        mean_error: The mean relative error.
        worst: Description of the worst element.
        zero: Whether the output was always zero, so that the error is meaningless.
        components: The largest error of each irrep or other component, by name.
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
        """The name of the component with the largest error; empty if there is only one."""
        return max(self.components, key=lambda component: component[1])[0] if self.components else ""


@dataclass(frozen=True)
class ElementError:
    """Error of the whole function under one element, with its rotation angle in degrees, or None."""

    law: str
    error: float
    angle: float | None
    improper: bool


@dataclass(frozen=True)
class AuditRun:
    """Errors under one condition (dtype, training mode, execution mode, values or gradients).

    Attributes:
        dtype: "float32", "float64", ...
        output: The whole function, one entry for each law.
        layers: The layers that declare ``rep_out``, in order of execution, one entry for each law.
        elements: The error of each sampled element.
        repeat_error: Relative difference of two calls on the same input: nonzero if the function is random.
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
        """The condition as text: "float32", "float64, train, compiled, gradient"."""
        words = [self.dtype, *(word for word in (self.mode, self.execution) if word not in ("eval", "eager"))]
        return ", ".join([*words, "gradient"] if self.gradient else words)

    @property
    def max_error(self) -> float:
        """The largest error of the whole function under any law."""
        return max(row.max_error for row in self.output)

    @property
    def zero(self) -> bool:
        """Whether the output was always zero, which proves nothing."""
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
class AuditResult:
    """Errors of a function and of its layers under every condition; the first dtype gives the verdict.

    Attributes:
        name: The name of the audited function.
        symbols: The laws that were measured, with their symbols, ``{"rotation": "O(3)", ..., "all": "O(3) x T"}``.
        samples: Number of random elements.
        seed: Random seed of the inputs and elements.
        tolerance: The largest relative error that passes.
        runs: One for each dtype, training mode and execution mode, and of the gradients.
        remarks: Notes on the inputs, shown under the table.
    """

    name: str
    symbols: Mapping[str, str]
    samples: int
    seed: int
    tolerance: float
    runs: tuple[AuditRun, ...]
    remarks: tuple[str, ...] = ()

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
        """The layers that declare ``rep_out``, in order of execution, one entry for each law, in the first dtype."""
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
        """The largest error that interpolation alone explains, 0 for exact actions; smaller ones cannot be resolved."""
        return max(row.control for run in self.runs for row in run.output)

    @property
    def output(self) -> tuple[LayerError, ...]:
        """The whole function, one entry for each law, in the first dtype."""
        return self.runs[0].output

    @property
    def worst(self) -> str:
        """Description of the worst element."""
        return max(self.output, key=lambda row: row.max_error).worst

    @property
    def passed(self) -> bool:
        """Whether every run is finite, not zero, and within ``tolerance``."""
        return all(run.passes(self.tolerance) for run in self.runs)
