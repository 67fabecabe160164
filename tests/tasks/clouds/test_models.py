"""Both models: their laws, in training too; degenerate clouds; the forms that they may take."""

from __future__ import annotations

import copy
import pickle
from functools import cache

import pytest
import torch
from torch import nn

from intertwine.auditing import audit
from intertwine.data import NearestNeighbors, PointCloudDataset, PointCloudSet
from intertwine.models import ScalarBatchNorm
from intertwine.ops import knn_graph
from intertwine.tasks.classify import Classifier
from intertwine.tasks.clouds._encoders import ENCODERS, FRAMES, describe_encoder
from intertwine.tasks.segment import Segmenter

HIDDEN = {"steerable": "4x0e + 3x1o + 2x2e", "message": "8x0e"}


def encoder(name="steerable"):
    return describe_encoder(
        name, "none", group="O3", layers=1, levels=None, hidden=HIDDEN[name], width=None, neighbors=5, cutoff=1.5
    )


def make(kind, name="steerable", **options):
    torch.manual_seed(0)
    build = Classifier if kind == "classify" else Segmenter
    dropout = 0.2 if kind == "classify" else 0.0  # by point, it knows the points by their numbers
    return build(3, encoder(name), channels=16, hidden=12, dropout=dropout, **options)


def dataset(positions, sizes):
    clouds = PointCloudSet(positions, torch.tensor([0, *sizes]).cumsum(0))
    return PointCloudDataset(clouds, NearestNeighbors(5), normalize="unit_sphere")


def batch(sizes=(14, 9, 17), vectors=0):
    generator = torch.Generator().manual_seed(1)
    positions = torch.randn(sum(sizes), 3, generator=generator, dtype=torch.float64)
    others = torch.randn(sum(sizes), 3 * vectors, generator=generator, dtype=torch.float64) if vectors else None
    clouds = dataset(positions, sizes).batch(range(len(sizes)))
    vectors = None if others is None else others.float()
    return vectors, clouds.positions, clouds.edges, clouds.batch, clouds.num_clouds


CASES = [("classify", {}), ("classify", {"vectors": 2}), ("segment", {}), ("segment", {"categories": 4})]
IDS = ["classify", "vectors", "segment", "categories"]


def data_of(options, **sizes):
    found = batch(vectors=options.get("vectors", 0), **sizes)
    return (*found, torch.tensor([2, 0, 3])) if "categories" in options else found


def audited(model, options, **how):
    return audit(model, model.action_in, model.action_out, inputs=data_of(options), samples=36, layers=False, **how)


@pytest.mark.parametrize(("kind", "options"), CASES, ids=IDS)
def test_the_logits_are_invariant_in_use_and_in_training(kind, options):
    report = audited(make(kind, **options), options, modes=("eval", "train"), steps=2)
    assert report.passed, str(report)
    double = [run.max_error for run in report.runs if "float64" in run.label]
    assert len(double) == 2
    assert max(double) < 1e-10


@pytest.mark.parametrize("kind", ["classify", "segment"])
def test_those_of_the_plain_encoder_are_not(kind):
    assert audited(make(kind, "message"), {}).max_error > 1e-3


@pytest.mark.parametrize(("kind", "options"), CASES[::3], ids=IDS[::3])
def test_they_export_compile_and_copy(kind, options):
    model = make(kind, **options).eval()
    data = data_of(options)
    expected = model(*data)
    form = torch.export.export(model, data).module()
    if kind == "segment":
        form = torch.compile(model, backend="aot_eager", fullgraph=True)
    assert torch.allclose(form(*data), expected, atol=1e-5)
    for other in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert torch.equal(other(*data), expected)


DEGENERATE = {
    "one point": torch.zeros(1, 3),
    "two points": torch.tensor([[0.0, 0, 0], [1, 0, 0]]),
    "collinear": torch.arange(6.0)[:, None] * torch.tensor([[1.0, 2, 3]]),
    "coplanar": torch.cat([torch.rand(9, 2, generator=torch.Generator().manual_seed(0)), torch.zeros(9, 1)], 1),
    "duplicates": torch.rand(5, 3, generator=torch.Generator().manual_seed(0)).repeat(2, 1),
    "all equal": torch.ones(8, 3),
}


@pytest.mark.parametrize("name", DEGENERATE)
@pytest.mark.parametrize("kind", ["classify", "segment"])
def test_degenerate_clouds_have_finite_logits_and_gradients(kind, name):
    assert_finite(make(kind), DEGENERATE[name].double())


ARMS = [(name, frame) for name in sorted(ENCODERS) for frame in FRAMES if (name, frame == "none") != ("lifted", False)]
"""Every encoder in every frame; the lifted one has a finite group and takes none."""


@cache
def armed(name, frame):
    torch.manual_seed(0)
    config = {"group": "O3", "layers": 1, "levels": None, "hidden": None, "width": None, "neighbors": 5, "cutoff": 1.5}
    return Classifier(3, describe_encoder(name, frame, **config), channels=16, hidden=12)


@pytest.mark.parametrize("cloud", DEGENERATE)
@pytest.mark.parametrize(
    ("name", "frame"),
    [
        pytest.param(*arm, id="-".join(arm), marks=[] if arm[1] == "none" or arm[0] == "vector" else [pytest.mark.slow])
        for arm in ARMS
    ],
)
def test_under_every_encoder_in_every_frame(name, frame, cloud):
    assert_finite(copy.deepcopy(armed(name, frame)), DEGENERATE[cloud].double())


def assert_finite(model, x):
    """Logits and gradients of a cloud, alone in training and in use, and beside another one."""
    single = dataset(x, [len(x)])
    other = torch.randn(9, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    pair = dataset(torch.cat([x, other]), [len(x), 9])
    for clouds, mode in ((single, True), (single, False), (pair, True)):
        model.train(mode).zero_grad()
        batch = clouds.batch(range(len(clouds)))
        positions = batch.positions.clone().requires_grad_()
        logits = model(None, positions, batch.edges, batch.batch, batch.num_clouds)
        assert logits.isfinite().all()
        logits.square().sum().backward()
        assert positions.grad.isfinite().all()
        assert all(w.grad is None or w.grad.isfinite().all() for w in model.parameters())


def test_a_single_cloud_needs_no_batch():
    model, positions = make("classify").eval(), torch.randn(12, 3, generator=torch.Generator().manual_seed(0))
    edges = knn_graph(positions, 5)
    whole = model(None, positions, edges, torch.zeros(12, dtype=torch.int64), 1)
    assert torch.equal(model(None, positions, edges), whole)


def test_what_is_missing_is_said():
    with pytest.raises(ValueError, match="takes 0 vectors of each point, got 1"):
        make("classify")(*batch(vectors=1))
    with pytest.raises(ValueError, match="takes 2 vectors of each point, got 0"):
        make("classify", vectors=2)(*batch())
    with pytest.raises(ValueError, match="needs the category of each cloud, 0 to 3"):
        make("segment", categories=4)(*batch())


def test_nothing_reads_the_default_dtype():
    torch.set_default_dtype(torch.float64)
    try:
        model = make("segment", categories=2)
    finally:
        torch.set_default_dtype(torch.float32)
    assert {w.dtype for w in model.state_dict().values() if w.is_floating_point()} == {torch.float32}


def test_the_norm_of_the_head_is_torchs():
    torch.manual_seed(0)
    ours, theirs = (
        ScalarBatchNorm(4, eps=1e-8, momentum=0.3).double(),
        nn.BatchNorm1d(4, eps=1e-8, momentum=0.3).double(),
    )
    with torch.no_grad():
        ours.weight.normal_(), ours.bias.normal_()
    theirs.load_state_dict(ours.state_dict())
    for _ in range(3):
        x = torch.randn(6, 4, dtype=torch.float64) * 2 + 1
        torch.testing.assert_close(ours(x), theirs(x))
    theirs.eval()
    torch.testing.assert_close(ours(x[:1]), theirs(x[:1]))  # a single row in training goes by the averages
    torch.testing.assert_close(ours.eval()(x), theirs(x))
