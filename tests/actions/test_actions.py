"""Actions are actions: composition, identity, inverse; and a point cloud keeps its geometry."""

import pytest
import torch

from intertwine.actions import LinearAction, PeriodicPointCloud, PointCloud, PointFeatures, Transform, as_action
from intertwine.groups import O2, O3, SO2, SO3, Cyclic, Dihedral

ACTIONS = [
    LinearAction(O3().rep("2x0e + 1x1o + 1x2e")),
    PointFeatures(SO3().rep("1x0 + 2x1")),
    PointCloud(O3().rep("2x0o + 1x1o + 1x1e")),
    PointCloud(SO2().vector),
    PointCloud(O2().vector, translations=False),
    PointCloud(Dihedral(5).vector, permutations=False),
    PointFeatures(Cyclic(7).regular),
]


def leaves(data):
    return data if isinstance(data, tuple) else (data,)


def same(left, right, tolerance=1e-12):
    return all(
        a.shape == b.shape and torch.allclose(a.double(), b.double(), atol=tolerance)
        for a, b in zip(leaves(left), leaves(right), strict=True)
    )


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(20)


@pytest.mark.parametrize("action", ACTIONS, ids=repr)
class TestAxioms:
    def test_composition(self, action, generator):
        data = action.example(generator)
        for _ in range(8):
            a, b = action.sample(data, generator), action.sample(data, generator)
            assert same(action(a @ b, data), action(a, action(b, data)))

    def test_identity_and_inverse(self, action, generator):
        data = action.example(generator)
        transform = action.sample(data, generator)
        assert same(action(Transform(action.group.identity), data), data)
        assert same(action(transform.inverse, action(transform, data)), data)
        assert same(action(transform @ transform.inverse, data), data)

    def test_factors_make_the_whole(self, action, generator):
        data = action.example(generator)
        transform = action.sample(data, generator)
        turned = action(transform.only("rotation"), data)
        assert same(
            action(transform, data),
            action(transform.only("permutation"), action(transform.only("translation"), turned)),
        )

    def test_sample_has_the_claimed_factors(self, action, generator):
        transform = action.sample(action.example(generator), generator)
        assert (transform.translation is not None) == ("translation" in action.laws)
        assert (transform.permutation is not None) == ("permutation" in action.laws)
        assert action.group.contains(transform.linear)

    def test_reproducible(self, action):
        def draw(seed):
            generator = torch.Generator().manual_seed(seed)
            data = action.example(generator)
            return action(action.sample(data, generator), data)

        assert same(draw(3), draw(3), tolerance=0)
        assert not same(draw(3)[:2], draw(4)[:2])

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    def test_dtype(self, action, dtype, generator):
        data = action.example(generator, dtype)
        transformed = action(action.sample(data, generator), data)
        assert [x.dtype for x in leaves(transformed)] == [x.dtype for x in leaves(data)]
        assert leaves(transformed)[0].dtype == dtype


def test_the_order_of_the_factors_matters(generator):
    """A control: the test of composition can fail."""
    action = PointCloud(O3().rep("1x0e + 1x1o"))
    data = action.example(generator)
    a, b = action.sample(data, generator), action.sample(data, generator)
    assert not same(action(a @ b, data), action(b, action(a, data)))
    wrong = Transform(a.linear @ b.linear, (a @ b).translation, a.permutation[b.permutation])
    assert not same(action(wrong, data), action(a, action(b, data)))


class TestPeriodicPointCloud:
    def test_shifts_turn_and_are_not_moved(self, generator):
        """The vector of an edge turns as a vector, whichever cells its ends are in."""
        action = PeriodicPointCloud(O3().vector)
        features, positions, edges = PointCloud(O3().vector).example(generator)
        shifts = torch.randn(edges.shape[1], 3, generator=generator, dtype=torch.float64)
        data = (features, positions, edges, torch.zeros(24, dtype=torch.int64), 1, shifts, "extra")
        transform = action.sample(data, generator)
        _, moved, new, _, _, turned, extra = action(transform, data)
        vectors = positions[edges[0]] + shifts - positions[edges[1]]
        assert torch.allclose(moved[new[0]] + turned - moved[new[1]], vectors @ transform.linear.T)
        assert extra == "extra"

    @pytest.mark.parametrize("rest", [(), (None, 1), (None, 1, None)])
    def test_without_shifts_as_a_cloud(self, generator, rest):
        cloud, periodic = PointCloud(O3().vector), PeriodicPointCloud(O3().vector)
        data = (*cloud.example(generator), *rest)
        transform = cloud.sample(data, generator)
        for one, other in zip(cloud(transform, data), periodic(transform, data), strict=True):
            assert torch.equal(one, other) if isinstance(one, torch.Tensor) else one == other


class TestPointCloud:
    def test_an_edge_joins_the_same_points(self, generator):
        action = PointCloud(O3().rep("1x0e + 1x1o"))
        data = features, positions, edges = action.example(generator)
        transform = action.sample(data, generator)
        transformed_features, transformed, new = action(transform, data)
        assert not torch.equal(edges, new)
        for end in (0, 1):
            expected = positions[edges[end]] @ transform.linear.T + transform.translation
            assert torch.allclose(transformed[new[end]], expected)
            assert torch.allclose(transformed_features[new[end], 0], features[edges[end], 0])

    def test_example_edges_follow_from_distances(self, generator):
        _, positions, edges = PointCloud(SO3().vector).example(generator)
        expected = {(j, i) for i in range(24) for j in range(24) if i != j and (positions[i] - positions[j]).norm() < 2}
        assert set(map(tuple, edges.T.tolist())) == expected
        assert len(expected) > 24
        assert torch.equal(edges[1], edges[1].sort().values)

    def test_batch_and_extras(self, generator):
        action = PointCloud(O3().rep("1x1o"))
        features, positions, edges = action.example(generator)
        batch = torch.arange(24) // 8
        weights = torch.rand(len(edges[0]), generator=generator)
        transform = action.sample((features, positions), generator)
        _, _, _, transformed_batch, structures, transformed_weights = action(
            transform, (features, positions, edges, batch, 3, weights)
        )
        assert torch.equal(transformed_batch, batch[transform.permutation])
        assert structures == 3
        assert transformed_weights is weights

    def test_labels_are_permuted_and_never_rotated(self, generator):
        action = PointCloud(O3().trivial)
        labels = torch.arange(5)
        positions = torch.randn(5, 3, generator=generator, dtype=torch.float64)
        transform = action.sample((labels, positions), generator)
        assert torch.equal(action(transform, (labels, positions))[0], transform.permutation)
        assert action(transform, (None, positions, None))[0] is None

    @pytest.mark.parametrize("points", [0, 1])
    def test_few_points(self, points, generator):
        action = PointCloud(O3().vector)
        data = (torch.ones(points, 3), torch.ones(points, 3), torch.zeros(2, 0, dtype=torch.int64))
        transformed = action(action.sample(data, generator), data)
        assert all(torch.isfinite(x).all() for x in transformed)
        assert [x.shape for x in transformed] == [x.shape for x in data]

    def test_translations_are_as_long_as_the_cloud_is_wide(self, generator):
        action = PointCloud(O3().vector)
        features, positions, edges = action.example(generator)
        lengths = [
            torch.stack([action.sample((features, k * positions, edges), generator).translation for _ in range(200)])
            for k in (1, 100)
        ]
        assert 80 < lengths[1].norm() / lengths[0].norm() < 125

    def test_feature_action(self, generator):
        action, rep = PointCloud(O3().vector), O3().rep("1x0e")
        data = action.example(generator)
        assert action.feature_action(rep, torch.zeros(24, 1), data) == PointFeatures(rep)
        assert action.feature_action(rep, torch.zeros(3, 1), data) == LinearAction(rep)
        assert action.feature_action(rep, torch.zeros(24, 1), (*data, torch.arange(24))) is None


class TestWords:
    def test_describe(self):
        g = torch.diag(torch.tensor([1.0, -1.0, -1.0], dtype=torch.float64))
        transform = Transform(g, torch.tensor([3.0, 0.0, 4.0], dtype=torch.float64), torch.tensor([1, 0, 2]))
        words = transform.describe(SO3())
        assert words.startswith("rotation 180.0 deg about (1.00, 0.00, 0.00)")
        assert words.endswith("translation 5.00, 2 of 3 rows permuted")
        assert transform.only("translation").describe(SO3()) == "translation 5.00"
        assert Transform(SO3().identity).describe(SO3()) == "identity"

    def test_symbols(self):
        assert dict(PointCloud(O3().vector).laws) == {"rotation": "O(3)", "translation": "T", "permutation": "S_n"}
        assert dict(LinearAction(SO2().vector).laws) == {"rotation": "SO(2)"}


class TestErrors:
    def test_wrong_dimension(self):
        with pytest.raises(ValueError, match=r"expected a tensor \(\.\.\., 3\) of type 1o, got shape \(2, 4\)"):
            LinearAction(O3().rep("1x1o"))(Transform(O3().identity), torch.zeros(2, 4))

    def test_wrong_positions(self):
        with pytest.raises(ValueError, match=r"expected positions \(N, 3\), on which O\(3\) acts, got \(5, 2\)"):
            PointCloud(O3().vector).sample((torch.zeros(5, 3), torch.zeros(5, 2)))

    def test_wrong_rows(self):
        with pytest.raises(ValueError, match="one row of features for each of 5 points, got 4"):
            PointCloud(O3().vector).sample((torch.zeros(4, 3), torch.zeros(5, 3)))

    def test_wrong_edges(self):
        action, data = PointCloud(O3().vector), (torch.zeros(5, 3), torch.zeros(5, 3), torch.zeros(3, 2).long())
        with pytest.raises(ValueError, match=r"expected edges \(2, E\) int64"):
            action(action.sample(data), data)

    def test_not_a_tuple(self):
        with pytest.raises(TypeError, match="expected a tuple"):
            PointCloud(O3().vector).sample(torch.zeros(5, 3))

    def test_unknown_law(self):
        with pytest.raises(ValueError, match='no law "rotations"; known: rotation'):
            Transform(O3().identity).only("rotations")

    def test_neither_action_nor_rep(self):
        with pytest.raises(TypeError, match="expected an Action or a Rep"):
            as_action("1x0e")
        assert as_action(SO3().vector) == LinearAction(SO3().vector)


def test_a_matrix_is_computed_once_for_each_element(monkeypatch):
    rep = O3().vector
    transform = LinearAction(rep).sample(torch.zeros(2, 3), torch.Generator().manual_seed(0))
    first = LinearAction(rep)(transform, torch.ones(2, 3))
    monkeypatch.setattr(type(rep), "matrix", None)
    assert torch.equal(LinearAction(rep)(transform, torch.ones(2, 3)), first)
    with pytest.raises(TypeError):
        LinearAction(rep)(transform.only("rotation"), torch.ones(2, 3))


def test_a_product_is_spared_only_where_the_matrix_is_exactly_the_identity():
    rep, features = O3().rep("2x0e + 1x1o"), torch.randn(4, 5, dtype=torch.float64)
    identity = Transform(torch.eye(3, dtype=torch.float64))
    inversion = Transform(-torch.eye(3, dtype=torch.float64))
    moved = LinearAction(rep)(identity, features)
    assert torch.equal(moved, features)
    assert moved.data_ptr() != features.data_ptr()
    assert identity.fixes(rep)
    assert inversion.fixes(O3().rep("3x1e"))
    assert not inversion.fixes(rep)
    nearly = Transform(torch.eye(3, dtype=torch.float64) * (1 + 1e-15))
    assert not nearly.fixes(O3().vector)
    tracked = torch.eye(3, dtype=torch.float64, requires_grad=True)
    assert LinearAction(O3().vector)(Transform(tracked), torch.ones(2, 3, dtype=torch.float64)).requires_grad
