"""Features of residues and losses of docking, each beside a plain computation by its formula."""

import math

import numpy as np
import pytest
import torch

from intertwine._errors import UsageError
from intertwine.models.equidock import intersection_loss, keypoint_loss, residue_graph
from intertwine.models.equidock._losses import transport_plan
from intertwine.models.equidock._residue_graph import residue_frames

BACKBONE = 4 * torch.randn(6, 1, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) + torch.randn(
    6, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1)
)


def test_a_frame_by_hand():
    # CA at the origin, N along x, C in the plane of x and y
    atoms = torch.tensor([[[2.0, 0, 0], [0, 0, 0], [1, 3, 0]]], dtype=torch.float64)
    assert residue_frames(atoms)[0].tolist() == [[0, 0, 1], [1, 0, 0], [0, 1, 0]]


def test_features_of_edges_and_residues_by_their_formulas():
    graph = residue_graph(BACKBONE, torch.arange(6), k=3)
    assert graph.edges.shape == (2, 18)
    assert graph.edge_features.shape == (18, 27)
    x, frames = BACKBONE[:, 1], residue_frames(BACKBONE)
    for (j, i), found in zip(graph.edges.T.tolist(), graph.edge_features, strict=True):
        offset = x[j] - x[i]
        rows = [frames[i] @ vector for vector in (offset, *frames[j])]
        radial = [math.exp(-float(offset @ offset) / 1.5**k) for k in range(15)]
        assert torch.allclose(found, torch.cat([*rows, torch.tensor(radial, dtype=torch.float64)]))
    for i in range(6):
        near = graph.edges[0, graph.edges[1] == i]
        offset = x[i] - x[near]
        for column, scale in enumerate((1.0, 2.0, 5.0, 10.0, 30.0)):
            w = torch.softmax(-offset.square().sum(1) / scale, 0)
            expected = (w[:, None] * offset).sum(0).norm() / (w * offset.norm(dim=1)).sum()
            assert float(graph.surface[i, column]) == pytest.approx(float(expected))


def test_the_cutoff_and_the_number_of_neighbors():
    line = torch.zeros(4, 3, 3, dtype=torch.float64)
    line[:, :, 0] = torch.tensor([0.0, 10, 30, 60])[:, None]
    line[:, 0, 1], line[:, 2, 2] = 1, 1
    pairs = {tuple(pair) for pair in residue_graph(line, torch.zeros(4)).edges.T.tolist()}
    assert pairs == {(0, 1), (1, 0), (1, 2), (2, 1), (0, 2), (2, 0), (2, 3), (3, 2)}  # 30 itself is within
    assert residue_graph(line, torch.zeros(4), cutoff=9.9).edges.shape == (2, 0)
    assert residue_graph(line, torch.zeros(4), k=1, cutoff=100).edges.shape == (2, 4)
    many = residue_graph(torch.randn(14, 3, 3).double(), torch.zeros(14))
    assert torch.bincount(many.edges[1]).tolist() == [10] * 14


@pytest.mark.parametrize("shape", [(4, 3), (4, 2, 3), (4, 3, 2), (3, 3, 3)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(UsageError, match="residue_graph expects a backbone"):
        residue_graph(torch.zeros(shape), torch.zeros(4))


def test_plans_between_different_numbers_have_uniform_margins():
    cost = np.random.default_rng(0).random((3, 5))
    plan = transport_plan(cost)
    assert plan.sum(1) == pytest.approx([1 / 3] * 3)
    assert plan.sum(0) == pytest.approx([1 / 5] * 5)
    assert transport_plan(np.array([[0.0, 1], [1, 0]])) == pytest.approx(np.eye(2) / 2)


def test_the_cost_is_that_of_both_proteins_with_one_plan():
    pockets = torch.tensor([[0.0, 0, 0], [10, 0, 0]]), torch.tensor([[0.0, 0, 0], [0, 10, 0]])
    shifts = torch.tensor([1.0, 0, 0]), torch.tensor([0, 0, 2.0])
    keypoints = tuple(pocket + shift for pocket, shift in zip(pockets, shifts, strict=True))
    assert float(keypoint_loss(keypoints, pockets)) == pytest.approx(1 + 4)
    exchanged = tuple(points.flip(0) for points in keypoints)
    assert float(keypoint_loss(exchanged, pockets)) == pytest.approx(5)
    assert float(keypoint_loss((keypoints[0], exchanged[1]), pockets)) > 5
    for wrong in ((keypoints[0], keypoints[1][:1]), pockets), (keypoints, (pockets[0], pockets[1][:1])):
        with pytest.raises(UsageError, match="as many keypoints"):
            keypoint_loss(*wrong)
    with pytest.raises(UsageError, match="as many pocket points"):
        keypoint_loss(keypoints, (pockets[0][:0], pockets[1][:0]))


def test_the_intersection_by_its_formula():
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(3, 3, generator=generator).double(), torch.randn(4, 3, generator=generator).double() + 1

    def outside(x, points, sigma):
        return -sigma * math.log(sum(math.exp(-float((x - y).square().sum()) / sigma) for y in points))

    for options in ({}, {"sigma": 5.0, "gamma": 3.0}):
        sigma, gamma = options.get("sigma", 25.0), options.get("gamma", 10.0)
        first = sum(max(0, gamma - outside(x, a, sigma)) for x in b) / 4
        second = sum(max(0, gamma - outside(x, b, sigma)) for x in a) / 3
        assert float(intersection_loss(a, b, **options)) == pytest.approx(first + second)
