"""Augmentation, targets, figures and plans of images by hand."""

import math
from types import SimpleNamespace

import pytest
import torch
from scipy.special import ndtr

from intertwine.data import Split
from intertwine.data.images._image_batch import ImageBatch
from intertwine.data.images._image_set import IGNORED, ImageSet
from intertwine.tasks.images._augment import Augmentation, random_degrees
from intertwine.tasks.images._evaluation import (
    Point,
    drift_advice,
    drift_text,
    headline_drift,
    mean_drift,
    training_drift_text,
)
from intertwine.tasks.images._plan import _check_split, _normalization, _pools, _target
from intertwine.tasks.images._targets import ClassTarget, MaskTarget, NumberTarget, make_target, rotate_masks
from intertwine.training import normal_per_example


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_matrices_of_random_changes():
    angles, numbers = torch.tensor([0.3, 2.0], dtype=torch.float64), normal(2, 40)
    numbers[:, 1] = torch.tensor([0.5, -0.5])
    for kinds in (("rotate",), ("scale",), ("flip",), ("rotate", "flip", "scale"), ("shift",)):
        found = Augmentation(kinds)._matrices(angles, numbers)
        for k in range(2):
            angle = float(angles[k]) if "rotate" in kinds else 0.0
            common, stretch = (0.06 * float(numbers[k, 2]), 0.03 * float(numbers[k, 3])) if "scale" in kinds else (0, 0)
            flip = -1 if "flip" in kinds and k == 1 else 1
            across, down = flip * math.exp(common + stretch), math.exp(common - stretch)
            expected = [
                [math.cos(angle) * across, -math.sin(angle) * down],
                [math.sin(angle) * across, math.cos(angle) * down],
            ]
            assert torch.allclose(found[k], torch.tensor(expected, dtype=torch.float64))


def test_shifts_and_rotations_of_an_image():
    """A shift by 0.04 of the size for each standard deviation, clamped at 2.5, and angles uniform over the circle."""
    size, indices = 41, torch.arange(30)
    numbers = normal_per_example(5, indices, 6 + 32)
    y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    blob = torch.exp(-((x - 20.0) ** 2 + (y - 20.0) ** 2) / 8).expand(30, 1, size, size)
    moved, masks = Augmentation(("shift",))(blob, indices, 5)
    assert masks is None
    total = moved.sum((1, 2, 3))
    center = torch.stack([(moved[:, 0] * x).sum((1, 2)) / total, (moved[:, 0] * y).sum((1, 2)) / total], 1) - 20
    expected = 0.04 * size * numbers[:, 4:6].clamp(-2.5, 2.5)
    assert torch.allclose(center.abs(), expected.abs().to(center), atol=0.02)
    assert random_degrees(torch.tensor([-1.0, 0.0, 2.0])).tolist() == pytest.approx(
        [360 * float(ndtr(value)) for value in (-1.0, 0.0, 2.0)], rel=1e-5
    )
    elastic, _ = Augmentation(("elastic",))(blob, indices, 5)
    assert 0 < float((elastic - blob).abs().mean()) < float((moved - blob).abs().mean())
    assert torch.equal(Augmentation(())(blob, indices, 5)[0], blob)


def batch(**fields) -> ImageBatch:
    pixels = {"masks": fields.pop("masks")} if "masks" in fields else {}
    return ImageBatch(torch.zeros(2, 1, 4, 4), fields, pixels)


def test_losses_and_scores_of_classes_and_numbers():
    outputs = torch.tensor([[1.0, 0.0, -1.0], [0.5, 2.0, 0.0]])
    target, given = ClassTarget(0.1), batch(classes=torch.tensor([0, 2]))
    for k, row in enumerate(outputs.tolist()):
        total = math.log(sum(map(math.exp, row)))
        logs = [value - total for value in row]
        expected = -0.9 * logs[given.image_fields["classes"][k]] - 0.1 * sum(logs) / 3
        assert float(target.losses(outputs, given)[k]) == pytest.approx(expected, rel=1e-5)
    assert target.scores(outputs, given).tolist() == [1, 0]
    numbers, given = NumberTarget(10.0, 4.0), batch(values=torch.tensor([12.0, 6.0], dtype=torch.float64))
    assert numbers.values(outputs).tolist() == [14, 12]
    assert numbers.losses(outputs, given).tolist() == pytest.approx([(1 - 0.5) ** 2 / 2, (0.5 + 1) ** 2 / 2])
    assert numbers.scores(outputs, given).tolist() == [2, 6]


def test_losses_and_scores_of_masks():
    outputs = torch.zeros(2, 2, 2, 2)
    outputs[0, 1] = 3.0
    masks = torch.tensor([[[1, 1], [0, IGNORED]], [[IGNORED] * 2] * 2], dtype=torch.uint8)
    target, given = MaskTarget(0.0), batch(masks=masks)
    right, wrong = math.log(1 + math.exp(-3)), math.log(1 + math.exp(3))
    assert target.losses(outputs, given).tolist() == pytest.approx([(2 * right + wrong) / 3, 0], rel=1e-5)
    assert target.scores(outputs, given).tolist() == pytest.approx([2 / 3, 0])
    turned = rotate_masks(masks, 90.0)
    assert torch.equal(turned, torch.rot90(masks, 1, (-2, -1)))
    assert torch.equal(rotate_masks(masks, -90.0), torch.rot90(masks, 3, (-2, -1)))
    wide = torch.ones(1, 9, 9, dtype=torch.uint8)
    slanted = rotate_masks(wide, 45.0)
    assert int(slanted[0, 4, 4]) == 1
    assert int(slanted[0, 0, 0]) == IGNORED
    assert torch.equal(rotate_masks(wide, torch.tensor([45.0])), slanted)


def test_changes_of_outputs():
    given, rotated = torch.tensor([[3.0, 1.0], [4.0, 0.0]]), torch.tensor([[5.0, 3.0], [4.0, 2.0]])
    # of logits without their means: (1, -1) and (1, -1); (2, -2) and (1, -1)
    assert ClassTarget(0.0).changes(rotated, given, 30.0).tolist() == pytest.approx([0, 0.5])
    one = NumberTarget(0.0, 1.0).changes(torch.tensor([[3.0]]), torch.tensor([[2.0]]), 30.0)
    assert one.tolist() == [0.5]
    logits = normal(1, 2, 8, 8).float()
    exact = torch.rot90(logits, 1, (-2, -1))
    target = MaskTarget(0.0)
    assert float(target.changes(exact, logits, 90.0)) == 0
    corner = exact.clone()
    corner[..., 0, 0] += torch.tensor([5.0, -5.0])  # outside of the disk
    assert float(target.changes(corner, logits, 90.0)) == 0
    middle = exact.clone()
    middle[0, :, 4, 4] += torch.tensor([1.0, -1.0])
    axis = torch.arange(8) - 3.5
    inside = (axis[:, None] ** 2 + axis**2 <= 9).float()
    whole = (inside * (exact - exact.mean(1, keepdim=True))).norm()
    assert float(target.changes(middle, logits, 90.0)) == pytest.approx(math.sqrt(2) / float(whole), rel=1e-5)


def test_targets_of_a_configuration():
    numbers = make_target({"target": {"kind": "numbers", "mean": 1.0, "spread": 2.0}})
    assert (numbers.mean, numbers.spread) == (1.0, 2.0)
    classes = make_target({"target": {"kind": "classes"}, "smoothing": 0.1})
    assert (type(classes), classes.smoothing) == (ClassTarget, 0.1)
    assert isinstance(make_target({"target": {"kind": "masks"}, "smoothing": 0.0}), MaskTarget)


def curve(at_rest: float, between: float) -> list[Point]:
    return [Point(degrees, {}, at_rest if degrees % 90 == 0 else between) for degrees in range(0, 360, 15)]


@pytest.mark.parametrize(
    ("at_rest", "between", "advised"),
    [(1e-3, 0.09, False), (1.1e-3, 0.05, True), (0.0, 0.101, True), (0.0, 0.0999, False)],
)
def test_what_is_said_of_rotations(at_rest, between, advised):
    points = curve(at_rest, between)
    assert mean_drift(points) == pytest.approx(between)
    text = drift_text(points, "ADVICE")
    assert text.startswith(f"a rotation changes the outputs by {100 * between:.1f} % of their norm")
    assert f"one by 90, 180 or 270 degrees by {100 * at_rest:.1g} %" in text
    assert text.endswith("; ADVICE") == advised


def test_what_is_said_of_training():
    assert training_drift_text([0.2, 0.5, 0.221]).startswith(
        "Training let it grow: 20.0 % after epoch 1, 22.1 % after epoch 3"
    )
    assert "left it about the same" in training_drift_text([0.2, 0.219])
    assert "left it about the same" in training_drift_text([0.2, 0.183])
    assert "lowered it" in training_drift_text([0.2, 0.181])


def test_advice():
    def config(name="gcnn", group="C8", augment=()):
        return {"network": {"name": name, "group": group}, "augment": list(augment)}

    assert drift_advice(config("plain")) == (
        "this network has no symmetry; --model gcnn has, and --augment rotate teaches it"
    )
    assert drift_advice(config()) == (
        "training on unturned images lets it grow; --augment rotate and a finer --group (C16) lower it"
    )
    assert drift_advice(config(group="D8", augment=["rotate"])) == "a finer --group (D16) lowers it"
    assert drift_advice(config(group="C15", augment=["rotate"])) == "a finer --group (C16) lowers it"
    assert drift_advice(config(group="C16", augment=["rotate"])) == "larger filters (--kernel-size) lower it"
    assert drift_advice(config(group="SO2")).endswith("--augment rotate lowers it")
    assert headline_drift(0.1, config("plain")) == "a rotation changes the outputs by 10.0 %"
    assert headline_drift(0.11, config("plain")).endswith("teaches it")


@pytest.mark.parametrize(
    ("size", "layers", "pools"),
    [(28, 6, (1, 2, 4)), (3, 6, ()), (7, 6, (1,)), (6, 6, ()), (14, 6, (1, 3)), (96, 6, (1, 2, 3, 4)), (28, 2, (1,)),
     (28, 1, ()), (300, 4, (1, 2, 3))],
)  # fmt: skip
def test_where_the_resolution_is_halved(size, layers, pools):
    found = _pools(size, layers)
    assert len(found) == min(max(0, int(math.log2(max(1.0, size / 3.5)))), layers - 1)
    if size != 96:
        assert found == pools


def images(**fields) -> ImageSet:
    pixels = torch.zeros(4, 1, 4, 4, dtype=torch.uint8)
    pixels[:, :, 1:3, 1:3] = torch.tensor([10, 20, 30, 255], dtype=torch.uint8)[:, None, None, None]
    names = {"classes": ("a", "b", "c")} if "classes" in fields else {}
    return ImageSet(pixels, fields, {}, names)


def test_background_and_contrast():
    split = Split(4, torch.tensor([0, 1]), torch.tensor([2]), torch.tensor([3]), 0)
    found = _normalization(images(), split)
    assert found["background"] == [0]
    expected = math.sqrt((4 * (10 / 255) ** 2 + 4 * (20 / 255) ** 2) / 32)
    assert found["scale"] == [pytest.approx(expected, abs=1e-6)]
    flat = ImageSet(torch.full((4, 1, 4, 4), 51, dtype=torch.uint8))
    assert _normalization(flat, split) == {"background": [0.2], "scale": [1.0]}


def test_targets_of_data():
    split = Split(4, torch.tensor([0, 1]), torch.tensor([2]), torch.tensor([3]), 0)
    found = _target(images(values=torch.tensor([1.0, 3.0, 9.0, 9.0], dtype=torch.float64)), split)
    assert found == {"kind": "numbers", "mean": 2.0, "spread": 1.0}
    with pytest.raises(ValueError, match="all 2 training images have the same number 5"):
        _target(images(values=torch.tensor([5.0, 5.0, 9.0, 9.0], dtype=torch.float64)), split)
    classes = images(classes=torch.tensor([0, 1, 2, 2]))
    assert _target(classes, split) == {"kind": "classes", "classes": ["a", "b", "c"]}
    with pytest.raises(ValueError, match='x: none is left of class "c" to learn from'):
        _check_split(classes, split, "x")
    _check_split(classes, Split(4, torch.tensor([0, 1, 2]), torch.tensor([3]), torch.tensor([]).long(), 0), "x")
    with pytest.raises(ValueError, match="x: 4 images leave none to validate on"):
        _check_split(classes, Split(4, torch.arange(4), torch.tensor([]).long(), torch.tensor([]).long(), 0), "x")
    given = SimpleNamespace(
        image_fields=classes.image_fields, label_names=classes.label_names, split=split, __len__=lambda: 4
    )
    with pytest.raises(ValueError, match=r"its folder for training has none of class"):
        _check_split(given, split, "x")
