"""Set of networks of one architecture: their weights stacked, with labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from torch import Tensor

from intertwine.data._lazy_names import LazyNames
from intertwine.data._ragged import as_indices
from intertwine.data._split import Amount, Split, labeled_split


@dataclass(frozen=True, eq=False)
class NetworkSet:
    """Networks of one architecture.

    Attributes:
        weights: The tensors of their state dicts by name, ``(N, *shape)`` float32.
        labels: "classes" ``(N,)`` int64 or "values" ``(N,)`` float64, if known.
        label_names: "classes": the names of the classes.
        names: One for each network.
        split: A prescribed split, if any.
        skipped: Files that were left out, and why.
        activation: What stands between their layers: "relu", "tanh", "sine", "other", or None where it is not known.
        frequency: That of a sine.
        remarks: What is worth saying about them.

    Raises:
        ValueError: If the tensors have different lengths.
    """

    weights: Mapping[str, Tensor]
    labels: Mapping[str, Tensor] = field(default_factory=dict)
    label_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    names: LazyNames | Sequence[str] = ()
    split: Split | None = None
    skipped: tuple[tuple[str, str], ...] = ()
    activation: str | None = None
    frequency: float = 30.0
    remarks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        sizes = {len(tensor) for tensor in (*self.weights.values(), *self.labels.values())}
        if not self.weights or len(sizes) != 1:
            raise ValueError(f"expected tensors of one length, a row for each network; got lengths {sorted(sizes)}")
        names = self.names if isinstance(self.names, LazyNames) else LazyNames(self.names or range(1, len(self) + 1))
        if len(names) != len(self):
            raise ValueError(f"expected {len(self)} names, got {len(names)}")
        object.__setattr__(self, "names", names)

    def __len__(self) -> int:
        return len(next(iter(self.weights.values())))

    def __repr__(self) -> str:
        return (
            f"NetworkSet({len(self)} networks of {self.num_weights:,} weights; {', '.join(self.labels) or 'no labels'})"
        )

    @property
    def num_weights(self) -> int:
        """How many numbers a network has."""
        return sum(tensor[0].numel() if len(tensor) else tensor.shape[1:].numel() for tensor in self.weights.values())

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each tensor of a network."""
        return {key: tuple(tensor.shape[1:]) for key, tensor in self.weights.items()}

    def select(self, indices: Tensor | Sequence[int]) -> NetworkSet:
        """These networks, in this order; what was prescribed or skipped is left behind.

        Args:
            indices: ``(K,)`` integers, of which negative ones count from the end; or ``(N,)`` booleans, a mask.
        """
        index = as_indices(indices, len(self))
        names = self.names
        assert isinstance(names, LazyNames), "the constructor makes them so"
        return replace(
            self,
            weights={key: tensor[index] for key, tensor in self.weights.items()},
            labels={key: tensor[index] for key, tensor in self.labels.items()},
            names=names.select(index.numpy()),
            split=None,
            skipped=(),
            remarks=(),
        )

    def state_dict(self, number: int) -> dict[str, Tensor]:
        """The state dict of one network."""
        return {key: tensor[number].clone() for key, tensor in self.weights.items()}

    def make_split(self, train: Amount = None, validation: Amount = None, test: Amount = None, seed: int = 0) -> Split:
        """The prescribed split where there is one, else a random one, stratified where the networks have classes.

        A size of the training part that is asked for only shortens that of a prescribed split.

        Args:
            train: A number of networks or a share of them.
            validation: The same.
            test: The same.
            seed: From 0 to 2^32 - 1.
        """
        classes, names = self.labels.get("classes"), self.label_names.get("classes")
        return labeled_split(len(self), classes, names, self.split, train, validation, test, seed)
