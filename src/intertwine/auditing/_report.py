"""Report of an audit: the results as text, JSON and HTML."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from intertwine.auditing._html import html_page
from intertwine.auditing._results import AuditResult, AuditRun, EquivarianceError
from intertwine.auditing._text import failure, table


@dataclass(frozen=True)
class Report(AuditResult):
    """Results of an audit. ``str(report)`` is the table; the first dtype gives the verdict."""

    def check(self, tolerance: float | Mapping[str, float] | None = None) -> None:
        """Raise unless every error is within the tolerance.

        Args:
            tolerance: The largest relative error that passes, by dtype or condition ("float64", "float64, train") if a
                mapping; the tolerance of the report by default.

        Raises:
            EquivarianceError: If an error is above the tolerance, or an output is not finite, or always zero. One
                line with the error, the law, the first failing layer and the worst element.
        """
        for run in self.runs:
            if isinstance(tolerance, Mapping):
                limit = tolerance.get(run.label, tolerance.get(run.dtype, self.tolerance))
            else:
                limit = self.tolerance if tolerance is None else tolerance
            if not run.passes(limit):
                raise EquivarianceError(failure(self, run, limit))

    def __str__(self) -> str:
        return table(self)

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON values; an error that is not finite is null."""
        runs = [_run_values(run) for run in self.runs]
        values: dict[str, Any] = _json_values(
            {
                "format": "intertwine-audit-1",
                "name": self.name,
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
                "remarks": self.remarks,
                "runs": runs,
            }
        )
        return values

    def to_json(self, path: str | Path | None = None) -> str:
        """The report as JSON.

        Args:
            path: File to write as well, if given.

        Returns:
            The text.
        """
        return _write(json.dumps(self.to_dict(), indent=2, allow_nan=False) + "\n", path)

    def to_html(self, path: str | Path | None = None, *, origin: Sequence[tuple[str, str]] = ()) -> str:
        """The report as one self-contained HTML page with plots; needs matplotlib (``pip install intertwine[report]``).

        Args:
            path: File to write as well, if given.
            origin: Rows of a table at the end about where the report comes from: labels and texts.

        Returns:
            The text.

        Raises:
            ValueError: If matplotlib is not installed.
        """
        return _write(html_page(self, origin), path)


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
