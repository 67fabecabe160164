"""Axes of arrays by name: those that a symmetric group permutes, and those that no group moves."""

from __future__ import annotations

import re
from dataclasses import dataclass

from intertwine._errors import UsageError
from intertwine.actions import Action, Array, TrivialAction, TupleAction

_NAME = re.compile(r"[A-Za-z_]\w*")
_LONGEST = 2000
_EXAMPLE = '"rows columns", "nodes nodes", "rows 3" or "rows columns + rows + 1"'


@dataclass(frozen=True)
class ArrayAxes:
    """Axes of one array, without its channels.

    Attributes:
        axes: A name for each axis that a symmetric group permutes, axes of one name by the same permutation; the size
            for each axis that no group moves.
    """

    axes: tuple[str | int, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the permuted axes in order, repeated ones repeated."""
        return tuple(axis for axis in self.axes if isinstance(axis, str))

    @property
    def free(self) -> int:
        """The product of the sizes of the axes that no group moves."""
        size = 1
        for axis in self.axes:
            size *= axis if isinstance(axis, int) else 1
        return size

    @property
    def order(self) -> tuple[int, ...]:
        """The positions of the permuted axes, then those of the others."""
        permuted = [k for k, axis in enumerate(self.axes) if isinstance(axis, str)]
        return (*permuted, *(k for k, axis in enumerate(self.axes) if isinstance(axis, int)))

    @property
    def free_sizes(self) -> tuple[int, ...]:
        """The sizes of the axes that no group moves."""
        return tuple(axis for axis in self.axes if isinstance(axis, int))

    def action(self, channels: int) -> Action:
        """The permutations of the array ``(*axes, channels)``."""
        sizes = (*self.free_sizes, channels)
        if not self.names:
            return TrivialAction(sizes)
        return Array(" ".join(axis if isinstance(axis, str) else "." for axis in self.axes) + " .", None, sizes)

    def __str__(self) -> str:
        return " ".join(map(str, self.axes)) or "1"


def parse_axes(text: str) -> tuple[ArrayAxes, ...]:
    """Read the axes of one array or of several, "rows columns + rows + 1".

    Args:
        text: For each array the names of its axes and the sizes of axes that no group moves; "1" alone has no axes.

    Raises:
        UsageError: If it cannot be read.

    Example:
        >>> [str(array) for array in parse_axes("rows columns 3 + rows + 1")]
        ['rows columns 3', 'rows', '1']
    """
    if not isinstance(text, str) or not text.strip() or len(text) > _LONGEST:
        shown = repr(text) if len(str(text)) <= 80 else f"{len(str(text)):,} characters"
        raise UsageError(f"axes are text such as {_EXAMPLE}, got {shown}")
    return tuple(_parse_array(part, text) for part in text.split("+"))


def _parse_array(part: str, text: str) -> ArrayAxes:
    words = part.split()
    if words == ["1"]:
        return ArrayAxes(())
    axes: list[str | int] = []
    for word in words:
        if word.isdecimal() and 0 < len(word) < 10 and int(word) > 0:
            axes.append(int(word))
        elif _NAME.fullmatch(word):
            axes.append(word)
        else:
            raise UsageError(f'"{word}" in "{text}" is no axis: expected a name or a size, such as {_EXAMPLE}')
    if not axes:
        raise UsageError(f'"{text}" has an array without axes: write "1" for it')
    return ArrayAxes(tuple(axes))


def join_actions(arrays: tuple[ArrayAxes, ...], channels: tuple[int, ...]) -> Action:
    """The permutations of all arrays at once: of the one array, or of a tuple of them."""
    actions = [array.action(width) for array, width in zip(arrays, channels, strict=True)]
    return actions[0] if len(actions) == 1 else TupleAction(*actions)
