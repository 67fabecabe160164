"""Checks of options that several commands share."""

from __future__ import annotations

import math
from pathlib import Path

from intertwine._bounds import show_count
from intertwine._errors import UsageError
from intertwine.tasks import LARGEST_BATCH, LARGEST_SEED, check_output, check_source

LARGEST_AUDIT = 100_000
"""The most random group elements of an audit."""


def check_positive(flag: str, value: float) -> None:
    """Raise unless a number is positive and finite."""
    if isinstance(value, float) and not math.isfinite(value):
        raise UsageError(f"{flag} expects a positive number, got {value}")
    if value <= 0:
        raise UsageError(f"{flag} expects a positive number, got {value}")
    if value > LARGEST_SEED:
        raise UsageError(f"{flag} expects at most {LARGEST_SEED:,}, got {show_count(int(value))}")


def check_samples(value: int) -> None:
    """Raise unless a number of random group elements is one that an audit can draw."""
    if value > LARGEST_AUDIT:
        raise UsageError(f"--samples expects at most {LARGEST_AUDIT:,}, got {show_count(value)}")
    check_positive("--samples", value)


def check_data(data: str | None) -> None:
    """Raise unless the data exist; None is accepted."""
    if data is not None:
        check_source(data)


def check_batch_size(value: int | None) -> None:
    """Raise unless a batch size is one that could be meant; None is accepted."""
    if value is None:
        return
    check_positive("--batch-size", value)
    if value > LARGEST_BATCH:
        raise UsageError(f"--batch-size expects at most {LARGEST_BATCH:,}, got {value}")


def check_seed(value: int) -> None:
    """Raise unless a number can seed the generators."""
    if not 0 <= value <= LARGEST_SEED:
        raise UsageError(f"--seed expects a whole number from 0 to 2^63 - 1, got {value}")


def check_named(flag: str, value: str | None) -> None:
    """Raise if an option that names a file or folder is empty; None is accepted."""
    if value is not None and not value.strip():
        raise UsageError(f'{flag} expects the name of a file or folder, got "{value}"')


def check_file_output(output: str, *, force: bool) -> None:
    """Raise unless a file can be written at the end."""
    check_named("--output", output)
    check_output(Path(output), force=force)
