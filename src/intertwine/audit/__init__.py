"""Whether, where and by how much a function breaks its symmetry."""

from intertwine.audit._audit import audit
from intertwine.audit._html import html_section
from intertwine.audit._report import Element, EquivarianceError, Report, Row, Run

__all__ = ["Element", "EquivarianceError", "Report", "Row", "Run", "audit", "html_section"]
