"""Base of the networks that read the weights of networks."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from intertwine._errors import UsageError
from intertwine.actions import Action, TrivialAction
from intertwine.nn import Weights, WeightSpace, check_weights, normal_form


class WeightNetwork(nn.Module, ABC):
    """Function of the weights of a network, with one number or logit in each channel of the output.

    A subclass defines ``read`` and ``measure``, which get weights in their normal form.

    Args:
        space: The weight space.
        channels_out: Channels of the output.
        symmetries: Whether signs, phases and scales of hidden features are removed by the normal form of weights.

    Raises:
        ValueError: In ``forward`` and ``set_statistics`` if the arrays do not fit the space.
    """

    def __init__(self, space: WeightSpace, channels_out: int, *, symmetries: bool) -> None:
        super().__init__()
        self.space, self.channels_out, self.symmetries = space, channels_out, symmetries

    @property
    def action_in(self) -> Action:
        """The permutations of the hidden features."""
        return self.space.action(1)

    @property
    def action_out(self) -> Action:
        """None: the output is invariant."""
        return TrivialAction((self.channels_out,))

    def forward(self, *weights: Tensor) -> Tensor:
        """Read networks.

        Args:
            weights: For each array of the space ``(*batch, *axes, 1)``.

        Returns:
            ``(*batch, channels_out)``.
        """
        return self.read(self._normal_form(weights))

    def set_statistics(self, weights: Weights) -> None:
        """Set the means and scales by which numbers are standardized to those of some networks.

        Args:
            weights: For each array ``(networks, *axes, 1)``.
        """
        with torch.no_grad():
            self.measure(self._normal_form(weights))

    @abstractmethod
    def read(self, weights: Weights) -> Tensor:
        """The output for weights in their normal form."""

    @abstractmethod
    def measure(self, weights: Weights) -> None:
        """Set the statistics to those of weights in their normal form."""

    @staticmethod
    def mean_and_scale(x: Tensor, dim: int | list[int]) -> tuple[Tensor, Tensor]:
        """Means along some axes, and standard deviations, which are one where all numbers are equal."""
        spread, mean = torch.std_mean(x, dim, correction=0)
        return mean, torch.where(spread > 1e-8, spread, 1.0)

    def _normal_form(self, weights: Weights) -> Weights:
        check_weights(self.space, weights, 1)
        return normal_form(self.space, weights) if self.symmetries else weights


def head(inputs: int, hidden: int, layers: int, outputs: int, dropout: float) -> nn.Sequential:
    """A perceptron on invariants.

    Raises:
        UsageError: There is no hidden layer.
    """
    if layers < 1:
        raise UsageError(f"expected at least one layer, got {layers}")
    modules: list[nn.Module] = []
    for _ in range(layers):
        modules += [nn.Linear(inputs, hidden, dtype=torch.float32), nn.GELU(), nn.Dropout(dropout)]
        inputs = hidden
    return nn.Sequential(*modules, nn.Linear(inputs, outputs, dtype=torch.float32))
