"""Comparison of encoders with baselines on one split: what `intertwine demo` runs."""

from intertwine.tasks.properties.comparison._compare import (
    ANGLES,
    Arm,
    ArmResult,
    compare,
    count_parameters,
    matched_width,
)
from intertwine.tasks.properties.comparison._page import comparison_table, write_page

__all__ = [
    "ANGLES",
    "Arm",
    "ArmResult",
    "compare",
    "comparison_table",
    "count_parameters",
    "matched_width",
    "write_page",
]
