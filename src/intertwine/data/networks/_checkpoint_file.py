"""State dicts of checkpoint files: safetensors, and what torch reads without running code."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from intertwine._errors import UsageError

SUFFIXES = (".safetensors", ".pt", ".pth", ".ckpt", ".bin")
_WRAPPERS = ("state_dict", "model_state_dict", "model", "weights")
_PICKLES = (b"P", b"\x80")
"""How archives and pickles begin."""
_LARGEST = 1 << 30
"""The most bytes of a checkpoint of a small network."""


class BadNetworkError(Exception):
    """A file without weights that can be used; the reason as text."""


def read_state_dict(path: str | Path) -> dict[str, Tensor]:
    """The floating-point tensors of a checkpoint, in the order of the file, float32.

    Nothing in the file is run: safetensors, or torch's own format with tensors only.

    Args:
        path: A file .safetensors, .pt, .pth, .ckpt or .bin.

    Raises:
        UsageError: It is a pickle of other things than tensors, or cannot be read.
    """
    try:
        return load_weights(Path(path))
    except BadNetworkError as error:
        raise UsageError(f"{path}: {error}") from None


def load_weights(path: Path) -> dict[str, Tensor]:
    """As `read_state_dict`.

    Raises:
        UsageError: It is a pickle of other things than tensors: it could run code.
        BadNetworkError: It cannot be read, or its weights cannot be used.
    """
    if path.stat().st_size == 0:
        raise BadNetworkError("empty")
    if path.stat().st_size > _LARGEST:
        raise BadNetworkError(f"larger than {_LARGEST >> 20:,} MB")
    content: Any = _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)
    tensors = _unwrapped(content)
    if not tensors:
        raise BadNetworkError("no tensors")
    found = {key: tensor.detach().to(torch.float32) for key, tensor in tensors.items() if tensor.is_floating_point()}
    for key, tensor in found.items():
        if not bool(tensor.isfinite().all()):
            raise BadNetworkError(f'"{key}" has a number that is not finite')
    if not found:
        raise BadNetworkError("no floating-point tensors")
    return found


def _read_safetensors(path: Path) -> Any:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise BadNetworkError(f"not a safetensors file ({str(error).splitlines()[0]})") from error


def _read_torch(path: Path) -> Any:
    from pickle import UnpicklingError

    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        if _first_bytes(path)[:1] not in _PICKLES:
            raise BadNetworkError("not a checkpoint of torch") from error
        raise UsageError(
            f"{path} is a pickled checkpoint with more than tensors, which could run code, and is not read. Convert it "
            "where you trust it: torch.save(torch.load(path, weights_only=False).state_dict(), new_path)"
        ) from None
    except Exception as error:  # torch raises what it meets in a damaged archive
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise BadNetworkError(f"not a checkpoint of torch ({reason[0][:80]})") from error


def _first_bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(4)


def _unwrapped(content: Any) -> Mapping[str, Tensor]:
    """The tensors of a state dict, or of the state dict among other entries."""
    if isinstance(content, Mapping):
        for key in _WRAPPERS:
            inner = content.get(key)
            if isinstance(inner, Mapping) and any(isinstance(value, Tensor) for value in inner.values()):
                content = inner
                break
    if not isinstance(content, Mapping):
        raise BadNetworkError(f"a {type(content).__name__}, expected tensors by name")
    return {str(key): value for key, value in content.items() if isinstance(value, Tensor)}
