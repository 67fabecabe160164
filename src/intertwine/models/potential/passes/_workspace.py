"""Buffers that are used again and again: memory that was just written is in cache, and new memory is not."""

from __future__ import annotations

import threading

import torch
from torch import Tensor


class Workspace(threading.local):
    """Named buffers, of each thread its own."""

    def __init__(self) -> None:
        self._buffers: dict[tuple[str, torch.dtype, torch.device], Tensor] = {}

    def get(self, name: str, like: Tensor, *shape: int) -> Tensor:
        """An uninitialized tensor like another, valid until the same name is asked for again."""
        size, key = 1, (name, like.dtype, like.device)
        for length in shape:
            size *= length
        buffer = self._buffers.get(key)
        if buffer is None or buffer.numel() < size:
            with torch.inference_mode(False):  # so that it serves outside of that mode too
                buffer = self._buffers[key] = like.new_empty(size)
        return buffer[:size].view(shape)


WORKSPACE = Workspace()
