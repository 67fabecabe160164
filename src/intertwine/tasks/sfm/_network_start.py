"""Option of a reconstruction: a network that gives the first cameras."""

from __future__ import annotations

from typing import NamedTuple

from intertwine.models import TracksModel

NETWORK_FAILED = "the poses of the network do not agree with the observations: geometry is used instead"


class NetworkStart(NamedTuple):
    """A network as the start of a reconstruction.

    Attributes:
        network: A trained one, which is not changed; None for a new one.
        steps: Steps of optimization on the scene.
        seed: Of the weights of a new network.
    """

    network: TracksModel | None = None
    steps: int = 2000
    seed: int = 0
