"""Networks that read the weights of networks."""

from intertwine.models.weights._weight_message_network import WeightMessageNetwork
from intertwine.models.weights._weight_network import WeightNetwork
from intertwine.models.weights._weight_space_network import WeightSpaceNetwork
from intertwine.models.weights._weight_statistics_network import WeightStatisticsNetwork

__all__ = ["WeightMessageNetwork", "WeightNetwork", "WeightSpaceNetwork", "WeightStatisticsNetwork"]
