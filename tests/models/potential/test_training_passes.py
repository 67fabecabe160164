"""Gradients of losses on energies and forces by passes that are written out, beside those of autograd twice."""

import pytest
import torch
from potential_structures import Structure, crystal, molecule, potential
from test_passes import OPTIONS, with_biases
from torch import Tensor

from intertwine.models import Potential
from intertwine.models.potential.passes import Evaluator

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
    found = torch.autograd.grad(loss_of(model, s, wanted), [*named.values()], allow_unused=True, materialize_grads=True)
    return dict(zip(named, found, strict=True))


def assert_same(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    for name, value in expected.items():
        scale = float(value.detach().abs().max().clamp_min(1))
        torch.testing.assert_close(found[name], value, atol=1e-10 * scale, rtol=0, msg=lambda m, n=name: f"{n}: {m}")


@pytest.mark.parametrize("options", OPTIONS)
def test_gradients_are_those_of_autograd(options: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = with_biases(potential(radial_hidden=(), **OPTIONS[options])).train()
    for structure in (molecule(), crystal()):
        monkeypatch.setattr(LARGEST, 0)
        expected = gradients(model, structure)
        monkeypatch.setattr(LARGEST, 10**6)
        for entries in (10**6, 15):  # one chunk or several
            monkeypatch.setattr(model, "_evaluator", Evaluator())
            monkeypatch.setattr(ENTRIES, entries)
            assert_same(gradients(model, structure), expected)


def test_energies_and_forces_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    model, s = with_biases(potential(radial_hidden=())).train(), molecule()
    for wanted in ("energies", "forces"):
        monkeypatch.setattr(LARGEST, 0)
        expected = gradients(model, s, wanted)
        monkeypatch.setattr(LARGEST, 10**6)
        assert_same(gradients(model, s, wanted), expected)


def test_learned_embedding_of_elements(monkeypatch: pytest.MonkeyPatch) -> None:
    model = with_biases(Potential(range(1, 95), "4x0e + 4x1o", lmax=2, cutoff=3.0).double().train())
    s = molecule()._replace(numbers=torch.tensor([1, 94, 26, 8, 14, 79, 6]))
    monkeypatch.setattr(LARGEST, 0)
    expected = gradients(model, s)
    assert float(expected["network.interactions.0.sums.embedding"].abs().max()) > 1
    monkeypatch.setattr(LARGEST, 10**6)
    assert_same(gradients(model, s), expected)


def test_stress_in_training(monkeypatch: pytest.MonkeyPatch) -> None:
    model, s = with_biases(potential(radial_hidden=())).train(), crystal(2)
    found = []
    for largest in (0, 10**6):
        monkeypatch.setattr(LARGEST, largest)
        stress = model(s.numbers, s.positions, s.edges, s.shifts, cells=s.cells, stress=True).stress
        weights = [model.readout, *model.network.parameters()]
        given = torch.autograd.grad(stress.square().sum(), weights, allow_unused=True, materialize_grads=True)
        found.append({"stress": stress, **{str(number): grad for number, grad in enumerate(given)}})
    assert_same(*reversed(found))


def test_some_weights_are_frozen_and_graphs_are_kept() -> None:
    model, s = with_biases(potential(radial_hidden=())).train(), molecule()
    whole = gradients(model, s)
    model.network.interactions[0].contraction.requires_grad_(False)
    weights = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    assert 0 < len(weights) < len(whole)
    loss = loss_of(model, s, "energies and forces")
    for kept in (True, False):
        found = torch.autograd.grad(loss, [*weights.values()], retain_graph=kept)
        assert_same(dict(zip(weights, found, strict=True)), {name: whole[name] for name in weights})


def test_second_derivatives_in_the_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    model, s = with_biases(potential(radial_hidden=(), lmax=1, body_order=3)).train(), molecule(3)
    weights, found = [model.network.interactions[0].sums.weights, model.readout], []
    for largest in (0, 10**6):
        monkeypatch.setattr(LARGEST, largest)
        first = torch.autograd.grad(loss_of(model, s, "energies and forces"), weights, create_graph=True)
        second = torch.autograd.grad(first[0].square().sum(), weights)
        found.append(dict(zip(("weights", "readout"), second, strict=True)))
    assert_same(*reversed(found))


def test_single_precision_agrees(monkeypatch: pytest.MonkeyPatch) -> None:
    model, s = with_biases(potential(radial_hidden=(), lmax=3)).train(), molecule(9)
    expected = gradients(model, s)
    found = gradients(model.float(), s.moved(s.positions.float()))
    for name, value in expected.items():
        torch.testing.assert_close(found[name].double(), value, atol=1e-4 * float(value.abs().max()), rtol=0)


def test_autocast_does_not_change_anything() -> None:
    model, s = with_biases(potential(radial_hidden=())).float().train(), molecule()
    s = s.moved(s.positions.float())
    expected = gradients(model, s)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = loss_of(model, s, "energies and forces")
    found = torch.autograd.grad(loss, [*model.parameters()], allow_unused=True, materialize_grads=True)
    assert_same(dict(zip(expected, found, strict=True)), expected)
