"""Targets of atoms: which targets a file has per atom, and what representation their columns are."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from intertwine._errors import UsageError
from intertwine.tasks.properties._targets import CARTESIAN, SYMMETRIC, Target, names_representation

if TYPE_CHECKING:
    from intertwine.data.readers import TargetLayout

_FORCES = re.compile(r"([a-z0-9]+_)*forces?")
_VECTORS = re.compile(
    r"([a-z0-9]+_)*(dipoles?|displacements?|velocit(y|ies)|momenta|polarizations?|(electric_)?fields?)"
)
_AXIAL_VECTORS = re.compile(r"([a-z0-9]+_)*(magmoms?|magnetic_moments?|magnetizations?|spins?|angular_momenta)")
_SCALAR, _VECTOR, _MATRIX = 1, 3, 9


def resolve_targets(
    texts: Sequence[str], targets: Sequence[Target], layouts: Mapping[str, TargetLayout], source: str
) -> tuple[Target, ...]:
    """The targets, each with whether it is per atom; a column without a representation gets that of its width and name.

    One number an atom is a scalar. Three are a vector or an axial vector, which only the name can tell; nine a matrix.

    Args:
        texts: What the user typed, one for each target.
        targets: The same, parsed.
        layouts: What the file has; a target that it lacks stays as it is.
        source: The file, for messages.

    Raises:
        UsageError: A column is forces, or its representation is not clear; or some targets are per atom and some not.
    """
    resolved = tuple(
        _resolve(target, layouts.get(target.name), names_representation(text), source)
        for text, target in zip(texts, targets, strict=True)
    )
    kinds = {target.per_atom: target.name for target in reversed(resolved) if target.name in layouts}
    if len(kinds) > 1:
        raise UsageError(
            f'{source}: target "{kinds[True]}" is per atom and "{kinds[False]}" per structure; a model has '
            "targets of one kind: train one for each"
        )
    return resolved


def _resolve(target: Target, layout: TargetLayout | None, named: bool, source: str) -> Target:
    if layout is None or not layout.per_atom:
        return target
    if layout.size == _VECTOR and _FORCES.fullmatch(target.name.lower()):
        raise UsageError(
            f'{source}: "{target.name}" are forces, which are learned as the gradient of an energy: '
            "intertwine fit potential"
        )
    if named or layout.size == _SCALAR:
        return replace(target, per_atom=True)
    if layout.size == _MATRIX:
        kind = SYMMETRIC if layout.symmetric else "ij"
        return replace(target, rep=CARTESIAN[kind], cartesian=True, per_atom=True)
    return replace(target, rep=_by_name(target.name, layout.size, source), per_atom=True)


def _by_name(name: str, size: int, source: str) -> str:
    if size == _VECTOR and _AXIAL_VECTORS.fullmatch(name.lower()):
        return "1e"
    if size == _VECTOR and _VECTORS.fullmatch(name.lower()):
        return "1o"
    kinds = "1o (a vector), 1e (an axial vector, such as a spin) or 3x0e (scalars)" if size == _VECTOR else f"{size}x0e"
    raise UsageError(
        f'{source}: "{name}" has {size} numbers an atom; say how they rotate, as {name}:REP with REP {kinds}'
    )
