from __future__ import annotations

import json
import pickle
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from rich.console import Console
from torch.nn import functional

from intertwine import tasks
from intertwine.groups import SO3
from intertwine.tasks.clouds import shape_intersections
from intertwine.tasks.clouds._job import network_inputs, stretch_normals
from intertwine.training import Job, Settings, fit, load_checkpoint

SILENT = Console(quiet=True)
SIZES = {"points": 32, "layers": 1, "neighbors": 6, "hidden": "4x0e+4x1o", "validation": "6", "test": "6"}


@pytest.fixture
def prepare(shapes, write):
    """A job of classes or of parts."""

    def build(task="classify", **changes):
        data = "classes" if task == "classify" else "parts"
        write(Path(data), parts=task == "segment")
        found = tasks.get(task)
        options = found.options(data=data, **{**SIZES, **changes})
        options.check()
        return found.prepare(options)

    return build


def indices(job):
    return torch.arange(job.train_size())


@pytest.mark.parametrize("task", ["classify", "segment"])
def test_it_is_a_job(prepare, task):
    job = prepare(task)
    assert isinstance(job, Job)
    assert (job.train_size(), job.validation_size(), len(job.held_out)) == (12, 6, 6)
    found = job.metrics(job.validation_batch(torch.arange(6)))
    assert list(found) == ["loss", {"classify": "accuracy", "segment": "miou"}[task], "rotated", "change"]
    assert job.monitor in found
    assert all(count == 6 for _, count in found.values())


@pytest.mark.parametrize("augment", ["none", "z"])
def test_validation_rotates_each_cloud_by_its_own_rotation_in_space(prepare, augment):
    job = prepare(augment=augment)
    batch = job.validation_batch(torch.arange(6))
    given, rotated = (part.positions.double().reshape(6, -1, 3) for part in (batch.clouds, batch.rotated))
    rotations = torch.linalg.lstsq(given, rotated).solution.mT
    assert torch.allclose(given @ rotations.mT, rotated, atol=1e-5)
    assert torch.allclose(rotations @ rotations.mT, torch.eye(3).double(), atol=1e-4)
    assert torch.allclose(torch.linalg.det(rotations), torch.ones(6).double(), atol=1e-4)
    assert ((rotations - torch.eye(3)).abs().amax((1, 2)) > 0.05).all()
    assert ((rotations[:, 2, 2] - 1).abs() > 1e-3).all()  # not about the vertical
    assert torch.pdist(rotations.flatten(1)).min() > 0.05


@pytest.mark.parametrize("task", ["classify", "segment"])
def test_the_same_json_gives_the_same_job(prepare, task):
    first = prepare(task, augment="SO3", encoder="message", hidden="8x0e")
    torch.manual_seed(17)
    again = tasks.get(task).build(*(json.loads(json.dumps(part)) for part in (first.config, first.split)))
    for left, right in zip(first.model.state_dict().values(), again.model.state_dict().values(), strict=True):
        assert torch.equal(left, right)
    first.model.eval(), again.model.eval()
    batch = first.train_batch(indices(first), 5)
    other = pickle.loads(pickle.dumps(again)).train_batch(indices(again), 5)
    assert torch.equal(first.loss(batch)[0], again.loss(other)[0])


def test_the_global_random_numbers_are_left_alone(prepare):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    prepare()
    assert torch.equal(torch.get_rng_state(), before)


def turn_of(job, index, seed):
    """The rotation and the scale by which a training cloud was moved, when nothing is shaken."""
    given = job._train.batch([index], dtype=torch.float64).positions
    found = job.train_batch(torch.tensor([index]), seed).clouds.positions.double()
    moved = torch.linalg.lstsq(given, found).solution.mT
    scale = moved.det() ** (1 / 3)
    return moved / scale, float(scale)


@pytest.mark.parametrize("up", ["x", "y", "z"])
def test_the_vertical_turns_with_the_cloud(prepare, up):
    job = prepare(vertical=True, up=up, augment="SO3", jitter=0.0, stretch=0.0, draws=1)
    axis = torch.eye(3, dtype=torch.float64)["xyz".index(up)]
    assert torch.equal(job._train.batch([0], dtype=torch.float64).point_fields["vectors"][:, 3:], axis.expand(32, 3))
    for index in range(6):
        given = job.train_batch(torch.tensor([index]), 3).clouds.point_fields["vectors"]
        assert torch.allclose(given[:, 3:].double(), (turn_of(job, index, 3)[0] @ axis).expand(32, 3), atol=1e-5)


def test_a_cloud_that_lies_is_another_only_where_the_vertical_stays(prepare):
    job = prepare(vertical=True)
    job.model.eval()
    turns = SO3().sample(6, generator=torch.Generator().manual_seed(0))
    given, turned = (job._train.batch(range(6), rotations=each) for each in (None, turns))
    lying = replace(turned, point_fields=given.point_fields)
    logits = [job.logits(each) for each in (given, turned, lying)]
    assert torch.allclose(logits[1], logits[0], atol=1e-5)
    assert ((logits[2] - logits[0]).abs().amax(1) > 1e-3).all()


@pytest.mark.parametrize("augment", ["none", "z", "SO3"])
def test_clouds_are_turned_as_the_options_say(prepare, augment):
    job = prepare(augment=augment, jitter=0.0, stretch=0.0, up="y", draws=1)
    turns, scales = zip(*(turn_of(job, index, 3) for index in range(6)), strict=True)
    R, vertical = torch.stack(turns), torch.tensor([0.0, 1, 0], dtype=torch.float64)
    assert torch.allclose(R @ R.mT, torch.eye(3, dtype=torch.float64).expand(6, 3, 3), atol=1e-5)
    assert torch.allclose(R, torch.eye(3, dtype=torch.float64).expand(6, 3, 3), atol=1e-5) == (augment == "none")
    assert torch.allclose(R @ vertical, vertical.expand(6, 3), atol=1e-5) == (augment != "SO3")
    assert len(set(scales)) == 6
    assert 0.77 < min(scales) < max(scales) < 1.29


def test_training_takes_one_cloud_of_a_shape_or_another(prepare):
    job = prepare(jitter=0.0, stretch=0.0, draws=3)
    single = prepare(jitter=0.0, stretch=0.0, draws=1)
    assert (job.train_size(), job.validation_size(), len(job.held_out)) == (12, 6, 6)
    assert torch.equal(job.held_out.positions, single.held_out.positions)
    held = job._train
    assert torch.equal(held.batch([3 * 4]).positions, single._train.batch([4]).positions)
    for index in (0, 4):
        taken = []
        for seed in range(20):
            shape = job.train_batch(torch.tensor([index]), seed)
            assert shape.clouds.cloud_fields["classes"] == single._train.clouds.cloud_fields["classes"][index]
            found = shape.clouds.positions / shape.clouds.positions.norm(dim=1).max()
            taken += [
                draw for draw in range(3) if torch.allclose(found, held.batch([3 * index + draw]).positions, atol=1e-5)
            ]
        assert len(taken) == 20
        assert set(taken) == {0, 1, 2}


def test_augmentation_follows_from_seed_and_index_alone(prepare):
    job = prepare(augment="SO3")
    whole = job.train_batch(torch.tensor([3, 5, 7]), seed=2).clouds
    alone = job.train_batch(torch.tensor([5]), seed=2).clouds
    assert torch.equal(whole.positions[whole.batch == 1], alone.positions)
    assert not torch.equal(job.train_batch(torch.tensor([5]), seed=3).clouds.positions, alone.positions)
    once, again = (job.validation_batch(torch.tensor([1, 2])) for _ in range(2))
    assert torch.equal(once.clouds.positions, again.clouds.positions)
    assert torch.equal(once.rotated.positions, again.rotated.positions)


def test_the_loss_of_a_class_is_the_slow_sum(prepare):
    job = prepare(smoothing=0.2)
    job.model.eval()
    batch = job.train_batch(indices(job), 0)
    total, count = job.loss(batch)
    expected = 0.0
    for logits, truth in zip(job.logits(batch.clouds).detach(), batch.clouds.cloud_fields["classes"], strict=True):
        target = torch.full((3,), 0.2 / 3)
        target[truth] += 0.8
        expected -= float((target * logits.log_softmax(0)).sum())
    assert count == 12
    assert float(total.detach()) == pytest.approx(expected, rel=1e-5)


@torch.no_grad()
def test_the_loss_of_parts_is_the_mean_over_the_points_of_each_cloud(prepare):
    job = prepare("segment")
    job.model.eval()
    batch = job.train_batch(indices(job), 0)
    logits, truth = job.logits(batch.clouds), batch.clouds.point_fields["parts"]
    expected = sum(
        float(functional.cross_entropy(logits[mine], truth[mine], label_smoothing=0.1))
        for mine in (batch.clouds.batch == cloud for cloud in range(12))
    )
    assert float(job.loss(batch)[0]) == pytest.approx(expected, rel=1e-5)


@torch.no_grad()
def test_metrics_are_what_they_say(prepare):
    job = prepare(encoder="message", hidden="8x0e", augment="z")
    job.model.eval()
    batch = job.validation_batch(torch.arange(6))
    found = {name: float(total) / count for name, (total, count) in job.metrics(batch).items()}
    given, turned = (job.model(*network_inputs(job.model, each)) for each in batch[:2])
    assert found["accuracy"] == pytest.approx(
        float((given.argmax(1) == batch.clouds.cloud_fields["classes"]).double().mean())
    )
    assert found["rotated"] == pytest.approx(
        float((turned.argmax(1) == batch.clouds.cloud_fields["classes"]).double().mean())
    )
    assert found["change"] == pytest.approx(float((given - turned).abs().amax(1).mean()), rel=1e-5)


@torch.no_grad()
def test_parts_are_judged_among_those_of_their_category(prepare):
    job = prepare("segment")
    job.model.eval()
    job.config["parts"].append("9")
    job.config["allowed"] = [[0, 1], [0, 1], [0]]
    clouds = job.validation_batch(torch.arange(6)).clouds
    truth = clouds.point_fields["parts"]
    logits = torch.randn(len(truth), 3, generator=torch.Generator().manual_seed(0))
    logits[:, 2] += 9
    allowed = torch.tensor([[1, 1, 0], [1, 1, 0], [1, 0, 0]], dtype=torch.bool)[clouds.cloud_fields["classes"]]
    predicted = torch.where(allowed[clouds.batch], logits, -torch.inf).argmax(1)
    assert not (predicted == 2).any()
    expected = shape_intersections(truth, predicted, clouds.batch, 6, 3, allowed)
    assert torch.equal(job._scores(logits, clouds), expected)


@pytest.mark.parametrize("task", ["classify", "segment"])
def test_interrupted_and_resumed_it_is_the_same_to_the_last_bit(prepare, tmp_path, monkeypatch, task):
    settings = Settings(epochs=2, batch_size=5, ema=0.99)
    fit(prepare(task, augment="SO3"), tmp_path / "whole", settings, console=SILENT)
    job, calls = prepare(task, augment="SO3"), []
    loss = job.loss

    def dying(batch):
        calls.append(1)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return loss(batch)

    monkeypatch.setattr(job, "loss", dying)
    assert fit(job, tmp_path / "broken", settings, console=SILENT).interrupted
    checkpoint = load_checkpoint(tmp_path / "broken" / "last")
    fresh = tasks.get(task).build(checkpoint.config, checkpoint.split)
    fit(fresh, tmp_path / "broken", settings, resume=True, console=SILENT)
    for name in ("best", "last"):
        whole, broken = ((tmp_path / run / name / "model.safetensors").read_bytes() for run in ("whole", "broken"))
        assert whole == broken


def test_a_trained_model_is_judged_by_the_first_cloud_of_each_unseen_shape(prepare, tmp_path):
    job = prepare(draws=3, epochs=1)
    outcome = fit(job, tmp_path / "run", Settings(epochs=1, batch_size=6), console=SILENT)
    predictor = tasks.get("classify").restore(load_checkpoint(outcome.best))
    shapes, _ = predictor.load(None)
    assert torch.equal(shapes.positions, job.held_out.positions)
    assert torch.equal(shapes.cloud_fields["classes"], job.held_out.cloud_fields["classes"])


def test_normals_of_a_stretched_surface_are_those_of_its_plane(prepare):
    batch = prepare().train_batch(torch.arange(2), 0).clouds
    generator = torch.Generator().manual_seed(0)
    planes = torch.randn(len(batch.positions), 2, 3, generator=generator, dtype=torch.float64)
    factors = torch.tensor([[1.0, 2.0, 0.5], [0.7, 1.0, 1.3]], dtype=torch.float64)
    rotations = SO3().sample(2, generator=generator)
    normals = functional.normalize(torch.linalg.cross(planes[:, 0], planes[:, 1]), dim=1)
    moved = torch.einsum("nij,nvj->nvi", rotations[batch.batch], planes * factors[batch.batch][:, None])
    given = torch.cat([torch.einsum("nij,nj->ni", rotations[batch.batch], normals), planes[:, 0]], 1)
    found = stretch_normals(given, 1, factors, rotations, batch)
    assert torch.einsum("nj,nvj->nv", found[:, :3], moved).abs().max() < 1e-12
    assert torch.allclose(found[:, :3].norm(dim=1), torch.ones(len(found)).double())
    assert torch.equal(found[:, 3:], given[:, 3:])


def test_clouds_without_normals_are_given_some_up_to_sign(prepare):
    job = prepare()
    batch = job.validation_batch(torch.arange(6)).clouds
    vectors = batch.point_fields["vectors"]
    assert torch.allclose(vectors.norm(dim=1), torch.ones(len(vectors)), atol=1e-5)
    job.model.eval()
    signs = torch.randint(0, 2, (len(vectors), 1), generator=torch.Generator().manual_seed(0)) * 2 - 1
    flipped = replace(batch, point_fields={**batch.point_fields, "vectors": vectors * signs})
    others = replace(batch, point_fields={**batch.point_fields, "vectors": vectors.roll(1, 1)})
    assert torch.allclose(job.logits(flipped), job.logits(batch), atol=1e-5)
    assert not torch.allclose(job.logits(others), job.logits(batch), atol=1e-3)
