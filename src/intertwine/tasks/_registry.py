"""Tasks by name. Listing them loads nothing; asking for one loads its options, not torch."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points

from intertwine._errors import UsageError
from intertwine.tasks._suggestions import unknown
from intertwine.tasks._task import Task

ENTRY_POINTS = "intertwine.tasks"
"""The group under which other packages register theirs: `name = "package.module:TaskClass"`."""

_OURS = {
    "classify": "intertwine.tasks.classify:Classify",
    "dock": "intertwine.tasks.dock.equidock:DockTask",
    "images": "intertwine.tasks.images:Images",
    "keypoints": "intertwine.tasks.keypoints:KeypointTask",
    "potential": "intertwine.tasks.potential:PotentialTask",
    "properties": "intertwine.tasks.properties:Properties",
    "register": "intertwine.tasks.register:RegisterTask",
    "segment": "intertwine.tasks.segment:Segment",
    "sfm": "intertwine.tasks.sfm:SfmTask",
    "weights": "intertwine.tasks.weights:WeightsTask",
}


@cache
def _foreign() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=ENTRY_POINTS)}


def names() -> tuple[str, ...]:
    """The tasks that exist, ours and those of installed packages, in alphabetical order.

    >>> "properties" in names()
    True
    """
    return tuple(sorted({*_OURS, *_foreign()}))


def get(name: str) -> Task:
    """The task of that name.

    Args:
        name: One of `names()`.

    Raises:
        UsageError: There is none, or the package that registered it does not load.

    >>> get("properties").name
    'properties'
    """
    if name in _OURS:
        module, _, attribute = _OURS[name].partition(":")
        task = getattr(import_module(module), attribute)
    elif name in _foreign():
        entry = _foreign()[name]
        try:
            task = entry.load()
        except Exception as error:
            raise UsageError(f'the task "{name}" ({entry.value}) does not load: {error}') from error
    else:
        raise unknown("task", name, names())
    if not (isinstance(task, type) and issubclass(task, Task)):
        raise UsageError(f'the task "{name}" is registered as {task!r}; expected a subclass of intertwine.tasks.Task')
    return task()
