"""Whether, where and by how much a function breaks its symmetry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from intertwine.audit._audit import audit
from intertwine.audit._html import html_section
from intertwine.audit._report import Element, EquivarianceError, Report, Row, Run
from intertwine.audit._subject import FunctionError

if TYPE_CHECKING:
    from intertwine.audit._callback import DriftLogger

__all__ = [
    "DriftLogger",
    "Element",
    "EquivarianceError",
    "FunctionError",
    "Report",
    "Row",
    "Run",
    "audit",
    "html_section",
]


def __getattr__(name: str) -> Any:
    if name == "DriftLogger":
        from intertwine.audit._callback import DriftLogger

        return DriftLogger
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
