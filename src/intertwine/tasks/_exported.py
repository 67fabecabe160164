"""Exported models: written to a file, and audited again from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from intertwine.actions import Transform
from intertwine.export import check_format, export_file, load_exported
from intertwine.tasks._output import output_file

TOLERANCE = 1e-5
_SEED = 0


class Check(NamedTuple):
    """What else was measured of an exported function: in words, its value, and the largest that passes."""

    text: str
    value: float
    tolerance: float


class ExportResult(NamedTuple):
    """A file, and what was measured of the function in it.

    difference: the relative difference of its outputs from the model's; equivariance: the largest relative difference
    of the outputs for transformed inputs from the transformed outputs, over the elements of a group; None where the
    model claims no symmetry; checks: further ones of the task.
    """

    path: Path
    difference: float
    equivariance: float | None
    group: str
    checks: tuple[Check, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether both are at most `TOLERANCE`, and each check at most its own."""
        within = all(check.value <= check.tolerance for check in self.checks)
        return within and max(self.difference, self.equivariance or 0.0) <= TOLERANCE


def write_exported(
    model: Any, ordinary: nn.Module, example: Tensor, path: Path, name: str, *, claims: bool, force: bool = False
) -> ExportResult:
    """Write an ordinary module as a file, and compare the function in it with the model, on random inputs.

    Args:
        model: On the CPU, in evaluation mode, with `action_in` and `action_out` of a finite group.
        ordinary: The module with the same outputs.
        example: An input, two examples at once.
        path: The file.
        name: Of the format.
        claims: Whether the model is meant to be equivariant.
        force: Whether an existing file may be replaced.

    Raises:
        UsageError: A package is missing, or the file cannot be written.
    """
    check_format(name)
    with output_file(path, force=force) as part:
        export_file(ordinary, example, part, name)
        function = load_exported(part, name)
        inputs = torch.rand(example.shape, generator=torch.Generator().manual_seed(_SEED)).to(example)
        with torch.inference_mode():
            expected = model(inputs)
        outputs = function(inputs)
        errors = []
        for element in model.action_in.group.elements if claims else ():
            transform = Transform(element)
            should = model.action_out(transform, outputs)
            errors.append(_relative(function(model.action_in(transform, inputs).contiguous()), should))
    group = model.action_in.group.name
    return ExportResult(path, _relative(outputs, expected), max(errors) if errors else None, group)


def _relative(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).norm() / expected.norm().clamp_min(1e-12))
