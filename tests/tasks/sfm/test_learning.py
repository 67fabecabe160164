"""The task `sfm`, and networks as the start of a reconstruction."""

import numpy as np
import pytest
import torch

from intertwine._errors import UsageError
from intertwine.cli import main
from intertwine.data.tracks import read_tracks, synthetic_tracks
from intertwine.tasks import load
from intertwine.tasks.sfm import NetworkStart, SfmTask, _structure_from_motion, structure_from_motion
from intertwine.tasks.sfm._job import part_of_scene
from intertwine.tasks.sfm._scene_set import read_scenes
from intertwine.testing import TaskTests

pytest.importorskip("cv2")


def save(path, tracks):
    np.savez(
        path, camera=tracks.camera, point=tracks.point, xy=tracks.xy, K=tracks.intrinsics,
        R=tracks.poses.rotations, t=tracks.poses.translations,
    )  # fmt: skip


class TestSfm(TaskTests):
    task = "sfm"
    options = {  # noqa: RUF012
        "hidden": 8, "layers": 1, "views": "3-4", "points": 30, "tuning": 2, "synthetic": 2, "validation": "2",
        "test": "1",
    }  # fmt: skip

    def make_data(self, folder):
        for seed in range(6):
            save(folder / f"{seed}.npz", synthetic_tracks(5, 60, visible=0.8, seed=seed)[0])
        return str(folder)

    def make_bad_data(self, folder):
        bad = dict(TaskTests.make_bad_data(self, folder))
        (folder / "one").mkdir()
        save(folder / "one" / "a.npz", synthetic_tracks(3, 20)[0])
        return {**bad, "one scene": str(folder / "one")}

    def test_evaluates_each_way(self, run):
        found = load(run.result.best).evaluate(protocols=["geometry"])
        (figures,) = found.metrics["scenes"]
        assert figures["rotation"] < 0.2
        with pytest.raises(UsageError, match="no protocol"):
            load(run.result.best).evaluate(protocols=["guess"])

    def test_predicts_tracks_in_memory(self, run):
        tracks = read_tracks(f"{run.data}/0.npz")
        found = load(run.result.best).predict(tracks)
        assert found["quaternion"].shape == (5, 4)
        assert found.names[0] == "1/camera0000"

    def test_refuses_bad_views(self, run):
        for views in ("3", "4-3", "1-2"):
            with pytest.raises(UsageError, match="--views"):
                type(run.task).options(data=run.data, views=views).check()


class TestProjectiveSfm(TaskTests):
    task = "sfm"
    options = {**TestSfm.options, "cameras": "projective"}  # noqa: RUF012

    def make_data(self, folder):
        for seed in range(6):
            tracks = synthetic_tracks(5, 60, visible=0.8, seed=seed)[0]
            np.savez(folder / f"{seed}.npz", camera=tracks.camera, point=tracks.point, xy=tracks.xy)
        return str(folder)

    def make_bad_data(self, folder):
        return TestSfm.make_bad_data(self, folder)

    def test_evaluates_each_way(self, run):
        found = load(run.result.best).evaluate(protocols=["geometry", "inference"])
        geometry = next(each for each in found.metrics["scenes"] if each["protocol"] == "geometry")
        assert geometry["cameras"] == 5
        assert geometry["pixels"] < 0.8
        assert np.isnan(geometry["rotation"])

    def test_predicts_matrices_in_pixels(self, run):
        tracks = read_tracks(f"{run.data}/0.npz", calibrated=False)
        predictor = load(run.result.best)
        found = predictor.predict(tracks)["projection"]
        assert found.shape == (5, 3, 4)
        np.testing.assert_allclose(np.linalg.norm(found[:, 2, :3], axis=1), 1, rtol=1e-5)
        moved = predictor.predict(tracks.replaced(xy=2 * tracks.xy + 100))["projection"]
        change = np.array([[2, 0, 100], [0, 2, 100], [0, 0, 1]])
        np.testing.assert_allclose(moved, change @ found, rtol=1e-3, atol=1e-3 * np.abs(moved).max())

    def test_starts_the_command(self, run, capsys):
        path = f"{run.data}/0.npz"
        assert main(["sfm", path, "--checkpoint", str(run.result.best)]) == 0
        assert "no metric scale" in capsys.readouterr().out
        assert main(["sfm", path, "--checkpoint", str(run.result.best), "--cameras", "calibrated"]) == 2
        assert "projective" in capsys.readouterr().err


def test_learns_from_scenes_of_several_places(tmp_path):
    for place, count in (("a", 2), ("b", 1)):
        (tmp_path / place).mkdir()
        for seed in range(count):
            save(tmp_path / place / f"{seed}.npz", synthetic_tracks(3, 40, visible=1, seed=seed)[0])
    names = [str(tmp_path / "a"), str(tmp_path / "b" / "0.npz")]
    options = SfmTask.options(
        data=names[0], more=names[1:], views="2-3", validation="1", test="0", hidden=4, layers=1, synthetic=3
    )
    options.check()
    job = SfmTask().prepare(options)
    assert (job.train_size(), job.validation_size()) == (5, 1)
    assert len(SfmTask().build(job.config, job.split).split["train"]) == 2
    assert read_scenes(names).names == ("a/0.npz", "1.npz", "b/0.npz")
    with pytest.raises(UsageError, match="twice"):
        read_scenes([*names, names[1]])


def test_cameras_and_scenes_without_common_points(tmp_path):
    tracks, _ = synthetic_tracks(3, 40, visible=1)
    blind = tracks.replaced(
        intrinsics=tracks.intrinsics[[0, 0, 0, 1, 2]],
        names=list("abcde"),
        sizes=None,
        camera=tracks.camera + 2,
        poses=None,
    )
    for seed in range(5):
        part = part_of_scene(blind, (2, 2), seed, 0)
        assert len(part.camera)
        assert bool((torch.bincount(part.point) != 1).all())
    for number, scene in enumerate((tracks, tracks, tracks.select(tracks.camera == 0))):
        save(tmp_path / f"{number}.npz", scene)
    options = SfmTask.options(data=str(tmp_path))
    options.check()
    with pytest.raises(UsageError, match=r"2\.npz: no point is seen by two cameras"):
        SfmTask().prepare(options)


def test_a_network_can_start_a_reconstruction():
    tracks, _ = synthetic_tracks(5, 80, visible=0.9, seed=1)
    scene = structure_from_motion(tracks, network=NetworkStart(steps=40))
    (part,) = scene.parts
    assert part.reprojection_error < 0.7
    said = any("network do not agree" in remark for remark in scene.remarks)
    assert part.method == ("geometry" if said else "network")
    assert part.start_error > part.reprojection_error


def test_a_network_that_does_not_agree_is_not_believed(monkeypatch):
    monkeypatch.setattr(_structure_from_motion, "LEAST_AGREEMENT", 1.1)
    tracks, _ = synthetic_tracks(5, 80, visible=0.9, seed=1)
    scene = structure_from_motion(tracks, network=NetworkStart(steps=0))
    assert scene.parts[0].reprojection_error < 0.7
    assert scene.parts[0].method == "geometry"
    assert any("network do not agree" in remark for remark in scene.remarks)


def test_random_scenes_are_new_in_each_step(tmp_path):
    for seed in range(2):
        save(tmp_path / f"{seed}.npz", synthetic_tracks(3, 40, visible=1, seed=seed)[0])
    options = SfmTask.options(data=str(tmp_path), views="4-6", validation="1", test="0", hidden=4, layers=1)
    job = SfmTask().prepare(options)
    assert job.train_size() == 1 + 64
    first, again, other = (job.train_batch(torch.tensor([5]), seed)[0].given.xy for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert first.shape != other.shape or not torch.equal(first, other)
