"""A new group is twenty lines: the rest follows from its generators, and from its irreps if it tells them."""

from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch

from intertwine.groups import FiniteGroup, Group
from intertwine.hom import hom_dimension, intertwiners
from intertwine.hom._null_space import null_space
from intertwine.hom._schur import schur
from intertwine.reps import Irrep, IrrepTable, Trivial, irrep_table

METRIC = torch.diag(torch.tensor([1.0, -1.0, -1.0, -1.0], dtype=torch.float64))


@dataclass(frozen=True, repr=False)
class Lorentz(Group):
    time_and_space_reversal: bool = False
    name = "O(1,3)"
    dimension = 4

    @property
    def lie_algebra(self):
        basis = torch.zeros(6, 4, 4, dtype=torch.float64)
        for i in range(3):
            j, k = 1 + (i + 1) % 3, 1 + (i + 2) % 3
            basis[i, 0, 1 + i] = basis[i, 1 + i, 0] = 1
            basis[3 + i, k, j], basis[3 + i, j, k] = 1, -1
        return basis

    @property
    def discrete_generators(self):
        reversals = torch.stack([METRIC, -METRIC])
        return reversals if self.time_and_space_reversal else reversals[:0]

    def _sample(self, count, generator):  # no Haar measure, but some elements
        coordinates = 0.5 * torch.randn(count, 6, generator=generator, dtype=torch.float64)
        return torch.matrix_exp(torch.einsum("sd,dij->sij", coordinates, self.lie_algebra))

    def contains(self, g, tolerance=1e-6):
        return ((g.mT @ METRIC @ g - METRIC).abs() <= tolerance).flatten(-2).all(-1)


@dataclass(frozen=True, repr=False)
class Symmetric(Group):
    n: int
    name = "S_n"
    orthogonal = True

    @property
    def dimension(self):
        return self.n

    @property
    def discrete_generators(self):
        one = torch.eye(self.n, dtype=torch.float64)
        return torch.stack([one[[1, 0, *range(2, self.n)]], one.roll(1, 0)])

    def _sample(self, count, generator):
        one = torch.eye(self.n, dtype=torch.float64)
        return torch.stack([one[torch.randperm(self.n, generator=generator)] for _ in range(count)])

    def contains(self, g, tolerance=1e-6):
        return ((g - g.round()).abs() <= tolerance).flatten(-2).all(-1) & (g.sum(-1) == 1).all(-1)


@dataclass(frozen=True, repr=False)
class Shear(Group):
    name = "shears"
    dimension = 2

    @property
    def lie_algebra(self):
        return torch.tensor([[[0, 1], [0, 0]]], dtype=torch.float64)

    def _sample(self, count, generator):
        g = torch.eye(2, dtype=torch.float64).repeat(count, 1, 1)
        g[:, 0, 1] = torch.randn(count, generator=generator, dtype=torch.float64)
        return g

    def contains(self, g, tolerance=1e-6):
        return (g - torch.eye(2).to(g)).abs()[..., [0, 1, 1], [0, 0, 1]].amax(-1) <= tolerance


@dataclass(frozen=True, repr=False)
class Quaternions(FiniteGroup):
    """The group of eight unit quaternions, acting on the quaternions from the left: a real irrep with e = 4."""

    name = "Q_8"
    dimension = 4
    orthogonal = True

    def _list_elements(self):
        i = torch.tensor([[0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 0, -1], [0, 0, 1, 0]], dtype=torch.float64)
        j = torch.tensor([[0, 0, -1, 0], [0, 0, 0, 1], [1, 0, 0, 0], [0, -1, 0, 0]], dtype=torch.float64)
        one = torch.eye(4, dtype=torch.float64)
        return torch.stack([one, -one, i, -i, j, -j, i @ j, -i @ j])

    @property
    def discrete_generators(self):
        return self.elements[[2, 4]]


@dataclass(frozen=True, repr=False)
class QuaternionIrrep(Irrep):
    name: str
    SIGNS: ClassVar = {"1": (1, 1), "i": (1, -1), "j": (-1, 1), "k": (-1, -1)}

    label = property(lambda self: self.name)
    dim = property(lambda self: 4 if self.name == "H" else 1)
    key = property(lambda self: ("1ijkH".index(self.name),))
    kind = property(lambda self: "quaternionic" if self.name == "H" else "real")
    generators = property(lambda self: torch.zeros(0, self.dim, self.dim, dtype=torch.float64))

    @property
    def endomorphisms(self):
        if self.name != "H":
            return torch.ones(1, 1, 1, dtype=torch.float64)
        conjugate = torch.diag(torch.tensor([1, -1, -1, -1], dtype=torch.float64))
        return conjugate @ self.group.elements[[0, 2, 4, 6]].mT @ conjugate  # x -> x q

    def matrix(self, g):
        if self.name == "H":
            return g
        a, b = self.SIGNS[self.name]
        sign = torch.tensor([1, 1, a, a, b, b, a * b, a * b]).to(g)[self.group.index(g)]
        return sign[..., None, None]


class QuaternionIrrepTable(IrrepTable):
    pattern = "[1ijkH]"
    example = "1 + 2xH"
    trivial = property(lambda self: QuaternionIrrep(self.group, "1"))
    vector = property(lambda self: QuaternionIrrep(self.group, "H"))

    def read(self, *label):
        return QuaternionIrrep(self.group, str(label[0])) if str(label[0]) in "1ijkH" else None

    def describe_labels(self):
        return "1, i, j, k, H"

    def __iter__(self):
        return (QuaternionIrrep(self.group, label) for label in "1ijkH")


irrep_table.register(Quaternions, QuaternionIrrepTable)


@pytest.mark.parametrize(("reversal", "dimensions"), [(False, [1, 0, 1, 0, 4]), (True, [1, 0, 1, 0, 3])])
def test_lorentz_invariants(reversal, dimensions):
    group = Lorentz(reversal)
    for power, dimension in enumerate(dimensions):
        assert hom_dimension(group.trivial, group.vector**power) == dimension


def test_lorentz_maps_commute_and_duals_are_distinct():
    G = Lorentz()
    V = G.vector
    assert V.dual != V
    assert V.dual.dual == V
    assert (V * V + 2 * V).dual == V.dual * V.dual + 2 * V.dual
    assert eval(repr((V * V).dual + V.dual), {"Lorentz": Lorentz}) == (V * V).dual + V.dual
    assert not V.orthogonal
    g = G.sample(6, generator=torch.Generator().manual_seed(0))
    assert G.contains(g, tolerance=1e-10).all()
    pairing = V.dual.matrix(g).mT @ V.matrix(g)
    assert torch.allclose(pairing, torch.eye(4, dtype=torch.float64).expand_as(pairing), atol=1e-10)
    (lowering,) = intertwiners(V, V.dual)
    assert torch.allclose(lowering.abs(), METRIC.abs() / 2, atol=1e-10)
    B = intertwiners(V * V.dual, V * V.dual)
    rho = (V * V.dual).matrix(g)[:, None]
    assert len(B) == 4
    assert torch.allclose(rho @ B, B @ rho, atol=1e-9)


def test_dual_algebra_is_the_derivative():
    G = Lorentz()
    dual = (G.vector * G.vector + G.vector).dual
    X = G.lie_algebra[0] + 2 * G.lie_algebra[4]
    assert torch.allclose(torch.matrix_exp(dual.algebra(X)), dual.matrix(torch.matrix_exp(X)), atol=1e-9)
    _, derivative = torch.func.jvp(G.vector.dual.matrix, (G.identity,), (X,))
    assert torch.allclose(derivative, G.vector.dual.algebra(X), atol=1e-12)


def test_bell_numbers():
    G = Symmetric(6)
    assert [hom_dimension(G.trivial, G.vector**power) for power in range(5)] == [1, 1, 2, 5, 15]
    assert hom_dimension(G.vector, G.vector) == 2  # deep sets
    assert hom_dimension(G.vector**2, G.vector) == 5


def test_the_basis_of_deep_sets():
    B = intertwiners(Symmetric(4).vector, Symmetric(4).vector)
    one, ones = torch.eye(4, dtype=torch.float64), torch.ones(4, 4, dtype=torch.float64)
    flat = B.flatten(1)
    for W in (one, ones):
        assert torch.allclose(flat.T @ (flat @ W.flatten()), W.flatten(), atol=1e-12)


def test_shears_commute_but_do_not_decompose():
    V = Shear().vector
    assert len(intertwiners(V, V)) == 2
    with pytest.raises(ValueError, match="the irreps of shears are not known"):
        V.decompose()


def test_quaternionic_irreps():
    G = Quaternions()
    H = G.vector
    assert H.kind == "quaternionic"
    g = G.elements
    E = H.endomorphisms
    assert torch.allclose(g[:, None] @ E, E @ g[:, None], atol=1e-14)
    for rep, counts in [(G.regular, "1 + i + j + k + H"), (H * H, "4x1 + 4xi + 4xj + 4xk"), (2 * H * H * H, "32xH")]:
        Q, irreps = rep.decompose()
        assert irreps == G.rep(counts)
        assert torch.allclose(Q @ irreps.matrix(g) @ Q.T, rep.matrix(g), atol=1e-10)
        assert torch.allclose(Q.T @ Q, torch.eye(rep.dim, dtype=torch.float64), atol=1e-10)
    assert hom_dimension(H, H) == len(schur(H, H)) == len(null_space(H, H)) == 4
    assert hom_dimension(G.regular, G.regular) == len(null_space(G.regular, G.regular)) == 8


def test_groups_without_known_irreps_say_so():
    G = Shear()
    assert isinstance(G.trivial, Trivial)
    assert list(G.irreps()) == [G.trivial]
    assert G.rep("2xtrivial") == 2 * G.trivial
    assert eval(repr(2 * G.trivial + G.vector), {"Shear": Shear}) == 2 * G.trivial + G.vector
    assert G.trivial.matrix(G.sample(3)).shape == (3, 1, 1)
    assert G.trivial.algebra(G.lie_algebra).abs().max() == 0
    with pytest.raises(ValueError, match='no known irreps but "trivial"'):
        G.irrep(1)
    assert G.describe(G.identity) == "matrix [1 0; 0 1]"
