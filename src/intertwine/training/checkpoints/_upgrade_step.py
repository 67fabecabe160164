"""Changes between two checkpoint formats: pure functions on dictionaries, and the step that collects them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Change = Callable[[dict[str, Any]], dict[str, Any]]
"""A pure function from a dictionary to its upgraded copy."""


@dataclass(frozen=True)
class UpgradeStep:
    """The changes from one format to the next, for some tasks or all.

    Attributes:
        format: The format that is upgraded, n; the result has format n + 1.
        tasks: Names of the tasks whose checkpoints change; empty for every task.
        config: Changes of the task's configuration, in order.
        split: Changes of the split.
        state_dict: Changes of the model's state dict; applied to the weights and to their moving average, which
            has only those entries that are trained.
        counters: Changes of the counters in ``resume.pt``.
        metrics: Old name -> new name of each metric that is called otherwise now.
    """

    format: int
    tasks: tuple[str, ...] = ()
    config: tuple[Change, ...] = ()
    split: tuple[Change, ...] = ()
    state_dict: tuple[Change, ...] = ()
    counters: tuple[Change, ...] = ()
    metrics: Mapping[str, str] | None = None


def rename_key(path: str, name: str) -> Change:
    """The change that renames a key, where it is there.

    Args:
        path: The old key, after the keys of the dictionaries that hold it: "encoder.neighbours".
        name: The new key, in the same dictionary and at the same place.

    >>> rename_key("encoder.neighbours", "neighbors")({"encoder": {"neighbours": 16, "layers": 2}})
    {'encoder': {'neighbors': 16, 'layers': 2}}
    """
    first, _, rest = path.partition(".")

    def change(values: dict[str, Any]) -> dict[str, Any]:
        if not rest:
            return {name if key == first else key: value for key, value in values.items()}
        if not isinstance(values.get(first), dict):
            return values
        return {**values, first: rename_key(rest, name)(values[first])}

    return change


def rename_weights(pattern: str, replacement: str) -> Change:
    r"""The change that renames entries of a state dict.

    Args:
        pattern: Regular expression; each part of a key that matches is replaced.
        replacement: As in `re.sub`.

    >>> rename_weights(r"^encoder\.layers\.(\d+)\.radial\.", r"encoder.layers.\1.radial_network.")(
    ...     {"encoder.layers.0.radial.weight": 1, "head.weight": 2}
    ... )
    {'encoder.layers.0.radial_network.weight': 1, 'head.weight': 2}
    """
    compiled = re.compile(pattern)
    return lambda weights: {compiled.sub(replacement, name): value for name, value in weights.items()}
