"""Bounds of options: what no machine could do is refused before anything is read or allocated."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from intertwine._bounds import show_count
from intertwine._errors import UsageError
from intertwine._terms import read_terms
from intertwine.data import RECIPES

LARGEST_BATCH, LARGEST_EPOCHS = 1_000_000, 1_000_000_000
SMALLEST_RATE, LARGEST_RATE = 1e-12, 1000.0
LARGEST_SEED, LARGEST_SPLIT_SEED = 2**63 - 1, 2**32 - 1
LARGEST_SAMPLE = 10_000_000
"""Points of all clouds that are sampled of one shape."""
_LARGEST_COUNT, _LARGEST_DEGREE = 4096, 11
_LAUNCHERS = ("TORCHELASTIC_RUN_ID", "SLURM_NTASKS", "OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "LSB_JOBID", "MASTER_ADDR")
"""Environment variables by which torchrun, SLURM, MPI, LSF or the user tell a process its place among the nodes."""


def check_devices(devices: int, flag: str = "--devices") -> None:
    """Raise if there are to be more processes than this machine has processors."""
    most = max(2, os.cpu_count() or 1)
    if devices > most:
        raise UsageError(f"{flag} {devices}: this machine has {os.cpu_count()} processors; expected at most {most}")


def check_below_one(shares: Mapping[str, float]) -> None:
    """Raise unless the shares, by their flags, are below one."""
    for flag, value in shares.items():
        if value >= 1:
            raise UsageError(f"{flag} expects a share below 1, got {value}")


def check_nodes(nodes: int, environment: Mapping[str, str] | None = None) -> None:
    """Raise if several machines are to train together and nothing has started this process as one of them.

    Args:
        nodes: Number of machines.
        environment: Environment variables; those of the process by default.
    """
    variables = os.environ if environment is None else environment
    if nodes > 1 and not any(name in variables for name in _LAUNCHERS):
        raise UsageError(
            f"--nodes {nodes} needs a launcher that starts this command on every node, such as torchrun --nnodes "
            f"{nodes} --no-python ... intertwine fit, or srun; none has started this process"
        )


def check_split_size(data: str, counts: Sequence[int]) -> None:
    """Raise if more structures of a public set are asked for than it has, before it is read.

    >>> check_split_size("qm9", [4000, 500, 2000])
    """
    size = RECIPES[data].size
    if size is not None and sum(counts) > size:
        asked = " + ".join(map(show_count, counts))
        raise UsageError(f"asked for {asked} of {size:,} structures: ask for fewer (--train, --validation, --test)")


def check_features(flag: str, text: str | None) -> None:
    """Raise if features such as 16x0e+8x1o are more, or of a higher degree, than memory could hold.

    >>> check_features("--hidden", "16x0e+8x1o")
    """
    whole = (text or "").strip()
    for copies, irrep in [(int(whole), "")] if whole.isdigit() else read_terms(whole):
        if copies > _LARGEST_COUNT:
            raise UsageError(f"{flag} expects at most {_LARGEST_COUNT} copies of each irrep, got {copies}")
        if irrep[:-1].isdigit() and irrep[-1] in "eo" and int(irrep[:-1]) > _LARGEST_DEGREE:
            raise UsageError(f"{flag} expects degrees up to {_LARGEST_DEGREE}, got {irrep[:-1]}")
