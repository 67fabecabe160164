"""Direct sums as text: terms MULTIPLICITYxIRREP joined by +, such as "8x0e + 4x1o"."""

from __future__ import annotations

import re
from collections.abc import Iterator

from intertwine._bounds import check_digits
from intertwine._errors import UsageError

ANY_IRREP = r"[^\s+]+"
"""Pattern of the name of an irrep of any group."""
SPHERICAL_IRREP = r"\d+[eo]"
"""Pattern of the name of an irrep of O(3): its degree, and "e" or "o" for its parity."""


def read_terms(text: str, irrep: str = ANY_IRREP, example: str = "4x1o") -> Iterator[tuple[int, str]]:
    """The terms of a direct sum as (copies, name of the irrep), in order; nothing for an empty text.

    Args:
        text: Terms joined by +; blanks are allowed, and "1x" may be left out.
        irrep: Pattern of the name of an irrep.
        example: A right term, for the error.

    Raises:
        UsageError: If a term cannot be read.

    Example:
        >>> list(read_terms("8x0e + 1o"))
        [(8, '0e'), (1, '1o')]
    """
    check_digits(text)
    term = re.compile(rf"\s*(?:(\d+)\s*x\s*)?({irrep})\s*(\+|$)")
    start, more = 0, bool(text.strip())
    while more:
        match = term.match(text, start)
        if match is None:
            piece = re.match(r"[^+]*\+?(?=\s*\+|\s*$)|[^+]*", text[start:])
            shown = piece.group().strip() if piece else ""
            raise UsageError(f'cannot read "{shown}" in "{text}": expected MULTIPLICITYxIRREP such as {example}')
        yield int(match[1] or 1), match[2]
        start, more = match.end(), match[3] == "+"


def read_spherical_terms(text: str) -> Iterator[tuple[int, int, str]]:
    """The terms of a direct sum of irreps of O(3) as (copies, degree, "e" or "o").

    Raises:
        UsageError: If a term cannot be read.

    Example:
        >>> list(read_spherical_terms("8x0e + 4x1o"))
        [(8, 0, 'e'), (4, 1, 'o')]
    """
    return ((copies, int(name[:-1]), name[-1]) for copies, name in read_terms(text, SPHERICAL_IRREP))
