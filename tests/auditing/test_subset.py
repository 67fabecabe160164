"""Layers on selected points are compared as sets: the order of selection means nothing, the features do."""

import pytest
import torch
from torch import nn

from intertwine.actions import LinearAction, PointCloud, PointFeatures, PointSubset
from intertwine.auditing import audit
from intertwine.auditing._measure import distance
from intertwine.groups import O3

REP = O3().rep("2x0e + 1x1o")


@pytest.fixture
def rows():
    return torch.randn(20, REP.dim, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


class TestMatching:
    def test_order_is_no_error(self, rows):
        order = torch.randperm(20, generator=torch.Generator().manual_seed(1))
        noise = 1e-9 * torch.randn(rows.shape, dtype=rows.dtype)
        assert distance(rows[order] + noise, rows, PointSubset(REP)).error < 1e-7
        assert distance(rows[order], rows, LinearAction(REP)).error > 0.1

    def test_values_are(self, rows):
        order = torch.randperm(20, generator=torch.Generator().manual_seed(1))
        found = distance(rows[order] * 1.001, rows, PointSubset(REP)).error
        assert found == pytest.approx(1e-3, rel=1e-6)

    def test_small_errors_in_place_are_kept(self, rows):
        assert distance(rows * (1 + 1e-5), rows, PointSubset(REP)).error == pytest.approx(1e-5, rel=1e-6)
        shuffled = rows.clone()
        shuffled[[0, 1]] = rows[[1, 0]]
        assert distance(shuffled, rows, PointSubset(REP)).error < 1e-15

    def test_rows_that_differ_little_are_told_apart(self):
        rows = torch.tensor([[1.0], [1.00001], [-1.0]], dtype=torch.float64)
        found = PointSubset(O3().rep("1x0e")).matched(rows[[1, 0, 2]], rows)
        assert found.tolist() == rows.tolist()

    def test_one_point_for_another(self, rows):
        """A point that was selected once too often replaces one that is missing: an error of that row alone."""
        other = rows.flip(0).clone()
        other[3] = other[4]
        missing = rows[16] - other[4]
        found = distance(other, rows, PointSubset(REP)).whole
        assert found == pytest.approx(float(missing.norm() / rows.norm()), rel=1e-6)

    def test_equal_rows_have_one_partner_each(self):
        rows = torch.tensor([[1.0], [1.0], [2.0]], dtype=torch.float64)
        found = PointSubset(O3().rep("1x0e")).matched(rows.flip(0), rows)
        assert found.tolist() == rows.tolist()
        wrong = torch.tensor([[2.0], [2.0], [1.0]], dtype=torch.float64)
        matched = PointSubset(O3().rep("1x0e")).matched(wrong, rows)
        assert sorted(matched.flatten().tolist()) == [1.0, 2.0, 2.0]
        assert distance(wrong, rows, PointSubset(O3().rep("1x0e"))).error == pytest.approx((1 / 6) ** 0.5)


class Pick(nn.Module):
    """The half of the points that is farthest from the center, farthest first, or nearly so, as float32 would."""

    rep_out = REP

    def __init__(self, defect=""):
        super().__init__()
        self.defect, self.calls = defect, 0
        self.mix = nn.Identity()
        self.mix.rep_out = REP

    def forward(self, features, positions, edges, batch, structures):
        radii = (positions - positions.mean(0)).norm(dim=-1)
        chosen = radii.topk(len(radii) // 2).indices
        self.calls += 1
        if self.calls % 2:  # a tie that rounding decides
            chosen = chosen.flip(0)
        picked = features[chosen]
        if self.defect == "leak":
            picked = picked + 1e-3
        picked = self.mix(picked)
        return picked.sum(0, keepdim=True) * (positions[0, 0] if self.defect == "absolute" else 1)


def measured(defect=""):
    action = PointCloud(REP)
    features, positions, edges = action.example(torch.Generator().manual_seed(0))
    inputs = features, positions, edges, torch.zeros(24, dtype=torch.int64), 1
    return audit(Pick(defect), action, LinearAction(REP), inputs=inputs, samples=8)


class TestLayers:
    def test_a_reordered_selection_passes_without_a_note(self):
        report = measured()
        report.check()
        assert {row.name for row in report.layers} == {"mix"}
        assert max(row.max_error for row in report.layers) < 1e-6
        assert "breaks" not in str(report)

    def test_a_layer_that_breaks_the_law_is_named(self):
        report = measured("leak")
        assert not report.passed
        assert "first failing layer is mix" in str(report)
        assert not measured("absolute").passed

    def test_what_is_a_selection(self):
        action = PointCloud(REP)
        cloud = action.example(torch.Generator().manual_seed(0))
        batched = (*cloud, torch.arange(24) // 12, 2)
        features = torch.zeros(24, REP.dim)
        assert action.feature_action(REP, features[:12], batched) == PointSubset(REP)
        assert action.feature_action(REP, features[:2], batched) == LinearAction(REP)
        assert action.feature_action(REP, features, batched) == PointFeatures(REP)
        assert action.feature_action(REP, features[:12], cloud) == LinearAction(REP)
