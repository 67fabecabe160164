"""The task on images from the command line and from Python: exactness, export, predictions, bad input."""

from __future__ import annotations

import csv
import json
import re

import numpy as np
import pytest
import torch
from drawn_shapes import write_classes, write_masks, write_numbers
from PIL import Image

import intertwine as iw
from intertwine.cli import main
from intertwine.data import read_image, rotate_images
from intertwine.tasks.images import Augmentation

SMALL = {"widths": "3,4", "kernel_size": "3", "epochs": 2, "batch_size": 8, "validation": "4", "test": "4"}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    write_classes(folder / "shapes")
    write_masks(folder / "masks")
    write_numbers(folder / "numbers")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("INTERTWINE_CACHE", str(folder / "cache"))
        patch.chdir(folder)
        yield folder


@pytest.fixture(scope="module")
def trained(place):
    return iw.fit("images", place / "shapes", output=place / "run", group="C4", **SMALL)


def run(capsys, *words, code=0):
    assert main([str(word) for word in words]) == code
    return capsys.readouterr()


@pytest.mark.parametrize("model", [{"group": "C4"}, {"group": "D8", "restrict": "C4@1"}, {"model": "steerable"},
                                   {"model": "resnet", "group": "D4"}])  # fmt: skip
def test_predictions_do_not_change_when_images_turn(place, model):
    found = iw.fit(
        "images", place / "shapes", output=place / "-".join(model.values()), **{**SMALL, "epochs": 1}, **model
    )
    images = torch.rand(5, 1, 17, 17, generator=torch.Generator().manual_seed(0))
    expected = found.predictor.predict(images)["probabilities"]
    for degrees in (90, 180, 270):
        turned = found.predictor.predict(rotate_images(images, degrees))["probabilities"]
        assert np.abs(turned - expected).max() <= 1e-5
    changed = found.predictor.predict(images.roll(5, -1))["probabilities"]
    assert np.abs(changed - expected).max() > 1e-5


def test_the_report_has_what_it_should(place, trained):
    text = trained.report.read_text()
    for words in (
        "Images",
        "Features",
        "Angle",
        "Learning",
        "Confusion matrix",
        'type="range"',
        "a rotation changes the outputs by",
        "after epoch 1",
    ):
        assert words in text
    content = json.loads(text.split('id="turned">')[1].split("</script>")[0])
    assert len(content["items"][0]["said"]) == 72
    assert len(content["items"]) == 4


def test_feature_maps_turn_with_the_image(trained):
    from intertwine.tasks.images.report._features import feature_maps

    image = torch.rand(1, 1, 17, 17, generator=torch.Generator().manual_seed(0))
    network = trained.predictor.model
    for here, there in zip(feature_maps(network, image), feature_maps(network, image.rot90(1, (-2, -1))), strict=True):
        assert (here.rot90(1, (-2, -1)) - there).abs().max() <= 1e-4
        assert (here - there).abs().max() > 1e-3


def test_evaluation_has_the_curve(place, trained, capsys):
    out = run(capsys, "evaluate", place / "run").out
    assert "mean over angles" in out
    assert "\n345 " in out
    found = json.loads((place / "run" / "evaluation.json").read_text())
    assert found["curve"]["degrees"] == list(range(0, 360, 15))
    assert found["curve"]["accuracy"][0] == found["curve"]["accuracy"][6] == found["given"]["accuracy"]
    assert found["curve"]["drift"][6] < 1e-5 < found["drift"]
    assert run(capsys, "evaluate", place / "run", "--protocol", "given", "--output", place / "a.json").out
    assert "no protocol" in run(capsys, "evaluate", place / "run", "--protocol", "z/SO3", code=2).err


def test_predictions_of_files_and_arrays_agree(place, trained, capsys):
    shown = run(capsys, "predict", place / "run", place / "shapes", "--output", place / "all.csv")
    assert "20 images" in shown.out
    rows = list(csv.DictReader((place / "all.csv").open()))
    assert len(rows) == 20
    first = place / "shapes" / rows[0]["file"]
    for data in (read_image(first).pixels, np.array(Image.open(first)), Image.open(first)):
        found = trained.predictor.predict(data)
        assert found["class"][0] == rows[0]["class"]
    single = trained.predictor.predict(first)
    assert abs(single["probabilities"].max() - float(rows[0]["probability"])) < 1e-4
    color = np.repeat(np.array(Image.open(first))[..., None], 3, 2)
    assert trained.predictor.predict([color, color])["class"].tolist() == [rows[0]["class"]] * 2
    for bad in (np.zeros((4, 4, 7)), torch.full((5, 5), 2.0), torch.full((5, 5), torch.nan), []):
        with pytest.raises(ValueError, match="expected") as caught:
            trained.predictor.predict(bad)
        assert "\n" not in str(caught.value)


def test_masks_are_written_in_the_size_of_their_images(place, capsys):
    iw.fit("images", place / "masks", output=place / "dense", **{**SMALL, "widths": "1,2", "group": "C4"})
    Image.fromarray(np.full((10, 30), 99, np.uint8)).save(place / "wide.png")
    run(capsys, "predict", place / "dense", place / "wide.png", "--output", place / "out")
    assert Image.open(place / "out" / "wide.png").size == (30, 10)
    assert (place / "out" / "classes.csv").read_text().startswith("index,class,red,green,blue\n0,0,")


def test_numbers_are_predicted_in_their_unit(place, capsys):
    iw.fit("images", place / "numbers" / "labels.csv", output=place / "radius", model="harmonic", **SMALL)
    run(capsys, "predict", place / "radius", place / "numbers" / "labels.csv", "--output", place / "radii.csv")
    values = [float(row["value"]) for row in csv.DictReader((place / "radii.csv").open())]
    assert len(values) == 20
    assert 0 < np.mean(values) < 10
    assert "MAE" in run(capsys, "evaluate", place / "radius").out


def test_export_is_the_same_function(place, trained, capsys):
    assert "PASS" in run(capsys, "export", place / "run").out
    images = torch.rand(3, 1, 17, 17)
    program = torch.export.load(place / "run" / "model.pt2").module()
    expected = trained.predictor.outputs(images)
    assert (program(images) - expected).norm() <= 1e-5 * expected.norm()
    assert "no format" in run(capsys, "export", place / "run", "--format", "tflite", code=2).err


def test_export_to_onnx(place, trained):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    onnxruntime = pytest.importorskip("onnxruntime")
    found = trained.predictor.export(place / "model.onnx", "onnx")
    assert found.passed
    assert found.equivariance is not None
    session = onnxruntime.InferenceSession(str(place / "model.onnx"))
    images = torch.rand(5, 1, 17, 17)
    outputs = session.run(None, {session.get_inputs()[0].name: images.numpy()})[0]
    expected = trained.predictor.outputs(images).numpy()
    assert np.linalg.norm(outputs - expected) <= 1e-5 * np.linalg.norm(expected)


def test_a_plain_network_fails_its_audit(place, capsys):
    iw.fit("images", place / "shapes", output=place / "plain", model="plain", **SMALL)
    assert "FAIL" in run(capsys, "audit", place / "plain", code=1).out
    assert "this network has no symmetry" in " ".join(run(capsys, "evaluate", place / "plain").out.split())
    assert "PASS" in run(capsys, "export", place / "plain").out


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--kernel-size", "4"], "--kernel-size 4 is even: .* use 3 or 5"),
        (["--kernel-size", "19"], "larger than the images, 17 x 17"),
        (["--group", "Q8"], "no group"),
        (["--group", "C99"], "--group expects C1 to C64"),
        (["--model", "resnext"], 'no model "resnext"; did you mean "resnet"'),
        (["--model", "plain", "--group", "C4"], "has no symmetry"),
        (["--model", "harmonic", "--group", "C4"], "has the symmetry SO2 or O2"),
        (["--model", "unet"], "does not predict classes"),
        (["--augment", "rotat"], 'no augmentation "rotat"; did you mean "rotate"'),
        (["--widths", "0"], "--widths expects whole numbers"),
        (["--widths", "2,2", "--pool-after", "3"], "names a layer that is not there"),
        (["--widths", "2,2", "--kernel-size", "3,3,3"], "gives 3 numbers for 2 layers"),
        (["--restrict", "C4"], "--restrict expects"),
        (["--group", "C4", "--restrict", "C8@1"], "subgroup"),
        (["--channels", "2"], "1 .gray. or 3"),
        (["--labels", "numbers"], "not a finite number"),
        (["--labels", "masks"], "no masks here"),
    ],
)
def test_bad_options_are_one_line(place, capsys, options, says):
    found = run(capsys, "fit", "images", "shapes", *options, code=2)
    assert found.err.count("\n") == 1
    assert re.search(says, found.err)


@pytest.mark.parametrize("size", [1, 2])
def test_tiny_images(place, capsys, size):
    folder = place / f"tiny{size}"
    for name in "ab":
        (folder / name).mkdir(parents=True)
        for number in range(8):
            pixels = np.random.default_rng(number).integers(0, 255, (size, size)).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    assert "larger than the images" in run(capsys, "fit", "images", folder, "--kernel-size", "3", code=2).err
    found = iw.fit("images", folder, output=place / f"run{size}", **{**SMALL, "kernel_size": "1"})
    assert len(found.history) == 2


def test_odd_files_are_said(place, capsys):
    folder = write_classes(place / "odd")
    Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(folder / "square" / "color.png")
    Image.fromarray(np.full((17, 17), 40000, np.uint16)).save(folder / "square" / "deep.png")
    (folder / "square" / "broken.png").write_bytes(b"x")
    small = [word for name, value in SMALL.items() for word in (f"--{name.replace('_', '-')}", value)]
    out = " ".join(run(capsys, "fit", "images", folder, "--output", place / "odd-run", *small).out.split())
    assert "1 file skipped: square/broken.png (no image that can be read)" in out
    assert "images of mixed sizes, 17 x 17 to 20 x 30, each scaled to fit 17 x 17 and padded" in out
    assert "gray images repeated as colors; 16 bit (1 file)" in out


def test_augmentation_moves_masks_with_images():
    images = torch.zeros(4, 1, 17, 17)
    images[:, :, 3:9, 5:12] = 1
    augment = Augmentation(("rotate", "flip", "shift", "scale", "elastic"))
    moved, masks = augment(images, torch.arange(4), 7, torch.zeros(1), images[:, 0].to(torch.uint8))
    again, _ = augment(images[2:], torch.arange(2, 4), 7, torch.zeros(1))
    assert (again - moved[2:]).abs().max() < 1e-6
    known = masks != 255
    assert ((moved[:, 0] > 0.5) == (masks == 1))[known].double().mean() > 0.95
    assert not torch.equal(moved, images)
