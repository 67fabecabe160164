"""Networks of grid layers as ordinary modules of torch."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from torch import fx, nn

from intertwine.nn.grid._layer import GridLayer


class _Tracer(fx.Tracer):
    """Traces through the layers of this package, without their checks of shapes."""

    def call_module(
        self, m: nn.Module, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        return super().call_module(m, m.transform if isinstance(m, GridLayer) else forward, args, kwargs)


def export_grid(module: nn.Module) -> fx.GraphModule:
    """A network of grid layers in evaluation as a graph of ordinary convolutions and operations of torch.

    The filters are built once, batch normalizations become those of torch. The result depends on torch alone, takes
    inputs of every size, and is traced, scripted, compiled or exported to other formats as any network of torch.

    Args:
        module: A network whose submodules are grid layers and modules of torch. It is not changed.

    Returns:
        A module with the same output, up to rounding.

    Example:
        >>> import torch
        >>> from intertwine.groups import Cyclic
        >>> from intertwine.nn import GridConv
        >>> plain = export_grid(nn.Sequential(GridConv(Cyclic(4).trivial, Cyclic(4).regular, 3)))
        >>> plain(torch.ones(1, 1, 5, 5)).shape
        torch.Size([1, 4, 3, 3])
    """
    plain = _replaced(copy.deepcopy(module).eval())
    for parameter in plain.parameters():
        parameter.requires_grad_(False)
    if isinstance(plain, GridLayer) or type(plain).__module__.startswith("torch.nn."):
        plain = nn.Sequential(plain)
    tracer = _Tracer()
    graph = tracer.trace(plain)
    return fx.GraphModule(plain, graph, type(module).__name__)


def _replaced(module: nn.Module) -> nn.Module:
    if isinstance(module, GridLayer):
        return module.export().eval()
    for name, child in module.named_children():
        setattr(module, name, _replaced(child))
    return module
