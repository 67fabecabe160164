"""Layers and networks on sets: conformance, masks, ragged sets, universality of a sum."""

from types import MappingProxyType

import pytest
import torch

from intertwine.auditing import audit
from intertwine.models import AxialTransformer, DeepSets, ExchangeableNetwork, SetTransformer
from intertwine.nn import (
    ExchangeableLinear,
    ExchangeableNorm,
    ObservedEntries,
    SetAttention,
    SetAttentionPool,
    TiedAxialAttention,
)
from intertwine.ops import pad_sets
from intertwine.testing import ModuleCase, ModuleTests


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def randn(*shape, seed=0):
    return torch.randn(*shape, generator=seeded(seed), dtype=torch.float64)


MODULES = {
    "norm": lambda: ExchangeableNorm("items", 3),
    "attention": lambda: SetAttention(6, 2),
    "induced attention": lambda: SetAttention(6, 2, induced_points=3),
    "attention pool": lambda: SetAttentionPool(6, 2, 3),
    "deep sets": lambda: DeepSets(3, 2, hidden=8),
    "deep sets, max": lambda: DeepSets(3, 2, hidden=8, layers=1, pool="max"),
    "set transformer": lambda: SetTransformer(3, 2, hidden=8, layers=1, heads=2, induced_points=2),
}


class TestConformance(ModuleTests):
    tolerance = MappingProxyType({"float32": 1e-5, "float64": 1e-12})

    def cases(self):
        array = ModuleCase(
            lambda: ExchangeableNetwork("rows columns", 2, 3, hidden=6, layers=2, axes_out="columns"),
            degenerate=("zeros", "one point"),
        )
        names = ("induced attention", "attention pool", "deep sets")
        others = {
            "array network": array,
            "axial attention": ModuleCase(lambda: TiedAxialAttention(6, 2)),
            "axial transformer": ModuleCase(lambda: AxialTransformer(2, 3, hidden=8, layers=2, heads=2)),
        }
        return {name: ModuleCase(MODULES[name]) for name in names} | others


ARRAYS = {
    "linear": lambda: ExchangeableLinear("rows columns", 2, 3),
    "linear, one group": lambda: ExchangeableLinear("nodes nodes 2", 2, 3, "nodes nodes"),
    "array norm": lambda: ExchangeableNorm("rows columns", 3),
    "axial attention": lambda: TiedAxialAttention(6, 2),
    "array network": lambda: ExchangeableNetwork("rows columns", 2, 3, hidden=6, layers=2),
    "axial transformer": lambda: AxialTransformer(2, 3, hidden=8, layers=1, heads=2),
}


@pytest.mark.parametrize("name", [*MODULES, *ARRAYS])
def test_the_audit_passes(name):
    module = (MODULES | ARRAYS)[name]()
    assert audit(module, module.action_in, module.action_out, samples=8).passed


@pytest.mark.parametrize("name", MODULES)
def test_ragged_sets_equal_loops(name):
    module, counts = MODULES[name]().double(), [3, 5, 1, 4]
    channels = module.action_in.fixed_sizes[0]
    sets = [randn(count, channels, seed=k) for k, count in enumerate(counts)]
    padded, mask = pad_sets(torch.cat(sets), torch.tensor(counts))
    padded = torch.where(mask[..., None], padded, 7.0)
    together = module(padded, mask=mask)
    for k, one in enumerate(sets):
        alone = module(one)
        found = together[k, : counts[k]] if alone.shape[0] == counts[k] and alone.ndim == one.ndim > 1 else together[k]
        found = together[k] if "pool" in name else found
        torch.testing.assert_close(found, alone, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", MODULES)
def test_a_set_whose_mask_is_empty_is_finite(name):
    module = MODULES[name]()
    x = torch.randn(2, 4, module.action_in.fixed_sizes[0], generator=seeded()).requires_grad_()
    out = module(x, mask=torch.tensor([[True] * 4, [False] * 4]))
    out.sum().backward()
    assert out.isfinite().all()
    assert x.grad.isfinite().all()


def test_sparse_network_equals_masked():
    network = ExchangeableNetwork("rows columns", 2, 3, hidden=4, layers=2).double()
    mask = torch.rand(6, 7, generator=seeded()) < 0.4
    x = randn(6, 7, 2)
    entries = ObservedEntries.from_index(mask.nonzero().T, (6, 7))
    torch.testing.assert_close(network(x[mask], entries), network(x, mask=mask)[mask], rtol=0, atol=1e-12)


def test_norm_over_observed_entries():
    norm, x = ExchangeableNorm("rows 2 columns", 3).double(), randn(4, 2, 5, 3)
    mask = torch.rand(4, 5, generator=seeded()) < 0.6
    seen = norm(x, mask).transpose(1, 2)[mask]
    assert abs(float(seen.mean())) < 1e-12
    assert abs(float(seen.var(correction=0)) - 1) < 1e-4


def test_a_sum_of_one_feature_cannot_be_replaced_by_a_mean():
    """The size of a set is a function of the sum, not of the mean."""
    one, three = torch.ones(1, 1), torch.ones(3, 1)
    mean, total = DeepSets(1, 1, hidden=4, layers=1), DeepSets(1, 1, hidden=4, layers=1, pool="sum")
    torch.testing.assert_close(mean(one), mean(three))
    assert not torch.allclose(total(one), total(three))


def test_errors():
    with pytest.raises(ValueError, match="channels that 4 heads divide, got 6"):
        SetAttention(6, 4)
    with pytest.raises(ValueError, match='the pool "mean"'):
        DeepSets(1, 1, pool="median")
    with pytest.raises(ValueError, match="3 together"):
        pad_sets(torch.zeros(3, 1), torch.tensor([1, 1]))
    with pytest.raises(ValueError, match=r"expected sets \(\*batch, n, 6\)"):
        SetAttention(6, 2)(torch.zeros(3, 5))


def test_axial_attention_is_the_obvious_loop():
    layer, x = TiedAxialAttention(6, 2).double(), randn(3, 4, 6)
    queries, keys, values = (
        part.unflatten(-1, (2, 3)) for part in layer.queries_keys_values(layer.norm(x)).chunk(3, -1)
    )
    mixed = torch.zeros(3, 4, 2, 3, dtype=torch.float64)
    for i in range(3):
        for j in range(4):
            for head in range(2):
                for k in range(3):
                    weight = (queries[i, :, head] * keys[k, :, head]).sum() / 4 / 3**0.5 * layer.strength[head, 0, 0]
                    mixed[i, j, head] += weight * values[k, j, head] / 3
    torch.testing.assert_close(layer(x), x + layer.mixed(mixed.flatten(-2)), rtol=0, atol=1e-12)


def test_axial_transformer_on_padded_matrices_equals_each_alone():
    network, small, large = AxialTransformer(2, 1, hidden=8, heads=2).double(), randn(3, 2, 2), randn(4, 5, 2, seed=1)
    padded, mask = torch.full((2, 4, 5, 2), 7.0, dtype=torch.float64), torch.zeros(2, 4, 5, dtype=torch.bool)
    padded[0, :3, :2], padded[1], mask[0, :3, :2], mask[1] = small, large, True, True
    together = network(padded, mask)
    torch.testing.assert_close(together[0, :3, :2], network(small), rtol=0, atol=1e-12)
    torch.testing.assert_close(together[1], network(large), rtol=0, atol=1e-12)
    assert not together[0][~mask[0]].any()


def test_axial_attention_sees_what_rows_have_in_common():
    """Two matrices with the same entries in each row and column on average, of which exchangeable means see no more."""
    torch.manual_seed(0)
    x = torch.tensor([[1.0, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1]], dtype=torch.float64)[..., None]
    y = torch.tensor([[1.0, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1], [1, 0, 0, 1]], dtype=torch.float64)[..., None]
    blind = ExchangeableNetwork("rows columns", 1, 1, hidden=8, axes_out="1").double()
    torch.testing.assert_close(blind(x), blind(y), rtol=0, atol=1e-12)
    seeing = AxialTransformer(1, 1, hidden=8, layers=1).double()
    assert (seeing(x).mean() - seeing(y).mean()).abs() > 1e-4
