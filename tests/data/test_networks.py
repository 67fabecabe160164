"""Sets of networks: sine networks of digits, fitted in batches and resumed."""

import pytest
import torch

from intertwine._errors import UsageError
from intertwine.cli import main
from intertwine.data import ImageSet, NetworkSet, fit_sine_networks, mnist_inrs
from intertwine.data.public import _mnist_inrs as recipe
from intertwine.nn import Sine, WeightSpace


def digits():
    """Seventy thousand places with the same few smooth pictures."""
    axis = torch.linspace(-1, 1, 8)
    rings = torch.stack([(axis[:, None] ** 2 + axis**2 < radius) * 200 for radius in (0.3, 0.6, 0.9)])
    pixels = rings.to(torch.uint8)[:, None].repeat(23_334, 1, 1, 1)[:70_000]
    classes = torch.arange(70_000) % 10
    return ImageSet(pixels, {"classes": classes}, {}, {"classes": tuple("0123456789")})


@pytest.fixture
def cached(monkeypatch, tmp_path):
    monkeypatch.setenv("INTERTWINE_CACHE", str(tmp_path))
    monkeypatch.setattr(recipe, "mnist", digits)
    monkeypatch.setattr(recipe, "_PART", 4)
    monkeypatch.setattr(recipe, "_AT_ONCE", 2)
    return tmp_path


def test_resumed_networks_are_those_of_one_call(cached, monkeypatch):
    first = mnist_inrs(3, steps=60)
    assert recipe._cached_count(cached / "networks" / "mnist-inrs-60") == 3
    again = mnist_inrs(9, steps=60)
    assert len(list(cached.rglob("*.safetensors"))) == 3
    for key, tensor in first.weights.items():
        torch.testing.assert_close(again.weights[key][:3], tensor, rtol=1e-4, atol=1e-5)
    monkeypatch.setattr(recipe, "fit_sine_networks", None)
    assert len(mnist_inrs(steps=60)) == 9
    assert again.labels["classes"].tolist() == recipe.digit_of(torch.arange(9)).remainder(10).tolist()
    split = again.make_split()
    assert split.test.tolist() == [6]
    assert "dB" in again.remarks[0]


def test_weights_are_those_of_a_module_that_shows_the_picture():
    image = digits().batch([1]).images[:, 0]
    trained = fit_sine_networks(image, seeds=[0], steps=150)
    assert float(trained.psnr) > 35
    network = torch.nn.Sequential(
        torch.nn.Linear(2, 32), Sine(), torch.nn.Linear(32, 32), Sine(), torch.nn.Linear(32, 1)
    )
    networks = NetworkSet(trained.weights)
    network.load_state_dict(networks.state_dict(0))
    axis = torch.linspace(-1, 1, 8)
    shown = network(torch.stack(torch.meshgrid(axis, axis, indexing="ij"), -1))[..., 0]
    assert float((shown - image[0]).square().mean()) == pytest.approx(10 ** (-float(trained.psnr) / 10), rel=0.01)
    assert WeightSpace.of(network) == WeightSpace.of_state_dict(networks.state_dict(0), "sine", 30.0)


def test_errors(cached, capsys):
    with pytest.raises(UsageError, match="--count expects 1 to 70,000 networks, got 70,001"):
        mnist_inrs(70_001)
    assert main(["data", "mnist", "--count", "3"]) != 0
    assert "--count is for sets that are computed here (mnist-inrs)" in capsys.readouterr().err
