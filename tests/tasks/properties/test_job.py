from __future__ import annotations

import json
import pickle
from dataclasses import replace

import pytest
import torch

from intertwine.data import Split
from intertwine.groups import SO3
from intertwine.tasks._rotations import quaternion_rotations
from intertwine.tasks.properties import PropertyJob
from intertwine.tasks.properties._job import network_inputs
from intertwine.training import Job

ALL = ("energy", "dipole:1o", "quadrupole:ij=ji")


def indices(job):
    return torch.arange(job.train_size())


def loss_of(job, seed=0):
    return float(job.loss(job.train_batch(indices(job), seed))[0].detach())


def test_it_is_a_job(config, split, structures):
    job = PropertyJob(config(*ALL), split, structures)
    assert isinstance(job, Job)
    assert (job.train_size(), job.validation_size()) == (16, 4)


def test_the_same_json_gives_the_same_job(config, split, structures):
    first = PropertyJob(config(*ALL, augment=True), split, structures)
    torch.manual_seed(17)
    again = PropertyJob(*(json.loads(json.dumps(part)) for part in (first.config, first.split)), structures)
    for left, right in zip(first.model.state_dict().values(), again.model.state_dict().values(), strict=True):
        assert torch.equal(left, right)
    left, right = (job.loss(job.train_batch(indices(job), 5))[0] for job in (first, pickle.loads(pickle.dumps(again))))
    assert torch.equal(left, right)


def test_the_global_random_numbers_are_left_alone(config, split, structures):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    PropertyJob(config("energy"), split, structures)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("name", ["dipole", "quadrupole"])
@pytest.mark.parametrize("augment", [False, True])
def test_targets_turn_with_the_positions(config, split, structures, truth, name, augment):
    """The target is a function of the positions: computed from those of a batch it is the batch's target."""
    rep = {"dipole": "dipole:1o", "quadrupole": "quadrupole:ij=ji"}[name]
    job = PropertyJob(config(rep, augment=augment), split, structures)
    batch = job.train_batch(indices(job), seed=11)
    fit = job.compositions[0]
    counts = structures.select(Split.from_json(split).train).composition(job.elements)
    clouds = batch.structures
    expected = truth[name](clouds.point_fields["numbers"], clouds.positions.double(), clouds.batch, clouds.num_clouds)
    assert torch.allclose(fit(counts) + fit.scale * batch.targets.double(), expected, atol=1e-5)


def test_augmentation_follows_from_seed_and_index_alone(config, split, structures):
    job = PropertyJob(config("dipole:1o", augment=True), split, structures)
    whole = job.train_batch(torch.tensor([3, 5, 7]), seed=2)
    alone = job.train_batch(torch.tensor([5]), seed=2)
    assert torch.equal(whole.targets[1], alone.targets[0])
    assert torch.equal(whole.structures.positions[whole.structures.batch == 1], alone.structures.positions)
    assert not torch.equal(job.train_batch(torch.tensor([5]), seed=3).structures.positions, alone.structures.positions)
    plain = job.validation_batch(torch.arange(4))
    assert torch.equal(plain.structures.positions, job.validation_batch(torch.arange(4)).structures.positions)


def test_random_quaternions_are_haar_rotations():
    draws = torch.randn(20000, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    R = quaternion_rotations(draws)
    assert SO3().contains(R).all()
    for degree in (1, 2, 3):
        character = SO3().irrep(degree).character(R)
        assert abs(float(character.mean())) < 0.04
        assert float(character.square().mean()) == pytest.approx(1, abs=0.05)


def test_the_loss_is_the_slow_sum(config, split, structures):
    job = PropertyJob(config(*ALL), split, structures)
    batch = job.train_batch(indices(job), 0)
    total, count = job.loss(batch)
    output = job.model.normalized(*network_inputs(batch.structures))
    expected = 0.0
    for error in (output - batch.targets).detach():
        blocks = [error[0:1], error[1:4], error[4:5], error[5:10]]
        norms = [float(block.norm()) for block in blocks]
        expected += sum(norm - 0.005 if norm > 0.01 else norm**2 / 0.02 for norm in norms) / 4
    assert count == 16
    assert float(total.detach()) == pytest.approx(expected, rel=1e-5)


def test_the_loss_does_not_depend_on_the_axes(config, split, structures, loud):
    turned, plain = (PropertyJob(config(*ALL, augment=augment), split, structures) for augment in (True, False))
    for job in (turned, plain):
        loud(job.model)
    assert loss_of(turned) == pytest.approx(loss_of(plain), rel=1e-5)
    twin = PropertyJob(config(*ALL, augment=True, layer="message"), split, structures)
    loud(twin.model)
    assert loss_of(twin, seed=0) != pytest.approx(loss_of(twin, seed=1), rel=1e-3)


def test_the_gradient_is_finite_where_the_error_is_zero(config, split, structures):
    job = PropertyJob(config(*ALL), split, structures)
    batch = job.train_batch(indices(job), 0)
    output = job.model.normalized(*network_inputs(batch.structures))
    job.loss(batch._replace(targets=output.detach()))[0].backward()
    for parameter in job.model.parameters():
        assert parameter.grad is None or parameter.grad.isfinite().all()


@torch.no_grad()
def test_metrics_are_errors_in_units(config, split, structures):
    job = PropertyJob(config(*ALL), split, structures)
    batch = job.validation_batch(torch.arange(4))
    found = {name: float(total) / count for name, (total, count) in job.metrics(batch).items()}
    validation = structures.select(Split.from_json(split).validation)
    output = job.model(*network_inputs(batch.structures))
    dipole = output[:, 1:4] - validation.cloud_fields["dipole"]
    assert found["energy_mae"] == pytest.approx(
        float((output[:, :1] - validation.cloud_fields["energy"]).abs().mean()), rel=1e-4
    )
    assert found["dipole_mae"] == pytest.approx(float(dipole.abs().mean()), rel=1e-4)
    assert found["dipole_error_norm"] == pytest.approx(float(dipole.norm(dim=1).mean()), rel=1e-4)
    assert job.monitor == "loss"
    assert found["loss"] > 0


@pytest.mark.parametrize(("target", "monitor"), [("energy", "mae"), ("dipole:1o", "error_norm")])
def test_a_single_target_is_judged_in_its_unit(config, split, structures, target, monitor):
    job = PropertyJob(config(target), split, structures)
    assert job.monitor == monitor
    assert job.monitor in job.metrics(job.validation_batch(torch.arange(4)))


def test_validation_structures_with_strange_elements_are_left_out_and_said(config, split, structures):
    parts = Split.from_json(split)
    numbers = structures.point_fields["numbers"].clone()
    numbers[structures.offsets[parts.validation[0]]] = 14
    strange = replace(structures, point_fields={"numbers": numbers})
    with pytest.warns(UserWarning, match="1 of 4 validation structures"):
        job = PropertyJob(config("energy"), split, strange)
    assert job.validation_size() == 3
