"""Models that learn from the normals of meshes, from estimated ones, or from both, and what they are asked about."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import intertwine as iw
from intertwine import tasks
from intertwine.data import PointCloudSet, estimate_normals, read_shapes
from intertwine.tasks.clouds import replace_normals

SIZES = {"points": 48, "layers": 1, "neighbors": 6, "hidden": "4x0e+4x1o", "validation": "6", "test": "6"}
SIDES = {"cubes": (1, 1, 1), "plates": (1, 1, 0.1), "rods": (1, 0.2, 0.2)}
CORNERS = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], dtype=float)
FACES = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]


def write_boxes(folder, each=8):
    """Boxes of three shapes as OFF."""
    random = np.random.default_rng(0)
    for kind, sides in SIDES.items():
        (folder / kind).mkdir(parents=True)
        for number in range(each):
            corners = CORNERS * sides * random.uniform(0.8, 1.2, 3)
            lines = ["OFF", "8 6 0", *(" ".join(map(str, row)) for row in corners)]
            lines += [f"4 {' '.join(map(str, face))}" for face in FACES]
            (folder / kind / f"{number}.off").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture
def prepare(shapes):
    """A job on boxes."""
    write_boxes(Path("boxes"))

    def build(task="classify", data="boxes", **changes):
        options = tasks.get(task).options(data=data, **{"jitter": 0.0, "stretch": 0.0, "draws": 1, **SIZES, **changes})
        options.check()
        return tasks.get(task).prepare(options)

    return build


def kinds(clouds, own, estimated, places):
    """For each cloud of a batch, whether all its normals are these, and whether all are those, up to sign."""
    normals = clouds.point_fields["vectors"][:, : 3 * places].unflatten(1, (places, 3)).sum(1).double()
    parts = [
        (normals * other.double()).sum(1).abs().unflatten(0, (-1, 48)).amin(1) > 1 - 1e-4 for other in (own, estimated)
    ]
    return torch.stack(parts, 1)


def told(clouds):
    """For each cloud of a batch, whether all its normals are in the place of estimated ones, the other place empty."""
    own, estimated = clouds.point_fields["vectors"][:, :6].unflatten(1, (2, 3)).square().sum(2).bool().T
    assert not (own & estimated).any()
    return estimated.unflatten(0, (-1, 48)).all(1)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_so_many_training_clouds_have_estimated_normals(prepare, share):
    job = prepare(estimated_normals=share, vertical=True)
    dataset, places = job._train, 2 if share == 0.3 else 1
    estimated = estimate_normals(PointCloudSet(dataset.positions, dataset.clouds.offsets))
    own = dataset.clouds.point_fields["vectors"][:, :3]
    assert ((own * estimated).sum(1).abs().unflatten(0, (-1, 48)).amin(1) < 0.9).all() or share == 1.0
    every, taken = torch.arange(job.train_size()), []
    for seed in range(40):
        batch = job.train_batch(every, seed).clouds
        assert batch.vectors == {"vectors"}
        assert set(batch.point_fields) == {"vectors"}
        assert batch.point_fields["vectors"].shape[1] == 3 * places + 3
        assert torch.equal(batch.point_fields["vectors"][:, -3:], torch.tensor([[0.0, 0, 1]]).expand(len(own), 3))
        taken.append(kinds(batch, own, estimated, places))
        assert places == 1 or torch.equal(told(batch), taken[-1][:, 1])
    counted = torch.stack(taken).double().flatten(0, 1)
    assert torch.allclose(counted.sum(1), torch.ones(()).double() + (share == 1.0))
    assert float(counted[:, 1].mean()) == pytest.approx(share, abs=0.08)  # four standard deviations


def test_which_follows_from_seed_and_index_alone(prepare):
    job = prepare(augment="SO3", estimated_normals=0.5)
    whole = job.train_batch(torch.arange(12), 3).clouds
    for index in range(12):
        alone = job.train_batch(torch.tensor([index]), 3).clouds
        assert torch.equal(alone.point_fields["vectors"], whole.point_fields["vectors"][whole.batch == index])


@torch.no_grad()
def test_validation_is_on_both(prepare):
    job = prepare(estimated_normals=0.25)
    job.model.eval()
    batch = job.validation_batch(torch.arange(6))
    own = job._validation.clouds.point_fields["vectors"][:, :3]
    assert kinds(batch.clouds, own, own, 2).all()
    assert kinds(batch.estimated, estimate_normals(job._validation.clouds), own, 2)[:, 0].all()
    assert told(batch.estimated).all()
    assert not told(batch.clouds).any()
    assert not told(batch.rotated).any()
    found = {name: float(total) / count for name, (total, count) in job.metrics(batch).items()}
    truth = batch.clouds.cloud_fields["classes"]
    assert list(found) == ["loss", "accuracy", "estimated", "rotated", "change"]
    losses = [float(job._losses(job.logits(each), batch.clouds).mean()) for each in (batch.clouds, batch.estimated)]
    assert abs(losses[0] - losses[1]) > 1e-4
    assert found["loss"] == pytest.approx(0.75 * losses[0] + 0.25 * losses[1])
    predicted = job.logits(batch.estimated).argmax(1)
    assert found["estimated"] == pytest.approx(float((predicted == truth).double().mean()))
    assert found["change"] < 1e-4


@torch.no_grad()
def test_the_network_is_told_which_normals_it_has(prepare):
    job = prepare(estimated_normals=0.5)
    job.logits(job.train_batch(torch.arange(12), 0).clouds)  # statistics of each kind
    model = job.model.eval()
    clouds = job.validation_batch(torch.arange(6)).clouds
    vectors, *others = clouds.point_fields["vectors"], clouds.positions, clouds.edges, clouds.batch, clouds.num_clouds
    for part in (model, model.descriptor, lambda *inputs: model._encoded(*inputs)[0]):
        assert torch.allclose(part(-vectors, *others), part(vectors, *others), atol=1e-5)
        assert (part(vectors.roll(3, 1), *others) - part(vectors, *others)).abs().max() > 1e-3


def test_a_run_of_before_is_not_told(prepare):
    job = prepare(estimated_normals=0.5)
    config = json.loads(json.dumps(job.config))
    config["model"]["descriptor"]["normals"] = True
    before = tasks.get("classify").build(config, json.loads(json.dumps(job.split)))
    batch = job.train_batch(torch.arange(12), 3).clouds
    assert 0 < int(told(batch).sum()) < 12
    found = before.train_batch(torch.arange(12), 3).clouds.point_fields["vectors"]
    assert torch.equal(found, batch.point_fields["vectors"].unflatten(1, (2, 3)).sum(1))
    assert before.model.vectors == 1
    assert "descriptor.layers.0.running_mean" in before.model.state_dict()


@pytest.mark.parametrize(
    ("options", "share"),
    [
        ({}, 0.0),
        ({"estimated_normals": 0.5}, 0.5),
        ({"data": "classes"}, 1.0),
        ({"descriptor": "shape"}, 0.0),
        ({"normals": True}, 0.0),
        ({"estimated_normals": 1.0}, 1.0),
    ],
    ids=["meshes", "both", "clouds", "no normals", "oriented", "asked for"],
)
def test_the_configuration_says_what_was_learned_from(prepare, options, share):
    job = prepare(**options)
    assert job.config["estimated_normals"] == share
    assert (job.validation_batch(torch.arange(6)).estimated is None) == (share in (0.0, 1.0))
    again = tasks.get("classify").build(*(json.loads(json.dumps(part)) for part in (job.config, job.split)))
    for name, values in job.train_batch(torch.arange(12), 7).clouds.point_fields.items():
        assert torch.equal(values, again.train_batch(torch.arange(12), 7).clouds.point_fields[name])


def test_a_folder_of_meshes_and_clouds(prepare):
    clouds = read_shapes("boxes", 48, seed=5)
    for name, x in zip(clouds.names, clouds.positions.split(48), strict=True):
        if name.endswith(("1.off", "2.off")):
            Path("boxes", name).unlink()
            np.savetxt(Path("boxes", name).with_suffix(".xyz"), x.numpy())
    assert prepare(estimated_normals=0.75).config["estimated_normals"] == 0.75
    job = prepare()
    assert job.config["estimated_normals"] == 0.5  # the kind of a file may be told by its class, and must not tell it
    assert job.config["model"]["descriptor"]["normals"] == 1  # nor is the model told
    assert job.train_batch(torch.arange(12), 0).clouds.point_fields["vectors"].shape == (12 * 48, 3)


@pytest.fixture
def train(shapes, small, command):
    """A run on boxes or on clouds; then the same shapes as meshes, and as points without normals."""
    meshes = write_boxes(Path("boxes"))
    bare = Path("bare")
    for name, x in zip((clouds := read_shapes(meshes, 32)).names, clouds.positions.split(32), strict=True):
        (bare / name).parent.mkdir(parents=True, exist_ok=True)
        np.savetxt((bare / name).with_suffix(".xyz"), x.numpy())

    def run(data, *options):
        command("fit", "classify", data, *small["message"], "--epochs", 1, "--draws", 2, *options)
        return iw.load(f"runs/{Path(data).name}-1/best")

    return run


def probabilities(model, data):
    return torch.as_tensor(model.predict(data)["probabilities"])


def test_a_model_of_meshes_takes_the_normals_of_meshes_and_estimates_those_of_clouds(train):
    model = train("boxes", "--estimated-normals", 0.5)
    assert {"accuracy", "estimated"} <= model.validation.keys()
    model.validation = {"accuracy": 0.8, "estimated": 0.79}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found, bare = probabilities(model, "boxes"), probabilities(model, "bare")
    clouds = read_shapes("boxes", 32)
    for place, given, predicted in ((0, clouds, found), (1, replace_normals(clouds), bare)):
        dataset = model.dataset(given)
        used = dataset.clouds.point_fields["vectors"].unflatten(1, (2, 3)).square().sum(2)
        assert torch.equal(used.bool(), torch.arange(2) == torch.full_like(used, place))
        logits = model.logits(dataset.batch(range(24)))
        assert torch.allclose(logits.softmax(1), predicted.to(logits), atol=1e-4)
    assert (found - bare).abs().amax(1).min() > 1e-4
    model.validation = {"accuracy": 0.8, "estimated": 0.7}
    with pytest.warns(
        UserWarning, match=r"24 clouds without normals: .* accuracy is 70.0 % with such, 80.0 % with those"
    ):
        probabilities(model, "bare")


def test_a_model_of_clouds_estimates_those_of_meshes_too(train):
    model = train("bare")
    assert torch.allclose(probabilities(model, "boxes"), probabilities(model, "bare"), atol=1e-4)
    points = read_shapes("boxes", 32).positions[:32]
    given = model.predict(points, normals=torch.ones_like(points) / 3**0.5)["probabilities"]
    assert np.allclose(given, model.predict(points)["probabilities"])


def test_a_model_that_knows_meshes_alone_warns(train, command):
    model = train("boxes")
    said = command("predict", "runs/boxes-1", "bare", "--output", "found.csv").err
    assert said.count("24 clouds without normals: they were estimated") == 1
    assert "--estimated-normals 0.5" in said
    with pytest.warns(UserWarning, match="1 cloud without normals"):
        model.predict(torch.rand(32, 3))
    assert "estimated" not in command("predict", "runs/boxes-1", "boxes", "--output", "other.csv").err
    assert "24 clouds without normals" in command("evaluate", "runs/boxes-1", "bare").err


def test_it_is_judged_with_both(train, command):
    model = train("boxes", "--estimated-normals", 0.5)
    said = command("evaluate", "runs/boxes-1").out
    assert said.count("with normals estimated from the points, as of files that have none: accuracy") == 1
    model.validation = {}
    found = model.evaluate(write_boxes(Path("others"))).metrics
    clouds = read_shapes("others", 32)
    predicted = model.logits(model.dataset(replace_normals(clouds)).batch(range(24))).argmax(1)
    expected = float((predicted == clouds.cloud_fields["classes"]).double().mean())
    assert found["estimated_normals"]["accuracy"] == pytest.approx(expected)
    assert "estimated_normals" not in model.evaluate("bare").metrics
    page = Path("runs/boxes-1/report.html").read_text()
    assert "and with normals estimated from the points." in page


def test_the_draws_of_a_shape_are_estimated_one_by_one(shapes):
    clouds = read_shapes(write_boxes(Path("boxes")), 32, draws=2)
    found = replace_normals(clouds, 2).point_fields["normals"]
    expected = replace_normals(clouds.unfold(2)).point_fields["normals"]
    assert torch.equal(found, expected)
    marked = replace(clouds, cloud_fields={**clouds.cloud_fields, "estimated": torch.ones(24, dtype=torch.bool)})
    assert torch.equal(replace_normals(marked, 2).point_fields["normals"], clouds.point_fields["normals"])
