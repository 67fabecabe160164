"""Laws of potentials: symmetries, extensivity, forces and stress as derivatives, smoothness; degenerate structures."""

import math
from collections.abc import Callable
from copy import deepcopy

import pytest
import torch
from potential_structures import CUTOFF, ELEMENTS, crystal, molecule, potential
from torch import Tensor

from intertwine.groups import O3
from intertwine.models import Potential
from intertwine.ops import bessel_basis, radius_graph, smooth_cutoff

OPTIONS = {
    "products": {},
    "linear radial functions": {"radial_hidden": ()},
    "body order 3, degree 2": {"body_order": 3, "hidden": "4x0e + 4x1o + 4x2e", "layers": 3},
    "body order 2, one layer": {"body_order": 2, "layers": 1},
    "depthwise": {"family": "depthwise"},
    "attention": {"family": "attention", "hidden": "4x0e + 4x1o"},
    "egnn": {"family": "egnn"},
    "steerable": {"family": "steerable", "layers": 1},
}


@pytest.fixture(params=OPTIONS, scope="module")
def model(request: pytest.FixtureRequest) -> Potential:
    return potential(**OPTIONS[request.param])


def test_energies_are_invariant_and_forces_turn(model: Potential) -> None:
    s = molecule()
    out = model(*s)
    generator = torch.Generator().manual_seed(1)
    for g in O3().sample(32, generator=generator):  # rotations and reflections
        order = torch.randperm(len(s.numbers), generator=generator)
        shift = torch.randn(3, dtype=torch.float64, generator=generator)
        edges = torch.argsort(order)[s.edges][:, torch.randperm(s.edges.shape[1], generator=generator)]
        moved = model(s.numbers[order], s.positions[order] @ g.T + shift, edges)
        torch.testing.assert_close(moved.energy, out.energy, atol=1e-9, rtol=0)
        torch.testing.assert_close(moved.energies, out.energies[order], atol=1e-9, rtol=0)
        torch.testing.assert_close(moved.forces, out.forces[order] @ g.T, atol=1e-9, rtol=0)
    assert out.forces.abs().max() > 1e-3


def test_a_reflection_of_the_positions_alone_changes_the_forces(model: Potential) -> None:
    s = molecule()
    turned = model(*s.moved(-s.positions)).forces
    assert not torch.allclose(turned, model(*s).forces)


def test_forces_are_those_of_finite_differences(model: Potential) -> None:
    s = molecule(5)
    found = model(*s).forces
    step = 1e-5
    for atom, axis in ((0, 0), (2, 1), (4, 2)):
        energies = []
        for sign in (1, -1):
            positions = s.positions.clone()
            positions[atom, axis] += sign * step
            energies.append(model(*s.moved(positions), forces=False).energy - model(*s, forces=False).energy)
        slope = (energies[0] - energies[1]) / (2 * step)
        torch.testing.assert_close(found[atom, axis], -slope[0], atol=1e-6, rtol=1e-6)


def test_forces_have_no_sum_torque_or_curl(model: Potential) -> None:
    s = molecule(5)
    forces = model(*s).forces
    torch.testing.assert_close(forces.sum(0), torch.zeros(3).double(), atol=1e-10, rtol=0)
    torque = torch.linalg.cross(s.positions, forces).sum(0)
    torch.testing.assert_close(torque, torch.zeros(3).double(), atol=1e-10, rtol=0)
    positions = s.positions.clone().requires_grad_()
    forces = model(*s.moved(positions)).forces.flatten()
    rows = [torch.autograd.grad(force, positions, retain_graph=True)[0].flatten() for force in forces]
    hessian = torch.stack(rows)
    assert hessian.abs().max() > 1e-3
    torch.testing.assert_close(hessian, hessian.T, atol=1e-9, rtol=1e-8)


def test_two_far_copies_have_twice_the_energy(model: Potential) -> None:
    s = molecule()
    numbers, edges = s.numbers.repeat(2), torch.cat([s.edges, s.edges + len(s.numbers)], 1)
    positions = torch.cat([s.positions, s.positions + 100.0])
    one, two = model(*s), model(numbers, positions, edges)
    torch.testing.assert_close(two.energy, 2 * one.energy, atol=1e-9, rtol=0)
    structures = torch.arange(2).repeat_interleave(len(s.numbers))
    batch = model(numbers, positions, edges, None, structures, 2)
    torch.testing.assert_close(batch.energy, one.energy.repeat(2), atol=1e-9, rtol=0)
    torch.testing.assert_close(batch.forces, one.forces.repeat(2, 1), atol=1e-10, rtol=0)


def test_a_supercell_has_as_many_energies_and_the_same_stress(model: Potential) -> None:
    outputs = []
    for copies in (1, 3):
        *s, cells = crystal(copies)
        outputs.append(model(*s, cells=cells, stress=True))
    one, three = outputs
    torch.testing.assert_close(three.energy, 3 * one.energy, atol=1e-8, rtol=0)
    torch.testing.assert_close(three.forces, one.forces.repeat(3, 1), atol=1e-9, rtol=0)
    torch.testing.assert_close(three.stress, one.stress, atol=1e-9, rtol=0)


def test_stress_is_the_derivative_by_the_strain(model: Potential) -> None:
    *s, cells = crystal()
    stress = model(*s, cells=cells, stress=True).stress[0]
    torch.testing.assert_close(stress, stress.T, atol=1e-12, rtol=0)
    step, volume = 1e-5, torch.linalg.det(cells[0])
    start = model(*s, forces=False).energy
    for a, b in ((0, 0), (0, 1), (1, 2), (2, 2)):
        strain = torch.zeros(3, 3, dtype=torch.float64)
        strain[a, b] += step / 2
        strain[b, a] += step / 2
        energies = [model(*crystal(1, sign * strain)[:4], forces=False).energy - start for sign in (1, -1)]
        slope = (energies[0] - energies[1])[0] / (2 * step) / volume
        torch.testing.assert_close(stress[a, b], slope, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("name", [name for name in OPTIONS if name != "body order 2, one layer"])
def test_energy_is_smooth_to_the_second_derivative_at_the_cutoff(name: str) -> None:
    model, numbers = potential(**OPTIONS[name]), torch.tensor([1, 8])
    both = torch.tensor([[0, 1], [1, 0]])

    def derivatives(distance: float) -> Tensor:
        x = torch.tensor(distance, dtype=torch.float64, requires_grad=True)
        zero = torch.zeros((), dtype=torch.float64)
        positions = torch.stack([torch.zeros(3, dtype=torch.float64), torch.stack([x, zero, zero])])
        energy = model(numbers, positions, both, forces=False).energies.sum()
        (first,) = torch.autograd.grad(energy, x, create_graph=True)
        (second,) = torch.autograd.grad(first, x)
        return torch.stack([energy.detach(), first.detach(), second])

    apart = model(numbers, torch.zeros(2, 3).double(), both[:, :0], forces=False).energy[0]
    steps = [1e-2, 1e-3, 1e-4]
    below = torch.stack([derivatives(CUTOFF - step) for step in steps]) - torch.stack([apart, apart * 0, apart * 0])
    assert float(below[0, 2].abs()) > 1e-8  # not zero before the cutoff
    for order in range(3):  # vanish as the cube, square and first power of the distance to the cutoff
        ratios = below[:-1, order].abs() / below[1:, order].abs().clamp_min(1e-14)
        assert float(below[-1, order].abs()) < 1e-12 or float(ratios[0]) > 0.7 * 10 ** (3 - order)


@pytest.mark.parametrize(
    "change",
    [
        lambda s: (s.numbers[:0], s.positions[:0], s.edges[:, :0]),
        lambda s: (s.numbers[:1], s.positions[:1], s.edges[:, :0]),
        lambda s: (s.numbers, s.positions, s.edges[:, :0]),
        lambda s: (s.numbers[:2], s.positions[:1].repeat(2, 1), torch.tensor([[0, 1], [1, 0]])),
    ],
    ids=["no atom", "one atom", "no edges", "two atoms at one place"],
)
def test_degenerate_structures(model: Potential, change: Callable) -> None:
    numbers, positions, edges = change(molecule())
    for training in (False, True):
        model.train(training)
        out = model(numbers, positions, edges, cells=torch.eye(3).double()[None], stress=True)
        model.eval()
        assert out.energy.shape == (1,)
        assert out.forces.shape == positions.shape
        assert out.stress.shape == (1, 3, 3)
        assert all(value.isfinite().all() for value in out)
    if not edges.shape[1]:
        assert float(out.forces.abs().sum()) == 0


def test_single_precision_agrees_with_double(model: Potential) -> None:
    s = molecule()
    exact, single = model(*s), deepcopy(model).float()
    out = single(s.numbers, s.positions.float(), s.edges)
    assert out.energy.dtype == torch.float64
    assert out.forces.dtype == torch.float32
    interaction = exact.energy - model.reference_energies_of(s.numbers).sum()
    assert float((out.energy - exact.energy).detach().abs()) < 1e-4 * float(interaction.abs() + 1)
    torch.testing.assert_close(out.forces.double(), exact.forces, atol=2e-4 * float(exact.forces.abs().max()), rtol=0)


def test_gradients_of_a_loss_on_forces_are_those_of_finite_differences() -> None:
    model, s = potential().train(), molecule(5)

    def loss() -> Tensor:
        out = model(*s)
        return out.forces.square().sum() + (out.energies - model.reference_energies_of(s.numbers)).square().sum()

    names = dict(model.named_parameters())
    gradients = dict(zip(names, torch.autograd.grad(loss(), list(names.values()), allow_unused=True), strict=True))
    generator = torch.Generator().manual_seed(0)
    for name, parameter in names.items():
        found = gradients[name]
        if found is None:
            assert not parameter.requires_grad
            continue
        direction = torch.randn(parameter.shape, dtype=torch.float64, generator=generator)
        values = []
        for sign in (1, -1):
            with torch.no_grad():
                parameter.add_(direction, alpha=sign * 1e-6)
            values.append(loss().detach())
            with torch.no_grad():
                parameter.sub_(direction, alpha=sign * 1e-6)
        slope = (values[0] - values[1]) / 2e-6
        torch.testing.assert_close((found * direction).sum(), slope, atol=1e-5, rtol=1e-5, msg=name)


def test_frozen_weights_give_the_same_and_see_changes() -> None:
    model, s = potential(), molecule()  # with radial functions that have no passes written out
    first = model(*s)
    training = deepcopy(model).train()(*s)
    torch.testing.assert_close(first.energy, training.energy.detach(), atol=1e-10, rtol=0)
    torch.testing.assert_close(first.forces, training.forces.detach(), atol=1e-10, rtol=0)
    model.network.interactions[0].contraction.weights[0].data.mul_(1.5)
    assert float((model(*s).energy - first.energy).abs()) > 1e-6


def test_the_configuration_rebuilds_it(model: Potential) -> None:
    again = Potential.from_config(model.config).double().eval()
    again.load_state_dict(model.state_dict())
    s = molecule()
    torch.testing.assert_close(again(*s).energy, model(*s).energy)
    assert again.config == model.config


def test_bad_use_says_so() -> None:
    model, s = potential(), molecule()
    with pytest.raises(ValueError, match=r"knows the elements \[1, 6, 8\], not \[7\]"):
        model(torch.full_like(s.numbers, 7), s.positions, s.edges)
    with pytest.raises(ValueError, match="give cells"):
        model(*s, stress=True)
    with pytest.raises(ValueError, match="different atomic numbers"):
        Potential((1, 1))
    with pytest.raises(ValueError, match="3 elements need as many"):
        Potential(ELEMENTS, reference_energies=[0.0])
    with pytest.raises(ValueError, match="equally many copies"):
        Potential(ELEMENTS, "4x0e + 2x1o")
    with pytest.raises(ValueError, match="with 0e among them"):
        Potential(ELEMENTS, "4x0o + 4x1o")
    with pytest.raises(ValueError, match="body_order is 2, 3 or 4"):
        Potential(ELEMENTS, body_order=5)
    with pytest.raises(ValueError, match="positive cutoff"):
        Potential(ELEMENTS, cutoff=0.0)
    with pytest.raises(ValueError, match=r'no family "message" of potentials; known: products, attention'):
        potential(family="message", hidden="4x0e")


def test_many_elements_are_embedded() -> None:
    model = Potential(range(1, 95), "4x0e + 4x1o", lmax=1, radial_hidden=(8,), cutoff=CUTOFF).double().eval()
    s = molecule()
    numbers = torch.tensor([1, 94, 26, 8, 14, 79, 6])
    assert model(numbers, s.positions, radius_graph(s.positions, CUTOFF)).forces.isfinite().all()


def test_radial_functions_are_linear_in_the_bessel_functions_by_default():
    """So they are as smooth below the shortest distances of training as above, which a network on them is not."""
    radial = Potential((1, 8), "4x0e + 4x1o").network.radial.double()
    (layer,) = radial.layers
    distances = torch.linspace(0.3, 6.0, 60, dtype=torch.float64)
    bessel, envelope = bessel_basis(distances, 5.0, 10), smooth_cutoff(distances, 5.0)
    scale = torch.arange(1, 11, dtype=torch.float64) ** -1.5
    expected = envelope[:, None] * ((bessel * scale / scale.square().mean().sqrt()) @ layer.weight.T + layer.bias)
    torch.testing.assert_close(radial(bessel, envelope), expected, rtol=0, atol=1e-6)  # scales are stored in float32


def test_an_atom_without_neighbors_has_its_reference_energy() -> None:
    model = potential()
    with torch.no_grad():
        model.network.hidden.bias.normal_()
    atom, nowhere = torch.tensor([ELEMENTS[1]]), torch.zeros(1, 3, dtype=torch.float64)
    out = model(atom, nowhere, torch.zeros(2, 0, dtype=torch.int64))
    assert float(out.energy) == -1027.0
    assert not out.forces.any()


def test_an_atom_that_leaves_gives_back_its_binding_energy() -> None:
    model = potential(binding_energies=(-2.0, -4.0, -5.0), bond_lengths=(1.0, 1.2, 1.1))
    with torch.no_grad():
        model.readout[: model.network.width] = 0
    numbers, edges = torch.tensor([ELEMENTS[0], ELEMENTS[1]]), torch.tensor([[0, 1], [1, 0]])

    def energy(distance: float) -> float:
        positions = torch.tensor([[0.0, 0, 0], [distance, 0, 0]], dtype=torch.float64)
        return float(model(numbers, positions, edges).energy) + 13.6 + 1027.0

    def bound(distance: float, reach: float) -> float:
        d = min(distance / reach, 1.0)
        return 1 - math.exp(-5 * (1 - 28 * d**6 + 48 * d**7 - 21 * d**8))

    for distance in (0.7, 1.0, 1.5, 1.9, 2.2, 2.4):
        expected = -2.0 * bound(distance, 2.0) - 4.0 * bound(distance, 2.4)
        assert energy(distance) == pytest.approx(expected, abs=1e-5)
    assert energy(0.7) == pytest.approx(-6.0, abs=0.06)
    assert energy(2.4) == 0.0


def test_gradients_of_a_loss_on_forces_are_those_of_one_graph() -> None:
    model = potential().train()
    numbers, positions, edges, *_ = molecule(6, 3)
    found = []
    for positions_of in (positions, positions.clone().requires_grad_()):
        out = model(numbers, positions_of, edges)
        loss = out.energy.square().sum() + out.forces.square().sum()
        weights = list(model.parameters())
        slopes = torch.autograd.grad(loss, weights, create_graph=True, materialize_grads=True)
        second = torch.autograd.grad(sum(slope.square().sum() for slope in slopes), weights, materialize_grads=True)
        found.append((*slopes, *second))
    for graph_of_its_own, one_graph in zip(*found, strict=True):
        torch.testing.assert_close(graph_of_its_own, one_graph, rtol=1e-8, atol=1e-8)
