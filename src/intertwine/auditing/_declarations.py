"""Group actions that a module declares: the library's own attributes, and those of e3nn, e2cnn, escnn and PyG."""

from __future__ import annotations

import copy
import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

import torch
from torch import Tensor, nn

from intertwine.actions import Action, Array, Images, Indices, LinearAction, PointCloud, PointFeatures, TupleAction
from intertwine.groups import O3, Cyclic, Group
from intertwine.reps import Rep

_IMAGE_SIZE = 17
"""Height and width of random images: odd, so that strides of 2 and 4 keep the center."""
_NODES, _EDGES = 12, 40


@dataclass(frozen=True)
class Declaration:
    """A function with the actions on its input and output.

    Attributes:
        function: The function.
        input_action: Action on its input.
        output_action: Action on its output.
        inputs: Its inputs where the examples of the action do not fit.
        dtypes: The dtypes that it supports.
    """

    function: Callable[..., Any]
    input_action: Action | Rep
    output_action: Action | Rep
    inputs: Any = None
    dtypes: tuple[torch.dtype, ...] = (torch.float32, torch.float64)


def declaration(model: Any) -> Declaration | None:
    """The actions that a model declares, or None.

    Read in this order: ``action_in``, ``rep_in`` and their outputs; ``irreps_in`` and ``irreps_out`` of e3nn, with
    ``irreps_in1``, ``irreps_in2`` for tensor products and ``irreps`` where input and output agree; ``in_type`` and
    ``out_type`` of e2cnn and escnn, under rotations by 90 degrees; a layer of PyG that is called with node features and
    edges and has ``in_channels`` and ``out_channels``, under permutations of the nodes.

    Args:
        model: A callable.

    Example:
        >>> import torch
        >>> from intertwine.groups import SO3
        >>> layer = torch.nn.Identity()
        >>> declaration(layer) is None
        True
        >>> layer.rep_in = layer.rep_out = SO3().vector
        >>> declaration(layer).input_action
        SO3().irrep("1")
    """
    source, target = declared(model, "in"), declared(model, "out")
    if source is not None and target is not None:
        return Declaration(model, source, target)
    if not isinstance(model, nn.Module):
        return None
    if (reps := _e3nn(model)) is not None:
        return Declaration(model, *reps)
    return _e2cnn(model) or _graph_layer(model)


def declared(model: Any, side: Literal["in", "out"]) -> Action | Rep | None:
    """``action_in`` or ``rep_in`` of a model (or those of its output), if it has them."""
    for name in (f"action_{side}", f"rep_{side}"):
        value = getattr(model, name, None)
        if isinstance(value, Action | Rep):
            return value
    return None


def irreps(model: Any, *names: str) -> Rep | None:
    """The representation of O(3) that the first of these attributes states in the grammar of e3nn, if any."""
    for name in names:
        value = getattr(model, name, None)
        if value is None:
            continue
        try:
            return O3().rep(value if isinstance(value, str) else str(value))
        except (TypeError, ValueError):
            return None
    return None


def _e3nn(model: nn.Module) -> tuple[Action | Rep, Rep] | None:
    target = irreps(model, "irreps_out", "irreps")
    left, right = irreps(model, "irreps_in1"), irreps(model, "irreps_in2")
    if target is None:
        return None
    if left is not None and right is not None:
        return TupleAction(left, right), target
    source = irreps(model, "irreps_in", "irreps")
    return None if source is None else (source, target)


@dataclass(frozen=True)
class _QuarterTurns(Rep):
    """The representation of the rotations by 90 degrees in which one turn has a given matrix."""

    rows: tuple[tuple[float, ...], ...]

    @property
    def dim(self) -> int:
        """The size of the matrix."""
        return len(self.rows)

    def matrix(self, g: Tensor) -> Tensor:
        """The power of the given matrix that belongs to g."""
        turns = torch.round(torch.atan2(g[..., 1, 0], g[..., 0, 0]) / (math.pi / 2)).long() % 4
        turn = torch.tensor(self.rows, dtype=torch.float64)
        return torch.stack([torch.linalg.matrix_power(turn, k) for k in range(4)])[turns]

    def algebra(self, X: Tensor) -> Tensor:
        """Zero: the group is finite."""
        return X.new_zeros(*X.shape[:-2], self.dim, self.dim)

    def __str__(self) -> str:
        return f"C4 on {self.dim} channels"


class _TensorFields(nn.Module):
    """A module of e2cnn or escnn as a function of plain image tensors."""

    def __init__(self, module: nn.Module, field_type: Any, wrap: Callable[[Tensor, Any], Any]) -> None:
        super().__init__()
        self.module, self._field_type, self._wrap = module, field_type, wrap

    def forward(self, image: Tensor) -> Any:
        return self.module(self._wrap(image, self._field_type)).tensor


def _e2cnn(model: nn.Module) -> Declaration | None:
    source, target = getattr(model, "in_type", None), getattr(model, "out_type", None)
    library = type(source).__module__.partition(".")[0]
    if library not in ("e2cnn", "escnn") or target is None:
        return None
    reps = [_quarter_turns(source), _quarter_turns(target)]
    if reps[0] is None or reps[1] is None:
        return None
    function = _TensorFields(model, source, import_module(f"{library}.nn").GeometricTensor)
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(2, reps[0].dim, _IMAGE_SIZE, _IMAGE_SIZE, generator=generator, dtype=torch.float64)
    dtypes = tuple(dtype for dtype in (torch.float32, torch.float64) if _runs(function, images, dtype))
    return Declaration(function, Images(reps[0], step=0), Images(reps[1], step=0), images, dtypes or (torch.float32,))


def _runs(function: nn.Module, images: Tensor, dtype: torch.dtype) -> bool:
    """Whether a module can be cast; some of these libraries' modules keep constants in single precision."""
    try:
        with torch.no_grad():
            copy.deepcopy(function).to(dtype).eval()(images.to(dtype))
    except RuntimeError:
        return False
    return True


def _quarter_turns(field_type: Any) -> Rep | None:
    """The representation of a field type, restricted to rotations by 90 degrees; None where it has none or flips."""
    group = field_type.gspace.fibergroup
    order = group.order()
    if type(group).__name__ == "SO2":
        turn: Any = math.pi / 2
    elif type(group).__name__ == "CyclicGroup" and order % 4 == 0:
        turn = order // 4
    else:
        return None
    element = group.element(turn) if hasattr(group, "element") else turn
    blocks = [torch.as_tensor(rep(element), dtype=torch.float64) for rep in field_type.representations]
    return _QuarterTurns(Cyclic(4), tuple(map(tuple, torch.block_diag(*blocks).tolist())))


def _graph_layer(model: nn.Module) -> Declaration | None:
    if not any(cls.__module__.startswith("torch_geometric.") for cls in type(model).__mro__):
        return None
    channels = getattr(model, "in_channels", None)
    if not isinstance(channels, int) or channels < 1 or required_parameters(model)[:2] != ["x", "edge_index"]:
        return None
    return Declaration(model, *graph_actions(), graph_example(channels))


def graph_actions() -> tuple[Action, Action]:
    """Permutations of the nodes of a graph, on (features, edges) and on features."""
    return TupleAction(Array("nodes"), Indices("nodes")), Array("nodes")


def graph_example(channels: int) -> tuple[Tensor, Tensor]:
    """A random graph: features ``(12, channels)`` float64 and edges ``(2, 40)``."""
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(_NODES, channels, generator=generator, dtype=torch.float64)
    return features, torch.randint(_NODES, (2, _EDGES), generator=generator)


def required_parameters(function: Callable[..., Any]) -> list[str]:
    """Names of the parameters without default of a function, or of the forward pass of a module."""
    try:
        parameters = inspect.signature(function.forward if isinstance(function, nn.Module) else function).parameters
    except (TypeError, ValueError):
        return []
    return [
        name
        for name, p in parameters.items()
        if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    ]


_KINDS = ("features", "points", "cloud", "graph")


def stated(model: Callable[..., Any], rep_in: str, rep_out: str, group: Group) -> Declaration:
    """The declaration that texts make for a model: a representation, with the kind of data in front.

    ========================  =========================================================================
    "2x0e + 1x1o"             features on the last axis
    "points: 2x0e + 1x1o"     a row of features for each point
    "cloud: 2x0e + 1x1o"      features, positions and edges of points (edges only if the model takes three)
    "graph: 4"                four numbers for each node, and edges; permutations alone
    ========================  =========================================================================

    Args:
        model: The model.
        rep_in: Text of its input.
        rep_out: Text of its output; "graph: 4" for numbers of each node.
        group: The group of the representations.

    Raises:
        ValueError: If a text cannot be read, or one side alone is a graph.

    Example:
        >>> import torch
        >>> stated(torch.nn.Identity(), "points: 2x0e", "points: 2x0e", O3()).output_action
        PointFeatures(rep=O3().rep("2x0e"))
    """
    kinds, texts = zip(*(_kind(text) for text in (rep_in, rep_out)), strict=True)
    if "graph" in kinds:
        if kinds != ("graph", "graph") or not all(text.isdecimal() and int(text) > 0 for text in texts):
            raise ValueError(
                f'a graph is stated as "graph: 4" on both sides, with numbers of channels; got {rep_in!r}, {rep_out!r}'
            )
        return Declaration(model, *graph_actions(), graph_example(int(texts[0])))
    source, target = (
        {"features": LinearAction, "points": PointFeatures, "cloud": PointCloud}[kind](group.rep(text))
        for kind, text in zip(kinds, texts, strict=True)
    )
    inputs = None
    if kinds[0] == "cloud" and len(required_parameters(model)) == 2:
        inputs = source.example(torch.Generator().manual_seed(0))[:2]
    return Declaration(model, source, target, inputs)


def _kind(text: str) -> tuple[str, str]:
    kind, colon, rep = text.partition(":")
    if not colon:
        return "features", text.strip()
    if kind.strip() not in _KINDS:
        raise ValueError(f'"{kind.strip()}" is not a kind of data; known: {", ".join(_KINDS)}')
    return kind.strip(), rep.strip()
