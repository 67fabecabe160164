"""Clouds of files, folders and public sets: read whole, read again for a run, or streamed in chunks."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import torch
from torch import Tensor

from intertwine import data
from intertwine._errors import UsageError
from intertwine._progress import ProgressCallback, no_progress
from intertwine.data import CloudChunk, PointCloudSet, estimate_normals, iter_shapes, read_shapes
from intertwine.tasks._source import check_names, names_digest
from intertwine.tasks._suggestions import nearest
from intertwine.tasks.clouds._choices import DESCRIPTORS, estimated_share, needs_normals

if TYPE_CHECKING:
    from intertwine.tasks.clouds._options import CloudOptions

_PUBLIC_SETS: dict[str, Callable[..., PointCloudSet]] = {
    "furniture": lambda **options: data.furniture(**options),
    "circuit-parts": lambda **options: data.circuit_parts(**options),
}
"""The public sets of clouds, called with points=, seed=, draws= and progress=."""


class Sampling(NamedTuple):
    """How clouds are sampled from files.

    points: of each cloud; seed: of the first cloud of each file; normals: whether files must have them; draws: clouds
    sampled per shape; estimate: whether normals are estimated, up to sign, where a file has none; always: and where it
    has some.
    """

    points: int
    seed: int
    normals: bool
    draws: int = 1
    estimate: bool = False
    always: bool = False

    @classmethod
    def of_config(cls, config: dict[str, Any]) -> Sampling:
        """One cloud of each file, as a run samples it."""
        estimate = needs_normals(config["model"]) and not config["normals"]
        always = estimated_share(config) == 1
        return cls(config["points"], config["seed"], config["normals"], estimate=estimate, always=always)

    @classmethod
    def of_options(cls, options: CloudOptions) -> Sampling:
        """All clouds that a run is to learn from."""
        estimate = needs_normals({"descriptor": DESCRIPTORS[options.descriptor]}) and not options.normals
        always = estimate and options.estimated_normals == 1
        return cls(options.points, options.seed, options.normals, options.draws, estimate, always)


def read(
    source: str, sampling: Sampling, *, parts: bool, strict: bool = False, progress: ProgressCallback = no_progress
) -> PointCloudSet:
    """All clouds of a source, the samples of each shape one after the other along its points.

    Args:
        source: A folder or the name of a public set.
        sampling: How they are sampled.
        parts: Whether each point must have a label.
        strict: Whether a bad file is an error.
        progress: Called with how many bytes are fetched, or files are read, of how many.

    Raises:
        UsageError: There are no clouds, or normals are wanted that some files do not have.
    """
    options: dict[str, Any] = {"points": sampling.points, "seed": sampling.seed, "draws": sampling.draws}
    if source in _PUBLIC_SETS:
        clouds = _PUBLIC_SETS[source](**options, progress=progress)
    else:
        labels: Literal["class", "part"] = "part" if parts else "class"
        clouds = read_shapes(
            source, **options, labels=labels, estimate_normals=sampling.estimate, strict=strict, progress=progress
        )
    if int(warn_degenerate(clouds, source)) == len(clouds):
        raise UsageError(f"{source}: every cloud consists of equal points, so there is no shape to learn from")
    if sampling.normals and "normals" not in clouds.point_fields:
        raise UsageError(f"{source}: not every file has normals; leave --normals out")
    return replace_normals(clouds, sampling.draws) if sampling.always else clouds


def own_normals(clouds: PointCloudSet) -> Tensor:
    """(S,) bool, whether the normals of each cloud are those of its file."""
    estimated = clouds.cloud_fields.get("estimated")
    return torch.ones(len(clouds), dtype=torch.bool) if estimated is None else ~estimated


def replace_normals(clouds: PointCloudSet, draws: int = 1) -> PointCloudSet:
    """The clouds with estimated normals in the place of their own.

    Args:
        clouds: With normals.
        draws: How many clouds of each shape stand one after the other along its points.
    """
    own = own_normals(clouds)
    normals = clouds.point_fields["normals"].clone()
    normals[own[clouds.batch]] = estimate_normals(clouds.select(own).unfold(draws)).to(normals)
    return replace(
        clouds,
        point_fields={**clouds.point_fields, "normals": normals},
        cloud_fields={**clouds.cloud_fields, "estimated": torch.ones_like(own)},
    )


def warn_degenerate(clouds: PointCloudSet, source: str) -> int:
    """How many clouds consist of equal points; a warning names some: they have no shape, and no direction."""
    counts = clouds.counts
    first = clouds.positions[clouds.offsets[:-1]].repeat_interleave(counts, 0)
    distances = (clouds.positions - first).abs().amax(1)
    extents = distances.new_zeros(len(clouds)).scatter_reduce(0, clouds.batch, distances, "amax")
    names = [clouds.names[index] for index in (extents == 0).nonzero()[:, 0].tolist()]
    if names:
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        warnings.warn(f"{source}: all points of {', '.join(names[:3])}{more} are equal: no shape", stacklevel=2)
    return len(names)


def read_again(config: dict[str, Any], progress: ProgressCallback = no_progress) -> PointCloudSet:
    """The clouds that a run was begun with, all samples of each shape.

    Args:
        config: Of the run.
        progress: As for `read`.

    Raises:
        UsageError: They are gone, or no longer what they were: the split does not fit.
    """
    recorded = config["data"]
    sampling = Sampling.of_config(config)._replace(draws=config["draws"])
    clouds = read(recorded["source"], sampling, parts="parts" in config, progress=progress)
    check_names(recorded, clouds.names, "clouds")
    return clouds


def describe_source(given: str, source: str, clouds: PointCloudSet) -> dict[str, Any]:
    """What a checkpoint keeps of its data."""
    return {
        "given": given,
        "source": source,
        "clouds": len(clouds),
        "names_sha256": names_digest(clouds.names),
        "skipped": [list(pair) for pair in clouds.skipped],
    }


def rename_labels(
    clouds: PointCloudSet, classes: Sequence[str], parts: Sequence[str] | None, name: str
) -> PointCloudSet:
    """Clouds of other data with the class and part indices of a run.

    Args:
        clouds: The clouds.
        classes: The names that the run knows; none where classes do not matter.
        parts: The names of its parts, if it has parts.
        name: The name of the data, for errors.

    Raises:
        UsageError: One of theirs is not among them.
    """
    theirs = clouds.label_names["classes"]
    known = tuple(classes) or theirs
    label_names = {"classes": known}
    indices = _indices(theirs, known, "class", name)
    cloud_fields = {**clouds.cloud_fields, "classes": indices[clouds.cloud_fields["classes"]]}
    point_fields = {key: values for key, values in clouds.point_fields.items() if key != "parts"}
    if parts is not None and "parts" in clouds.point_fields:
        label_names["parts"] = tuple(parts)
        indices = _indices(clouds.label_names["parts"], parts, "part", name)
        point_fields["parts"] = indices[clouds.point_fields["parts"]]
    return replace(clouds, point_fields=point_fields, cloud_fields=cloud_fields, label_names=label_names, split=None)


def stream(source: str, sampling: Sampling, chunk: int, *, strict: bool) -> Iterator[CloudChunk]:
    """The clouds of a source, a chunk at a time; memory does not grow with their number.

    The class of each cloud is what its folder says, known or not.

    Args:
        source: A folder, a file, or the name of a public set.
        sampling: How clouds are sampled.
        chunk: The most files at once.
        strict: Whether a bad file is an error.

    Raises:
        UsageError: There is nothing to read, nothing that can be read, or, if strict, a file that cannot.
    """
    if source not in _PUBLIC_SETS:
        options: dict[str, Any] = {"normals": sampling.normals, "estimate_normals": sampling.estimate}
        for read_chunk in iter_shapes(source, sampling.points, sampling.seed, **options, chunk=chunk, strict=strict):
            clouds = replace_normals(read_chunk.clouds) if sampling.always else read_chunk.clouds
            yield read_chunk._replace(clouds=clouds)
        return
    every = read(source, sampling, parts=False)
    for indices in torch.split(torch.arange(len(every)), chunk):
        some = every.select(indices)
        positions = [part.double().numpy() for part in some.positions.split(some.counts.tolist())]
        yield CloudChunk(some, positions, positions)


def _indices(names: Sequence[str], known: Sequence[str], kind: str, what: str) -> Tensor:
    for name in names:
        if name not in known:
            match = nearest(name, known)
            question = f'; did you mean "{match}"?' if match else "."
            folders = " (the name of the folder)" if kind == "class" else ""
            raise UsageError(
                f'{what} has the {kind} "{name}"{folders}, which was not learned{question} Known: {", ".join(known)}'
            )
    return torch.tensor([list(known).index(name) for name in names])
