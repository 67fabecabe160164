"""The exit code of runs."""

from __future__ import annotations

INTERRUPTED = 130
"""The exit code of a run that was interrupted and can go on."""
