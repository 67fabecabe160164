"""Programs of networks on clouds: a fixed number of points, with neighbors and samples found by operations of ATen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from intertwine.export._gradients import check_operators, compiling, frozen

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.export import ExportedProgram


def export_cloud_network(module: nn.Module, examples: Sequence[Tensor]) -> ExportedProgram:
    """The program of a module on one cloud of points, for clouds of as many points as the example.

    Searches for neighbors and farthest point sampling, which are programs of their own elsewhere, become dense
    operations: the distances of all pairs, and one step after the other.

    Args:
        module: In evaluation mode, on the CPU; tensors of a single cloud to a tuple of tensors. Its parameters become
            constants.
        examples: Inputs.

    Returns:
        The program, of operations of ATen only, for `save_program`.

    Cost: memory and time grow with the square of the number of points.
    """
    import torch
    from torch.fx.experimental.proxy_tensor import make_fx

    from intertwine.ops import decompositions

    table: dict[Any, Any] = {
        **decompositions(),
        torch.ops.intertwine.knn_graph.default: nearest_neighbors,
        torch.ops.intertwine.farthest_point_sampling.default: farthest_points,
    }
    with torch.no_grad(), frozen(module):
        module(*examples)  # constants that are built on first use are built here, not while it is traced
        with compiling():
            traced = make_fx(module, decomposition_table=table, _allow_non_fake_inputs=True)(*examples)
            traced.graph.eliminate_dead_code()  # what is left without results cannot be read from a file
            traced.recompile()
            program = torch.export.export(traced, tuple(examples), strict=False)
    check_operators(program)
    return program


def nearest_neighbors(
    positions: Tensor, k: int, batch: Tensor | None, queries: Tensor | None, query_batch: Tensor | None
) -> Tensor:
    """The result of `ops.knn_graph` on a single cloud, from the distances of all pairs.

    >>> import torch
    >>> nearest_neighbors(torch.tensor([[0.0], [1.0], [3.0]]), 1, None, None, None).tolist()
    [[1, 0, 1], [0, 1, 2]]
    """
    import torch

    points = positions.double()
    targets = points if queries is None else queries.double()
    squared = (targets[:, None] - points).square().sum(2)
    if queries is None:
        itself = torch.arange(len(points), device=points.device)
        squared = torch.where(itself[:, None] == itself, torch.inf, squared)
    found = squared.topk(min(k, len(points) - (queries is None)), largest=False).indices
    rows = torch.arange(len(targets), device=points.device)[:, None].expand_as(found)
    return torch.stack([found.flatten(), rows.flatten()])


def farthest_points(positions: Tensor, counts: Tensor, batch: Tensor | None) -> Tensor:
    """The result of `ops.farthest_point_sampling` on a single cloud, a step after the other.

    >>> import torch
    >>> farthest_points(torch.tensor([[0.0], [1.0], [2.0], [10.0]]), torch.tensor(2), None).tolist()
    [3, 0]
    """
    import torch
    from torch.fx.experimental.proxy_tensor import disable_proxy_modes_tracing

    with disable_proxy_modes_tracing():  # the number of samples follows from that of the points, which is fixed
        steps = min(int(counts.flatten()[0]), len(positions))
    points = positions.double()
    distances: Any = (points - points.mean(0)).square().sum(1)
    nearest, places = torch.full_like(distances, torch.inf), torch.arange(len(points), device=points.device)
    taken = torch.zeros_like(places, dtype=torch.bool)
    picks = []
    for _ in range(steps):
        pick = torch.where(taken, -1.0, distances).argmax(0, keepdim=True)
        picks.append(pick)
        taken = taken | (places == pick)
        nearest = torch.minimum(nearest, (points - points.index_select(0, pick)).square().sum(1))
        distances = nearest
    return torch.cat(picks)
