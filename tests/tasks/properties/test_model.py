from __future__ import annotations

import copy
import pickle

import pytest
import torch

from intertwine.groups import O3
from intertwine.tasks.properties import PropertyModel, Target, fit_composition
from intertwine.tasks.properties._job import network_inputs, structure_dataset

TARGETS = (Target("energy"), Target("dipole", "1o"), Target("quadrupole", "0e+2e", cartesian=True))


def build(config, pools=("sum", "sum", "sum"), layer="steerable"):
    torch.manual_seed(0)
    return PropertyModel((1, 6, 8), TARGETS, pools, config("energy", layer=layer)["encoder"]).double()


def run(model, structures, rotations=None):
    part = structure_dataset(structures, 4.0).batch(range(len(structures)), rotations=rotations, dtype=torch.float64)
    return model(*network_inputs(part))


def normalize(model, structures, pools=("sum", "sum", "sum")):
    counts = structures.composition((1, 6, 8))
    fits = [
        fit_composition(counts, structures.cloud_fields[target.name], target, pool)
        for target, pool in zip(TARGETS, pools, strict=True)
    ]
    model.normalize(fits)
    return torch.cat([fit(counts) for fit in fits], dim=1)


@torch.no_grad()
def rotation_gap(model, structures):
    R = O3().sample(len(structures), generator=torch.Generator().manual_seed(3))
    expected = torch.einsum("sij,sj->si", model.rep_out.matrix(R), run(model, structures))
    return float((run(model, structures, R) - expected).norm() / expected.norm())


def test_properties_turn_with_the_structure(config, structures, loud):
    model = loud(build(config))
    normalize(model, structures)
    assert rotation_gap(model, structures) < 1e-12


def test_those_of_the_twin_do_not(config, structures, loud):
    model = loud(build(config, layer="message"))
    normalize(model, structures)
    assert rotation_gap(model, structures) > 1e-2


@pytest.mark.parametrize("pools", [("sum",) * 3, ("mean",) * 3, ("mean", "sum", "sum")])
def test_the_shift_is_the_composition_fit(config, structures, pools):
    model = build(config, pools)
    expected = normalize(model, structures, pools)
    part = structure_dataset(structures, 4.0).batch(range(len(structures)))
    assert torch.allclose(model.shift(part.point_fields["numbers"], part.batch, part.num_clouds), expected, atol=1e-12)


def test_two_far_copies_double_what_is_summed_and_keep_what_is_averaged(config, make):
    one = make(1)
    numbers = one.point_fields["numbers"]
    n = len(numbers)
    model = build(config, ("sum", "mean", "sum"))
    edges = structure_dataset(one, 4.0).batch([0]).edges
    twice = (
        numbers.repeat(2),
        torch.cat([one.positions, one.positions + 100]),
        torch.cat([edges, edges + n], dim=1),
    )
    single = model(numbers, one.positions, edges)
    double = model(*twice)
    energy, dipole, quadrupole = slice(0, 1), slice(1, 4), slice(4, 10)
    assert torch.allclose(double[:, energy], 2 * single[:, energy])
    assert torch.allclose(double[:, dipole], single[:, dipole])
    assert torch.allclose(double[:, quadrupole], 2 * single[:, quadrupole])


def test_a_batch_is_its_structures_one_by_one(config, structures):
    model = build(config, ("mean", "sum", "sum"))
    normalize(model, structures)
    together = run(model, structures)
    alone = torch.cat([run(model, structures.select([index])) for index in range(len(structures))])
    assert torch.allclose(together, alone, atol=1e-12)


def test_total_energies_keep_their_digits(config, structures):
    model = PropertyModel((1, 6, 8), TARGETS, ("sum",) * 3, config("energy")["encoder"])
    model.constant[0] = -406.123456789012
    part = structure_dataset(structures, 4.0).batch(range(4))
    network = model.normalized(*network_inputs(part))
    output = model(*network_inputs(part))
    assert network.dtype == torch.float32
    assert output.dtype == torch.float64
    assert torch.allclose(output[:, 0], network[:, 0].double() - 406.123456789012, rtol=0, atol=1e-12)


def test_copies_pickles_and_state_dicts_say_the_same(config, structures):
    model = build(config)
    normalize(model, structures)
    expected = run(model, structures)
    other = build(config)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.normal_()
    other.load_state_dict(model.state_dict())
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model)), other):
        assert torch.equal(run(twin, structures), expected)


def test_the_elements_are_told_apart(config, structures):
    model = build(config)
    part = structure_dataset(structures, 4.0).batch([0], dtype=torch.float64)
    numbers = part.point_fields["numbers"]
    swapped = torch.where(numbers == 6, 8, torch.where(numbers == 8, 6, numbers))
    assert not torch.allclose(model(numbers, part.positions, part.edges), model(swapped, part.positions, part.edges))
