"""Exported networks on clouds: a program of torch.export from points to logits, audited again from its file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from intertwine.data import PointCloudBatch
from intertwine.export import export_cloud_network, load_program, nearest_neighbors, save_program
from intertwine.tasks._exported import TOLERANCE, Check, ExportResult
from intertwine.tasks._output import output_file
from intertwine.tasks.clouds._choices import estimated_share
from intertwine.tasks.clouds._encoders import find_encoder
from intertwine.tasks.clouds._job import network_inputs, normals_by_kind
from intertwine.tasks.clouds._network import CloudNetwork

INPUTS = {
    "positions": "(P, 3) float32, anywhere and of any size; P is the number of points that the model was trained with",
    "vectors": "(P, 3 V) float32, the vectors of each point side by side, as `vectors` of this list names them",
    "category": "(1,) int64, the index of the category of the cloud; only where there are several",
}
_NAMES = ("classes", "parts", "categories", "points")
_NEAREST = 16
_SAMPLES = 4
_SHIFT = 0.1
"""Of clouds of radius 1 in the audit: far from the origin, float32 rounds the points themselves."""
_SMALLEST = 1e-30


class ExportedClouds(nn.Module):
    """A network on clouds as a function of one cloud: its points to the logits.

    The points are moved to the unit sphere and joined to their nearest neighbors inside. Normals up to sign are
    estimated where zeros are given, from the 16 nearest points; and everywhere, for a model that knows no others.

    Args:
        network: In evaluation mode.
        neighbors: k of its graph.
        always: Whether normals up to sign are estimated whatever is given.
    """

    def __init__(self, network: CloudNetwork, neighbors: int, *, always: bool) -> None:
        super().__init__()
        self.network, self.neighbors, self.always = network, neighbors, always

    def forward(self, positions: Tensor, vectors: Tensor, *category: Tensor) -> tuple[Tensor]:
        """See `INPUTS`."""
        points = positions.double()
        points = points - points.mean(0)
        points = points * torch.rsqrt(points.square().sum(1).amax().clamp_min(_SMALLEST))
        if self.network.unoriented:
            given, others = vectors.double().tensor_split([3], 1)
            lengths = given.square().sum(1, keepdim=True)
            known = (lengths > 0) & (not self.always)
            unit = given * torch.rsqrt(lengths.clamp_min(_SMALLEST))
            normals = torch.where(known, unit, plane_normals(points))
            vectors = torch.cat([normals_by_kind(normals, ~known[:, 0], self.network.unoriented), others], 1)
        edges = nearest_neighbors(points, self.neighbors, None, None, None)
        inputs = (vectors.float(), points.float(), edges, None, None)
        logits: Tensor = self.network(*inputs, *category)
        return (logits,)


def plane_normals(points: Tensor) -> Tensor:
    """The axis of least variance of the 16 nearest points of each point, itself among them, (P, 3)."""
    squared = (points[:, None] - points).square().sum(2)
    near = points[squared.topk(min(_NEAREST, len(points)), largest=False).indices]
    near = near - near.mean(1, keepdim=True)
    axes: Tensor = torch.linalg.eigh(near.mT @ near).eigenvectors
    return axes[:, :, 0]


def export_clouds(
    network: CloudNetwork,
    clouds: Sequence[PointCloudBatch],
    config: dict[str, Any],
    path: Path,
    *,
    force: bool = False,
) -> ExportResult:
    """Write a network on clouds as a file for `torch.export.load`, and audit the function in it.

    The logits are compared with those of the network, and with those of the same clouds moved, scaled, and with their
    points in another order.

    Args:
        network: On the CPU, float32, in evaluation mode.
        clouds: Batches of a single cloud each, as the network takes them; the first is traced.
        config: Of the run.
        path: The file.
        force: Whether an existing file may be replaced.

    Raises:
        UsageError: The file cannot be written.
    """
    always = estimated_share(config) == 1
    module = ExportedClouds(network, config["encoder"]["neighbors"], always=always).eval()
    given = [_arguments(network, cloud) for cloud in clouds]
    with output_file(path, force=force) as part, torch.no_grad():
        save_program(export_cloud_network(module, given[0]), part, _metadata(network, config))
        function, _ = load_program(part)
        found = [function(*inputs)[0] for inputs in given]
        expected = [_logits(network, cloud, estimate=always) for cloud in clouds]
        checks = []
        if network.unoriented and not always:
            blank = [(x, torch.cat([torch.zeros_like(x), v[:, 3:]], 1), *rest) for x, v, *rest in given]
            pairs = [
                (function(*inputs)[0], _logits(network, cloud, estimate=True))
                for inputs, cloud in zip(blank, clouds, strict=True)
            ]
            checks.append(Check("with normals estimated in the file", _largest(pairs), TOLERANCE))
        motions = None
        if config["encoder"]["frame"] != "none" or find_encoder(config["encoder"]["name"]).symmetry != "none":
            pairs = [
                pair
                for inputs, out in zip(given, found, strict=True)
                for pair in _moved(network, function, inputs, out)
            ]
            motions = _largest(pairs)
    group = f"{network.group.name}, translations, scales and permutations"
    return ExportResult(path, _largest(zip(found, expected, strict=True)), motions, group, tuple(checks))


def _arguments(network: CloudNetwork, cloud: PointCloudBatch) -> tuple[Tensor, ...]:
    """The inputs of the program for a cloud."""
    vectors, positions, _, _, _, *category = network_inputs(network, cloud)
    if vectors is None:
        return (positions, positions[:, :0], *category)
    if network.unoriented:
        normals, others = _split(network, vectors)
        vectors = torch.cat([normals.sum(1), others], 1)
    return (positions, vectors, *category)


def _logits(network: CloudNetwork, cloud: PointCloudBatch, *, estimate: bool) -> Tensor:
    """What the network gives for a cloud, with normals up to sign that are estimated as in the program if wanted."""
    vectors, *others = network_inputs(network, cloud)
    if estimate:
        normals = plane_normals(cloud.positions.double()).to(vectors)
        estimated = torch.ones(len(normals), dtype=torch.bool)
        given = normals_by_kind(normals, estimated, network.unoriented)
        vectors = torch.cat([given, _split(network, vectors)[1]], 1)
    logits: Tensor = network(vectors, *others)
    return logits


def _split(network: CloudNetwork, vectors: Tensor) -> tuple[Tensor, Tensor]:
    """The normals up to sign of each kind (P, kinds, 3), and the other vectors (P, 3 V)."""
    normals, others = vectors.tensor_split([3 * network.unoriented], 1)
    return normals.unflatten(1, (network.unoriented, 3)), others


def _moved(
    network: CloudNetwork, function: Callable[..., tuple[Tensor, ...]], inputs: tuple[Tensor, ...], logits: Tensor
) -> Iterator[tuple[Tensor, Tensor]]:
    """The logits of a moved, scaled and renumbered cloud, and what they should be."""
    generator = torch.Generator().manual_seed(0)
    positions, vectors, *category = inputs
    for matrix in network.group.sample(_SAMPLES, generator=generator).to(positions):
        order = torch.randperm(len(positions), generator=generator)
        translation = _SHIFT * torch.randn(3, generator=generator)
        scale = 1 + torch.rand(1, generator=generator)
        moved = scale * (positions @ matrix.T + translation)
        turned = (vectors.unflatten(1, (-1, 3)) @ matrix.T).flatten(1)
        found = function(moved[order], turned[order], *category)[0]
        yield found, logits[order] if len(logits) == len(order) else logits


def _largest(pairs: Iterable[tuple[Tensor, Tensor]]) -> float:
    """The largest difference of logits, relative to the largest spread of those that are right."""
    return max(
        float((found - right).abs().max() / (right - right.mean(1, keepdim=True)).abs().max().clamp_min(_SMALLEST))
        for found, right in pairs
    )


def _metadata(network: CloudNetwork, config: dict[str, Any]) -> dict[str, Any]:
    """What the function takes and gives, as JSON."""
    vectors = ["normal up to sign; zeros where it is not known"] * network.unoriented
    vectors += ["oriented normal"] * config["normals"] + ["up"] * config["vertical"]
    inputs = {name: text for name, text in INPUTS.items() if name != "category" or network.categories}
    names: dict[str, Any] = {name: config[name] for name in _NAMES if name in config}
    return {
        "format": "intertwine-clouds-1",
        **names,
        "vectors": vectors,
        "inputs": inputs,
        "outputs": {"logits": "(1, classes), or (P, parts)"},
    }
