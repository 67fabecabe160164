"""Bounds on the size of dense matrices, which are refused before they are allocated."""

from __future__ import annotations

from math import isqrt, log10

from intertwine._errors import UsageError

LARGEST_ENTRIES = 2**28
"""The most entries of one tensor of matrices: 2 GB in float64."""
LARGEST_DIMENSION = isqrt(LARGEST_ENTRIES)
"""The largest n of an n x n matrix within that: 16,384."""
MOST_DIGITS = 18
"""The most digits of a whole number in a text."""


def show_count(count: int) -> str:
    """A whole number of any size in a few characters: "1,234" or "2.1e+30".

    Example:
        >>> show_count(12345), show_count(3**999)
        ('12,345', '4.4e+476')
    """
    if abs(count) < 10**8:
        return f"{count:,}"
    if abs(count) < 10**300:
        return f"{float(count):.1e}"
    exponent = int(log10(abs(count)))
    return f"{10 ** (log10(abs(count)) - exponent):.1f}e+{exponent}"


def shorten(text: str, length: int = 80) -> str:
    """A text of at most so many characters: the rest is two dots."""
    return text if len(text) <= length else f"{text[: length - 2]}.."


def check_entries(entries: int, what: str) -> None:
    """Refuse a tensor that is too large for the memory.

    Args:
        entries: Its number of entries.
        what: What it is, for the message, in the plural: "the matrices of S_99999".

    Raises:
        UsageError: If it has more than ``LARGEST_ENTRIES``.
    """
    if entries > LARGEST_ENTRIES:
        raise UsageError(
            f"{shorten(what)} have {show_count(entries)} entries, more than the {show_count(LARGEST_ENTRIES)} that fit:"
            " take a smaller group or representation"
        )


def check_digits(text: str) -> None:
    """Refuse a text with a whole number that is too long to be meant.

    Raises:
        UsageError: If a number has more than ``MOST_DIGITS`` digits.
    """
    run = 0
    for letter in text:
        run = run + 1 if letter.isdigit() else 0
        if run > MOST_DIGITS:
            raise UsageError(f"expected numbers of at most {MOST_DIGITS} digits, got one of more")
