"""Checks of options that several commands share."""

from __future__ import annotations

import math

from intertwine._errors import UsageError
from intertwine.tasks import check_source


def check_positive(flag: str, value: float) -> None:
    """Raise unless a number is positive and finite."""
    if not (math.isfinite(value) and value > 0):
        raise UsageError(f"{flag} expects a positive number, got {value}")


def check_data(data: str | None) -> None:
    """Raise unless the data exist; None is accepted."""
    if data is not None:
        check_source(data)
