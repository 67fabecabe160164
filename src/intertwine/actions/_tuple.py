"""Tuples and dicts: several kinds of data, moved by the same element."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from intertwine.actions._action import Action, Part
from intertwine.actions._linear import as_action
from intertwine.actions._transform import Transform
from intertwine.groups import Group
from intertwine.reps import Rep


@dataclass(frozen=True, init=False)
class TupleAction(Action):
    """The parts of a tuple or of a dict, each by its own action, all by the same element.

    ``TupleAction(a, b)`` acts on tuples and lists, ``TupleAction(x=a, y=b)`` on dicts. A representation stands for the linear
    action, None for a part that stays as it is. Where a function takes a tuple, the audit calls it as ``f(*data)``,
    where a dict, ``f(**data)``.

    Attributes:
        names: The keys of the dict, or the places in the tuple.
        actions: The action of each.

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

    def __init__(self, *places: Action | Rep | None, **keys: Action | Rep | None) -> None:
        if bool(places) == bool(keys):
            raise TypeError(
                "TupleAction takes the actions of a tuple, TupleAction(a, b), or of a dict, TupleAction(x=a, y=b)"
            )
        given = keys.items() if keys else enumerate(places)
        actions = {name: None if action is None else as_action(action) for name, action in given}
        if not any(actions.values()):
            raise TypeError("TupleAction needs one part at least that moves")
        object.__setattr__(self, "names", tuple(actions))
        object.__setattr__(self, "actions", tuple(actions.values()))

    @property
    def group(self) -> Group | None:
        """The group of the first part that has one."""
        return next((action.group for _, action in self._moving if action.group is not None), None)

    @property
    def laws(self) -> Mapping[str, str]:
        """The laws of all parts."""
        laws: dict[str, str] = {}
        for _, action in self._moving:
            laws = {**laws, **{law: symbol for law, symbol in action.laws.items() if law not in laws}}
        return laws

    @property
    def exact(self) -> bool:
        """Whether all parts move without loss."""
        return all(action.exact for _, action in self._moving)

    def sample(self, data: Any, generator: torch.Generator | None = None) -> Transform:
        """What the parts draw, merged: the first that draws a matrix (translation, permutation) draws it for all."""
        values = self._values(data)
        motion = Transform()
        for name, action in self._moving:
            drawn = action.sample(values[name], generator)
            if not isinstance(drawn, Transform):
                raise TypeError(f"TupleAction merges motions; part {name!r} draws a {type(drawn).__name__}")
            motion = motion.merged(drawn)
        return motion

    def __call__(self, motion: Transform, data: Any) -> Any:
        """Each part by its action."""
        moved = self._values(data)
        for name, action in self._moving:
            try:
                moved[name] = action(motion, moved[name])
            except (TypeError, ValueError) as error:
                raise type(error)(f"part {name!r}: {error}") from error
        if isinstance(data, Mapping):
            return moved
        parts = moved.values()
        return type(data)(*parts) if hasattr(data, "_fields") else type(data)(parts)

    def example(self, generator: torch.Generator | None = None, dtype: torch.dtype = torch.float64) -> Any:
        """What the parts draw."""
        if None in self.actions:
            raise TypeError("no example of a part that no action moves: give inputs=")
        drawn = {name: action.example(generator, dtype) for name, action in self._moving}
        return drawn if self._keyed else tuple(drawn.values())

    def feature_action(self, rep: Rep, features: Tensor, data: Any) -> Action | None:
        """What the first part says that has an idea."""
        values = self._values(data)
        found = (action.feature_action(rep, features, values[name]) for name, action in self._moving)
        return next((action for action in found if action is not None), None)

    def movable(self, data: Any) -> Any:
        """What of each part moves without loss."""
        kept = self._values(data)
        kept.update({name: action.movable(kept[name]) for name, action in self._moving})
        return kept if isinstance(data, Mapping) else tuple(kept.values())

    def visible(self, data: Any) -> Any:
        """What each part shows."""
        shown = self._values(data)
        shown.update({name: action.visible(shown[name]) for name, action in self._moving})
        return shown if isinstance(data, Mapping) else tuple(shown.values())

    def parts(self, data: Any) -> Iterator[Part]:
        """The parts, and the parts of the parts."""
        values = self._values(data)
        for name, action in self._moving:
            if isinstance(values[name], Tensor):
                yield Part(str(name), values[name], values[name])
            for part in action.parts(values[name]):
                yield part._replace(name=f"{name} {part.name}")

    @property
    def _keyed(self) -> bool:
        return isinstance(self.names[0], str)

    @property
    def _moving(self) -> list[tuple[str | int, Action]]:
        return [(name, action) for name, action in zip(self.names, self.actions, strict=True) if action is not None]

    def _values(self, data: Any) -> dict[str | int, Any]:
        if self._keyed:
            if not isinstance(data, Mapping) or set(data) != set(self.names):
                got = f"keys {', '.join(map(str, data))}" if isinstance(data, Mapping) else type(data).__name__
                raise ValueError(f"expected a dict with the keys {', '.join(map(str, self.names))}, got {got}")
            return dict(data)
        if not isinstance(data, tuple | list) or len(data) != len(self.names):
            got = f"{len(data)}" if isinstance(data, tuple | list) else type(data).__name__
            raise ValueError(f"expected a tuple of {len(self.names)} parts, got {got}")
        return dict(enumerate(data))

    def __repr__(self) -> str:
        prefix = "{}=" if self._keyed else ""
        parts = (prefix.format(name) + repr(action) for name, action in zip(self.names, self.actions, strict=True))
        return f"TupleAction({', '.join(parts)})"
