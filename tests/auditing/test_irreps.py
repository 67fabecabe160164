"""Each irrep is judged by its own norm, and named."""

import json

import pytest
import torch

from intertwine.actions import PointCloud, PointFeatures, TupleAction
from intertwine.auditing import EquivarianceError, audit
from intertwine.auditing._measure import distance, rounding
from intertwine.groups import O3, SO3, Cyclic


@pytest.mark.parametrize("ratio", [1e-2, 1e-4, 1e-7])
def test_a_small_irrep_does_not_hide_in_a_large_one(ratio):
    rep = O3().rep("1x0e + 1x1o + 1x2e")

    def leaky(x):
        scalar, vector, tensor = x.split([1, 3, 5], -1)
        return torch.cat([scalar, ratio * vector.relu(), tensor], -1)

    report = audit(leaky, rep, rep)
    assert not report.passed
    assert report.irreps["1o"] > 0.1
    assert report.irreps["0e"] == report.irreps["2e"] == 0
    assert "worst component" in str(report)
    with pytest.raises(EquivarianceError, match="worst component 1o"):
        report.check()
    assert json.loads(report.to_json())["irreps"]["1o"] > 0.1
    assert 'aria-label="error by irrep"' in report.to_html()


def test_rounding_of_a_large_irrep_is_not_held_against_a_small_one():
    """An irrep that is a difference of large numbers, as small as their rounding."""
    rep = O3().rep("1x0e + 1x1o")

    def cancel(x):
        scalar, vector = x.split([1, 3], -1)
        return torch.cat([scalar, (vector + scalar) - scalar - vector + 1e-30 * vector], -1)

    audit(cancel, rep, rep).check({"float32": 1e-5, "float64": 1e-10})


def test_copies_and_terms():
    rep = O3().rep("2x1o + 1x0e + 1x1o")
    report = audit(lambda x: torch.cat([x[..., :-3], x[..., -3:].relu()], -1), rep, rep, samples=4)
    assert set(report.irreps) == {"1o", "0e", "1o (2)"}
    assert report.irreps["1o (2)"] > 0.1
    assert report.irreps["1o"] == 0


def test_irreps_of_a_product():
    """V x V is decomposed: the trace survives what breaks the rest."""
    V = SO3().vector

    def broken(x):
        square = (x[..., :, None] * x[..., None, :]).flatten(-2)
        return square + 1e-3 * torch.tensor([0, 1.0, 0, -1, 0, 0, 0, 0, 0]).to(x)

    report = audit(broken, V, V * V)
    assert set(report.irreps) == {"0", "1", "2"}
    assert report.irreps["1"] > 1e-5
    assert max(report.irreps["0"], report.irreps["2"]) < 1e-12


def test_finite_groups_and_one_irrep():
    C = Cyclic(4)
    assert set(audit(torch.relu, C.regular, C.regular).irreps) == {"0", "1", "2"}
    assert audit(lambda x: x, C.vector, C.vector).irreps == {}


def test_keys_of_a_dict():
    V = O3().vector
    output = TupleAction(energy=O3().trivial, force=V)

    def f(x):
        return {"energy": 1e9 * x.norm(dim=-1, keepdim=True), "force": x.relu()}

    report = audit(f, V, output)
    assert report.irreps["force"] > 0.1
    assert report.irreps["energy"] < 1e-6


def test_layers_too(network, rep):
    report = audit(network(leak=1e-2), PointCloud(rep), PointFeatures(rep), samples=4)
    row = report.runs[0].first_failing(1e-5)
    assert (row.name, row.worst_component) == ("middle", "1o")
    assert dict(row.components)["0e"] < 1e-6


def test_arithmetic_by_hand():
    class Halves(PointFeatures):
        pass

    action = Halves(O3().rep("2x0e + 1x1o"))
    expected = torch.tensor([[3.0, 4.0, 0.0, 0.0, 0.01]], dtype=torch.float64)
    actual = expected + torch.tensor([[0.0, 0.5, 0.0, 0.001, 0.0]], dtype=torch.float64)
    found = distance(actual, expected, action)
    assert found.components["0e"] == pytest.approx(0.1)
    assert found.components["1o"] == pytest.approx(0.1)
    assert found.whole == pytest.approx((0.25 + 1e-6) ** 0.5 / (25 + 1e-4) ** 0.5)
    assert distance(actual, expected, action, slack=1e-4).components["1o"] == pytest.approx(0.05, rel=1e-4)
    assert distance(expected, expected, action).error == 0
    assert rounding(torch.float32) < 1e-5
    assert rounding(torch.float64) < 1e-10
