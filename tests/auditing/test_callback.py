"""Drift while training: none where the law is built in, some where it was luck."""

import sys

import pytest
import torch
from torch import nn

from intertwine.auditing import EquivarianceError
from intertwine.groups import O3

lightning = pytest.importorskip("lightning.pytorch")
V = O3().vector


class Scaled(nn.Module):
    """x -> w x + b: equivariant while b = 0."""

    def __init__(self, biased):
        super().__init__()
        self.w = nn.Parameter(torch.ones(()))
        self.b = nn.Parameter(torch.zeros(3), requires_grad=biased)

    def forward(self, x):
        return self.w * x + self.b


class Module(lightning.LightningModule):
    def __init__(self, biased):
        super().__init__()
        self.network = Scaled(biased)

    def training_step(self, batch):
        return (self.network(batch[0]) - batch[1]).square().mean()

    def configure_optimizers(self):
        return torch.optim.SGD([p for p in self.parameters() if p.requires_grad], lr=0.1)


def fit(tmp_path, callback, biased, epochs=3):
    torch.manual_seed(0)
    x = torch.randn(16, 3)
    data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, 2 * x + 1), batch_size=8)
    module = Module(biased)
    trainer = lightning.Trainer(
        max_epochs=epochs,
        callbacks=[callback],
        default_root_dir=tmp_path,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(module, data)
    return trainer, module


@pytest.mark.filterwarnings("ignore")
class TestDriftLogger:
    @pytest.fixture
    def logger(self):
        from intertwine.auditing import DriftLogger

        return DriftLogger

    def test_exact_stays_exact(self, tmp_path, logger):
        callback = logger(V, V)
        trainer, module = fit(tmp_path, callback, biased=False)
        assert [epoch for epoch, _ in callback.history] == [0, 1, 2]
        assert all(error < 1e-6 for _, error in callback.history)
        assert float(trainer.callback_metrics["equivariance"]) == pytest.approx(callback.history[-1][1])
        assert list(callback.report.errors) == ["float32"]
        assert float(module.network.w.detach()) != 1

    def test_luck_drifts(self, tmp_path, logger):
        callback = logger(V, V, name="drift", every=2)
        trainer, _ = fit(tmp_path, callback, biased=True)
        assert [epoch for epoch, _ in callback.history] == [0, 2]
        assert callback.history[-1][1] > callback.history[0][1] > 1e-3
        assert "drift" in trainer.callback_metrics

    def test_stops_at_a_tolerance(self, tmp_path, logger):
        with pytest.raises(EquivarianceError, match=r"Scaled: not equivariant under O\(3\)"):
            fit(tmp_path, logger(V, V, tolerance=1e-5), biased=True)
        fit(tmp_path, logger(V, V, tolerance=1e-5), biased=False)

    def test_training_does_not_notice(self, tmp_path, logger):
        _, with_logger = fit(tmp_path, logger(V, V), biased=True)
        _, without = fit(tmp_path, lightning.Callback(), biased=True)
        assert torch.equal(with_logger.network.b, without.network.b)
        assert with_logger.network.training

    def test_network_is_found(self, tmp_path, logger):
        callback = logger(V, V, network=lambda module: lambda x: module.network(x) + 1)
        fit(tmp_path, callback, biased=False, epochs=1)
        assert callback.history[0][1] > 0.1

    def test_history_in_checkpoints(self, logger):
        callback, other = logger(V, V), logger(V, V)
        callback.history = [(0, 1e-7), (1, 2e-7)]
        other.load_state_dict(callback.state_dict())
        assert other.history == callback.history

    def test_every(self, logger):
        with pytest.raises(ValueError, match="every is a number of epochs"):
            logger(V, V, every=0)


def test_without_lightning(monkeypatch):
    """The audit itself needs no lightning; `tests/test_testing.py` sees that it imports none."""
    monkeypatch.setitem(sys.modules, "lightning.pytorch", None)
    monkeypatch.delitem(sys.modules, "intertwine.auditing._callback", raising=False)
    with pytest.raises(ImportError, match=r"pip install intertwine\[train\]"):
        sys.modules["intertwine.auditing"].__getattr__("DriftLogger")
    with pytest.raises(AttributeError, match="no attribute 'Drift'"):
        sys.modules["intertwine.auditing"].__getattr__("Drift")
