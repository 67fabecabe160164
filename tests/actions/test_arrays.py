"""Axes that are index sets, and tuples and dicts that move together."""

import pytest
import torch

from intertwine.actions import Array, Images, Indices, LinearAction, PointCloud, PointFeatures, Transform, TupleAction
from intertwine.groups import O3, SO2, SO3, Cyclic

ACTIONS = [
    Array("rows columns"),
    Array("nodes nodes"),
    Array("rows . columns", SO3().vector),
    TupleAction(Array("nodes"), Array("nodes nodes"), Array("features nodes")),
    TupleAction(weight=Array("hidden inputs"), bias=Array("hidden")),
    TupleAction(PointCloud(O3().vector), PointFeatures(O3().rep("1x0e")), O3().rep("1x1e")),
    TupleAction(a=SO2().vector, b=TupleAction(SO2().vector, SO2().trivial)),
]


def leaves(data):
    if isinstance(data, dict):
        data = tuple(data.values())
    return [x for part in data for x in leaves(part)] if isinstance(data, tuple) else [data]


def same(left, right):
    return all(torch.allclose(a.double(), b.double()) for a, b in zip(leaves(left), leaves(right), strict=True))


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(9)


@pytest.mark.parametrize("action", ACTIONS, ids=repr)
class TestAxioms:
    def test_composition(self, action, generator):
        data = action.example(generator)
        for _ in range(8):
            a, b = action.sample(data, generator), action.sample(data, generator)
            assert same(action(a @ b, data), action(a, action(b, data)))

    def test_the_order_of_the_factors_matters(self, action, generator):
        data = action.example(generator)
        a, b = action.sample(data, generator), action.sample(data, generator)
        commute = action.group == SO2()
        assert same(action(a @ b, data), action(b, action(a, data))) == commute

    def test_inverse_and_identity(self, action, generator):
        data = action.example(generator)
        transform = action.sample(data, generator)
        assert same(action(transform.inverse, action(transform, data)), data)
        assert same(action(transform @ transform.inverse, data), data)
        assert not same(action(transform, data), data)

    def test_reproducible(self, action):
        def draw(seed):
            generator = torch.Generator().manual_seed(seed)
            data = action.example(generator)
            return action(action.sample(data, generator), data)

        assert same(draw(3), draw(3))
        assert not same(draw(3), draw(4))

    def test_each_law_moves_something(self, action, generator):
        data = action.example(generator)
        transform = action.sample(data, generator)
        for law in action.laws:
            alone = action.factor(transform, law)
            assert not same(action(alone, data), data)
            assert action.describe(alone) != "identity"


class TestArray:
    def test_rows_and_columns(self):
        x = torch.arange(6).reshape(2, 3)
        transform = Transform(permutations={"rows": torch.tensor([1, 0]), "columns": torch.tensor([2, 0, 1])})
        assert Array("rows columns")(transform, x).tolist() == [[5, 3, 4], [2, 0, 1]]
        assert Array("columns")(transform, torch.tensor([1, 2, 3])).tolist() == [3, 1, 2]
        assert Array(". columns")(transform, x).tolist() == [[2, 0, 1], [5, 3, 4]]
        assert dict(Array("rows columns").laws) == {"rows": "S_rows", "columns": "S_columns"}

    def test_an_edge_joins_the_same_nodes(self, generator):
        graph = TupleAction(Array("nodes"), Array("nodes nodes"), Indices("nodes"))
        edges = torch.tensor([[0, 1, 4], [1, 2, 0]])
        features, adjacency = torch.randn(5, 2, generator=generator), torch.zeros(5, 5)
        adjacency[edges[0], edges[1]] = torch.tensor([1.0, 2.0, 3.0])
        transform = graph.sample((features, adjacency, edges), generator)
        transformed_features, transformed_adjacency, transformed = graph(transform, (features, adjacency, edges))
        assert not torch.equal(transformed, edges)
        assert torch.equal(transformed_features[transformed], features[edges])
        assert transformed_adjacency[transformed[0], transformed[1]].tolist() == [1.0, 2.0, 3.0]

    def test_indices_to_nowhere_stay(self):
        transform = Transform(permutations={"nodes": torch.tensor([1, 2, 0])})
        assert Indices("nodes")(transform, torch.tensor([-1, 0])).tolist() == [-1, 2]
        assert Indices("nodes")(transform, torch.zeros(2, 0, dtype=torch.int64)).shape == (2, 0)

    def test_features_inside_a_network(self):
        action, data = Array("nodes"), torch.zeros(6, 3)
        rep = O3().rep("2x0e")
        assert action.feature_action(rep, torch.zeros(6, 2), data) == Array("nodes", rep)
        assert action.feature_action(rep, torch.zeros(2), data) == LinearAction(rep)
        assert action.feature_action(rep, torch.zeros(7, 2), data) is None


class TestTogether:
    def test_one_element_for_all(self, generator):
        action = TupleAction(SO3().vector, SO3().vector)
        x = torch.randn(4, 3, generator=generator, dtype=torch.float64)
        a, b = action(action.sample((x, x), generator), (x, x))
        assert torch.equal(a, b)

    def test_keeps_the_kind_and_what_stays(self, generator):
        action = TupleAction(SO3().vector, None)
        data = [torch.ones(1, 3), "a word"]
        transformed = action(action.sample(data, generator), data)
        assert isinstance(transformed, list)
        assert transformed[1] == "a word"

    def test_laws_of_all(self):
        action = TupleAction(Array("nodes"), PointCloud(O3().vector), SO3().vector)
        assert dict(action.laws) == {"nodes": "S_nodes", "rotation": "O(3)", "translation": "T", "permutation": "S_n"}

    def test_parts_have_names(self, generator):
        action = TupleAction(energy=O3().rep("1x0e"), dipole=O3().rep("1x1o + 1x0e"))
        names = [part.name for part in action.components(action.example(generator))]
        assert names == ["energy", "energy 0e", "dipole", "dipole 1o", "dipole 0e"]

    def test_printed_as_written(self):
        assert repr(TupleAction(x=SO2().vector, y=None)).startswith("TupleAction(x=LinearAction(")
        assert TupleAction(SO2().vector) == TupleAction(LinearAction(SO2().vector))


class TestErrors:
    def test_two_sizes(self):
        with pytest.raises(ValueError, match='"nodes" has 4 and 5 in a tensor'):
            Array("nodes nodes").sample(torch.zeros(4, 5))

    def test_too_few_axes(self):
        with pytest.raises(ValueError, match=r'expected a tensor with the axes "rows columns", 2 at least, got \(4,\)'):
            Array("rows columns").sample(torch.zeros(4))

    def test_no_names(self):
        for wrong in ("", ".", None):
            with pytest.raises(ValueError, match="axes are names"):
                Array(wrong)

    def test_unknown_set(self):
        transform = Transform(permutations={"rows": torch.arange(4)})
        with pytest.raises(ValueError, match='the transform permutes rows, but not "columns"'):
            Array("columns")(transform, torch.zeros(4))
        with pytest.raises(ValueError, match='the transform permutes 4 "rows", the tensor has 5'):
            Array("rows")(transform, torch.zeros(5))

    def test_indices(self):
        transform = Transform(permutations={"nodes": torch.arange(4)})
        with pytest.raises(ValueError, match='index 4 is out of range for "nodes", which has 4'):
            Indices("nodes")(transform, torch.tensor([4]))
        with pytest.raises(ValueError, match="expected a tensor of integers"):
            Indices("nodes")(transform, torch.zeros(2))

    def test_wrong_parts(self):
        with pytest.raises(ValueError, match="expected a dict with the keys a, b, got keys a, c"):
            TupleAction(a=SO2().vector, b=None).sample({"a": torch.zeros(2), "c": 1})
        with pytest.raises(ValueError, match="expected a tuple of 2 entries, got 3"):
            TupleAction(SO2().vector, None).sample((1, 2, 3))
        action = TupleAction(SO2().vector, SO2().vector)
        with pytest.raises(ValueError, match=r"entry 1: expected a tensor \(\.\.\., 2\)"):
            action(Transform(SO2().identity), (torch.zeros(2), torch.zeros(3)))

    def test_nothing_that_moves(self):
        for wrong in ((), (None,)):
            with pytest.raises(TypeError, match="TupleAction"):
                TupleAction(*wrong)
        with pytest.raises(TypeError, match="TupleAction"):
            TupleAction(SO2().vector, b=SO2().vector)
        with pytest.raises(TypeError, match="give inputs="):
            TupleAction(Images(Cyclic(4).trivial), None).example()

    def test_a_matrix_is_needed(self):
        with pytest.raises(ValueError, match=r"the transform has no element of SO\(3\)"):
            LinearAction(SO3().vector)(Transform(), torch.zeros(3))
