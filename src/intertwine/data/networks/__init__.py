"""Sets of networks: their weights stacked, with labels; read from folders of checkpoints."""

from intertwine.data.networks._checkpoint_file import read_state_dict
from intertwine.data.networks._network_set import NetworkSet
from intertwine.data.networks._read_networks import iter_networks, read_networks

__all__ = ["NetworkSet", "iter_networks", "read_networks", "read_state_dict"]
