"""From a folder of shapes to a trained model, and everything that is done with it."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest

from intertwine.data import read_shapes
from intertwine.data.readers import read_shape
from intertwine.tasks.clouds import CloudPredictor, _source
from intertwine.tasks.segment import SegmentPredictor
from intertwine.training import load_checkpoint

RUNS = [f"{data}-{name}" for data in ("classes", "parts") for name in ("steerable", "message")]


def test_fitting_says_what_it_read_and_where_it_wrote(shapes, command, small):
    (shapes / "classes" / "boxes" / "broken.ply").write_text("ply\nformat ascii 1.0\nelement vertex 0\nend_header\n")
    (shapes / "classes" / "tubes" / "lying.stl").write_text("OFF\n1 0 0\n0 0 0\n")
    found = command("fit", "classify", "classes", *small["steerable"])
    lines = {line.split()[0]: line[14:] for line in found.out.splitlines()}
    assert lines["data"].startswith("classes: 24 clouds, 3 classes, split ")
    assert "(seed 0, written to runs/classes-1/split.json); 2 files skipped: boxes/broken.ply (" in lines["data"]
    assert "tubes/lying.stl (expected STL by its name, but it begins like OFF)" in lines["data"]
    assert re.match(r"steerable, 1 layer on each of 2 levels, 4x0e\+4x1o\+2x2e, [\d,]+ parameters$", lines["encoder"])
    assert re.match(r"epoch \d, val acc \d+.\d %, rotated \d+.\d %      runs/classes-1/best", lines["best"])
    assert lines["report"] == "runs/classes-1/report.html"
    assert (shapes / lines["report"]).exists()
    assert "refused" not in command("fit", "classify", "classes", *small["steerable"], "--strict", code=2).err


@pytest.mark.parametrize("run", RUNS)
def test_evaluating_prints_one_table(at_shapes, command, run):
    task, name = run.split("-")
    header, *rows = [re.split(r"  +", line) for line in command("evaluate", f"runs/{run}").out.splitlines()[:4]]
    figures = ["accuracy", "balanced"] if task == "classes" else ["accuracy", "mIoU of shapes", "mIoU of kinds"]
    assert header == ["train/test", *figures, "largest change of a logit"]
    augment = {"steerable": "none", "message": "z"}[name]
    assert [row[0] for row in rows] == [f"{augment}/{turn}" for turn in ("none", "z", "SO3")]
    metrics = json.loads(Path(f"runs/{run}/evaluation.json").read_text())
    given, _, turned = metrics["protocols"].values()
    assert metrics["clouds"] == 2
    assert rows[2][1] == f"{100 * turned['accuracy']:.1f} %"
    assert given["largest_change"] == 0
    if name == "steerable":
        assert turned["largest_change"] < 1e-5
        assert given["confusion"] == turned["confusion"]
    else:
        assert turned["largest_change"] > 1e-4
    assert len(given["classes" if task == "classes" else "parts"]) == len(given["confusion"])


def test_evaluating_classes_prints_recall_and_precision(at_shapes, command):
    lines = command("evaluate", "runs/classes-message").out.splitlines()
    start = next(index for index, line in enumerate(lines) if line.startswith("class "))
    header, *rows = [re.split(r"  +", line) for line in lines[start : start + 4]]
    assert header == ["class", "clouds", "recall z/none", "recall z/SO3", "precision z/none", "precision z/SO3"]
    metrics = json.loads(Path("runs/classes-message/evaluation.json").read_text())["protocols"]
    for index, row in enumerate(rows):
        given, rotated = (metrics[name]["classes"][index] for name in ("z/none", "z/SO3"))
        values = [given["recall"], rotated["recall"], given["precision"], rotated["precision"]]
        assert row == [
            given["name"], str(given["count"]), *("-" if one is None else f"{100 * one:.1f} %" for one in values)
        ]  # fmt: skip


def test_protocols_are_chosen_by_name(at_shapes, command):
    found = command("evaluate", "runs/classes-message", "--protocol", "z/SO3", "--protocol", "z/z", "--seed", 3).out
    assert [line.split()[0] for line in found.splitlines()[1:3]] == ["z/z", "z/SO3"]
    again = command("evaluate", "runs/classes-message", "--protocol", "z/SO3", "--seed", 3).out
    assert again.splitlines()[1] == found.splitlines()[2]
    said = command("evaluate", "runs/classes-message", "--protocol", "SO3/SO3", code=2).err
    assert "trained with --augment z; its are z/none, z/z, z/SO3" in said
    assert 'did you mean "z/SO3"' in command("evaluate", "runs/classes-message", "--protocol", "z/so(3)", code=2).err


def test_some_protocols_do_not_replace_the_whole_evaluation(at_shapes, command, write, tmp_path):
    run = Path("runs/classes-message")
    command("evaluate", run)
    own = (run / "evaluation.json").read_bytes()
    for words, name in (
        (["--protocol", "z/SO3"], "evaluation.z-SO3.json"),
        (["--protocol", "z/z", "--protocol", "z/SO3"], "evaluation.z-SO3+z-z.json"),
    ):
        said = command("evaluate", run, *words).out.splitlines()[-1]
        assert said.split() == ["written", str(run / name)]
        chosen = {word for word in words if "/" in word}
        assert set(json.loads((run / name).read_text())["protocols"]) == chosen
        assert (run / "evaluation.json").read_bytes() == own
    write(tmp_path / "other", each=3)
    command("evaluate", run, tmp_path / "other")
    whole = (run / "evaluation-other.json").read_bytes()
    command("evaluate", run, tmp_path / "other", "--protocol", "z/SO3")
    assert (run / "evaluation-other.json").read_bytes() == whole
    assert set(json.loads((run / "evaluation-other.z-SO3.json").read_text())["protocols"]) == {"z/SO3"}


def test_a_protocol_that_it_does_not_have_is_refused_before_anything_is_read(at_shapes, command, monkeypatch):
    monkeypatch.setattr(CloudPredictor, "read", lambda *_: pytest.fail("it reads first"))
    assert "its are z/none" in command("evaluate", "runs/classes-message", "--protocol", "SO3/z", code=2).err


def test_evaluating_other_data_by_the_names_of_its_classes(at_shapes, command, write, tmp_path):
    write(tmp_path / "new", each=3, kinds=("boxes", "tubes"))
    command("evaluate", "runs/classes-steerable", tmp_path / "new")
    metrics = json.loads(Path("runs/classes-steerable/evaluation-new.json").read_text())
    found = metrics["protocols"]["none/none"]
    assert [(row["name"], row["count"]) for row in found["classes"]] == [("boxes", 3), ("discs", 0), ("tubes", 3)]
    (tmp_path / "new" / "boxes").rename(tmp_path / "new" / "boxen")
    said = command("evaluate", "runs/classes-steerable", tmp_path / "new", code=2).err
    assert 'the class "boxen" (the name of the folder), which was not learned; did you mean "boxes"?' in said
    (tmp_path / "new" / "boxen").rename(tmp_path / "new" / "pipes")
    said = command("evaluate", "runs/classes-steerable", tmp_path / "new", code=2).err
    assert "which was not learned. Known: boxes, discs, tubes" in said


def rows_of(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def test_predicting_classes(at_shapes, command, tmp_path):
    table = tmp_path / "out.csv"
    assert "24 clouds" in command("predict", "runs/classes-steerable", "classes", "--output", table).out
    rows = rows_of(table)
    assert [row["file"] for row in rows[:2]] == ["boxes/0.xyz", "boxes/1.xyz"]
    assert len(rows) == 24
    for row in rows:
        assert sorted([row["class"], row["second"], row["third"]]) == ["boxes", "discs", "tubes"]
        sure = [float(row[name]) for name in ("probability", "second_probability", "third_probability")]
        assert sum(sure) == pytest.approx(1, abs=2e-4)
        assert sure == sorted(sure, reverse=True)
    alone = tmp_path / "alone.csv"
    command("predict", "runs/classes-steerable", "classes/discs/3.xyz", "--output", alone, "--batch-size", 1)
    (row,) = rows_of(alone)
    expected = next(other for other in rows if other["file"] == "discs/3.xyz")
    assert row == {**expected, "file": "3.xyz"}


def test_predicting_parts_as_colored_clouds(at_shapes, command, tmp_path):
    command("predict", "runs/parts-steerable", "parts", "--output", tmp_path / "clouds")
    command("predict", "runs/parts-steerable", "parts", "--output", tmp_path / "all.npz", "--batch-size", 5)
    command("predict", "runs/parts-steerable", "parts", "--output", tmp_path / "all.csv")
    files = sorted((tmp_path / "clouds").rglob("*.ply"))
    assert len(files) == 24
    arrays, rows = np.load(tmp_path / "all.npz"), rows_of(tmp_path / "all.csv")
    assert arrays["parts"].tolist() == ["0", "1"]
    for file in files[:3]:
        name = file.relative_to(tmp_path / "clouds").with_suffix("").as_posix()
        cloud, given = read_shape(file), np.loadtxt(f"parts/{name}.xyz")
        assert np.allclose(cloud.points, given[:, :3], atol=1e-5)  # all 40 of them, though the network sees 32
        assert np.array_equal(cloud.labels, arrays[f"{name}/labels"])
        mine = [row for row in rows if row["file"] == f"{name}.xyz"]
        assert [int(row["part"]) for row in mine] == cloud.labels.tolist()
        assert np.allclose(arrays[f"{name}/positions"], given[:, :3])
    import trimesh

    colors = trimesh.load(files[0]).visual.vertex_colors[:, :3]
    assert {tuple(color) for color in colors.tolist()} <= {(72, 120, 208), (238, 133, 74)}


def test_every_point_of_a_file_gets_the_part_of_the_nearest_that_was_seen(at_shapes, monkeypatch):
    predictor = SegmentPredictor.from_checkpoint(load_checkpoint("runs/parts-steerable"))
    monkeypatch.setattr(predictor, "logits", lambda clouds: clouds.positions[:, :2])
    (streamed,) = predictor.stream("parts/discs", 32, strict=False)
    predictor.config["categories"] = []
    labeled = predictor.predict_chunk(streamed, "parts", 32).ragged["labels"]
    for labels, seen, given in zip(labeled, streamed.samples, streamed.originals, strict=True):
        centered = seen - seen.mean(0)
        nearest = np.linalg.norm(given[:, None] - seen[None], axis=-1).argmin(1)
        expected = (centered[:, 1] > centered[:, 0]).astype(int)[nearest]
        assert len(given) == 40
        assert 0 < expected.sum() < 40
        assert (labels == expected).mean() > 0.97  # points in one place may have been repeated


def test_shapes_of_any_size_and_place_have_parts(at_shapes, command, tmp_path):
    given = np.loadtxt("parts/boxes/0.xyz")
    for name, change in {"huge": lambda x: 1e300 * x, "minute": lambda x: 1e-310 * x, "far": lambda x: x + 6e6}.items():
        path = tmp_path / "new" / "boxes" / f"{name}.xyz"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savetxt(path, np.column_stack([change(given[:, :3]), given[:, 3]]))
    command("predict", "runs/parts-steerable", tmp_path / "new", "--output", tmp_path / "all.npz")
    command("predict", "runs/parts-steerable", "parts/boxes/0.xyz", "--output", tmp_path / "one.npz")
    found, expected = np.load(tmp_path / "all.npz"), np.load(tmp_path / "one.npz")
    for name in ("huge", "minute", "far"):
        assert np.array_equal(found[f"boxes/{name}/labels"], expected["0/labels"])
        assert np.isfinite(found[f"boxes/{name}/probabilities"]).all()


def test_bad_files_are_named_and_skipped_or_refused(at_shapes, command, write, tmp_path):
    folder = write(tmp_path / "new", each=2)
    (folder / "boxes" / "0.xyz").write_text("0 0 nan\n1 1 1\n")
    found = command("predict", "runs/classes-steerable", folder, "--output", tmp_path / "out.csv")
    assert "5 clouds" in found.out
    assert "note: 1 file skipped: boxes/0.xyz (" in found.err
    words = ["predict", "runs/parts-steerable", folder, "--output", tmp_path / "clouds", "--strict"]
    assert "boxes/0.xyz" in command(*words, code=2).err
    for path in folder.rglob("*.xyz"):
        path.write_text("no shape\n")
    said = command("predict", "runs/classes-steerable", folder / "boxes/1.xyz", "--output", "x.csv", code=2).err
    assert "boxes/1.xyz: expected columns of numbers" in said
    said = command("predict", "runs/parts-steerable", folder, "--output", tmp_path / "clouds", code=2).err
    assert "none of 6 files can be read; the first, boxes/0.xyz: " in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "out.csv"]


@pytest.mark.parametrize("task", ["classes", "parts"])
def test_auditing(at_shapes, command, task):
    assert "PASS" in command("audit", f"runs/{task}-steerable", "--samples", 8).out
    assert "FAIL" in command("audit", f"runs/{task}-message", "--samples", 8, code=1).out


def test_the_vertical_and_the_group_go_all_the_way(shapes, command, small):
    options = [*small["steerable"], "--epochs", 1, "--vertical", "--group", "SO3"]
    said = command("fit", "classify", "classes", *options).out
    assert "steerable, mirror images told apart, 1 layer" in said
    assert "parameters, up vector as input" in said
    found = command("evaluate", "runs/classes-1").out
    assert "the up vector is an input of the model and rotates with the clouds" in found
    turned = json.loads(Path("runs/classes-1/evaluation.json").read_text())["protocols"]["none/SO3"]
    assert turned["largest_change"] < 1e-4
    assert "PASS" in command("audit", "runs/classes-1", "--samples", 8).out
    command("predict", "runs/classes-1", "classes", "--output", "answers.csv")
    assert Path("answers.csv").exists()
    said = command("fit", "classify", "classes", *small["message"], "--group", "SO3", code=2).err
    assert "message, which has no symmetry; --frame gives it one" in said


@pytest.mark.parametrize("run", RUNS)
def test_the_page_stands_alone(at_shapes, run):
    page = Path(f"runs/{run}/report.html").read_text()
    assert not re.findall(r"(?:src|href)=\"?(?!\"?#)|url\((?!#)|https?://(?!www\.w3\.org)", page)
    data = json.loads(re.search(r'<script type="application/json" id="clouds">(.*?)</script>', page, re.DOTALL)[1])
    assert len(data["turns"]) == 24
    assert page.count("<canvas") == len(data["clouds"]) == 2
    for cloud in data["clouds"]:
        assert len(cloud["said"]) == len(cloud["inks"]) == 24
    if run.endswith("steerable"):
        assert all(len(set(cloud["said"])) == 1 for cloud in data["clouds"])


def test_resuming_does_nothing_to_a_run_that_is_done_but_writes_its_page(at_shapes, command):
    before = load_checkpoint("runs/classes-steerable").weights
    Path("runs/classes-steerable/report.html").unlink()
    command("fit", "--resume", "runs/classes-steerable")
    assert Path("runs/classes-steerable/report.html").exists()
    after = load_checkpoint("runs/classes-steerable").weights
    assert all((before[name] == after[name]).all() for name in before)


def test_two_processes(shapes, command, small):
    command("fit", "classify", "classes", *small["message"], "--epochs", 1, "--devices", 2)
    assert (shapes / "runs/classes-1/report.html").exists()


def test_data_that_have_changed_are_noticed(shapes, command, small, write):
    command("fit", "classify", "classes", *small["message"], "--epochs", 1)
    write(shapes / "classes", each=9)
    said = command("evaluate", "runs/classes-1", code=2).err
    assert "had 24 clouds when this model was trained and has others now (27)" in said


@pytest.mark.parametrize("given", ["furniture", "classes"])
def test_what_takes_long_to_read_shows_a_bar_on_a_terminal(shapes, command, small, write, monkeypatch, given):
    calls = []

    def stub(progress, **options):
        calls.append(options)
        progress(119_000_000, 119_782_356)
        return read_shapes(shapes / "classes", estimate_normals=True, **options)  # public sets have normals

    monkeypatch.setitem(_source._PUBLIC_SETS, "furniture", stub)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("INTERTWINE_CACHE", str(shapes / "cache"))
    found = command("fit", "classify", given, *small["message"], "--epochs", 1)
    assert ("119,000,000 bytes" if given == "furniture" else "24 files") in found.out
    assert len(calls) == (given == "furniture")
    write(shapes / "others")
    assert "24 files" in command("evaluate", f"runs/{given}-1", "others").out
    monkeypatch.setenv("INTERTWINE_CACHE", str(shapes / "emptied"))
    shown = command("fit", "--resume", f"runs/{given}-1").out
    assert ("119,000,000 bytes" if given == "furniture" else "24 files") in shown
    assert len(calls) == 2 * (given == "furniture")  # each command reads the data once
    assert all(options == calls[0] for options in calls)
    monkeypatch.delenv("FORCE_COLOR")
    monkeypatch.setenv("NO_COLOR", "1")
    assert "bytes" not in command("fit", "classify", given, *small["message"], "--epochs", 1).out
