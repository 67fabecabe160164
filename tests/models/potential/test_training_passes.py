"""Gradients of losses on energies and forces by passes that are written out, beside those of autograd twice."""

import pytest
import torch
from potential_structures import Structure, crystal, molecule, potential
from test_passes import OPTIONS, with_biases
from torch import Tensor

from intertwine.models import Potential

LARGEST = "intertwine.models.potential.passes._evaluator._MOST_EDGES"
ENTRIES = "intertwine.models.potential.passes._tables.ENTRIES"


def loss_of(model: Potential, s: Structure, wanted: str) -> Tensor:
    """A loss whose gradients in energies and forces are numbers at random."""
    out = model(*s[:4])
    generator = torch.Generator().manual_seed(3)
    energies, forces = (
        torch.randn(x.shape, dtype=torch.float64, generator=generator) for x in (out.energies, out.forces)
    )
    parts = {"energies": (out.energies * energies).sum(), "forces": (out.forces * forces).sum()}
    return sum((part for name, part in parts.items() if name in wanted), torch.zeros(()))


def gradients(model: Potential, s: Structure, wanted: str = "energies and forces") -> dict[str, Tensor]:
    named = dict(model.named_parameters())
    found = torch.autograd.grad(
        loss_of(model, s, wanted), [*named.values()], allow_unused=True, materialize_grads=True
    )
    return dict(zip(named, found, strict=True))


def assert_same(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    for name, value in expected.items():
        scale = float(value.abs().max().clamp_min(1))
        torch.testing.assert_close(found[name], value, atol=1e-10 * scale, rtol=0, msg=lambda m, n=name: f"{n}: {m}")


@pytest.mark.parametrize("structure", [molecule(), crystal(2), molecule(40, 1)], ids=["molecule", "crystal", "chunks"])
@pytest.mark.parametrize("options", OPTIONS)
def test_gradients_are_those_of_autograd(options: str, structure: Structure, monkeypatch: pytest.MonkeyPatch) -> None:
    model = with_biases(potential(radial_hidden=(), **OPTIONS[options])).train()
    monkeypatch.setattr(LARGEST, 0)
    expected = gradients(model, structure)
    monkeypatch.setattr(LARGEST, 10**6)
    for entries in (10**6, 60):  # one chunk or several
        monkeypatch.setattr(ENTRIES, entries)
        assert_same(gradients(model, structure), expected)
