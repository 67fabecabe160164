"""Labels of images and the values of masks: what they are taken for, and what is said of others."""

import re

import pytest
import torch

from intertwine.data.images._labels import label_fields, mask_classes


def test_classes_and_numbers():
    fields, names = label_fields(["10", "9", "10"], None, "x")
    assert (fields["classes"].tolist(), names) == ([1, 0, 1], {"classes": ("9", "10")})
    fields, names = label_fields(["0.5", "-2.25", "1e3"], None, "x")
    assert (fields["values"].tolist(), names) == ([0.5, -2.25, 1000.0], {})
    assert label_fields(["1", "2"], "numbers", "x")[0]["values"].tolist() == [1.0, 2.0]
    assert label_fields(["0.5", "1.5"], "classes", "x")[1] == {"classes": ("0.5", "1.5")}


@pytest.mark.parametrize(
    ("labels", "kind", "line"),
    [
        (["a", ""], None, "x: image 2 has no label; expected a folder for each class, a table of labels, or masks"),
        (["1", "a"], "numbers", 'x: the label "a" is not a finite number'),
        (["1", "inf"], "numbers", 'x: the label "inf" is not a finite number'),
        (["a", "b"], "masks", "x: there are no masks here; expected a folder with images/ and masks/"),
        (["a", "a"], None, 'x: one class only, "a"; expected a folder or a label for each class'),
    ],
)
def test_labels_that_will_not_do(labels, kind, line):
    with pytest.raises(ValueError, match=re.escape(line)):
        label_fields(labels, kind, "x")


@pytest.mark.parametrize(
    ("values", "classes", "names", "remarks"),
    [
        ([0, 255], [0, 1], ("0", "255"), 0),
        ([3, 7, 255], [0, 1, 255], ("3", "7"), 1),
        ([0, 1, 2], [0, 1, 2], ("0", "1", "2"), 0),
        ([5, 254], [0, 1], ("5", "254"), 0),
    ],
)
def test_values_of_masks(values, classes, names, remarks):
    found, known, said = mask_classes(torch.tensor(values, dtype=torch.uint8).reshape(1, 1, -1))
    assert found.flatten().tolist() == classes
    assert known == names
    assert said == ("pixels of value 255 in masks are left out",) * remarks


@pytest.mark.parametrize(("values", "shown"), [([4, 4], "4"), ([255, 255], "255")])
def test_masks_of_one_class(values, shown):
    with pytest.raises(ValueError, match=f"the masks have one class only, {shown}; expected two or more"):
        mask_classes(torch.tensor(values, dtype=torch.uint8).reshape(1, 1, -1))
