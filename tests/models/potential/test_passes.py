"""The passes that are written out beside autograd through the network."""

from copy import deepcopy

import pytest
import torch
from potential_structures import ELEMENTS, Structure, crystal, molecule, potential
from torch import Tensor

from intertwine.models import Potential
from intertwine.models.potential._potential import edge_vectors
from intertwine.models.potential.passes._evaluator import Evaluator
from intertwine.models.potential.passes._tables import make_tables
from intertwine.ops import bessel_basis, bessel_with_derivative, radius_graph

OPTIONS = {
    "two layers": {},
    "three layers": {"layers": 3, "hidden": "4x0e + 4x1o + 4x1e + 4x2e"},
    "one layer": {"layers": 1, "body_order": 3},
    "degree 3": {"lmax": 3},
    "degree 1": {"lmax": 1, "body_order": 2},
    "invariant": {"lmax": 0, "hidden": "4x0e"},
    "bound atoms": {"binding_energies": (-2.0, -4.0, -5.0), "bond_lengths": (1.0, 1.2, 1.1)},
}


def with_biases(model: Potential) -> Potential:
    """Biases begin as zeros, which would hide a mistake."""
    with torch.no_grad():
        model.network.hidden.bias.normal_()
        for layer in model.network.radial.layers:
            layer.bias.normal_()
    return model


@pytest.fixture(params=OPTIONS, scope="module")
def model(request: pytest.FixtureRequest) -> Potential:
    return with_biases(potential(radial_hidden=(), **OPTIONS[request.param]))


def by_autograd(model: Potential, s: Structure) -> tuple[Tensor, Tensor]:
    vectors = edge_vectors(s.positions, s.edges, s.shifts).requires_grad_()
    energies = model.node_energies(s.numbers, vectors, s.edges) - model.reference_energies_of(s.numbers)
    return energies.detach(), torch.autograd.grad(energies.sum(), vectors)[0]


def by_passes(model: Potential, s: Structure) -> tuple[Tensor, Tensor]:
    vectors = edge_vectors(s.positions, s.edges, s.shifts)
    elements = model.element_indices(s.numbers)
    found = model._evaluator(model.network, model.readout, model.bound.reach, elements, vectors, s.edges)
    return found[0] * model.energy_scale, found[1] * model.energy_scale


@pytest.mark.parametrize("structure", [molecule(), crystal(2), molecule(40, 1)], ids=["molecule", "crystal", "chunks"])
def test_energies_and_slopes_are_those_of_autograd(
    model: Potential, structure: Structure, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = by_autograd(model, structure)
    for entries in (448, 60):  # one chunk or several
        monkeypatch.setattr("intertwine.models.potential.passes._tables.ENTRIES", entries)
        monkeypatch.setattr(model, "_evaluator", Evaluator())
        for found, value in zip(by_passes(model, structure), expected, strict=True):
            scale = float(value.abs().max().clamp_min(1))
            torch.testing.assert_close(found, value, atol=1e-11 * scale, rtol=0)


def test_single_precision_is_as_exact_as_autograd() -> None:
    """Beside double precision: the order of a sum, and with it the rounding, is the processor's."""
    model, s = with_biases(potential(radial_hidden=(), lmax=3)), molecule(9)
    expected = by_autograd(model, s)
    model, s = model.float(), s.moved(s.positions.float())
    for found, other, value in zip(by_passes(model, s), by_autograd(model, s), expected, strict=True):
        rounding = float((other - value).abs().max()) + 2e-6 * float(value.abs().max())
        assert float((found - value).abs().max()) < 2 * rounding


def test_what_is_kept_follows_weights_edges_and_dtypes() -> None:
    model, s = with_biases(potential(radial_hidden=())), molecule()
    first = model(*s)
    for change in (
        lambda: model.network.interactions[1].skip.weights.data.mul_(1.5),
        lambda: model.network.interactions[0].contraction.weights[0].data.mul_(1.5),
        lambda: model.network.hidden.bias.data.add_(0.5),
        lambda: model.readout.data.mul_(1.1),
    ):
        change()
        second = model(*s)
        assert float((second.energy - first.energy).abs()) > 1e-6
        for found, value in zip(by_passes(model, s), by_autograd(model, s), strict=True):
            torch.testing.assert_close(found, value, atol=1e-10, rtol=1e-10)
        first = second
    nearer = s._replace(edges=radius_graph(s.positions, 2.0))
    torch.testing.assert_close(by_passes(model, nearer)[1], by_autograd(model, nearer)[1], atol=1e-10, rtol=1e-10)
    exact = model(*s).forces
    assert model.float()(s.numbers, s.positions.float(), s.edges).forces.dtype == torch.float32
    rounded = deepcopy(model).double()  # its weights are those of float32
    torch.testing.assert_close(rounded(*s).forces, exact, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(by_passes(rounded, s)[1], by_autograd(rounded, s)[1], atol=1e-10, rtol=1e-10)


def test_tables_hold_every_edge_once() -> None:
    s = molecule(40, 1)
    elements = torch.randint(3, (40,), generator=torch.Generator().manual_seed(0))
    tables = make_tables(elements, s.edges)
    assert torch.equal(tables.edge[tables.entry], torch.arange(s.edges.shape[1]))
    assert torch.equal(tables.order[tables.source[tables.entry]], s.edges[0])
    assert torch.equal(tables.order[tables.target[tables.entry]], s.edges[1])
    assert int((tables.edge == s.edges.shape[1]).sum()) == len(tables.edge) - s.edges.shape[1]
    for chunk in tables.chunks:
        assert chunk.size * chunk.width == chunk.entries.stop - chunk.entries.start
        for element, start, stop in chunk.runs:
            assert bool((tables.elements[chunk.atoms][start:stop] == element).all())


def test_bessel_functions_and_their_derivatives_are_those_of_autograd() -> None:
    distances = torch.tensor([0.0, 1e-9, 1e-3, 0.1, 0.7, 2.0, 5.0], dtype=torch.float64, requires_grad=True)
    value, slope = bessel_with_derivative(distances.detach(), 5.0, 6)
    expected = bessel_basis(distances, 5.0, 6)
    torch.testing.assert_close(value, expected.detach(), atol=1e-13, rtol=1e-12)
    for n in range(6):
        (column,) = torch.autograd.grad(expected[:, n].sum(), distances, retain_graph=True)
        torch.testing.assert_close(slope[:, n], column, atol=1e-11, rtol=1e-10)


def test_many_elements() -> None:
    model = with_biases(Potential(range(1, 95), "4x0e + 4x1o", lmax=1, cutoff=3.0).double().eval())
    s = molecule()._replace(numbers=torch.tensor([1, 94, 26, 8, 14, 79, 6]))
    assert set(ELEMENTS) <= set(model.elements)
    for found, value in zip(by_passes(model, s), by_autograd(model, s), strict=True):
        torch.testing.assert_close(found, value, atol=1e-10, rtol=1e-10)


def test_buffers_of_inference_mode_serve_outside_of_it() -> None:
    model, s = with_biases(potential(radial_hidden=())), molecule(11, 2)
    with torch.inference_mode():
        first = model(*s)
    torch.testing.assert_close(model(*s).forces, first.forces.clone(), atol=1e-12, rtol=1e-12)
    training = deepcopy(model).train()
    assert training(*s).forces.requires_grad
