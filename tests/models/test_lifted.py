"""The lifted encoder: exact for its group, caught between the elements; batches, degenerate clouds, configuration."""

import json

import pytest
import torch

from intertwine.actions import LinearAction, PointCloud
from intertwine.auditing import audit
from intertwine.groups import SO3
from intertwine.models import LiftedFamily, PointEncoder, rotation_group
from intertwine.ops import radius_graph
from intertwine.testing import assert_equivariant

NAMES = ["C4", "tetrahedral", "octahedral", "icosahedral"]


def encoder(name: str = "octahedral", **options) -> PointEncoder:
    torch.manual_seed(0)
    usual = {"hidden": "3", "layers": 2, "cutoff": 2.0}
    layer = {"name": "lifted", "group": name, **options.pop("layer", {})}
    return PointEncoder("1x0e + 1x1o", "2x0e + 1x1o + 1x2e", layer=layer, **{**usual, **options}).double()


def cloud(count: int = 12, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """One and the position from the center, as a task gives them; positions; edges."""
    generator = torch.Generator().manual_seed(seed)
    x = 1.5 * torch.randn(count, 3, generator=generator, dtype=torch.float64)
    return torch.cat([torch.ones_like(x[:, :1]), x - x.mean(0)], 1), x, radius_graph(x, 2.0)


def turned(data, g):
    features, x, edges = data
    return torch.cat([features[:, :1], features[:, 1:] @ g.T], 1), x @ g.T, edges


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("pool", ["sum", None])
def test_exact_for_every_element(name: str, pool: str | None) -> None:
    model, data = encoder(name, pool=pool), cloud()
    expected = model(*data)
    for g in rotation_group(name).elements:
        wanted = expected @ model.rep_out.matrix(g).T
        assert (model(*turned(data, g)) - wanted).norm() / expected.norm() < 1e-12


@pytest.mark.parametrize("name", NAMES)
def test_a_rotation_between_the_elements_is_caught(name: str) -> None:
    """The audit of all of SO(3) reports the error; the audit of the group, none."""
    model = encoder(name)
    action = PointCloud(SO3().rep("1x0 + 1x1")), LinearAction(SO3().rep("2x0 + 1x1 + 1x2"))
    report = audit(model, *action, samples=8, dtypes=[torch.float64])
    assert not report.passed
    assert report.max_error > 1e-3
    assert_equivariant(model, samples=8, dtypes=[torch.float64])


def test_in_training_and_after_it() -> None:
    model, data = encoder().train(), cloud()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(5):
        optimizer.zero_grad()
        (model(*data) - 1).square().sum().backward()
        optimizer.step()
    assert_equivariant(model, samples=8, modes=["eval", "train"], dtypes=[torch.float64])


@pytest.mark.parametrize("how", ["mean", "max", "attention"])
def test_ways_to_pool(how: str) -> None:
    assert_equivariant(encoder("C4", layer={"pool": how}), samples=8, dtypes=[torch.float64])


def test_finer_groups_break_less() -> None:
    """At the same size of network the icosahedral one is nearer to SO(3) than that of C4."""
    errors = {}
    data = cloud(20)
    rotations = SO3().sample(20, generator=torch.Generator().manual_seed(1))
    for name in ("C4", "icosahedral"):
        model = encoder(name, layer={"pool": "mean"}, hidden="8").requires_grad_(False)
        expected = model(*data)[:, :2]
        found = torch.cat([model(*turned(data, g))[:, :2] for g in rotations])
        errors[name] = float((found - expected).norm(dim=1).median() / expected.norm())
    assert errors["icosahedral"] < errors["C4"]


@pytest.mark.parametrize("pool", ["sum", "mean", None])
def test_a_batch_is_a_loop(pool: str | None) -> None:
    model = encoder(pool=pool).eval()
    clouds = [cloud(count, seed) for seed, count in enumerate((7, 1, 12, 2))]
    together = [torch.cat(parts) for parts in list(zip(*clouds, strict=True))[:2]]
    batch = torch.repeat_interleave(torch.arange(4), torch.tensor([7, 1, 12, 2]))
    found = model(*together, radius_graph(together[1], 2.0, batch), batch, 4)
    torch.testing.assert_close(found, torch.cat([model(*each) for each in clouds]))
    order = torch.randperm(22, generator=torch.Generator().manual_seed(0))
    edges = torch.argsort(order)[radius_graph(together[1], 2.0, batch)]
    permuted = model(*(x[order] for x in together), edges, batch[order], 4)
    torch.testing.assert_close(permuted, found if pool else found[order])


def test_the_configuration_is_json_and_builds_the_same_network() -> None:
    model = encoder("tetrahedral", layer={"points": [4, 8]})
    again = PointEncoder(**json.loads(json.dumps(model.config))).double()
    assert again.config == model.config
    again.load_state_dict(model.state_dict())
    torch.testing.assert_close(again(*cloud()), model(*cloud()), rtol=0, atol=0)
    assert LiftedFamily(points=[4, 8]) == LiftedFamily(points=(4, 8))  # type: ignore[arg-type]


def test_features_on_the_group_may_go_out() -> None:
    """What a rotation readout takes."""
    group = rotation_group("octahedral")
    model = PointEncoder("1x0e", 3 * group.regular, layer="lifted", hidden="4", layers=1, cutoff=2.0, pool="mean")
    assert_equivariant(model, samples=8)
    again = PointEncoder(**json.loads(json.dumps(model.config)))
    assert again.rep_out == model.rep_out
    assert PointEncoder("1x0e", "1x0e", layer="lifted", hidden=3 * group.regular, layers=0).config["hidden"]


@pytest.mark.parametrize("mode", ["eval", "train"])
@pytest.mark.parametrize(
    "positions",
    [torch.zeros(1, 3), torch.zeros(4, 3), torch.tensor([[0.0, 0, 0], [1, 0, 0], [1.5, 0, 0]]), torch.zeros(0, 3)],
    ids=["one point", "all points equal", "a line", "none"],
)
def test_degenerate_clouds_have_finite_outputs_and_gradients(positions: torch.Tensor, mode: str) -> None:
    model = encoder().train(mode == "train")
    positions = positions.double().requires_grad_()
    features = torch.cat([torch.ones_like(positions[:, :1]), torch.zeros_like(positions)], 1)
    batch = torch.zeros(len(positions), dtype=torch.int64)
    output = model(features, positions, radius_graph(positions, 2.0), batch, 1)
    assert output.shape == (1, 10)
    assert output.isfinite().all()
    output.sum().backward()
    for gradient in (positions.grad, *(parameter.grad for parameter in model.parameters())):
        assert gradient is None or gradient.isfinite().all()


def test_bad_use_says_so() -> None:
    with pytest.raises(ValueError, match='no group "cubic" to lift to; known: tetrahedral, octahedral, icosahedral'):
        LiftedFamily(group="cubic")
    with pytest.raises(ValueError, match="no group"):
        LiftedFamily(group="C0")
    with pytest.raises(ValueError, match="copies of a regular representation"):
        PointEncoder("1x0e", "1x0e", layer="lifted", hidden="4x0e")
    with pytest.raises(ValueError, match='layer "lifted"'):
        PointEncoder("1x0e", "1x0e", layer={"name": "lifted", "grup": "C4"})
