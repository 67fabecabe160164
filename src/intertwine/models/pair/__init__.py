"""Networks of two clouds: relative rotation and registration."""

from intertwine.models.pair._registration_network import RegistrationNetwork, SoftMatches
from intertwine.models.pair._rotation_network import PlainRotationNetwork, RotationNetwork

__all__ = ["PlainRotationNetwork", "RegistrationNetwork", "RotationNetwork", "SoftMatches"]
