"""Actions on pairs: the group law with the exchange, audits of bi-equivariant functions, and a control that fails."""

import pytest
import torch

from intertwine.actions import BilinearForms, LinearAction, Maps, PairAction, PairTransform, PointCloud
from intertwine.auditing import audit
from intertwine.groups import SO3
from intertwine.ops import procrustes, rigid_alignment
from intertwine.reps import external_product, maps_rep

V = SO3().vector


def test_products_and_inverses_with_exchanges():
    cloud = PointCloud(V, permutations=False)
    action, other = PairAction(cloud, cloud, swap=True), PairAction(cloud, cloud)
    generator = torch.Generator().manual_seed(0)
    data = action.example(generator)
    a, b, c = action.sample(data, generator), other.sample(data, generator), action.sample(data, generator)
    for x, y in ((a, b), (b, a), (a, c)):
        together, apart = action(x @ y, data), action(x, action(y, data))
        assert all(
            torch.allclose(p, q)
            for one, two in zip(together, apart, strict=True)
            for p, q in zip(one[:2], two[:2], strict=True)
        )
        back = action(x.inverse, action(x, data))
        assert all(
            torch.allclose(p, q)
            for one, two in zip(back, data, strict=True)
            for p, q in zip(one[:2], two[:2], strict=True)
        )


def test_audit_of_rotations_covariances_and_motions():
    cloud = PointCloud(V, permutations=False)

    def motion(one, two):
        found = rigid_alignment(one[1], two[1])
        top = torch.cat([found.rotation, found.translation[:, None]], 1)
        return torch.cat([top, top.new_tensor([[0, 0, 0, 1]])])

    both = PairAction(V, V, swap=True)
    assert audit(procrustes, both, Maps(V, V)).passed
    assert audit(lambda x, y: x.mT @ y, both, BilinearForms(V, V)).passed
    assert audit(motion, PairAction(cloud, cloud, swap=True), Maps(V, V, translations=True)).passed
    assert audit(lambda x, y: procrustes(x, y).flatten(), PairAction(V, V), maps_rep(V, V)).passed
    assert audit(lambda x, y: (x.mT @ y).flatten(), PairAction(V, V), LinearAction(external_product(V, V))).passed


def test_audit_sees_what_is_not_biequivariant():
    both = PairAction(V, V, swap=True)
    assert not audit(lambda x, y: procrustes(y, x), both, Maps(V, V)).passed
    report = audit(lambda x, y: procrustes(x, y) @ procrustes(x, x.flip(0)), both, Maps(V, V))
    assert not report.passed


def test_laws_and_errors():
    action = PairAction(V, V, swap=True)
    assert list(action.laws) == ["first", "second", "swap"]
    transform = action.sample(action.example())
    assert transform.only("first").second.linear.equal(torch.eye(3, dtype=torch.float64))
    assert "exchanged" in action.describe(transform)
    with pytest.raises(ValueError, match="first, second, swap"):
        transform.only("rotation")
    with pytest.raises(TypeError, match="PairAction samples"):
        Maps(V, V).sample(None)
    with pytest.raises(TypeError, match="of pairs"):
        transform @ transform.first
    assert isinstance(transform.inverse, PairTransform)
