"""Texts from which an encoder's representations are read again, with the name of their group."""

from __future__ import annotations

from intertwine._errors import UsageError
from intertwine.groups import O3, SO3, Group, Icosahedral, Octahedral, Tetrahedral
from intertwine.reps import Rep

_GROUPS: dict[str, Group] = {
    "O3": O3(),
    "SO3": SO3(),
    "Tetrahedral": Tetrahedral(),
    "Octahedral": Octahedral(),
    "Icosahedral": Icosahedral(),
}


def group_name(given: str | None, *reps: Rep | str) -> str | None:
    """The name of the group in whose grammar the texts of these representations are read.

    Args:
        given: The name that the user gave.
        reps: As the user gave them.

    Returns:
        ``given``, else the name of the group of the first that is no text; None if all are.

    >>> group_name(None, "1x0", SO3().vector), group_name(None, "1x0e")
    ('SO3', None)
    """
    if given is not None:
        return given
    return next((type(rep.group).__name__ for rep in reps if isinstance(rep, Rep)), None)


def read_in_group(rep: Rep | str, group: str | None) -> Rep | str:
    """The representation, its text read in the grammar of the named group if there is one.

    Raises:
        UsageError: There is no such group, or the text cannot be read.
    """
    if group is None or not isinstance(rep, str):
        return rep
    if group not in _GROUPS:
        raise UsageError(f'no group "{group}" of encoders is known by name; expected {", ".join(_GROUPS)}')
    return _GROUPS[group].rep(rep)
