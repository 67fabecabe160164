"""What commutes: all linear maps W with rho_out(g) W = W rho_in(g), and the kernels that they make on orbits."""

from intertwine.intertwiners._basis import character_count, hom_dimension, intertwiners
from intertwine.intertwiners._characters import Count
from intertwine.intertwiners._expression import read_group, read_question, read_space
from intertwine.intertwiners._generators import Generators
from intertwine.intertwiners._given import GivenRep, given_rep
from intertwine.intertwiners._kernel import SteerableKernel, steerable_kernel
from intertwine.intertwiners._names import name_map
from intertwine.intertwiners._table import MapRow, MapTable, draw, tabulate

__all__ = [
    "Count",
    "Generators",
    "GivenRep",
    "MapRow",
    "MapTable",
    "SteerableKernel",
    "character_count",
    "draw",
    "given_rep",
    "hom_dimension",
    "intertwiners",
    "name_map",
    "read_group",
    "read_question",
    "read_space",
    "steerable_kernel",
    "tabulate",
]
