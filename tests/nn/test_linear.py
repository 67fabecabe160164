"""Schur's lemma as a layer: as many parameters as there are maps, e3nn's map with the same weights, every group."""

import pytest
import torch
from e3nn import o3

from intertwine.groups import O2, O3, SE3, SL, SO2, SO3, Cyclic, Dihedral, FullLorentz, Lorentz, Sp
from intertwine.hom import intertwiners
from intertwine.nn import Linear
from intertwine.testing import assert_equivariant

REPS = {
    "SO(2)": SO2().rep("2x0 + 3x1 + 1x2"),
    "O(2)": 2 * O2().trivial + 2 * O2().vector + O2().vector * O2().vector,
    "SO(3)": SO3().rep("2x0 + 3x1 + 1x2"),
    "O(3)": O3().rep("2x0e + 1x0o + 3x1o + 2x2e"),
    "O(3) tensors": O3().vector * O3().vector + 2 * O3().vector,
    "C_5": 2 * Cyclic(5).regular,
    "D_4": Dihedral(4).regular + Dihedral(4).vector,
    "SO+(1,3)": 2 * Lorentz().trivial + 3 * Lorentz().vector + Lorentz().vector * Lorentz().vector,
    "O(1,3)": FullLorentz().vector + 2 * FullLorentz().vector.dual + FullLorentz().trivial,
    "SL(2)": 2 * SL(2).vector + SL(2).vector * SL(2).vector,
    "Sp(4)": Sp(4).vector + Sp(4).vector.dual,
    "SE(3)": 2 * SE3().vector + SE3().trivial,
}


@pytest.mark.parametrize("rep", REPS.values(), ids=REPS.keys())
def test_equivariant_with_exactly_the_parameters_that_the_group_leaves(rep) -> None:
    layer = Linear(rep, rep, bias=False)
    assert sum(p.numel() for p in layer.parameters()) == len(intertwiners(rep, rep))
    assert_equivariant(layer)
    assert_equivariant(Linear(rep, 2 * rep))


@pytest.mark.parametrize("rep", REPS.values(), ids=REPS.keys())
def test_the_maps_are_all_the_intertwiners(rep) -> None:
    basis = intertwiners(rep, rep).flatten(1)
    layer = Linear(rep, rep, bias=False).double()
    eye = torch.eye(rep.dim, dtype=torch.float64)
    rows = []
    for parameter in layer.parameters():
        for k in range(parameter.numel()):
            with torch.no_grad():
                for other in layer.parameters():
                    other.zero_()
                parameter.view(-1)[k] = 1
                rows.append(layer(eye).T.flatten())
    maps = torch.stack(rows)
    assert torch.linalg.matrix_rank(maps) == len(basis)
    torch.testing.assert_close(maps @ basis.T @ basis, maps, rtol=1e-10, atol=1e-10)


def test_equal_to_e3nn_with_the_same_weights() -> None:
    text_in, text_out = "4x0e + 3x1o + 2x2e", "2x2e + 5x0e + 2x1o"
    ours = Linear(O3().rep(text_in), O3().rep(text_out), bias=False).double()
    theirs = o3.Linear(text_in, text_out).double()
    flat = []
    for instruction in theirs.instructions:
        route = next(
            w for o, routes in ours._routes if o == instruction.i_out for i, w in routes if i == instruction.i_in
        )
        flat.append((ours.weights[route][0] / instruction.path_weight).flatten())
    theirs.weight.data = torch.cat(flat)
    x = torch.randn(7, ours.rep_in.dim, dtype=torch.float64)
    torch.testing.assert_close(ours(x), theirs(x), rtol=1e-12, atol=1e-12)


def test_the_bias_lives_on_the_invariants() -> None:
    layer = Linear(O3().rep("1x1o"), O3().rep("2x0e + 1x1o + 1x0e"))
    assert layer.bias is not None
    assert layer.bias.shape == (3,)
    torch.nn.init.constant_(layer.bias, 2.0)
    assert layer(torch.zeros(1, 3)).tolist() == [[2.0, 2.0, 0.0, 0.0, 0.0, 2.0]]
    assert Linear(O3().rep("1x1o"), O3().rep("1x1o")).bias is None


def test_the_bias_of_a_tensor_is_the_metric() -> None:
    vector = FullLorentz().vector
    layer = Linear(vector, vector * vector).double()
    assert layer.bias is not None
    torch.nn.init.constant_(layer.bias, 0.5)
    found = layer(torch.zeros(4, dtype=torch.float64)).view(4, 4)
    torch.testing.assert_close(found / found[0, 0], torch.diag(torch.tensor([1.0, -1, -1, -1], dtype=torch.float64)))
    assert Linear(vector, vector).bias is None


@pytest.mark.parametrize("rep", REPS.values(), ids=REPS.keys())
def test_unit_features_keep_their_size_at_the_start(rep) -> None:
    torch.manual_seed(0)
    squares = [Linear(rep, rep)(torch.randn(200, rep.dim)).square().mean() for _ in range(100)]
    assert torch.stack(squares).mean().item() == pytest.approx(1, abs=0.2)


def test_constants_keep_their_digits_through_float32() -> None:
    rep = O3().vector * O3().vector
    layer = Linear(rep, rep, bias=False).float().double()
    assert_equivariant(layer, tolerance=1e-13, dtypes=(torch.float64,))


def test_bad_use_says_so() -> None:
    with pytest.raises(ValueError, match="one group"):
        Linear(SO3().rep("1x0"), O3().rep("1x0e"))
    with pytest.raises(ValueError, match=r"expected features \(\.\.\., 3\)"):
        Linear(SO3().vector, SO3().vector)(torch.zeros(4))
