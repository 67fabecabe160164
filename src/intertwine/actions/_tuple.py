"""Product actions on tuples and dicts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from intertwine.actions._action import Action, as_action
from intertwine.actions._component import Component
from intertwine.actions._transform import Transform
from intertwine.groups import Group
from intertwine.reps import Rep


@dataclass(frozen=True, init=False)
class TupleAction(Action):
    """Action on a tuple or dict: each entry by its own action, all by the same element.

    ``TupleAction(a, b)`` acts on tuples and lists, ``TupleAction(x=a, y=b)`` on dicts. A representation stands for the
    linear action, None for an entry that is invariant. The audit calls a function of a tuple as ``f(*data)``, of a dict
    as ``f(**data)``.

    Attributes:
        names: The keys of the dict, or the indices of the tuple.
        actions: The action of each entry.

    Example:
        >>> import torch
        >>> from intertwine.groups import SO3
        >>> from intertwine.auditing import audit
        >>> V = SO3().vector
        >>> audit(torch.linalg.cross, TupleAction(V, V), V).passed
        True
    """

    names: tuple[str | int, ...]
    actions: tuple[Action | None, ...]

    def __init__(self, *entries: Action | Rep | None, **named_entries: Action | Rep | None) -> None:
        if bool(entries) == bool(named_entries):
            raise TypeError(
                "TupleAction takes the actions of a tuple, TupleAction(a, b), or of a dict, TupleAction(x=a, y=b)"
            )
        given = named_entries.items() if named_entries else enumerate(entries)
        actions = {name: None if action is None else as_action(action) for name, action in given}
        if not any(actions.values()):
            raise TypeError("TupleAction needs at least one entry with an action, got None for each")
        object.__setattr__(self, "names", tuple(actions))
        object.__setattr__(self, "actions", tuple(actions.values()))

    @property
    def group(self) -> Group | None:
        """The group of the first entry that has one."""
        return next((action.group for _, action in self._acting if action.group is not None), None)

    @property
    def laws(self) -> Mapping[str, str]:
        """The laws of all entries."""
        laws: dict[str, str] = {}
        for _, action in self._acting:
            laws = {**laws, **{law: symbol for law, symbol in action.laws.items() if law not in laws}}
        return laws

    @property
    def exact(self) -> bool:
        """Whether the actions of all entries are exact."""
        return all(action.exact for _, action in self._acting)

    def sample(self, data: Any, generator: torch.Generator | None = None) -> Transform:
        """The samples of the entries, merged: each factor is that of the first entry that samples one."""
        values = self._values(data)
        transform = Transform()
        for name, action in self._acting:
            drawn = action.sample(values[name], generator)
            if not isinstance(drawn, Transform):
                raise TypeError(f"TupleAction merges transforms; entry {name!r} samples a {type(drawn).__name__}")
            transform = transform.merged(drawn)
        return transform

    def __call__(self, transform: Transform, data: Any) -> Any:
        """Apply the action of each entry."""
        transformed = self._values(data)
        for name, action in self._acting:
            try:
                transformed[name] = action(transform, transformed[name])
            except (TypeError, ValueError) as error:
                raise type(error)(f"entry {name!r}: {error}") from error
        if isinstance(data, Mapping):
            return transformed
        entries = transformed.values()
        return type(data)(*entries) if hasattr(data, "_fields") else type(data)(entries)

    def example(self, generator: torch.Generator | None = None, dtype: torch.dtype = torch.float64) -> Any:
        """The examples of the entries."""
        if None in self.actions:
            raise TypeError("an entry without an action has no example: give inputs=")
        drawn = {name: action.example(generator, dtype) for name, action in self._acting}
        return drawn if self._keyed else tuple(drawn.values())

    def feature_action(self, rep: Rep, features: Tensor, data: Any) -> Action | None:
        """The action that the first entry with an answer gives."""
        values = self._values(data)
        found = (action.feature_action(rep, features, values[name]) for name, action in self._acting)
        return next((action for action in found if action is not None), None)

    def lossless_part(self, data: Any) -> Any:
        """The lossless part of each entry."""
        values = self._values(data)
        values.update({name: action.lossless_part(values[name]) for name, action in self._acting})
        return values if isinstance(data, Mapping) else tuple(values.values())

    def compared_region(self, data: Any) -> Any:
        """The compared region of each entry."""
        values = self._values(data)
        values.update({name: action.compared_region(values[name]) for name, action in self._acting})
        return values if isinstance(data, Mapping) else tuple(values.values())

    def components(self, data: Any) -> Iterator[Component]:
        """The entries, and the components of each."""
        values = self._values(data)
        for name, action in self._acting:
            if isinstance(values[name], Tensor):
                yield Component(str(name), values[name], values[name])
            for component in action.components(values[name]):
                yield component._replace(name=f"{name} {component.name}")

    @property
    def _keyed(self) -> bool:
        return isinstance(self.names[0], str)

    @property
    def _acting(self) -> list[tuple[str | int, Action]]:
        return [(name, action) for name, action in zip(self.names, self.actions, strict=True) if action is not None]

    def _values(self, data: Any) -> dict[str | int, Any]:
        if self._keyed:
            if not isinstance(data, Mapping) or set(data) != set(self.names):
                got = f"keys {', '.join(map(str, data))}" if isinstance(data, Mapping) else type(data).__name__
                raise ValueError(f"expected a dict with the keys {', '.join(map(str, self.names))}, got {got}")
            return dict(data)
        if not isinstance(data, tuple | list) or len(data) != len(self.names):
            got = f"{len(data)}" if isinstance(data, tuple | list) else type(data).__name__
            raise ValueError(f"expected a tuple of {len(self.names)} entries, got {got}")
        return dict(enumerate(data))

    def __repr__(self) -> str:
        prefix = "{}=" if self._keyed else ""
        entries = (prefix.format(name) + repr(action) for name, action in zip(self.names, self.actions, strict=True))
        return f"TupleAction({', '.join(entries)})"
