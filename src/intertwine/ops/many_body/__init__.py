"""Many-body features: polynomials of the sums over the neighbors of each atom."""

from intertwine.ops.many_body._layout import ContractionLayout
from intertwine.ops.many_body._symmetric_contraction import masked_contraction, symmetric_contraction

__all__ = ["ContractionLayout", "masked_contraction", "symmetric_contraction"]
