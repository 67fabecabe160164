"""Equivariant deep learning: specify the group, the spaces and the actions; then build layers that respect them.

Every public name is loaded when it is first used, so that ``import intertwine`` and ``intertwine --help`` cost nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from intertwine import actions, data, models, nn, ops, patterns, reps, testing
    from intertwine.auditing import audit
    from intertwine.groups import (
        E2,
        E3,
        O2,
        O3,
        SE2,
        SE3,
        SL,
        SO,
        SO2,
        SO3,
        SU2,
        U1,
        AffineGroup,
        Alternating,
        Cyclic,
        Dihedral,
        DirectProduct,
        DoubleCover,
        Embedding,
        FiniteMatrixGroup,
        FullIcosahedral,
        FullLorentz,
        FullOctahedral,
        FullTetrahedral,
        Group,
        Icosahedral,
        LinearPart,
        Lorentz,
        MatrixGroup,
        O,
        Octahedral,
        Pyritohedral,
        Scaling,
        SemidirectProduct,
        Sp,
        Symmetric,
        Tetrahedral,
        Translations,
    )
    from intertwine.hom import intertwiners, steerable_kernel
    from intertwine.reps import (
        CONVENTION_VERSION,
        CartesianTensor,
        FiniteFourier,
        Irrep,
        Rep,
        SO3Fourier,
        character_table,
        equivalence,
        unitarize,
    )
    from intertwine.tasks import fit, load

__version__ = "0.1.0"

__all__ = [
    "CONVENTION_VERSION",
    "E2",
    "E3",
    "O2",
    "O3",
    "SE2",
    "SE3",
    "SL",
    "SO",
    "SO2",
    "SO3",
    "SU2",
    "U1",
    "AffineGroup",
    "Alternating",
    "CartesianTensor",
    "Cyclic",
    "Dihedral",
    "DirectProduct",
    "DoubleCover",
    "Embedding",
    "FiniteFourier",
    "FiniteMatrixGroup",
    "FullIcosahedral",
    "FullLorentz",
    "FullOctahedral",
    "FullTetrahedral",
    "Group",
    "Icosahedral",
    "Irrep",
    "LinearPart",
    "Lorentz",
    "MatrixGroup",
    "O",
    "Octahedral",
    "Pyritohedral",
    "Rep",
    "SO3Fourier",
    "Scaling",
    "SemidirectProduct",
    "Sp",
    "Symmetric",
    "Tetrahedral",
    "Translations",
    "actions",
    "audit",
    "character_table",
    "data",
    "equivalence",
    "fit",
    "intertwiners",
    "load",
    "models",
    "nn",
    "ops",
    "patterns",
    "reps",
    "steerable_kernel",
    "testing",
    "unitarize",
]

_HOMES = {
    "AffineGroup": "groups",
    "Alternating": "groups",
    "CONVENTION_VERSION": "reps",
    "CartesianTensor": "reps",
    "Cyclic": "groups",
    "Dihedral": "groups",
    "DirectProduct": "groups",
    "DoubleCover": "groups",
    "E2": "groups",
    "E3": "groups",
    "Embedding": "groups",
    "FiniteFourier": "reps",
    "FiniteMatrixGroup": "groups",
    "FullIcosahedral": "groups",
    "FullLorentz": "groups",
    "FullOctahedral": "groups",
    "FullTetrahedral": "groups",
    "Group": "groups",
    "Icosahedral": "groups",
    "Irrep": "reps",
    "LinearPart": "groups",
    "Lorentz": "groups",
    "MatrixGroup": "groups",
    "O": "groups",
    "O2": "groups",
    "O3": "groups",
    "Octahedral": "groups",
    "Pyritohedral": "groups",
    "Rep": "reps",
    "SE2": "groups",
    "SE3": "groups",
    "SL": "groups",
    "SO": "groups",
    "SO2": "groups",
    "SO3": "groups",
    "SO3Fourier": "reps",
    "SU2": "groups",
    "Scaling": "groups",
    "SemidirectProduct": "groups",
    "Sp": "groups",
    "Symmetric": "groups",
    "Tetrahedral": "groups",
    "Translations": "groups",
    "U1": "groups",
    "audit": "auditing",
    "character_table": "reps",
    "equivalence": "reps",
    "fit": "tasks",
    "intertwiners": "hom",
    "load": "tasks",
    "unitarize": "reps",
    "steerable_kernel": "hom",
}
_FLOORS = {
    "actions",
    "auditing",
    "data",
    "groups",
    "hom",
    "models",
    "nn",
    "ops",
    "patterns",
    "reps",
    "tasks",
    "testing",
    "training",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
        globals()[name] = value
        return value
    if name in _FLOORS:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
