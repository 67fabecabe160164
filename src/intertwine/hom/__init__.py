"""Intertwiners: all linear maps W with rho_out(g) W = W rho_in(g), and the steerable kernels that they make."""

from intertwine.hom._basis import intertwiners
from intertwine.hom._dimension import hom_dimension
from intertwine.hom._generator_rep import GeneratorRep, generator_rep
from intertwine.hom._kernel import SteerableKernel, steerable_kernel
from intertwine.hom._named_basis import name_map, named_basis
from intertwine.hom._parse import parse_group, parse_hom, parse_rep
from intertwine.hom._symmetric_couplings import symmetric_couplings
from intertwine.hom._table import MapRow, MapTable, draw, tabulate
from intertwine.hom.characters import Count, character_count
from intertwine.reps import Generators

__all__ = [
    "Count",
    "GeneratorRep",
    "Generators",
    "MapRow",
    "MapTable",
    "SteerableKernel",
    "character_count",
    "draw",
    "generator_rep",
    "hom_dimension",
    "intertwiners",
    "name_map",
    "named_basis",
    "parse_group",
    "parse_hom",
    "parse_rep",
    "steerable_kernel",
    "symmetric_couplings",
    "tabulate",
]
