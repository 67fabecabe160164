"""Conditions of an audit: dtype, training mode, execution mode, values or gradients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

TrainingMode = Literal["eval", "train"]
ExecutionMode = Literal["eager", "compiled", "exported"]
TRAINING_MODES: tuple[TrainingMode, ...] = ("eval", "train")
EXECUTION_MODES: tuple[ExecutionMode, ...] = ("eager", "compiled", "exported")


@dataclass(frozen=True)
class AuditCondition:
    """How the audited function is evaluated.

    Attributes:
        dtype: The dtype of inputs, weights and buffers.
        mode: "eval" or "train".
        execution: "eager", "compiled" (``torch.compile``) or "exported" (``torch.export``).
        gradient: Whether gradients are compared instead of values.
    """

    dtype: torch.dtype
    mode: TrainingMode = "eval"
    execution: ExecutionMode = "eager"
    gradient: bool = False
