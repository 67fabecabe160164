"""The task on registration from the command line and from Python: motions, tables, the report, options, bad input."""

from __future__ import annotations

import csv
import json
import re

import numpy as np
import pytest
import torch
from shape_files import write_shapes

import intertwine as iw
from intertwine.cli import main
from intertwine.tasks.register import RegisterOptions, RegisterTask
from intertwine.tasks.register._job import _relative_gaps, match_losses, matched

pytest.importorskip("trimesh")

SMALL = {"points": 32, "superpoints": 8, "hidden": "4x0e+2x1o", "layers": 1, "neighbors": 6, "blocks": 1, "pairs": 2,
         "batch_size": 3, "epochs": 1, "validation": 1, "test": 1}  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("register")
    write_shapes(folder / "shapes", 4)
    points = np.loadtxt(folder / "shapes" / "0.xyz")
    turn = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    (folder / "scans").mkdir()
    np.savetxt(folder / "scans" / "a.xyz", points)
    np.savetxt(folder / "scans" / "b.xyz", points @ turn.T + 3)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("INTERTWINE_CACHE", str(folder / "cache"))
        yield folder, points, turn


@pytest.fixture(scope="module")
def trained(place):
    return iw.fit("register", place[0] / "shapes", output=place[0] / "run", **SMALL)


def run(capsys, *words, code=0):
    assert main([str(word) for word in words]) == code
    return capsys.readouterr()


def test_an_exhaustive_search_is_made_without_a_network_only(place, trained, capsys):
    folder, _, turn = place
    run(capsys, "register", "scans/a.xyz", "scans/b.xyz", "--exhaustive", "--output", "e.json")
    assert np.allclose(json.loads((folder / "e.json").read_text())["rotation"], turn, atol=1e-6)
    words = "register", "scans/a.xyz", "scans/b.xyz", "--exhaustive", "--checkpoint", "run"
    assert "--exhaustive cannot be given with --checkpoint" in run(capsys, *words, code=2).err


def test_a_turned_copy_is_found_with_a_network(place, trained, capsys):
    """Of two equal clouds the refinement makes the motion exact, whatever the training."""
    folder, points, turn = place
    out = run(capsys, "register", "scans/a.xyz", "scans/b.xyz", "--checkpoint", "run", "--output", "m.json").out
    assert "90.00 degrees" in out
    assert np.allclose(json.loads((folder / "m.json").read_text())["rotation"], turn, atol=1e-6)
    run(capsys, "predict", "run", "scans", "--output", "m.csv")
    rows = list(csv.DictReader((folder / "m.csv").open()))
    assert [(row["first"], row["second"]) for row in rows] == [("a.xyz", "b.xyz")]
    matrix = np.array([[float(rows[0][f"m{i}{j}"]) for j in range(1, 5)] for i in range(1, 4)])
    assert np.allclose(matrix, np.column_stack([turn, [3, 3, 3]]), atol=1e-6)
    found = trained.predictor.predict((points, points @ turn.T + 3))
    assert np.allclose(found["matrix"][0, :3], matrix, atol=1e-6)
    assert found["confidence"].shape == (1,)


def test_matches_are_equivariant_and_exchange(place, trained):
    points = torch.from_numpy(place[1])
    first, second = points[points[:, 0] < 0.7], points[points[:, 0] > -0.7]
    (p, q), (g, h) = trained.predictor.matches(first, second), iw.SO3().sample(2)
    moved_p, moved_q = trained.predictor.matches(first @ g.mT + 5, second @ h.mT - 2)
    assert torch.allclose(moved_p, p @ g.mT + 5, atol=1e-3)
    assert torch.allclose(moved_q, q @ h.mT - 2, atol=1e-3)
    back_q, back_p = trained.predictor.matches(second, first)
    assert torch.allclose(torch.sort(back_p.sum(1)).values, torch.sort(p.sum(1)).values, atol=1e-3)
    assert torch.allclose(torch.sort(back_q.sum(1)).values, torch.sort(q.sum(1)).values, atol=1e-3)


def test_evaluation_and_report(place, trained, capsys):
    out = run(capsys, "evaluate", "run", "--protocol", "network").out
    assert "untrained" not in out
    found = json.loads((place[0] / "run" / "evaluation.network.json").read_text())
    assert len(found["network"]["degrees"]) == len(found["overlap"]) == 4
    assert 0.3 <= min(found["overlap"]) < 0.48
    assert max(found["overlap"]) > 0.8
    text = trained.report.read_text()
    for words in ("untrained", "refined", "Overlap", "Pairs", "Learning", "data:image/png", "32 points of each"):
        assert words in text


def test_losses_have_their_least_at_the_truth(place):
    """A plan of all partners costs less than another one; all randomness is in the batch."""
    options = RegisterOptions(data=str(place[0] / "shapes"), **SMALL)
    job = RegisterTask().prepare(options)
    batch = job.train_batch(torch.arange(3), 1)
    total, count = job.loss(batch)
    total.backward()
    assert count == 3
    assert all(x.grad.isfinite().all() for x in job.network.parameters() if x.grad is not None)
    assert torch.equal(job.loss(job.train_batch(torch.arange(3), 1))[0], total)
    fine = job.network.match(batch.first, batch.second)[1]
    partners = (_relative_gaps(fine, batch.motion) < 0.75).float()
    most = torch.maximum(partners.sum(1, keepdim=True), partners.sum(2, keepdim=True))
    right = fine._replace(plan=partners / most.clamp_min(1))
    wrong = right._replace(plan=right.plan.flip(2))
    assert bool((match_losses(right, batch.motion) < match_losses(wrong, batch.motion)).all())
    assert float(matched(right, batch.motion).min()) == 1
    assert float(matched(wrong, batch.motion).max()) < 0.5


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--superpoints", "300"], "more than the --points"),
        (["--encoder", "vektor"], "--encoder|no encoder"),
        (["--overlap", "1.5"], "at most 1"),
        (["--points", "2"], "at least 16"),
        (["--pairs", "0"], "at least 1"),
        (["--hidden", "4y0"], "hidden|4y0"),
    ],
)
def test_bad_options_are_one_line(place, capsys, options, says):
    found = run(capsys, "fit", "register", "shapes", *options, code=2)
    assert found.err.count("\n") == 1
    assert re.search(says, found.err)


def test_bad_use_of_a_checkpoint_is_one_line(place, trained, capsys):
    for words, says in (
        (["register", "scans/a.xyz", "scans/b.xyz", "--checkpoint", "nowhere"], 'no checkpoint "nowhere"'),
        (["register", "scans/a.xyz", "scans/b.xyz", "--checkpoint", "run", "--scale"], "one unit"),
        (["predict", "run", "scans/a.xyz", "--output", "x.csv"], "at least two"),
        (["evaluate", "run", "--protocol", "netwerk"], 'did you mean "network"'),
    ):
        error = run(capsys, *words, code=2).err
        assert says in error
        assert error.count("\n") == 1
    for odd in ([np.zeros((4, 2)), np.zeros((4, 3))], [np.zeros((0, 3)), np.zeros((4, 3))]):
        with pytest.raises(ValueError, match="positions"):
            trained.predictor.predict(odd)
