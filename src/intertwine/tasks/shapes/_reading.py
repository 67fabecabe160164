"""The clouds of a source, and whether it is still what it was."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from intertwine import data
from intertwine._errors import UsageError
from intertwine._progress import no_progress
from intertwine.data import CloudChunk, PointCloudSet
from intertwine.tasks._source import resolve
from intertwine.tasks._suggest import nearest
from intertwine.tasks._task import Progress

if TYPE_CHECKING:
    from intertwine.tasks.shapes._options import ShapeOptions

_SETS: dict[str, Callable[..., PointCloudSet]] = {
    "furniture": lambda **options: data.furniture(**options),
    "circuit-parts": lambda **options: data.circuit_parts(**options),
}
"""The public sets of clouds, called with points=, seed=, draws= and progress=."""


class Sampling(NamedTuple):
    """How clouds are drawn from files.

    points: of each cloud; seed: of the first that is drawn of each file; normals: whether they are needed; draws: how
    many clouds of each file.
    """

    points: int
    seed: int
    normals: bool
    draws: int = 1

    @classmethod
    def of(cls, config: dict[str, Any]) -> Sampling:
        """One cloud of each file, as a run draws it."""
        return cls(config["points"], config["seed"], config["normals"])

    @classmethod
    def asked(cls, options: ShapeOptions) -> Sampling:
        """All clouds that a run is to learn from."""
        return cls(options.points, options.seed, options.normals, options.draws)


def fetch(options: ShapeOptions, progress: Progress, *, parts: bool) -> None:
    """Read what `plan` will read, which then lies in the cache.

    Args:
        options: What the user asked for, checked.
        progress: Told how many bytes are fetched, or how many files are read, of how many.
        parts: Whether the points must have parts.

    Raises:
        UsageError: As for `read`.
    """
    read(resolve(options.data), Sampling.asked(options), parts=parts, strict=options.strict, progress=progress)


def read(
    source: str, sampling: Sampling, *, parts: bool, strict: bool = False, progress: Progress = no_progress
) -> PointCloudSet:
    """All clouds of a source, the draws of each file one after the other along its points.

    Args:
        source: A folder or the name of a public set.
        sampling: How they are drawn.
        parts: Whether each point must have a label.
        strict: Whether a bad file is an error.
        progress: Told how many bytes are fetched, or how many files are read, of how many.

    Raises:
        UsageError: There are no clouds, or normals are wanted that some files do not have.
    """
    options: dict[str, Any] = {"points": sampling.points, "seed": sampling.seed, "draws": sampling.draws}
    options["progress"] = progress
    if source in _SETS:
        shapes = _SETS[source](**options)
    else:
        shapes = data.read_shapes(source, **options, labels="part" if parts else "class", strict=strict)
    if sampling.normals and "normals" not in shapes.point_fields:
        raise UsageError(f"{source}: not every file has normals; leave --normals out")
    return shapes


def read_again(config: dict[str, Any], progress: Progress = no_progress) -> PointCloudSet:
    """The clouds that a run was begun with, all draws of each.

    Args:
        config: Of the run.
        progress: As for `read`.

    Raises:
        UsageError: They are gone, or are others than they were: the split no longer fits.
    """
    told = config["data"]
    sampling = Sampling.of(config)._replace(draws=config["draws"])
    shapes = read(told["source"], sampling, parts="parts" in config, progress=progress)
    if _digest(shapes.names) != told["names_sha256"]:
        raise UsageError(
            f"{told['source']} had {told['clouds']:,} clouds when this model was trained and has others now "
            f"({len(shapes):,}): the split no longer fits; pass other data"
        )
    return shapes


def describe_source(given: str, source: str, shapes: PointCloudSet) -> dict[str, Any]:
    """What a checkpoint keeps of its data."""
    return {
        "given": given,
        "source": source,
        "clouds": len(shapes),
        "names_sha256": _digest(shapes.names),
        "skipped": [list(pair) for pair in shapes.skipped],
    }


def renamed(shapes: PointCloudSet, classes: Sequence[str], parts: Sequence[str] | None, what: str) -> PointCloudSet:
    """Clouds of other data in the classes and parts of a run.

    Args:
        shapes: The clouds.
        classes: The names that the run knows; none where classes do not matter.
        parts: The names of its parts, if it has parts.
        what: The name of the data.

    Raises:
        UsageError: One of theirs is not among them.
    """
    class_names = shapes.label_names["classes"]
    known = classes or class_names
    found = _index_of_names(class_names, known, "class", what)[shapes.cloud_fields["classes"]]
    label_names, point_fields = {**shapes.label_names, "classes": tuple(known)}, dict(shapes.point_fields)
    if parts is not None and "parts" in point_fields:
        theirs = _index_of_names(shapes.label_names["parts"], parts, "part", what)
        point_fields["parts"], label_names["parts"] = theirs[point_fields["parts"]], tuple(parts)
    cloud_fields = {**shapes.cloud_fields, "classes": found}
    renamed = replace(shapes, point_fields=point_fields, cloud_fields=cloud_fields, label_names=label_names, split=None)
    return renamed if parts is not None else renamed.select_fields("classes", "normals")


def stream(
    source: str, sampling: Sampling, chunk: int, *, strict: bool, progress: Progress = no_progress
) -> Iterator[CloudChunk]:
    """The clouds of a source, a chunk at a time; memory does not grow with their number.

    The class of each cloud is what its folder says, known or not.

    Args:
        source: A folder, a file, or the name of a public set.
        sampling: How clouds are drawn.
        chunk: The most files at once.
        strict: Whether a bad file is an error.
        progress: As for `read`.

    Raises:
        UsageError: There is nothing to read, nothing that can be read, or, if strict, a file that cannot.
    """
    if source not in _SETS:
        points, seed, normals, _ = sampling
        yield from data.iter_shapes(
            source, points, seed, normals=normals, chunk=chunk, strict=strict, progress=progress
        )
        return
    every = read(source, sampling, parts=False, progress=progress)
    for indices in torch.split(torch.arange(len(every)), chunk):
        clouds = every.select(indices)
        samples = [cloud.double().numpy() for cloud in clouds.positions.split(clouds.counts.tolist())]
        yield CloudChunk(clouds, samples, samples)


def _index_of_names(theirs: Sequence[str], ours: Sequence[str], kind: str, what: str) -> Tensor:
    for name in theirs:
        if name not in ours:
            match = nearest(name, ours)
            question = f'; did you mean "{match}"?' if match else "."
            folders = " (the name of the folder)" if kind == "class" else ""
            raise UsageError(
                f'{what} has the {kind} "{name}"{folders}, which was not learned{question} Known: {", ".join(ours)}'
            )
    return torch.tensor([list(ours).index(name) for name in theirs])


def _digest(names: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(names).encode("utf-8", "surrogateescape")).hexdigest()
