"""Tensors made on the CPU, whatever the default device is."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch


def on_cpu() -> AbstractContextManager[object]:
    """``torch.device("cpu")`` as a context; nothing where new tensors are on the CPU anyway.

    A device as a context is a mode of torch that sends every operation through Python first, which takes as long as the
    small operations that constants are built with.
    """
    return nullcontext() if torch.empty(0).device.type == "cpu" else torch.device("cpu")
