"""The remarks on a registration: when each is made, and its words."""

import numpy as np
import pytest
import torch

from intertwine.ops.registration._remarks import answer_remarks, shape_remarks, unit_remarks

CUBE = np.array(np.meshgrid([-1.0, 1], [-1.0, 1], [-1.0, 1])).reshape(3, -1).T


class Answers:
    def __init__(self, count):
        self.rotations = torch.eye(3).repeat(count, 1, 1)


def test_points_and_lines():
    line = np.linspace(0, 1, 9)[:, None] * np.array([1.0, 2, 3])
    thick = line + 2e-5 * CUBE[[0, 1, 2, 3, 4, 5, 6, 7, 0]]
    assert shape_remarks((CUBE, CUBE)) == []
    assert shape_remarks((CUBE, thick)) == []
    for points in (line, line + 1e-8 * CUBE[[0, 1, 2, 3, 4, 5, 6, 7, 0]], line[:2]):
        expected = ["the points of the second cloud are on a line: any rotation about it fits"]
        assert shape_remarks((CUBE, points)) == expected
    for points in (np.ones((5, 3)), np.ones((1, 3))):
        assert shape_remarks((points, CUBE)) == ["the points of the first cloud are one place: any rotation fits"]


@pytest.mark.parametrize("factor", [10.1, 1000.0])
def test_units(factor):
    words = f"cloud is {factor:,.0f} times as large as the {{}} one: are their units the same?"
    assert unit_remarks((CUBE, factor * CUBE + 5)) == ["the second " + words.format("first")]
    assert unit_remarks((factor * CUBE + 5, CUBE)) == ["the first " + words.format("second")]
    assert unit_remarks((CUBE, 9.9 * CUBE)) == []
    assert unit_remarks((np.ones((3, 3)), CUBE)) == []


def test_symmetry_and_confidence():
    assert answer_remarks(Answers(1), (0.2, 0.9), 0.5) == []
    assert answer_remarks(Answers(4), (0.2, 0.9), 1.0) == [
        "4 motions fit equally well: the shape is symmetric or plain"
    ]
    assert answer_remarks(Answers(1), (0.2, 0.314), 0.49) == [
        "low confidence: few features agree, overlap 31 %: the clouds may show other things"
    ]
