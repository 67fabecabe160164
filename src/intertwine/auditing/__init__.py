"""Whether, where and by how much a function breaks its symmetry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from intertwine.auditing._audit import audit
from intertwine.auditing._audited_module import FunctionError
from intertwine.auditing._html import html_section
from intertwine.auditing._report import ElementError, EquivarianceError, Report, LayerError, AuditRun

if TYPE_CHECKING:
    from intertwine.auditing._callback import DriftLogger

__all__ = [
    "DriftLogger",
    "ElementError",
    "EquivarianceError",
    "FunctionError",
    "Report",
    "LayerError",
    "AuditRun",
    "audit",
    "html_section",
]


def __getattr__(name: str) -> Any:
    if name == "DriftLogger":
        from intertwine.auditing._callback import DriftLogger

        return DriftLogger
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
