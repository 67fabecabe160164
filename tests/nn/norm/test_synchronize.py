"""Two processes with a part of a batch each, beside one with all of it: values, gradients, running statistics."""

import multiprocessing
import tempfile
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
from torch import nn

from intertwine.groups import O3, Cyclic
from intertwine.models import DGCNN, PointEncoder, PointNet, ScalarBatchNorm, VectorDGCNN, VectorPointNet
from intertwine.nn import BatchNorm, RegularBatchNorm, VectorBatchNorm
from intertwine.nn.norm import without_rows
from intertwine.ops import radius_graph

SIZES, SPLIT = (4, 6, 5, 7), 1  # points of each structure; the first process has the structures before the split
REP, VECTORS, REGULAR = O3().rep("2x0e + 2x1o + 0e + 1x2e"), O3().rep("3x1o"), 3 * Cyclic(4).regular
NORMS = {
    "BatchNorm": lambda: BatchNorm(REP),
    "BatchNorm without invariants": lambda: BatchNorm(VECTORS),
    "VectorBatchNorm": lambda: VectorBatchNorm(VECTORS),
    "RegularBatchNorm": lambda: RegularBatchNorm(REGULAR),
    "ScalarBatchNorm": lambda: ScalarBatchNorm(5),
}
NETWORKS = {"pointnet": PointNet, "dgcnn": DGCNN, "vector pointnet": VectorPointNet, "vector dgcnn": VectorDGCNN}
LAYERS = ("steerable", "message", "vector", "attention", "lifted", "egnn")


class WithHead(nn.Module):
    """A network, and a head that normalizes over the batch."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network, self.norm = network, ScalarBatchNorm(3)
        self.last = nn.Linear(3, 1, dtype=torch.float32)

    def forward(self, *inputs):
        return self.last(self.norm(self.network(*inputs)).tanh())


def make_network(name: str) -> nn.Module:
    torch.manual_seed(0)
    if name in NETWORKS:
        neighbors = {} if NETWORKS[name] is PointNet else {"k": 3}
        options = {"widths": (4, 5), "embedding_dim": 6, "head": (8,), "dropout": 0.0, **neighbors}
        return WithHead(NETWORKS[name]("1x0e + 1x1o", "3x0e", **options)).double()
    norm = {"norm": "batch"} if name in ("steerable", "vector", "attention") else {}
    encoder = PointEncoder("1x0e + 1x1o", "3x0e", layer={"name": name, **norm}, layers=2, lmax=1, width=8, cutoff=2.0)
    return WithHead(encoder).double()


def clouds(first: int, last: int) -> tuple:
    """The structures from first to last."""
    generator = torch.Generator().manual_seed(0)
    points = [torch.randn(size, 3, generator=generator, dtype=torch.float64) for size in SIZES][first:last]
    batch = torch.arange(len(points)).repeat_interleave(torch.tensor([len(x) for x in points]))
    positions = torch.cat(points)
    features = torch.cat([positions.square().sum(1, keepdim=True), positions], 1)
    return features, positions, radius_graph(positions, 2.0, batch), batch, len(points)


def rows(module: nn.Module, first: int, last: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    width = module.rep_in.dim if hasattr(module, "rep_in") else 5
    return torch.randn(10, width, generator=generator, dtype=torch.float64)[first:last] + 1


def gradients_of(module: nn.Module, output: torch.Tensor, weights: torch.Tensor) -> list[torch.Tensor]:
    (output * weights).square().sum().backward()
    buffers = [x.double() for x in module.buffers()]
    return [output.detach(), *buffers, *(p.grad for p in module.parameters() if p.grad is not None)]


def of_norm(name: str, first: int, last: int) -> list[torch.Tensor]:
    module = NORMS[name]().double().train()
    x = rows(module, first, last).requires_grad_()
    output = module(x)
    return [*gradients_of(module, output, torch.linspace(0.5, 2, 10, dtype=torch.float64)[first:last, None]), x.grad]


def of_padded_norm(name: str, rank: int | None, counted: bool) -> list[torch.Tensor]:
    """Running statistics and gradients of all rows; the second process computes on padding, of weight zero."""
    module = NORMS[name]().double().train()
    padding = rank == 1
    with without_rows() if padding and not counted else nullcontext():
        output = module(rows(module, 0, 3) if padding else rows(module, 0, 10))
    weights = torch.zeros(3, 1) if padding else torch.linspace(0.5, 2, 10)[:, None]
    return gradients_of(module, output, weights.double())[1:]


def of_network(name: str, first: int, last: int) -> list[torch.Tensor]:
    module = make_network(name).train()
    weights = torch.linspace(0.5, 2, len(SIZES), dtype=torch.float64)[first:last, None]
    return gradients_of(module, module(*clouds(first, last)), weights)


def second_derivative(first: int, last: int) -> list[torch.Tensor]:
    module = NORMS["BatchNorm"]().double().train()
    x = rows(module, first, last).requires_grad_()
    (gradient,) = torch.autograd.grad(module(x).pow(3).sum(), x, create_graph=True)
    gradient.square().sum().backward()
    return [x.grad]


def results(rank: int | None) -> dict[str, list[torch.Tensor]]:
    """Of everything; with a rank those of its part."""
    some = {None: (0, 10), 0: (0, 3), 1: (3, 10)}[rank]
    none = {None: (0, 10), 0: (0, 10), 1: (10, 10)}[rank]
    structures = {None: (0, len(SIZES)), 0: (0, SPLIT), 1: (SPLIT, len(SIZES))}[rank]
    found = {name: of_norm(name, *some) for name in NORMS}
    found.update({f"{name}, no rows in the second": of_norm(name, *none) for name in NORMS})
    found.update({f"{name}, padding": of_padded_norm(name, rank, counted=False) for name in NORMS})
    found.update({f"{name}, padding counts": of_padded_norm(name, rank, counted=True) for name in NORMS})
    found["second derivative"] = second_derivative(*some)
    found.update({name: of_network(name, *structures) for name in (*LAYERS, *NETWORKS)})
    return found


def process(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    url = Path(folder, "init").as_uri()
    torch.distributed.init_process_group("gloo", init_method=url, rank=rank, world_size=2)
    torch.save(results(rank), Path(folder, f"{rank}.pt"))
    torch.distributed.destroy_process_group()


@pytest.fixture(scope="module")
def found():
    with tempfile.TemporaryDirectory() as folder:
        context = multiprocessing.get_context("spawn")
        workers = [context.Process(target=process, args=(rank, folder)) for rank in range(2)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(120)
        assert [worker.exitcode for worker in workers] == [0, 0]
        return results(None), [torch.load(Path(folder, f"{rank}.pt"), weights_only=True) for rank in range(2)]


@pytest.mark.parametrize("name", [*NORMS, *(f"{name}, no rows in the second" for name in NORMS)])
def test_norm(found, name: str) -> None:
    one, two = found
    expected, (first, second) = one[name], (part[name] for part in two)
    buffers = list(NORMS[name.split(",")[0]]().buffers())
    output, gradient = (torch.cat([first[i], second[i]]) for i in (0, -1))
    torch.testing.assert_close(output, expected[0])
    torch.testing.assert_close(gradient, expected[-1])
    for i in range(1, 1 + len(buffers)):
        torch.testing.assert_close(first[i], expected[i])
        torch.testing.assert_close(second[i], expected[i])
    for ours, theirs, total in zip(*(x[1 + len(buffers) : -1] for x in (first, second, expected)), strict=True):
        torch.testing.assert_close(ours + theirs, total)


@pytest.mark.parametrize("name", NORMS)
def test_padding_does_not_count(found, name: str) -> None:
    """Running statistics are those of the examples, in both processes, and so is the gradient of the first."""
    one, two = found
    buffers = list(NORMS[name]().buffers())
    for index, expected in enumerate(one[f"{name}, padding"]):
        torch.testing.assert_close(two[0][f"{name}, padding"][index], expected)
        if index < len(buffers):
            torch.testing.assert_close(two[1][f"{name}, padding"][index], expected)
    counting = zip(two[0][f"{name}, padding counts"], one[f"{name}, padding counts"], strict=True)
    assert not all(torch.allclose(ours, expected) for ours, expected in counting)


def test_second_derivative(found) -> None:
    one, two = found
    joined = torch.cat([part["second derivative"][0] for part in two])
    torch.testing.assert_close(joined, one["second derivative"][0])


@pytest.mark.parametrize("name", [*LAYERS, *NETWORKS])
def test_network(found, name: str) -> None:
    """Outputs of the parts side by side are those of the whole batch, and the gradients add up to its gradient."""
    one, two = found
    expected, (first, second) = one[name], (part[name] for part in two)
    torch.testing.assert_close(torch.cat([first[0], second[0]]), expected[0])
    buffers = len(list(make_network(name).buffers()))
    for ours, theirs, total in zip(first[1 + buffers :], second[1 + buffers :], expected[1 + buffers :], strict=True):
        torch.testing.assert_close(ours + theirs, total)
