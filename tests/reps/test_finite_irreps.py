"""Irreps of finite groups: labels, characters, kinds, and the decomposition of regular reps up to order 120."""

import subprocess
import sys

import pytest
import torch

from intertwine.groups import (
    SU2,
    Alternating,
    Cyclic,
    Dihedral,
    FullIcosahedral,
    FullOctahedral,
    FullTetrahedral,
    Icosahedral,
    MatrixGroup,
    Octahedral,
    Pyritohedral,
    SemidirectProduct,
    Symmetric,
    Tetrahedral,
)
from intertwine.reps import character_table, frobenius_schur


def permutations(*images):
    return torch.stack([torch.eye(len(image))[:, list(image)] for image in images])


QUATERNIONS = MatrixGroup(
    SU2().lift(torch.diag_embed(torch.tensor([[1.0, -1, -1], [-1, 1, -1]]).double())), title="Q_8"
)
BINARY_T = MatrixGroup(SU2().lift(Tetrahedral().discrete_generators), title="2T")
BINARY_I = MatrixGroup(SU2().lift(Icosahedral().discrete_generators), title="2I")
HEISENBERG = MatrixGroup(
    permutations([1, 2, 0, 4, 5, 3, 7, 8, 6], [0, 4, 8, 3, 7, 2, 6, 1, 5], [3, 4, 5, 6, 7, 8, 0, 1, 2]), title="3^(1+2)"
)
DICYCLIC = MatrixGroup(
    SU2().exp(torch.pi * torch.stack([SU2().lie_algebra[2] / 7, SU2().lie_algebra[0]])), title="Dic_14"
)
ABELIAN = Cyclic(2) * (Cyclic(2) * Cyclic(30))
AFFINE_5 = MatrixGroup(permutations([1, 2, 3, 4, 0], [0, 2, 4, 1, 3]), title="AGL(1,5)")
GROUPS = [
    *(
        Tetrahedral(),
        FullTetrahedral(),
        Pyritohedral(),
        Octahedral(),
        FullOctahedral(),
        Icosahedral(),
        FullIcosahedral(),
    ),
    *(Alternating(4), Alternating(5), Symmetric(3), Symmetric(4), Symmetric(5)),
    *(QUATERNIONS, BINARY_T, BINARY_I, AFFINE_5, HEISENBERG, DICYCLIC, ABELIAN, Dihedral(60), Cyclic(60)),
    *(QUATERNIONS * QUATERNIONS, QUATERNIONS * Cyclic(3), Cyclic(5) * Cyclic(4), Dihedral(5) * Symmetric(3)),
    SemidirectProduct(Cyclic(15), MatrixGroup([[[1, 0], [0, -1]]])),
]


@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_regular_reps_decompose(group):
    """Each irrep occurs dim / e times: over the complex numbers, as often as its dimension."""
    Q, irreps = group.regular.decompose()
    g = group.elements[torch.randperm(group.order, generator=torch.Generator().manual_seed(0))[:6]]
    assert (Q.T @ Q - torch.eye(group.order, dtype=torch.float64)).abs().max() <= 1e-10
    assert (Q.T @ group.regular.matrix(g) @ Q - irreps.matrix(g)).abs().max() <= 1e-10
    found = {irrep: copies for copies, irrep in irreps.irreps}
    assert found == {irrep: irrep.dim // len(irrep.endomorphisms) for irrep in group.irreps()}


@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_irreps_are_homomorphisms_on_all_pairs(group):
    g, some = group.elements, group.discrete_generators
    for irrep in group.irreps():
        m = irrep.matrix(g)
        assert (m[:, None] @ irrep.matrix(some) - irrep.matrix(g[:, None] @ some)).abs().max() <= 1e-12
        assert torch.allclose(irrep.character(g), m.diagonal(dim1=-2, dim2=-1).sum(-1), atol=1e-12)


@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_character_tables_are_orthogonal(group):
    table, sizes = character_table(group)
    k = len(sizes)
    assert table.shape == (k, k)
    gram = (table * sizes) @ table.mH / group.order
    assert torch.allclose(gram, torch.eye(k, dtype=gram.dtype), atol=1e-10)
    columns = table.mH @ table
    expected = torch.diag(group.order / sizes).to(columns.dtype)
    assert torch.allclose(columns, expected, atol=1e-8)
    assert torch.allclose(table[0], torch.ones(k, dtype=table.dtype), atol=1e-12)


@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_real_characters_are_orthogonal(group):
    characters = torch.stack([irrep.character(group.elements) for irrep in group.irreps()])
    kinds = torch.tensor([len(irrep.endomorphisms) for irrep in group.irreps()], dtype=torch.float64)
    assert torch.allclose(characters @ characters.T / group.order, torch.diag(kinds), atol=1e-10)


@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_frobenius_schur_tells_the_kind(group):
    indicator = {"real": 1, "complex": 0, "quaternionic": -2}
    for irrep in group.irreps():
        assert frobenius_schur(irrep) == pytest.approx(indicator[irrep.kind], abs=1e-10)
    involutions = (group.multiplication_table.diagonal() == 0).sum()
    total = sum(frobenius_schur(irrep) * irrep.dim / len(irrep.endomorphisms) for irrep in group.irreps())
    # Frobenius and Schur: the square roots of the identity.
    assert total == pytest.approx(float(involutions), abs=1e-8)


def test_orders():
    assert [HEISENBERG.order, DICYCLIC.order, ABELIAN.order, AFFINE_5.order, BINARY_T.order] == [27, 56, 120, 20, 24]


def test_bell_numbers():
    """Invariants of the powers of the permutation rep, by characters: 1, 1, 2, 5, 15, 52."""
    fixed = Symmetric(6).vector.character(Symmetric(6).elements)
    assert [round(float((fixed**power).mean()), 8) for power in range(6)] == [1, 1, 2, 5, 15, 52]
    found = {str(irrep): copies for copies, irrep in (Symmetric(6).vector ** 3).decompose().irreps.irreps}
    assert found["[6]"] == 5


def test_character_tables_of_the_books():
    table = character_table(Icosahedral()).characters
    phi = (1 + 5**0.5) / 2
    assert sorted(table[:, 0].real.round().tolist()) == [1, 3, 3, 4, 5]
    fifth = Icosahedral().class_of[Icosahedral().index(Icosahedral().discrete_generators[2])]
    assert sorted(table[:, fifth].real.round(decimals=10).tolist()) == pytest.approx([-1, 1 - phi, 0, 1, phi])
    assert table.imag.abs().max() < 1e-12
    omega = torch.exp(torch.tensor(2j * torch.pi / 3))
    values = character_table(Alternating(4)).characters[:3, 1:].flatten()
    assert (values[:, None] - torch.tensor([1, omega, omega.conj()])).abs().amin(1).max() < 1e-6


@pytest.mark.parametrize(
    ("group", "labels"),
    [
        (Tetrahedral(), "A E T"),
        (FullTetrahedral(), "A1 A2 E T1 T2"),
        (Pyritohedral(), "Ag Au Eg Eu Tg Tu"),
        (Octahedral(), "A1 A2 E T1 T2"),
        (FullOctahedral(), "A1g A1u A2g A2u Eg Eu T1g T1u T2g T2u"),
        (Icosahedral(), "A T1 T2 G H"),
        (FullIcosahedral(), "Ag Au T1g T1u T2g T2u Gg Gu Hg Hu"),
        (Alternating(5), "1a 3a 3b 4a 5a"),
        (QUATERNIONS, "1a 1b 1c 1d 4a"),
        (BINARY_I, "1a 3a 3b 4a 4b 4c 5a 8a 12a"),
        (Symmetric(4), "[4] [3,1] [2,2] [2,1,1] [1,1,1,1]"),
        (Cyclic(3) * Symmetric(3), "(0,[3]) (0,[2,1]) (0,[1,1,1]) (1,[3]) (1,[2,1]) (1,[1,1,1])"),
        (Cyclic(3) * Cyclic(4), "(0,0) (0,1) (0,2) (1,0) (1,1)+ (1,1)- (1,2)"),
    ],
    ids=str,
)
def test_labels(group, labels):
    found = [irrep.label for irrep in group.irreps()]
    assert found == labels.split()
    assert [group.irrep(label).label for label in found] == found
    text = " + ".join(f"2x{label}" for label in found)
    assert str(group.rep(text)) == text


def test_mulliken_symbols_mean_what_chemistry_says():
    rows = {
        FullTetrahedral(): ("T2", "T1"),
        Octahedral(): ("T1", "T1"),
        FullOctahedral(): ("T1u", "T1g"),
        Icosahedral(): ("T1", "T1"),
        FullIcosahedral(): ("T1u", "T1g"),
        Pyritohedral(): ("Tu", "Tg"),
    }
    for group, (polar, axial) in rows.items():
        assert group.vector.label == polar
        turns = group.vector.antisymmetric_power(2).decompose().irreps
        assert str(turns) == axial


def test_kinds():
    assert Tetrahedral().irrep("E").kind == "complex"  # two real dimensions, e = 2
    assert Octahedral().irrep("E").kind == "real"
    assert QUATERNIONS.irrep("4a").kind == "quaternionic"
    assert [irrep.kind for irrep in BINARY_I.irreps()].count("quaternionic") == 4
    assert all(irrep.kind == "real" for irrep in Symmetric(5).irreps())


def test_unknown_labels_are_named():
    with pytest.raises(ValueError, match=r"I has no irrep \('T3'\); it has A, T1, T2, G, H"):
        Icosahedral().irrep("T3")
    with pytest.raises(ValueError, match="partitions of 4"):
        Symmetric(4).irrep("[3,2]")
    with pytest.raises(ValueError, match=r"has no irrep \('\(9,1\)'\)"):
        (Cyclic(3) * Cyclic(4)).irrep("(9,1)")
    with pytest.raises(ValueError, match="is infinite"):
        frobenius_schur(SU2().vector)


def test_large_groups_have_no_list_but_still_decompose():
    group = Symmetric(5) * Cyclic(9)
    assert group.order == 1080
    with pytest.raises(ValueError, match="no known irreps"):
        group.irrep("(0,0)")
    V = group.vector
    Q, irreps = V.decompose()
    g = group.sample(6, generator=torch.Generator().manual_seed(0))
    assert sorted(irrep.dim for _, irrep in irreps.irreps) == [1, 2, 4]
    assert torch.allclose(Q @ irreps.matrix(g) @ Q.T, V.matrix(g), atol=1e-10)


def test_irreps_do_not_depend_on_the_process_or_the_threads():
    code = """
import hashlib, torch
from intertwine.groups import *
digest = hashlib.sha256()
for G in (Icosahedral(), FullOctahedral(), Alternating(5), Symmetric(4)):
    for irrep in G.irreps():
        digest.update(irrep.matrix(G.elements).mul(1e6).round().add(0.0).contiguous().numpy().tobytes())
    digest.update(G.regular.decompose().matrix.mul(1e6).round().add(0.0).contiguous().numpy().tobytes())
result = digest.hexdigest()
"""
    here = {}
    exec(code, here)
    other = "import torch; torch.set_num_threads(2)" + code + "print(result)"
    there = subprocess.run([sys.executable, "-c", other], capture_output=True, text=True, check=True).stdout
    assert there.strip() == here["result"]
