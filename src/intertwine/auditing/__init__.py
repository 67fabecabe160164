"""Measurement of the equivariance error of a function, of its layers and of its gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from intertwine.auditing._audit import audit
from intertwine.auditing._audited_module import FunctionError
from intertwine.auditing._conditions import ExecutionMode, TrainingMode
from intertwine.auditing._declarations import Declaration, declaration, required_parameters, stated
from intertwine.auditing._html import html_section
from intertwine.auditing._report import Report
from intertwine.auditing._results import AuditResult, AuditRun, ElementError, EquivarianceError, LayerError

if TYPE_CHECKING:
    from intertwine.auditing._callback import DriftLogger

__all__ = [
    "AuditResult",
    "AuditRun",
    "Declaration",
    "DriftLogger",
    "ElementError",
    "EquivarianceError",
    "ExecutionMode",
    "FunctionError",
    "LayerError",
    "Report",
    "TrainingMode",
    "audit",
    "declaration",
    "html_section",
    "required_parameters",
    "stated",
]


def __getattr__(name: str) -> Any:
    if name == "DriftLogger":
        from intertwine.auditing._callback import DriftLogger

        return DriftLogger
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
