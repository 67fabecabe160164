"""Tables of predictions as text, and the bounds of what an exported model must meet."""

from pathlib import Path

import numpy as np
import pytest
import torch

from intertwine.tasks._exported import TOLERANCE, Check, ExportResult, _relative
from intertwine.tasks._registry import get
from intertwine.tasks._table_predictions import (
    class_predictions,
    number_predictions,
    open_class_writer,
    open_number_writer,
)

PROBABILITIES = torch.tensor([[0.1, 0.6, 0.25, 0.05], [0.7, 0.12345, 0.1, 0.07655]])


def test_classes_and_the_next_two(tmp_path):
    chunk = class_predictions(["x", "y,z"], PROBABILITIES, [*"abcd"])
    assert chunk.arrays["class"].tolist() == ["b", "a"]
    assert np.array_equal(chunk.arrays["probabilities"], PROBABILITIES.numpy())
    with open_class_writer(tmp_path / "t.csv", [*"abcd"]) as writer:
        writer.write(chunk)
    assert (tmp_path / "t.csv").read_text().splitlines() == [
        "file,class,probability,second,second_probability,third,third_probability",
        "x,b,0.6000,c,0.2500,a,0.1000",
        '"y,z",a,0.7000,b,0.1235,c,0.1000',
    ]
    two = class_predictions(["x"], PROBABILITIES[:1, :2], [*"ab"])
    with open_class_writer(tmp_path / "t.csv", [*"ab"]) as writer:
        writer.write(two)
    assert (tmp_path / "t.csv").read_text() == "file,class,probability,second,second_probability\nx,b,0.6000,a,0.1000\n"


def test_numbers(tmp_path):
    with open_number_writer(tmp_path / "t.csv") as writer:
        writer.write(number_predictions(["a", "b"], torch.tensor([1 / 3, 12345678.9], dtype=torch.float64)))
        writer.write(number_predictions(["c"], torch.tensor([-2.0])))
    assert (tmp_path / "t.csv").read_text() == "file,value\na,0.3333333\nb,1.234568e+07\nc,-2\n"


@pytest.mark.parametrize(
    ("difference", "equivariance", "checks", "passed"),
    [
        (TOLERANCE, None, (), True),
        (TOLERANCE, TOLERANCE, (), True),
        (1.01e-5, None, (), False),
        (0.0, 1.01e-5, (), False),
        (0.0, None, (Check("c", 0.5, 0.5),), True),
        (0.0, None, (Check("c", 0.1, 0.5), Check("d", 0.51, 0.5)), False),
        (1.01e-5, None, (Check("c", 0.1, 0.5),), False),
    ],
)
def test_what_an_exported_model_must_meet(difference, equivariance, checks, passed):
    assert ExportResult(Path("x"), difference, equivariance, "C_4", checks).passed is passed
    assert TOLERANCE == 1e-5


def test_relative_differences():
    assert _relative(torch.tensor([3.0, 4.0]), torch.tensor([3.0, 8.0])) == pytest.approx(4 / 73**0.5)
    assert _relative(torch.tensor([1e-12]), torch.tensor([0.0])) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("task", "formats"),
    [("classify", "torch"), ("segment", "torch"), ("potential", "torch"), ("images", "torch onnx")],
)
def test_formats_of_exports(task, formats):
    assert get(task).predictor_type().export_formats == tuple(formats.split())
