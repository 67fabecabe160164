"""Exported potentials: a program of torch.export with forces inside, audited again from its file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from intertwine._errors import UsageError
from intertwine.export import export_with_gradients, load_program, save_program
from intertwine.groups import O3
from intertwine.tasks._exported import Check, ExportResult
from intertwine.tasks._output import output_file
from intertwine.tasks.potential._dataset import FrameGraphs

INPUTS = {
    "numbers": "(N,) int64, atomic numbers",
    "positions": "(N, 3) float32, angstrom",
    "edges": "(2, E) int64, source over target: all ordered pairs of neighbors within the cutoff, images included",
    "shifts": "(E, 3) float32, angstrom: the lattice vector that is added to the position of the source",
}
OUTPUTS = {
    "energy": "(1,) float64, eV",
    "energies": "(N,) float64, eV, of each atom",
    "forces": "(N, 3), eV/A",
    "virial": "(3, 3), eV: minus the derivative by a strain; the stress is minus the virial over the volume",
}
DYNAMIC = ({0: "atoms"}, {0: "atoms"}, {1: "edges"}, {0: "edges"})
_STEP = 0.02
"""Displacement of the differences in float32, angstrom."""
_SAMPLES = 8
_LEAST_ATOMS = 5
_FINITE_DIFFERENCES = 2e-3
"""The largest relative error of forces against differences in float32, whose rounding alone is near 1e-4."""


class ExportedPotential(nn.Module):
    """A potential as a function of tensors: one structure to its energy, energies of atoms, forces and virial."""

    def __init__(self, potential: nn.Module) -> None:
        super().__init__()
        self.potential = potential

    def forward(self, numbers: Tensor, positions: Tensor, edges: Tensor, shifts: Tensor) -> tuple[Tensor, ...]:
        """See `INPUTS` and `OUTPUTS`."""
        potential: Any = self.potential
        cell = torch.eye(3, dtype=positions.dtype)[None]  # of volume 1: its stress is the derivative by the strain
        with torch.enable_grad():
            out = potential(numbers, positions, edges, shifts, cells=cell, forces=True, stress=True)
        return out.energy.detach(), out.energies.detach(), out.forces.detach(), -out.stress[0].detach()


def export_potential(
    potential: nn.Module, graphs: FrameGraphs, config: dict[str, Any], path: Path, *, force: bool = False
) -> ExportResult:
    """Write a potential as a file for `torch.export.load`, and audit the function in it.

    Compared are the outputs with the model's, for another structure than the traced one; those of moved and permuted
    structures; forces with differences of the energy; and outputs for inputs that are not contiguous.

    Args:
        potential: A `Potential` on the CPU, float32, in evaluation mode.
        graphs: One real structure, float32.
        config: Of the run, for the metadata.
        path: The file.
        force: Whether an existing file may be replaced.

    Raises:
        UsageError: The file cannot be written, or the structure is too small.
    """
    if len(graphs.numbers) < 2 or graphs.edges.shape[1] < 3:
        raise UsageError("an export needs an example of two atoms or more that are neighbors; pass other data")
    module = ExportedPotential(potential).eval()
    inputs = (graphs.numbers, graphs.positions, graphs.edges, graphs.shifts)
    with output_file(path, force=force) as part:
        program = export_with_gradients(module, _traced(*inputs), DYNAMIC)
        save_program(program, part, _metadata(config))
        function, _ = load_program(part)
        found, expected = function(*inputs), module(*inputs)
        difference = max(_relative(a, b) for a, b in zip(_centered(found), _centered(expected), strict=True))
        checks = (
            Check("forces against differences of the energy", _work(function, inputs), _FINITE_DIFFERENCES),
            Check("for inputs that are not contiguous", _strided(function, inputs), 0.0),
        )
        equivariance = _equivariance(function, inputs)
    return ExportResult(path, difference, equivariance, "O(3), translations and permutations", checks)


def _metadata(config: dict[str, Any]) -> dict[str, Any]:
    model = config["model"]
    names = {"elements": model["elements"], "cutoff": model["cutoff"]}
    return {"format": "intertwine-potential-1", **names, "inputs": INPUTS, "outputs": OUTPUTS}


def _traced(numbers: Tensor, positions: Tensor, edges: Tensor, shifts: Tensor) -> tuple[Tensor, ...]:
    """Copies of the structure side by side without the last edge: another structure than the audited one.

    Sizes that are equal in the traced example would be equal in the program: the number of atoms must not be 2 or 3,
    the fixed sizes of the inputs, nor that of the edges.
    """
    atoms, pairs, copies = len(numbers), edges.shape[1], 2
    while copies * atoms < _LEAST_ATOMS or copies * pairs - 1 == copies * atoms:
        copies += 1
    offsets = atoms * torch.arange(copies).repeat_interleave(pairs)
    joined = (edges.repeat(1, copies) + offsets)[:, :-1].contiguous()
    return numbers.repeat(copies), positions.repeat(copies, 1), joined, shifts.repeat(copies, 1)[:-1].contiguous()


def _centered(outputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """The outputs with energies from their mean, so that references do not hide errors."""
    energy, energies, forces, virial = outputs
    return energies - energies.mean(), forces, virial, energy - energies.sum()[None] + 1.0


def _relative(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).norm() / expected.norm().clamp_min(1e-6))


def _equivariance(function: Callable[..., tuple[Tensor, ...]], inputs: tuple[Tensor, ...]) -> float:
    numbers, positions, edges, shifts = inputs
    generator = torch.Generator().manual_seed(0)
    _, energies, forces, virial = function(*inputs)
    spread = float((energies - energies.mean()).abs().max().clamp_min(1.0))
    worst = 0.0
    for matrix in O3().sample(_SAMPLES, generator=generator).to(positions):
        order = torch.randperm(len(numbers), generator=generator)
        translation = torch.randn(3, generator=generator)
        moved = (positions @ matrix.T + translation)[order].contiguous()
        found = function(numbers[order], moved, torch.argsort(order)[edges], (shifts @ matrix.T).contiguous())
        worst = max(
            worst,
            _relative(found[2], (forces @ matrix.T)[order]),
            float((found[3] - matrix @ virial @ matrix.T).norm() / (virial.norm() + forces.norm())),
            float((found[1] - energies[order]).abs().max()) / spread,
        )
    return worst


def _work(function: Callable[..., tuple[Tensor, ...]], inputs: tuple[Tensor, ...]) -> float:
    """Relative error of -F dx against differences of fourth order along random directions."""
    numbers, positions, edges, shifts = inputs
    generator = torch.Generator().manual_seed(0)
    forces = function(*inputs)[2].double()
    found, expected = [], []
    for _ in range(_SAMPLES):
        direction = torch.randn(positions.shape, generator=generator)
        direction = direction / direction.norm()
        energies = {
            step: function(numbers, positions + step * _STEP * direction, edges, shifts)[0] for step in (-2, -1, 1, 2)
        }
        found.append((8 * (energies[1] - energies[-1]) - (energies[2] - energies[-2])) / (12 * _STEP))
        expected.append(-(forces * direction.double()).sum()[None])
    return _relative(torch.cat(found).double(), torch.cat(expected))


def _strided(function: Callable[..., tuple[Tensor, ...]], inputs: tuple[Tensor, ...]) -> float:
    """The largest difference of outputs for the same inputs in another layout of memory."""
    strided = tuple(torch.stack([tensor, tensor], -1)[..., 0] if tensor.ndim == 1 else tensor.T.contiguous().T
                    for tensor in inputs)  # fmt: skip
    assert not any(tensor.is_contiguous() for tensor in strided), "the inputs must not be contiguous"
    return max(float((a - b).abs().max()) for a, b in zip(function(*strided), function(*inputs), strict=True))
