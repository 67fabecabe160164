"""Kinds of fields between the layers of a network: their representation, and the nonlinearity that belongs to it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

from intertwine._errors import UsageError
from intertwine.groups import FiniteGroup, Group
from intertwine.nn import (
    GridFourierNonlinearity,
    GridGate,
    GridLayer,
    GridNormNonlinearity,
    GridPointwiseNonlinearity,
    band_limited_regular,
)
from intertwine.reps import Rep, direct_sum

Pointwise = Literal["relu", "elu", "silu", "gelu", "tanh"]


class Fields(ABC):
    """A kind of fields. A frozen value; the number of copies is the width of a layer."""

    @abstractmethod
    def nonlinearity(self, group: Group, width: int) -> GridLayer:
        """The nonlinearity of fields of a width; its ``rep_out`` is their representation, ``rep_in`` that before it.

        Raises:
            ValueError: If the group has no such fields.
        """


@dataclass(frozen=True)
class RegularFields(Fields):
    """``width`` copies of the regular representation of a finite group, with a pointwise nonlinearity.

    Attributes:
        function: ``"relu"``, ``"elu"``, ``"silu"``, ``"gelu"`` or ``"tanh"``.
    """

    function: Pointwise = "relu"

    def nonlinearity(self, group: Group, width: int) -> GridLayer:
        """See :meth:`Fields.nonlinearity`."""
        if not isinstance(group, FiniteGroup):
            raise UsageError(f"{group} is infinite and has no regular fields: use Fourier, gated or norm fields")
        return GridPointwiseNonlinearity(width * group.regular, self.function)


@dataclass(frozen=True)
class FourierFields(Fields):
    """``width`` functions on a compact group up to a band limit, with a pointwise nonlinearity of their samples.

    Attributes:
        degree: The band limit.
        function: As for :class:`RegularFields`.
        oversampling: How many times more samples than coefficients there are.
        samples: A finite subgroup that is sampled, in place of the usual elements.
    """

    degree: int = 2
    function: Pointwise = "elu"
    oversampling: int = 2
    samples: FiniteGroup | None = None

    def nonlinearity(self, group: Group, width: int) -> GridLayer:
        """See :meth:`Fields.nonlinearity`."""
        rep = band_limited_regular(group, self.degree, width)
        return GridFourierNonlinearity(rep, self.function, samples=self.samples, oversampling=self.oversampling)


@dataclass(frozen=True)
class GatedFields(Fields):
    """``width`` copies of every irrep up to a degree, with gates.

    Attributes:
        degree: The highest degree.
    """

    degree: int = 2

    def nonlinearity(self, group: Group, width: int) -> GridLayer:
        """See :meth:`Fields.nonlinearity`."""
        return GridGate(_irreps_up_to(group, self.degree, width))


@dataclass(frozen=True)
class NormFields(Fields):
    """``width`` copies of every irrep up to a degree, with a nonlinearity of their norms: harmonic networks.

    Attributes:
        degree: The highest degree.
    """

    degree: int = 1

    def nonlinearity(self, group: Group, width: int) -> GridLayer:
        """See :meth:`Fields.nonlinearity`."""
        return GridNormNonlinearity(_irreps_up_to(group, self.degree, width))


FieldName = Literal["regular", "fourier", "gated", "norm"]
FIELDS: dict[str, type[Fields]] = {
    "regular": RegularFields,
    "fourier": FourierFields,
    "gated": GatedFields,
    "norm": NormFields,
}


def resolve_fields(fields: Fields | FieldName | None, group: Group) -> Fields:
    """Fields by name; by default regular ones of a finite group, Fourier ones in the plane and gated ones in space.

    Raises:
        UsageError: If the name is not known.
    """
    if isinstance(fields, Fields):
        return fields
    if fields is None:
        fields = "regular" if isinstance(group, FiniteGroup) else "fourier" if group.dimension == 2 else "gated"
    if fields not in FIELDS:
        raise UsageError(f"fields are one of {', '.join(FIELDS)}, got {fields!r}")
    return FIELDS[fields]()


def _irreps_up_to(group: Group, degree: int, width: int) -> Rep:
    every = band_limited_regular(group, degree)
    return direct_sum(group, ((width, irrep) for _, irrep in every.terms))
