"""Arithmetic of distances, statistics and verdicts, with numbers worked out by hand."""

from math import inf, radians

import pytest
import torch

from intertwine.actions import LinearAction, PointCloud, Transform
from intertwine.auditing import AuditRun, LayerError, Report
from intertwine.auditing._measure import Distance, ErrorStats, distance, rounding
from intertwine.auditing._run import _angle, _element
from intertwine.groups import O3, SO3


class TestDistance:
    def test_beyond_subtracts_the_control_once(self):
        found = Distance(0.5, components={"a": 0.7, "b": 0.2}).beyond(Distance(0.2, components={"a": 0.3}))
        assert found.whole == pytest.approx(0.3)
        assert found.components == pytest.approx({"a": 0.4, "b": 0.2})
        assert Distance(0.1).beyond(Distance(0.2)).whole == 0
        assert Distance(inf, finite=False).beyond(Distance(1.0)).error == inf

    def test_sum(self):
        found = Distance(0.1, True, True, {"a": 1.0}) + Distance(0.2, False, False, {"a": 2.0, "b": 5.0})
        assert found.whole == pytest.approx(0.3)
        assert (found.finite, found.zero, dict(found.components)) == (False, False, {"a": 3.0})

    def test_the_larger_of_whole_and_components(self):
        assert Distance(0.5, components={"a": 0.2}).error == 0.5
        assert Distance(0.1, components={"a": 0.2}).error == 0.2

    def test_relative_to_the_expected(self):
        a, b = torch.tensor([3.0, 0.0]), torch.tensor([0.0, 4.0])
        assert distance(a, b).whole == pytest.approx(5 / 4)
        assert distance(a, 0 * b).whole == 1
        assert distance(0 * a, 0 * b) == Distance(0.0, zero=True)
        assert not distance(a, 0 * b).zero

    def test_rounding(self):
        """64 units in the last place of the tensor that an irrep is a slice of."""
        assert rounding(torch.float32) == 64 * 2.0**-23
        assert rounding(torch.float64) == 1e-12
        rep = O3().rep("1x0e + 1x1o")
        expected = torch.tensor([1.0, 0.0, 0.0, 1e-3], dtype=torch.float64)
        actual = expected + torch.tensor([0.0, 0.0, 0.0, 1e-5], dtype=torch.float64)
        assert distance(actual, expected, LinearAction(rep), 1e-6).components["1o"] == pytest.approx(9e-3, rel=1e-3)
        assert distance(actual, expected, LinearAction(rep), 2e-5).components["1o"] == 0


class TestStatistics:
    def test_worst_mean_and_flags(self):
        stats = ErrorStats()
        for error, name in ((0.1, "a"), (0.4, "b"), (0.4, "c"), (0.1, "d")):
            stats.add(Distance(error, zero=name == "a", components={"x": error / 2}), name, control=error / 10)
        assert (stats.worst, stats.transform, stats.count) == (0.4, "b", 4)
        assert stats.mean == pytest.approx(0.25)
        assert (stats.finite, stats.zero) == (True, False)
        assert stats.control == pytest.approx(0.04)
        assert stats.components == {"x": 0.2}

    def test_always_zero_and_once_not_finite(self):
        stats = ErrorStats()
        stats.add(Distance(0.0, zero=True), "a")
        assert stats.zero
        stats.add(Distance(inf, finite=False), "b")
        assert not stats.finite


def run_of(error, zero=False, dtype="float32"):
    row = LayerError("output", "all", error, error, "", zero)
    return AuditRun(dtype, (row,), (), (), 0.0)


class TestVerdict:
    def test_tolerance_is_included(self):
        assert run_of(1e-5).passes(1e-5)
        assert not run_of(1.0001e-5).passes(1e-5)
        assert not run_of(0.0, zero=True).passes(1e-5)
        assert not run_of(inf).passes(1e30)
        assert not run_of(float("nan")).passes(1e30)

    def test_every_run_counts(self):
        symbols = {"rotation": "G", "all": "G"}
        runs = run_of(1e-7), run_of(1.0, dtype="float64")
        assert not Report("f", symbols, 1, 0, 1e-5, runs).passed
        assert not Report("f", symbols, 1, 0, 1e-5, runs[::-1]).passed
        assert Report("f", symbols, 1, 0, 1e-5, runs[:1]).passed

    def test_remarks_are_shown_and_written(self):
        report = Report("f", {"rotation": "G", "all": "G"}, 1, 0, 1e-5, (run_of(1e-7),), ("on 256 points",))
        assert str(report).splitlines()[-1] == "note  on 256 points"
        assert report.to_dict()["remarks"] == ["on 256 points"]


class TestElements:
    @pytest.mark.parametrize("improper", [False, True])
    def test_angle_and_determinant(self, improper):
        c, s = torch.cos(torch.tensor(radians(50))), torch.sin(torch.tensor(radians(50)))
        g = torch.tensor([[c, -s, 0], [s, c, 0], [0, 0, 1]], dtype=torch.float64)
        g = -g if improper else g
        assert _angle(g) == pytest.approx(50, abs=1e-4)
        element = _element("rotation", 0.1, Transform(g))
        assert (element.improper, element.law, element.error) == (improper, "rotation", 0.1)

    def test_translations_are_as_wide_as_the_cloud(self):
        """One unit of the cloud's width along each axis, whatever that width is."""
        action = PointCloud(SO3().trivial)
        generator = torch.Generator().manual_seed(0)
        for width in (1e-3, 0.3, 1e3):
            positions = width * torch.randn(500, 3, dtype=torch.float64, generator=generator)
            drawn = torch.stack([action.sample((None, positions), generator).translation for _ in range(200)])
            assert float(drawn.std()) == pytest.approx(width, rel=0.15)

    def test_edges_follow_their_points(self):
        action = PointCloud(SO3().trivial)
        positions = torch.randn(6, 3, dtype=torch.float64)
        edges = torch.tensor([[0, 1, 2, 5], [3, 4, 0, 1]])
        transform = Transform(torch.eye(3, dtype=torch.float64), permutation=torch.tensor([2, 0, 1, 5, 3, 4]))
        _, moved, renumbered = action(transform, (None, positions, edges))
        assert torch.equal(moved[renumbered[0]], positions[edges[0]])
        assert torch.equal(moved[renumbered[1]], positions[edges[1]])


def test_numbers_whose_squares_overflow_are_finite_all_the_same():
    x = torch.full((2, 3), 1e200, dtype=torch.float64)
    assert distance(x, x).finite
    for broken in (float("inf"), float("nan")):
        y = x.clone()
        y[1, 2] = broken
        assert not distance(y, x).finite
        assert not distance(x, y).finite
