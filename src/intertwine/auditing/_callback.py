"""Lightning callback that logs the equivariance error during training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

try:
    from lightning.pytorch import Callback, LightningModule, Trainer
except ImportError as error:
    raise ImportError("DriftLogger needs lightning, which is not installed: pip install intertwine[train]") from error

from intertwine.actions import Action
from intertwine.auditing._audit import audit
from intertwine.auditing._report import Report
from intertwine.reps import Rep


class DriftLogger(Callback):
    """Measures the equivariance error at the end of each training epoch and logs it as "equivariance".

    The error of an exactly equivariant network stays at the rounding of its dtype; it grows where the network is
    equivariant only at initialization or by augmentation. Random state, training modes and weights are not changed.

    Args:
        input_action: Action on the input of the network.
        output_action: Action on its output.
        network: Finds the network in the Lightning module; ``module.network`` or ``module.model`` where there is one,
            else the module itself.
        inputs: Data to evaluate it on, as for :func:`audit`.
        samples: Number of random elements in each epoch.
        every: Measure every so many epochs.
        seed: Random seed of the inputs and elements.
        dtypes: The dtypes to measure in; that of the weights by default. The first one is logged under ``name``.
        tolerance: If given, an epoch with a larger error raises :class:`EquivarianceError`.
        name: The name of the logged metric.

    Attributes:
        history: Pairs of the epoch and its error.
        report: The last report.

    Example:
        ``Trainer(callbacks=[DriftLogger(network.action_in, network.action_out)])``
    """

    def __init__(
        self,
        input_action: Action | Rep,
        output_action: Action | Rep,
        *,
        network: Callable[[Any], Any] | None = None,
        inputs: Any = None,
        samples: int = 8,
        every: int = 1,
        seed: int = 0,
        dtypes: tuple[torch.dtype, ...] | None = None,
        tolerance: float | None = None,
        name: str = "equivariance",
    ) -> None:
        super().__init__()
        if every < 1:
            raise ValueError(f"every is a number of epochs, at least 1, got {every}")
        self.history: list[tuple[int, float]] = []
        self.report: Report | None = None
        self._actions = input_action, output_action
        self._network = network or _find
        self._inputs, self._samples, self._every, self._seed = inputs, samples, every, seed
        self._dtypes, self._tolerance, self._name = dtypes, tolerance, name

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Measure and log."""
        epoch = trainer.current_epoch
        if epoch % self._every:
            return
        network = self._network(pl_module)
        weights = [x.dtype for x in pl_module.parameters() if x.is_floating_point()]
        dtypes = self._dtypes or (weights[0] if weights else torch.float32,)
        report = audit(
            network,
            *self._actions,
            inputs=self._inputs,
            samples=self._samples,
            seed=self._seed,
            dtypes=dtypes,
            layers=self._tolerance is not None,
        )
        self.report = report
        self.history.append((epoch, report.max_error))
        pl_module.log(self._name, report.max_error, rank_zero_only=True)
        if self._tolerance is not None:
            report.check(self._tolerance)

    def state_dict(self) -> dict[str, Any]:
        """The history, for checkpoints."""
        return {"history": [list(pair) for pair in self.history]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the history from a checkpoint."""
        self.history = [(int(epoch), float(error)) for epoch, error in state_dict["history"]]


def _find(module: Any) -> Any:
    for name in ("network", "model"):
        found = getattr(module, name, None)
        if isinstance(found, torch.nn.Module):
            return found
    return module
