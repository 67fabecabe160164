"""Process group of distributed training on one machine, as torch.distributed and Lightning know it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from lightning.fabric.plugins.environments.cluster_environment import ClusterEnvironment


@dataclass(frozen=True)
class ProcessRank:
    """The rank of a process, the number of processes, and the URL at which torch.distributed initializes them."""

    rank: int
    world_size: int
    init_method: str


class LocalEnvironment(ClusterEnvironment):
    """Lightning cluster environment of processes that run already, without environment variables."""

    creates_processes_externally = True
    main_address = "127.0.0.1"
    main_port = 0

    def __init__(self, process_rank: ProcessRank) -> None:
        self.process_rank = process_rank

    @staticmethod
    def detect() -> bool:
        """False: Lightning never selects it by itself."""
        return False

    def world_size(self) -> int:
        """The number of processes."""
        return self.process_rank.world_size

    def set_world_size(self, size: int) -> None:
        """Ignored: it is fixed."""

    def global_rank(self) -> int:
        """The rank of this process."""
        return self.process_rank.rank

    def set_global_rank(self, rank: int) -> None:
        """Ignored: it is fixed."""

    def local_rank(self) -> int:
        """The global rank, as there is one machine."""
        return self.process_rank.rank

    def node_rank(self) -> int:
        """Zero, as there is one machine."""
        return 0


@contextmanager
def process_group(process_rank: ProcessRank, device: str) -> Iterator[None]:
    """Initialize the default process group of torch.distributed, and destroy it at the end."""
    torch.distributed.init_process_group(
        "nccl" if device == "gpu" else "gloo",
        init_method=process_rank.init_method,
        rank=process_rank.rank,
        world_size=process_rank.world_size,
    )
    try:
        yield
    finally:
        torch.distributed.destroy_process_group()
