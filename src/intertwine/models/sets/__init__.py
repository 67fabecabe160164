"""Networks on sets and on arrays whose axes are permuted."""

from intertwine.models.sets._axial_transformer import AxialTransformer
from intertwine.models.sets._deep_sets import DeepSets
from intertwine.models.sets._exchangeable_network import ExchangeableNetwork
from intertwine.models.sets._set_transformer import SetTransformer

__all__ = ["AxialTransformer", "DeepSets", "ExchangeableNetwork", "SetTransformer"]
