"""The task on keypoints from the command line and from Python: matches, tables, the report, options, bad input."""

from __future__ import annotations

import csv
import json
import re

import numpy as np
import pytest
import torch
from drawn_photos import draw, write_photos
from PIL import Image

import intertwine as iw
from intertwine.cli import main
from intertwine.tasks.keypoints._network import KeypointNetwork, network_config

SMALL = {"crop": 40, "width": 2, "pairs": 2, "samples": 16, "batch_size": 3, "epochs": 2, "validation": 1, "test": 1}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keypoints")
    write_photos(folder / "photos")
    pixels = np.array(draw(9, 120, 120))
    Image.fromarray(pixels).save(folder / "a.png")
    Image.fromarray(np.rot90(pixels)).save(folder / "b.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield folder


@pytest.fixture(scope="module")
def trained(place):
    return iw.fit("keypoints", place / "photos", output=place / "run", **SMALL)


def run(capsys, *words, code=0):
    assert main([str(word) for word in words]) == code
    return capsys.readouterr()


def test_matches_of_a_turned_image(place, trained, capsys):
    """After a quarter turn every keypoint is found again and matched, whatever the training."""
    out = run(capsys, "keypoints", "a.png", "b.png", "--checkpoint", "run", "--csv", "m.csv", "--geometry", "none",
              "--output", "m.png", "--ratio", "1").out  # fmt: skip
    assert "matches" in out
    rows = list(csv.DictReader((place / "m.csv").open()))
    assert len(rows) > 20
    moved = [abs(float(r["x2"]) - float(r["y1"])) + abs(float(r["y2"]) - (119 - float(r["x1"]))) for r in rows]
    assert np.mean(np.array(moved) < 0.05) > 0.95
    turn = [(float(r["angle2"]) - float(r["angle1"]) + np.pi / 2 + 1) % (2 * np.pi) - 1 for r in rows]
    assert np.mean(np.abs(turn) < 0.01) > 0.9
    assert Image.open(place / "m.png").size == (240, 120)
    run(capsys, "keypoints", "a.png", "--checkpoint", "run", "--csv", "one.csv", "--output", "one.png")
    one = list(csv.DictReader((place / "one.csv").open()))
    frames = {(row["x"], row["y"], row["angle"]) for row in one}
    assert {(row["x1"], row["y1"], row["angle1"]) for row in rows} <= frames
    assert Image.open(place / "one.png").size == (120, 120)
    error = run(capsys, "keypoints", "a.png", "b.png", "--checkpoint", "nowhere", code=2).err
    assert error.startswith('error: no checkpoint "nowhere"')
    assert error.count("\n") == 1


def test_homography_of_a_trained_model(place, trained):
    pytest.importorskip("cv2")
    from intertwine.tasks.keypoints import match_images, two_view_geometry

    found = match_images(place / "a.png", place / "b.png", ratio=None, extract=trained.predictor.extract)
    matrix = two_view_geometry("homography", *found.points).matrix
    expected = torch.tensor([[0.0, 1, 0], [-1, 0, 119], [0, 0, 1]], dtype=torch.float64)
    assert torch.allclose(matrix / matrix[2, 2], expected, atol=0.05)


def test_predictions_of_files_and_arrays_agree(place, trained, capsys):
    run(capsys, "predict", "run", "a.png", "--output", "k.csv")
    run(capsys, "predict", "run", "a.png", "--output", "k.npz")
    rows = list(csv.DictReader((place / "k.csv").open()))
    archive = np.load(place / "k.npz")
    found = trained.predictor.predict(Image.open(place / "a.png"))
    assert len(rows) == len(archive["a.png/positions"]) == len(found["positions"][0]) > 20
    assert np.allclose(archive["a.png/descriptors"], found["descriptors"][0], atol=1e-5)
    assert float(rows[0]["x"]) == pytest.approx(found["positions"][0][0, 0], abs=1e-2)
    assert (np.diff(found["responses"][0]) <= 0).all()
    for odd in (np.zeros((1, 1), np.uint8), np.zeros((3, 50), np.uint8), np.full((60, 60, 3), 7, np.uint8)):
        assert trained.predictor.predict(odd)["positions"][0].shape == (0, 2)


def test_evaluation_and_report(place, trained, capsys):
    out = run(capsys, "evaluate", "run").out
    assert "mean over angles" in out
    found = json.loads((place / "run" / "evaluation.json").read_text())
    assert found["degrees"] == list(range(0, 181, 15))
    assert all(0 <= value <= 1 for name in ("repeatability", "accuracy", "matching_score") for value in found[name])
    text = trained.report.read_text()
    for words in ("Angle", "Example", "Learning", "SIFT, mean over angles", "turned by 75 degrees", "data:image/png"):
        assert words in text


def test_a_frozen_detector_stays(place, trained):
    """Only the descriptor learns at the points of a detector that is taken from another run."""
    again = iw.fit("keypoints", place / "photos", output=place / "frozen", detector=str(place / "run"),
                   **{**SMALL, "epochs": 1, "seed": 5})  # fmt: skip
    one, other = (result.predictor.model for result in (trained, again))
    for left, right in zip(one.detector.state_dict().values(), other.detector.state_dict().values(), strict=True):
        assert torch.equal(left, right)
    image = torch.from_numpy(np.array(draw(3))).float() / 255
    assert torch.equal(one(image[None, None]), other(image[None, None]))
    weights = zip(one.descriptor.parameters(), other.descriptor.parameters(), strict=True)
    assert any(not torch.equal(left, right) for left, right in weights)
    assert iw.tasks.resume(place / "frozen", epochs=2).history[-1]["epoch"] == 2


def test_gradients_of_both_losses(place):
    """The reward moves the detector, the triplet loss the descriptor alone; all randomness is in the batch."""
    from intertwine._progress import no_progress
    from intertwine.tasks.keypoints import KeypointOptions
    from intertwine.tasks.keypoints._plan import prepare_job

    job = prepare_job(KeypointOptions(data=str(place / "photos"), **SMALL), no_progress)
    job.model.eval()
    batch = job.train_batch(torch.arange(3), 1)
    total, count = job.loss(batch)
    total.backward()
    assert count == 3
    weights = [*job.network.detector.parameters(), *job.network.descriptor.parameters()]
    assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in weights)
    assert torch.equal(job.loss(batch)[0], total)
    job.model.zero_grad()
    job.frozen = True
    job.loss(batch)[0].backward()
    assert all(weight.grad is None or not weight.grad.any() for weight in job.network.detector.parameters())
    assert any(weight.grad is not None and weight.grad.any() for weight in job.network.descriptor.parameters())


def test_plain_twin_has_as_many_parameters():
    sizes = []
    for model in ("equivariant", "plain"):
        network = KeypointNetwork(network_config(model, None, 4, 4.0))
        parts = (network.detector, network.descriptor)
        sizes.append([sum(weight.numel() for weight in part.parameters()) for part in parts])
    assert torch.tensor(sizes[1]).double().div(torch.tensor(sizes[0])).sub(1).abs().max() < 0.15


def test_a_plain_network_fails_its_audit(place, capsys):
    iw.fit("keypoints", place / "photos", output=place / "plain", model="plain", **{**SMALL, "epochs": 1})
    assert "FAIL" in run(capsys, "audit", "plain", code=1).out


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--group", "Q8"], "no group"),
        (["--group", "D4"], "no group"),
        (["--group", "C2"], "--group expects C3 to C64, or SO2"),
        (["--model", "plain", "--group", "C4"], "has no symmetry"),
        (["--model", "plane"], 'did you mean "plain"'),
        (["--crop", "16"], "at least 32"),
        (["--crop", "400", "--resolution", "300"], "no window fits"),
        (["--radius", "20"], "too small for keypoints 20 pixels apart"),
        (["--crop", "85"], "none of 5 images"),
        (["--detector", "nowhere"], "no checkpoint"),
        (["--samples", "0"], "at least 1"),
    ],
)
def test_bad_options_are_one_line(place, capsys, options, says):
    found = run(capsys, "fit", "keypoints", "photos", *options, code=2)
    assert found.err.count("\n") == 1
    assert re.search(says, found.err)


def test_odd_files_are_said(place, capsys):
    folder = write_photos(place / "odd")
    pixels = np.array(draw(7))
    Image.fromarray(np.stack([pixels] * 3, -1)).save(folder / "color.jpg")
    Image.fromarray(pixels.astype(np.uint16) * 257).save(folder / "deep.png")
    Image.fromarray(np.dstack([pixels] * 4)).save(folder / "alpha.png")
    turned = Image.fromarray(pixels)
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save(folder / "exif.jpg", exif=exif)
    (folder / "broken.png").write_bytes(b"x")
    whole = (folder / "0.png").read_bytes()
    (folder / "cut.png").write_bytes(whole[: len(whole) // 2])
    Image.new("L", (1, 1)).save(folder / "pixel.png")
    from intertwine.tasks.keypoints import read_photos

    photos = read_photos(str(folder), 400, 40)
    assert len(photos) == 9
    assert photos.pixels[photos.names.index("exif.jpg")].shape == pixels.T.shape
    assert dict(photos.skipped)["pixel.png"] == "1 x 1 pixels, less than 40 x 40"
    assert set(dict(photos.skipped)) == {"broken.png", "cut.png", "pixel.png"}
    assert {"16 bit (1 file)", "turned upright as EXIF says (1 file)"} <= set(photos.remarks)
    with pytest.raises(ValueError, match=r"broken\.png"):
        read_photos(str(folder), 400, 40, strict=True)
    assert read_photos(str(folder), 40, 40).pixels[0].shape[0] == 40
