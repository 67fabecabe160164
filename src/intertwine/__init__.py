"""Equivariant deep learning: specify the group, the spaces and the actions; then build layers that respect them.

Every public name is imported when it is first used, so that ``import intertwine`` and ``intertwine --help`` cost
nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from intertwine._late_binding import bind
from intertwine._version import __version__ as __version__

if TYPE_CHECKING:
    from intertwine import actions, ase, data, models, nn, ops, patterns, testing, training
    from intertwine.auditing import audit
    from intertwine.groups import *
    from intertwine.hom import *
    from intertwine.reps import *
    from intertwine.tasks import fit, load

_PACKAGES = [
    "actions",
    "ase",
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
]
_NAMES = {
    "auditing": "audit",
    "groups": """
        AffineGroup Alternating Cyclic Dihedral DirectProduct DoubleCover E2 E3 Embedding FiniteMatrixGroup
        FullIcosahedral FullLorentz FullOctahedral FullTetrahedral Group Icosahedral LinearPart Lorentz MatrixGroup O O2
        O3 Octahedral Pyritohedral SE2 SE3 SL SO SO2 SO3 SU2 Scaling SemidirectProduct Sp Symmetric Tetrahedral
        Translations U1
    """,
    "hom": "intertwiners steerable_kernel",
    "reps": """
        CONVENTION_VERSION CartesianTensor FiniteFourier Irrep Rep SO3Fourier character_table equivalence unitarize
    """,
    "tasks": "fit load",
}
_PACKAGE_OF = {name: package for package, names in _NAMES.items() for name in names.split()}

__all__ = sorted([*_PACKAGE_OF, "actions", "data", "models", "nn", "ops", "patterns", "reps", "testing"])

for _interface in ("groups", "reps"):  # what a group asks for its products and its representations
    bind(_interface, f"{__name__}.{_interface}")


def __getattr__(name: str) -> Any:
    if name in _PACKAGES:
        return import_module(f"{__name__}.{name}")
    if name not in _PACKAGE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_PACKAGE_OF[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
