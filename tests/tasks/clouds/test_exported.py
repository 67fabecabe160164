"""Models on clouds as programs of torch.export."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
import torch

import intertwine as iw
from intertwine.data import read_shapes
from intertwine.export import load_program, nearest_neighbors
from intertwine.export._clouds import farthest_points
from intertwine.ops import farthest_point_sampling, knn_graph


@pytest.mark.parametrize("size", [1, 5, 40])
def test_dense_searches_give_what_trees_give(size):
    x = torch.randn(size, 3, generator=torch.Generator().manual_seed(size), dtype=torch.float64)
    q = torch.randn(7, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert torch.equal(nearest_neighbors(x, 6, None, None, None), knn_graph(x, 6))
    assert torch.equal(nearest_neighbors(x, 6, None, q, None), knn_graph(x, 6, queries=q))
    for count in (1, 3, 60):
        assert torch.equal(farthest_points(x, torch.tensor(count), None), farthest_point_sampling(x, count))


@pytest.mark.parametrize("run", ["classes-steerable", "parts-steerable", "classes-message"])
def test_the_command_writes_and_audits(at_shapes, command, run, tmp_path):
    said = command("export", f"runs/{run}", "--output", tmp_path / "model.pt2").out
    assert "audit" in said
    assert "PASS  from the file:" in said
    assert ("under O(3), translations, scales and permutations" in said) == ("steerable" in run)
    assert "model.pt2 exists" in command("export", f"runs/{run}", "--output", tmp_path / "model.pt2", code=2).err
    assert "--format torch" in command("export", f"runs/{run}", "--format", "onnx", code=2).err


RUN = """
import sys, json, numpy, torch
extra = {"metadata.json": ""}
program = torch.export.load(sys.argv[1], extra_files=extra).module()
points = torch.from_numpy(numpy.load(sys.argv[2]))
with torch.no_grad():
    logits = program(points, torch.zeros_like(points))[0]
assert not any(name.startswith("intertwine") for name in sys.modules)
print(json.dumps({"classes": json.loads(extra["metadata.json"])["classes"], "p": logits.softmax(1)[0].tolist()}))
"""


def test_it_runs_without_this_library(at_shapes, tmp_path):
    model = iw.load("runs/classes-steerable/best")
    assert model.export(tmp_path / "model.pt2").passed
    clouds = read_shapes("classes", 32)
    expected = model.predict("classes")["probabilities"]
    for index in (0, 9, 17):
        x = 3 * clouds.positions[32 * index : 32 * (index + 1)] + 5
        np.save(tmp_path / "x.npy", x.numpy())
        words = [sys.executable, "-c", RUN, str(tmp_path / "model.pt2"), str(tmp_path / "x.npy")]
        found = json.loads(subprocess.run(words, check=True, capture_output=True, text=True, cwd=tmp_path).stdout)
        assert found["classes"] == ["boxes", "discs", "tubes"]
        assert np.allclose(found["p"], expected[index], atol=1e-4)


def test_normals_that_are_zero_are_estimated_and_others_are_used(at_shapes, tmp_path):
    model = iw.load("runs/classes-steerable/best")
    assert model.config["estimated_normals"] == 1.0
    model.export(tmp_path / "clouds.pt2")
    model.config["estimated_normals"] = 0.5  # as a model of meshes
    found = model.export(tmp_path / "both.pt2")
    assert [check.text for check in found.checks] == ["with normals estimated in the file"]
    assert found.passed
    x = torch.randn(32, 3, generator=torch.Generator().manual_seed(0))
    normals = torch.nn.functional.normalize(x, dim=1)
    for name, same in (("clouds", True), ("both", False)):
        function, metadata = load_program(tmp_path / f"{name}.pt2")
        assert metadata["vectors"] == ["normal up to sign; zeros where it is not known"]
        blank, given, longer = (function(x, v)[0] for v in (torch.zeros_like(x), normals, -7 * normals))
        assert torch.allclose(given, longer, atol=1e-5)
        assert torch.allclose(blank, given, atol=1e-3) == same


def test_an_altered_program_does_not_pass(at_shapes, tmp_path, monkeypatch):
    from intertwine.export import _clouds
    from intertwine.tasks.clouds import _exported

    model = iw.load("runs/classes-steerable/best")
    monkeypatch.setattr(_exported, "nearest_neighbors", lambda x, k, *others: nearest_neighbors(x, k - 1, *others))
    assert not model.export(tmp_path / "model.pt2").passed
    monkeypatch.undo()
    monkeypatch.setattr(_clouds, "farthest_points", lambda x, counts, batch: torch.arange(int(counts)))
    found = model.export(tmp_path / "other.pt2")
    assert found.equivariance > 1e-3
