"""All linear maps between arrays whose axes are permuted, by pooling, products and broadcasting."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import sqrt

import torch
from torch import Tensor, nn

from intertwine._errors import UsageError
from intertwine.actions import Action
from intertwine.nn.sets._axes import ArrayAxes, join_actions, parse_axes
from intertwine.nn.sets._dense import apply_dense
from intertwine.nn.sets._entries import ObservedEntries
from intertwine.nn.sets._layout import ExchangeableMap, MapLayout
from intertwine.nn.sets._sparse import apply_sparse

Arrays = Tensor | tuple[Tensor, ...]


class ExchangeableLinear(nn.Module):
    """All linear maps between arrays that commute with permutations of their axes.

    Axes are given by name. Each name has a symmetric group of its own; axes of one name are permuted together. The maps
    read a diagonal of the input, average over some of its indices, multiply by a matrix between channels, and write
    along a diagonal of the output, repeated along the other indices. "rows columns" has 4 maps,

        Y = X W_1 + row mean(X) W_2 + column mean(X) W_3 + all mean(X) W_4 + b,

    k axes of different names have 2^k, "nodes nodes" has 15 and "nodes nodes nodes" 203. No matrix between the arrays
    is formed: averages are computed once, and all maps that keep the same indices are one matrix product.

    Args:
        axes_in: The axes of the input, such as "rows columns". A size instead of a name is an axis that no group moves
            and that is mapped densely: "rows 3". Several arrays at once are joined by "+", and "1" is an array without
            axes: "rows columns + rows + columns + 1" has side features of rows and columns and of the whole.
        channels_in: The number of channels, or one number for each array.
        channels_out: The same for the output.
        axes_out: The axes of the output; those of the input where not given.
        bias: Whether the invariants of the output have a bias: one for each diagonal of the output.
        gain: Scale of the output at initialization, for averages and entries of unit variance.

    Attributes:
        weights: For each set of kept indices ``(matchings, columns in, columns out)``.
        num_maps: The dimension of the space of maps for one channel in and out.
        num_biases: The number of invariants of the output for one channel.

    Raises:
        ValueError: If the axes cannot be read, an axis of the output is not one of the input, or there are more than
            20,000 maps; in ``forward`` if shapes do not fit.

    Law: permuting the axes of the input permutes those of the output in the same way.

    Cost: linear in the number of entries of input and output; sparse entries, in those that are observed.

    Reference: Zaheer et al., NeurIPS 2017; Hartford et al., ICML 2018; Maron et al., ICLR 2019.

    Example:
        >>> layer = ExchangeableLinear("rows columns", 8, 16)
        >>> layer(torch.randn(5, 7, 8)).shape
        torch.Size([5, 7, 16])
        >>> [each.name for each in layer.maps]
        ['identity', 'row mean', 'column mean', 'all mean']
        >>> entries, index = torch.randn(3, 8), torch.tensor([[0, 0, 4], [1, 6, 6]])
        >>> layer(entries, index, sizes=(5, 7)).shape
        torch.Size([3, 16])
        >>> ExchangeableLinear("nodes nodes", 1, 1).num_maps
        15
    """

    def __init__(
        self,
        axes_in: str,
        channels_in: int | Sequence[int],
        channels_out: int | Sequence[int],
        axes_out: str | None = None,
        *,
        bias: bool = True,
        gain: float = 1.0,
    ) -> None:
        super().__init__()
        self.axes_in, self.axes_out, self.gain = axes_in, axes_in if axes_out is None else axes_out, gain
        self.arrays_in, self.arrays_out = parse_axes(self.axes_in), parse_axes(self.axes_out)
        self.channels_in = _channels(channels_in, self.arrays_in, "channels_in")
        self.channels_out = _channels(channels_out, self.arrays_out, "channels_out")
        self._layout = layout = MapLayout.between(self.arrays_in, self.channels_in, self.arrays_out, self.channels_out)
        self.weights = nn.ParameterList(
            nn.Parameter(torch.empty(len(block.matchings), sum(block.rows), sum(block.columns), dtype=torch.float32))
            for block in layout.blocks
        )
        width = sum(layout.blocks[-1].columns)
        self.bias = nn.Parameter(torch.empty(width, dtype=torch.float32)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Normal weights that give independent unit inputs the scale ``gain``; zero bias."""
        fan_in = [0] * len(self.arrays_out)
        for block in self._layout.blocks:
            for target in block.targets:
                fan_in[target.array] += 0 if target.is_diagonal else len(block.matchings) * sum(block.rows)
        for weight, block in zip(self.weights, self._layout.blocks, strict=True):
            nn.init.normal_(weight)
            for target, part in zip(block.targets, weight.detach().split(block.columns, -1), strict=True):
                part.mul_(self.gain / sqrt(max(fan_in[target.array], 1)))
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    @property
    def maps(self) -> tuple[ExchangeableMap, ...]:
        """The maps, in the order of :meth:`map_weights`; one for all entries of axes that no group moves."""
        return tuple(
            ExchangeableMap(source, target, pair, self.arrays_in[source.array], self.arrays_out[target.array])
            for block in self._layout.blocks
            for pair, source, target in product(block.matchings, block.sources, block.targets)
        )

    def map_weights(self) -> list[Tensor]:
        """The matrix of each map, ``(sizes of unmoved axes x channels in, the same out)``: views of the parameters."""
        return [
            part
            for weight, block in zip(self.weights, self._layout.blocks, strict=True)
            for one in weight
            for row in one.split(block.rows)
            for part in row.split(block.columns, 1)
        ]

    @property
    def num_maps(self) -> int:
        """The number of maps for one channel in and one out: the dimension of the space of equivariant maps."""
        return sum(each.axes_in.free * each.axes_out.free for each in self.maps)

    @property
    def num_biases(self) -> int:
        """The number of invariant vectors of the output for one channel."""
        return sum(self.arrays_out[target.array].free for target in self._layout.blocks[-1].targets)

    @property
    def action_in(self) -> Action:
        """The permutations of the input."""
        return join_actions(self.arrays_in, self.channels_in)

    @property
    def action_out(self) -> Action:
        """The permutations of the output."""
        return join_actions(self.arrays_out, self.channels_out)

    def forward(
        self,
        values: Arrays,
        index: Tensor | ObservedEntries | None = None,
        *,
        sizes: Sequence[int] | None = None,
        mask: Tensor | tuple[Tensor | None, ...] | None = None,
    ) -> Arrays:
        """Map arrays to arrays, channels on the last axis.

        Args:
            values: ``(*batch, *axes, channels)``, a tuple of these for several arrays. With ``index`` the array of two
                axes or more is sparse, ``(E, channels)``, and the others have one axis or none and no batch.
            index: ``(k, E)`` integers, where the entries are observed, or the same sorted for many layers,
                :class:`ObservedEntries`. Means are over observed entries; the output is at the same entries.
            sizes: The sizes of the k axes, with ``index`` as a tensor.
            mask: ``(*batch, *permuted axes)`` booleans, which entries of a dense array are observed, one for each
                array or None for all. Means are over observed entries, and the others of an output with the axes of
                that input are zero.

        Returns:
            ``(*batch, *axes_out, channels_out)``, a tuple for several arrays; ``(E, channels_out)`` for a sparse array.
        """
        given = values if isinstance(values, tuple) else (values,)
        if len(given) != len(self.arrays_in):
            raise UsageError(f'expected {len(self.arrays_in)} arrays "{self.axes_in}", got {len(given)}')
        if index is None:
            results = apply_dense(self._layout, [*self.weights], self.bias, given, mask)
        elif mask is not None:
            raise UsageError("a mask is of dense arrays; sparse entries are those that are observed")
        else:
            entries = _entries(index, sizes)
            results = apply_sparse(self._layout, [*self.weights], self.bias, given, entries)
        return results[0] if len(results) == 1 else tuple(results)

    def extra_repr(self) -> str:
        """The axes and channels."""
        channels = [", ".join(map(str, dict.fromkeys(each))) for each in (self.channels_in, self.channels_out)]
        return f'"{self.axes_in}" -> "{self.axes_out}", {channels[0]} -> {channels[1]}'


def _entries(index: Tensor | ObservedEntries, sizes: Sequence[int] | None) -> ObservedEntries:
    if isinstance(index, ObservedEntries):
        return index
    if sizes is None:
        raise UsageError("sparse entries need the sizes of their axes: layer(values, index, sizes=(5, 7))")
    return ObservedEntries.from_index(index, tuple(sizes))


def _channels(channels: int | Sequence[int], arrays: Sequence[ArrayAxes], name: str) -> tuple[int, ...]:
    """One number for each array.

    Raises:
        UsageError: If there are more or fewer, or one is not positive.
    """
    given = (channels,) * len(arrays) if isinstance(channels, int) else tuple(channels)
    if len(given) != len(arrays) or any(not isinstance(width, int) or width < 1 for width in given):
        raise UsageError(f"{name} expects a positive number, or one for each of {len(arrays)} arrays, got {channels}")
    return given
