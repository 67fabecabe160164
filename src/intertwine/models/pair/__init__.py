"""Networks of two clouds: relative rotation and registration."""

from intertwine.models.pair._dense_encoder import DenseEncoder
from intertwine.models.pair._registration_network import RegistrationNetwork, SoftMatches
from intertwine.models.pair._rotation_network import PlainRotationNetwork, RotationNetwork

__all__ = ["DenseEncoder", "PlainRotationNetwork", "RegistrationNetwork", "RotationNetwork", "SoftMatches"]
