"""Whether functions are being transformed."""

from __future__ import annotations

import torch
from torch.autograd import forward_ad


def is_transformed() -> bool:
    """Whether a transform of ``torch.func`` or a forward derivative is at work: they need operations one by one."""
    return bool(torch._C._are_functorch_transforms_active()) or forward_ad._current_level >= 0
