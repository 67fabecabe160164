"""What commutes: all linear maps W with rho_out(g) W = W rho_in(g)."""

from intertwine.intertwiners._basis import hom_dimension, intertwiners

__all__ = ["hom_dimension", "intertwiners"]
