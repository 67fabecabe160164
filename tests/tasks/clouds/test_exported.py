"""Models on clouds as programs of torch.export."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
import torch

import intertwine as iw
from intertwine._errors import UsageError
from intertwine.data import read_shapes
from intertwine.export import export_cloud_network, load_program, nearest_neighbors, save_program
from intertwine.export._clouds import farthest_points
from intertwine.ops import farthest_point_sampling, knn_graph
from intertwine.tasks.classify import Classifier
from intertwine.tasks.clouds import _exported
from intertwine.tasks.clouds._encoders import describe_encoder
from intertwine.tasks.segment import Segmenter


@pytest.mark.parametrize("size", [1, 5, 40])
def test_dense_searches_give_what_trees_give(size):
    x = torch.randn(size, 3, generator=torch.Generator().manual_seed(size), dtype=torch.float64)
    q = torch.randn(7, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert torch.equal(nearest_neighbors(x, 6, None, None, None), knn_graph(x, 6))
    assert torch.equal(nearest_neighbors(x, 6, None, q, None), knn_graph(x, 6, queries=q))
    for count in (1, 3, 60):
        assert torch.equal(farthest_points(x, torch.tensor(count), None), farthest_point_sampling(x, count))


@pytest.fixture(scope="module")
def exported(trained_shapes, tmp_path_factory):
    """A steerable model of clouds as one that uses the normals that are given, and its program."""
    path = tmp_path_factory.mktemp("exported") / "model.pt2"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(trained_shapes)
        model = iw.load("runs/classes-steerable/best")
        assert model.config["estimated_normals"] == 1.0
        model.config["estimated_normals"] = 0.0
        return model, model.export(path)


def test_the_function_in_the_file_is_audited(exported):
    _, found = exported
    assert found.passed
    assert found.group == "O(3), translations, scales and permutations"
    assert 0 < found.equivariance < 1e-5
    assert [check.text for check in found.checks] == ["with normals estimated in the file"]


RUN = """
import sys, json, numpy, torch
extra = {"metadata.json": ""}
program = torch.export.load(sys.argv[1], extra_files=extra).module()
with torch.no_grad():
    clouds = torch.from_numpy(numpy.load(sys.argv[2]))
    found = [program(x, torch.zeros_like(x))[0].softmax(1)[0].tolist() for x in clouds]
assert not any(name.startswith("intertwine") for name in sys.modules)
print(json.dumps({"classes": json.loads(extra["metadata.json"])["classes"], "found": found}))
"""


def test_it_runs_without_this_library(exported, at_shapes, tmp_path):
    expected = iw.load("runs/classes-steerable/best").predict("classes")["probabilities"]
    clouds = 3 * read_shapes("classes", 32).positions.unflatten(0, (-1, 32)) + 5
    np.save(tmp_path / "x.npy", clouds.numpy())
    words = [sys.executable, "-c", RUN, str(exported[1].path), str(tmp_path / "x.npy")]
    said = json.loads(subprocess.run(words, check=True, capture_output=True, text=True, cwd=tmp_path).stdout)
    assert said["classes"] == ["boxes", "discs", "tubes"]
    assert np.allclose(said["found"], expected, atol=1e-4)


def test_normals_are_used_up_to_sign_and_length_and_estimated_where_they_are_zero(exported):
    function, metadata = load_program(exported[1].path)
    assert metadata["vectors"] == ["normal up to sign; zeros where it is not known"]
    x = torch.randn(32, 3, generator=torch.Generator().manual_seed(0))
    normals = torch.nn.functional.normalize(x, dim=1)
    blank, given, longer = (function(x, vectors)[0] for vectors in (torch.zeros_like(x), normals, -7 * normals))
    assert torch.allclose(given, longer, atol=1e-5)
    assert not torch.allclose(blank, given, atol=1e-3)


@torch.no_grad()
def test_a_model_of_clouds_estimates_normals_whatever_is_given(at_shapes):
    model = iw.load("runs/classes-message/best").model
    x = torch.randn(32, 3, generator=torch.Generator().manual_seed(0))
    for always in (True, False):
        function = _exported.ExportedClouds(model, 6, always=always)
        blank, given = (function(x, vectors)[0] for vectors in (torch.zeros_like(x), x))
        assert torch.equal(blank, given) == always


@torch.no_grad()
def test_parts_with_categories(tmp_path):
    encoder = describe_encoder(
        "message", "none", group="O3", layers=1, levels=0, hidden="4x0e", width=4, neighbors=3, cutoff=1.0
    )
    network = Segmenter(2, encoder, categories=3, channels=4, hidden=4).eval()
    module = _exported.ExportedClouds(network, 3, always=False)
    x, blank = torch.randn(12, 3, generator=torch.Generator().manual_seed(0)), torch.zeros(12, 0)
    save_program(export_cloud_network(module, (x, blank, torch.tensor([0]))), tmp_path / "model.pt2", {})
    function, _ = load_program(tmp_path / "model.pt2")
    for category in range(3):
        inputs = (x + category, blank, torch.tensor([category]))
        assert torch.allclose(function(*inputs)[0], module(*inputs)[0], atol=1e-5)
    assert not torch.allclose(function(x, blank, torch.tensor([1]))[0], module(x, blank, torch.tensor([2]))[0])


@torch.no_grad()
def test_the_network_in_the_file_is_told_which_normals_it_has():
    encoder = describe_encoder(
        "message", "none", group="O3", layers=1, levels=0, hidden="4x0e", width=4, neighbors=3, cutoff=1.0
    )
    descriptor = {"normals": 2, "channels": 4, "lmax": 2, "shells": 2, "landmarks": 2}
    torch.manual_seed(0)
    network = Classifier(2, encoder, vectors=2, channels=4, hidden=4, descriptor=descriptor).eval()
    network.descriptor.layers[0].shift[1] += 10
    module = _exported.ExportedClouds(network, 3, always=False)
    x = torch.randn(12, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x = (x - x.mean(0)) / (x - x.mean(0)).norm(dim=1).max()
    given, blank = torch.nn.functional.normalize(x.flip(1), dim=1), torch.zeros_like(x)
    for normals, places in ((given, [given, blank]), (blank, [blank, _exported.plane_normals(x)])):
        found = module(x.float(), normals.float())[0]
        right, wrong = (network(torch.cat(v, 1).float(), x.float(), knn_graph(x, 3)) for v in (places, places[::-1]))
        assert torch.allclose(found, right, atol=1e-5)
        assert not torch.allclose(found, wrong, atol=1e-3, rtol=0)


def test_other_formats_are_refused(at_shapes, tmp_path):
    with pytest.raises(UsageError, match="--format of models on clouds is torch, got onnx"):
        iw.load("runs/classes-message/best").export(tmp_path / "model.onnx", "onnx")


def test_the_command_tells_another_function_from_the_model(at_shapes, command, tmp_path, monkeypatch):
    class Other(torch.nn.Module):
        def forward(self, positions, vectors):
            return (positions[:1] @ positions.new_ones(3, 3),)

    monkeypatch.setattr(_exported, "export_cloud_network", lambda _, examples: torch.export.export(Other(), examples))
    path = tmp_path / "model.pt2"
    said = command("export", "runs/classes-steerable", "--output", path, code=1).out
    assert "FAIL  from the file:" in said
    assert path.exists()
    found = iw.load("runs/classes-steerable/best").export(path, force=True)
    assert found.difference > 1e-2
    assert found.equivariance > 1e-2
    assert iw.load("runs/classes-message/best").export(path, force=True).equivariance is None  # it claims no symmetry
    assert "exists" in command("export", "runs/classes-steerable", "--output", path, code=2).err
