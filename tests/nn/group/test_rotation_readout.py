"""The rotation between two clouds: turned each by itself, recovered where it is an element, learned in between."""

import pytest
import torch
from group_toys import GROUPS, normal
from torch import nn

from intertwine.groups import SO3, Dihedral, FullTetrahedral, Icosahedral, Octahedral
from intertwine.nn import RotationReadout
from intertwine.testing import assert_equivariant


def readout(group, copies: int = 4) -> RotationReadout:
    torch.manual_seed(0)
    layer = RotationReadout(copies * group.regular, hidden=8).double()
    for parameter in layer.parameters():
        nn.init.normal_(parameter)
    return layer


@pytest.mark.parametrize("name", ["C4 about z", "T", "O", "I"])
def test_each_cloud_may_be_turned_by_itself(name: str) -> None:
    group = GROUPS[name]
    layer, rep = readout(group), 4 * group.regular
    first, second = normal(6, rep.dim), normal(6, rep.dim, seed=1)
    expected = layer(first, second)
    torch.testing.assert_close(expected @ expected.mT, torch.eye(3, dtype=torch.float64).expand(6, 3, 3))
    assert (expected - group.elements[layer.nearest(expected)]).abs().max() > 0.1  # the residual is at work
    for a, b in zip(group.elements, group.elements[torch.randperm(group.order)], strict=True):
        found = layer(first @ rep.matrix(a).T, second @ rep.matrix(b).T)
        torch.testing.assert_close(found, b @ expected @ a.T, rtol=0, atol=1e-12)


def test_the_library_own_tester_agrees() -> None:
    layer = readout(Octahedral(), 2)
    law = layer.action_in, layer.rep_out
    assert_equivariant(lambda *pair: layer(*(x.double() for x in pair)).flatten(-2).to(pair[0]), action_in=law[0],
                       action_out=law[1])  # fmt: skip
    with pytest.raises(AssertionError):
        assert_equivariant(lambda *pair: layer(*(x.double() for x in pair[::-1])).flatten(-2).to(pair[0]),
                           action_in=law[0], action_out=law[1])  # fmt: skip


def test_an_element_of_the_group_is_recovered_from_the_start() -> None:
    group = Icosahedral()
    rep = 8 * group.regular
    torch.manual_seed(0)
    layer = RotationReadout(rep).double()
    first = normal(60, rep.dim)
    second = torch.stack([x @ rep.matrix(g).T for x, g in zip(first, group.elements, strict=True)])
    torch.testing.assert_close(layer(first, second), group.elements)
    assert layer.scores(first, second).argmax(1).tolist() == list(range(60))
    assert layer.nearest(group.elements).tolist() == list(range(60))


def test_scores_are_their_definition() -> None:
    group = GROUPS["T"]
    layer = readout(group)
    first, second = normal(48), normal(48, seed=1)
    f1, f2 = first.unflatten(0, (4, 12)), second.unflatten(0, (4, 12))
    slow = [
        sum((f2[:, g] @ layer.query) @ (f1[:, group.index(r.T @ e)] @ layer.key) for g, e in enumerate(group.elements))
        for r in group.elements
    ]
    torch.testing.assert_close(layer.scores(first, second), torch.stack(slow) / (8 * 12) ** 0.5)


def test_the_residual_learns_what_lies_between_the_elements() -> None:
    """From features that hold the three axes of a cloud as each g sees them, one learns the whole rotation."""
    group = Octahedral()
    torch.manual_seed(0)
    layer = RotationReadout(9 * group.regular, hidden=64)
    generator = torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(layer.parameters(), lr=1e-2)

    def draw(count: int):
        true = SO3().sample(count, generator=generator).float()
        frames = SO3().sample(count, generator=generator).float()
        seen = [torch.einsum("gij,nik->njkg", group.elements.float(), x).flatten(1) for x in (frames, true @ frames)]
        return *seen, true

    for _ in range(150):
        first, second, true = draw(64)
        found = layer(first, second, layer.nearest(true))
        loss = (found - true).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    first, second, true = draw(200)
    nearest = group.elements.float()[layer.nearest(true)]
    start, end = (torch.rad2deg(_angle(x, true)).mean() for x in (nearest, layer(first, second, layer.nearest(true))))
    assert start > 35
    assert end < start / 2


def _angle(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return (((a.mT @ b).diagonal(dim1=1, dim2=2).sum(1) - 1) / 2).clamp(-1, 1).acos()


def test_bad_use_says_so() -> None:
    for group in (Dihedral(4), FullTetrahedral()):
        with pytest.raises(ValueError, match="rotations of space"):
            RotationReadout(group.regular)
    with pytest.raises(ValueError, match="hidden"):
        RotationReadout(Octahedral().regular, hidden=0)
    with pytest.raises(ValueError, match=r"expected features \(..., 24\)"):
        RotationReadout(Octahedral().regular)(torch.ones(1, 23), torch.ones(1, 24))
