"""Wherever a layer takes a representation it takes its text, and makes the same module of it."""

import inspect

import pytest
import torch

from intertwine import nn
from intertwine.groups import O3, SO2, SO3, Cyclic
from intertwine.reps import Rep, as_rep

REGULAR = 2 * Cyclic(4).regular

# For each layer the arguments as text: O(3) is understood.
ALL_TEXT = [
    (nn.AttentiveSelfInteraction, {"rep_in": "2x0e + 1x1o", "rep_out": "1x0e + 2x1o"}),
    (nn.BatchNorm, {"rep_in": "2x0e + 1x1o"}),
    (nn.DepthwiseConv, {"rep_in": "2x0e + 1x1o", "filter_irreps_out": "0e + 1o"}),
    (nn.EGNNConv, {"rep_in": "4x0e", "rep_out": "3x0e"}),
    (nn.Gate, {"rep_out": "2x0e + 1x1o"}),
    (nn.LayerNorm, {"rep_in": "2x0e + 1x1o"}),
    (nn.Linear, {"rep_in": "2x0e", "rep_out": "1x0e"}),
    (nn.MessageConv, {"rep_in": "4x0e", "rep_out": "2x0e + 1x1o"}),
    (nn.NormInvariants, {"rep_in": "2x0e + 1x1o"}),
    (nn.NormNonlinearity, {"rep_in": "2x0e + 1x1o"}),
    (nn.Pool, {"rep_in": "2x0e + 1x1o"}),
    (nn.RotateFeatures, {"rep_in": "2x0e + 1x1o"}),
    (nn.SO2Conv, {"rep_in": "2x0e + 1x1o", "rep_out": "1x0e + 2x2e"}),
    (nn.SphereNonlinearity, {"rep_in": "2x0e + 2x1o"}),
    (nn.SteerableAttention, {"rep_in": "2x0e + 1x1o", "rep_out": "4x0e", "rep_key": "4x0e + 4x1o"}),
    (nn.SteerableConv, {"rep_in": "2x0e + 1x1o", "rep_out": "1x0e + 2x2e"}),
    (nn.SteerableCrossAttention, {"rep_query": "1x0e", "rep_in": "2x0e + 1x1o", "rep_out": "4x0e"}),
    (nn.TensorSquare, {"rep_in": "2x0e + 1x1o", "rep_out": "1x0e + 1x1e"}),
    (nn.VectorBatchNorm, {"rep_in": "4x1o"}),
    (nn.VectorEdgeConv, {"rep_in": "4x1o", "rep_out": "2x1o"}),
    (nn.VectorInvariant, {"rep_in": "4x1o"}),
    (nn.VectorLeakyReLU, {"rep_in": "4x1o", "rep_out": "2x1o"}),
    (nn.VectorMaxPool, {"rep_in": "4x1o"}),
    (nn.VectorPositionConv, {"rep_in": "1x1o", "rep_out": "2x1o"}),
    (nn.VectorReLU, {"rep_in": "4x1o", "rep_out": "2x1o"}),
    (nn.VelocityEGNNConv, {"rep_in": "4x0e", "rep_out": "3x0e"}),
]
# Layers of a finite group: text stands beside a representation, which names the group.
BESIDE_A_REP = [
    (nn.LiftToGroup, {"rep_in": "0 + 2x1", "rep_out": REGULAR}),
    (nn.ProjectFromGroup, {"rep_in": REGULAR, "rep_out": "0 + 2x1"}),
]
# Layers whose representations are regular ones, or of the circle, for which one argument of text has no group.
ONLY_A_REP = {
    nn.FourierNonlinearity,
    nn.GroupPointConv,
    nn.GroupPool,
    nn.InterPointConv,
    nn.IntraGroupConv,
    nn.PointwiseNonlinearity,
    nn.RegularBatchNorm,
    nn.RotationReadout,
}
WITHOUT_A_REP = {nn.Constant, nn.PointConv, nn.PointLayer, nn.Radial}
# Layers of images and volumes, whose group is never O(3) by default: tests/nn/grid has them.
OF_GRIDS = {value for name, value in vars(nn).items() if name.startswith("Grid")}
# Layers of permuted axes and of weights, which are named by their axes, and those of pairs and of many bodies have
# tests of their own.
_ELSEWHERE = ("sets", "weights", "pair", "_symmetric_contraction")
OTHERS = {
    value
    for value in vars(nn).values()
    if getattr(value, "__module__", "").startswith(tuple(f"intertwine.nn.{name}" for name in _ELSEWHERE))
}


def modules(make, arguments):
    """A layer from text and the same from representations, of the same random numbers."""
    group = next((value.group for value in arguments.values() if isinstance(value, Rep)), O3())
    made = []
    for read in (lambda value: value, group.rep):
        torch.manual_seed(0)
        made.append(
            make(**{name: value if isinstance(value, Rep) else read(value) for name, value in arguments.items()})
        )
    return made


@pytest.mark.parametrize(("make", "arguments"), ALL_TEXT + BESIDE_A_REP, ids=str)
def test_text_and_a_rep_make_equal_modules(make, arguments) -> None:
    text, rep = modules(make, arguments)
    assert isinstance(text.rep_in, Rep)
    assert isinstance(text.rep_out, Rep)
    assert (text.rep_in, text.rep_out) == (rep.rep_in, rep.rep_out)
    assert repr(text) == repr(rep)
    assert text.state_dict().keys() == rep.state_dict().keys()
    for key, value in text.state_dict().items():
        assert torch.equal(value, rep.state_dict()[key])


@pytest.mark.parametrize(("make", "arguments"), ALL_TEXT + BESIDE_A_REP, ids=str)
def test_bad_text_is_an_error_of_one_line(make, arguments) -> None:
    for name, value in arguments.items():
        if isinstance(value, str):
            with pytest.raises(ValueError, match="cannot read") as caught:
                make(**{**arguments, name: "2x0e + nonsense"})
            assert "\n" not in str(caught.value)


def test_every_public_layer_is_tried() -> None:
    layers = {value for value in vars(nn).values() if inspect.isclass(value) and issubclass(value, torch.nn.Module)}
    tried = {make for make, _ in ALL_TEXT + BESIDE_A_REP}
    assert layers - OF_GRIDS - OTHERS == tried | ONLY_A_REP | WITHOUT_A_REP


@pytest.mark.parametrize("make", sorted(ONLY_A_REP - {nn.FourierNonlinearity}, key=str))
def test_text_of_irreps_is_refused_where_a_regular_representation_is_needed(make) -> None:
    needed = [name for name in inspect.signature(make).parameters if name in ("rep_in", "rep_out")]
    with pytest.raises(ValueError, match="copies of a regular representation"):
        make(**dict.fromkeys(needed, "2x0e"))


def test_text_is_read_in_the_grammar_of_the_other_argument() -> None:
    assert nn.Linear("2x0 + 1x1", SO3().rep("1x1")).rep_in == SO3().rep("2x0 + 1x1")
    assert nn.Linear(SO2().rep("2x1"), "1x1 + 1x0").rep_out == SO2().rep("1x1 + 1x0")
    assert nn.Linear(REGULAR, "2x0 + 1").rep_out.group == Cyclic(4)
    assert as_rep("4x1o", "2x0e") == O3().rep("4x1o")
    assert as_rep(REGULAR, O3().vector) is REGULAR


def test_irreps_of_e3nn_are_text() -> None:
    o3 = pytest.importorskip("e3nn.o3")
    assert nn.Linear(o3.Irreps("2x0e + 1x1o"), "1x0e").rep_in == O3().rep("2x0e + 1x1o")
