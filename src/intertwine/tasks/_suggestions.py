"""Errors for unknown names that suggest the nearest known one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from intertwine._errors import UsageError


def nearest(value: str, known: Iterable[str]) -> str | None:
    """The known name that is closest to what was typed, if any is close.

    Args:
        value: What the user typed.
        known: The names that exist.

    Returns:
        One of `known`, or None when nothing is near.

    >>> nearest("vektor", ["steerable", "vector"])
    'vector'
    """
    by_lower = {name.lower(): name for name in known}
    lowered = value.lower()
    close = get_close_matches(lowered, by_lower, n=1, cutoff=0.6)
    if not close and len(lowered) >= 2:
        close = sorted(name for name in by_lower if name.startswith(lowered))[:1]
    return by_lower[close[0]] if close else None


def unknown(kind: str, value: str, known: Iterable[str], *, hint: str = "") -> UsageError:
    """The error for a name that is not among the known ones.

    Args:
        kind: What the name should have named, in words ("encoder").
        value: What the user typed.
        known: The names that exist.
        hint: One more sentence, if there is something to add.

    Returns:
        The exception, to be raised by the caller.

    >>> str(unknown("encoder", "vektor", ["vector", "steerable"]))
    'no encoder "vektor"; did you mean "vector"? Known: steerable, vector'
    """
    names = sorted(known)
    match = nearest(value, names)
    question = f'; did you mean "{match}"?' if match else "."
    listing = f" Known: {', '.join(names)}" if names else ""
    return UsageError(f'no {kind} "{value}"{question}{listing}{". " + hint if hint else ""}')


def parse_words(kind: str, text: str, known: Sequence[str]) -> tuple[str, ...]:
    """The words of a text such as "rotate+shift", in the order of the known ones; none of "none", the first of them.

    Args:
        kind: What a word names.
        text: Words with "+" or "," between them.
        known: The words that exist.

    Raises:
        UsageError: One is not known.

    >>> parse_words("augmentation", "shift+rotate", ["none", "rotate", "scale", "shift"])
    ('rotate', 'shift')
    """
    words = [word.strip() for word in text.replace(",", "+").split("+")]
    for word in words:
        if word not in known:
            raise unknown(kind, word, known)
    return tuple(word for word in known[1:] if word in words)
