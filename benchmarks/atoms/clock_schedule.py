"""A learning rate that falls along half a cosine of the time passed, for trainers that are stopped by the clock."""

from __future__ import annotations

import math
import time

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler


class CosineOverMinutes(LRScheduler):
    """Learning rate r (1 + cos(pi t / T)) / 2 at time t of T minutes, stepped after every step of the optimizer."""

    def __init__(self, optimizer: Optimizer, minutes: float) -> None:
        self.begin, self.minutes = time.time(), minutes
        super().__init__(optimizer)

    def get_lr(self) -> list[float]:
        part = min(1.0, (time.time() - self.begin) / (60 * self.minutes))
        return [rate * max(1e-4, (1 + math.cos(math.pi * part)) / 2) for rate in self.base_lrs]
