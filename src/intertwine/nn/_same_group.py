"""Arguments of a layer read as representations of one group."""

from __future__ import annotations

from intertwine.reps import Rep, as_rep


def same_group(layer: str, **reps: Rep | str) -> tuple[Rep, ...]:
    """The representations that the arguments of a layer stand for; all must be of one group.

    Text is read in the grammar of the group of those that are given as :class:`~intertwine.reps.Rep`, of O(3) if there
    are none.

    Args:
        layer: Name of the layer, for messages.
        **reps: The arguments by name.

    Raises:
        ValueError: If the groups differ or a text cannot be read.
    """
    given = next((rep for rep in reps.values() if isinstance(rep, Rep)), None)
    found = {name: as_rep(rep, given) for name, rep in reps.items()}
    (first, group), *others = ((name, rep.group) for name, rep in found.items())
    for name, other in others:
        if other != group:
            raise ValueError(f"{first} is of {group} and {name} of {other}; {layer} needs one group for both")
    return tuple(found.values())
