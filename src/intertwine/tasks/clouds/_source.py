"""Clouds of files, folders and public sets: read whole, read again for a run, or streamed in chunks."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from intertwine import data
from intertwine._errors import UsageError
from intertwine._progress import ProgressCallback, no_progress
from intertwine.data import ShapeSet
from intertwine.data._point_files import SHAPE_SUFFIXES, read_shape
from intertwine.data._sampling import Cloud, ShapeError, Surface, sample, unit_sphere
from intertwine.data._shape_folders import Entry, class_of, entries_of
from intertwine.tasks._source import resolve
from intertwine.tasks._suggestions import nearest

if TYPE_CHECKING:
    from intertwine.tasks.clouds._options import CloudOptions

_SETS: dict[str, Callable[..., ShapeSet]] = {
    "furniture": lambda **options: data.furniture(**options),
    "circuit-parts": lambda **options: data.circuit_parts(**options),
}
"""The public sets of clouds, called with points=, seed=, draws= and progress=."""

Files = list[tuple[str, str]]
"""Names of files, each with the reason why it was left out."""


class Sampling(NamedTuple):
    """How clouds are sampled from files.

    points: of each cloud; seed: of the first cloud of each file; normals: whether they are needed; draws: clouds
    sampled per shape.
    """

    points: int
    seed: int
    normals: bool
    draws: int = 1

    @classmethod
    def of_config(cls, config: dict[str, Any]) -> Sampling:
        """One cloud of each file, as a run samples it."""
        return cls(config["points"], config["seed"], config["normals"])

    @classmethod
    def of_options(cls, options: CloudOptions) -> Sampling:
        """All clouds that a run is to learn from."""
        return cls(options.points, options.seed, options.normals, options.draws)


class CloudChunk(NamedTuple):
    """Some shapes of a stream.

    shapes: their clouds; sampled: the same points, (points, 3) each, and points: those that labels are wanted for,
    (n, 3) each, both in the coordinates of the file.
    """

    shapes: ShapeSet
    sampled: list[npt.NDArray[np.float64]]
    points: list[npt.NDArray[np.float64]]


def read(
    source: str, sampling: Sampling, *, parts: bool, strict: bool = False, progress: ProgressCallback = no_progress
) -> ShapeSet:
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
    options["progress"] = progress
    if source in _SETS:
        shapes = _SETS[source](**options)
    else:
        shapes = data.read_shapes(source, **options, labels="part" if parts else "class", strict=strict)
    if sampling.normals and shapes.normals is None:
        raise UsageError(f"{source}: not every file has normals; leave --normals out")
    return shapes


def read_again(config: dict[str, Any], progress: ProgressCallback = no_progress) -> ShapeSet:
    """The clouds that a run was begun with, all samples of each shape.

    Args:
        config: Of the run.
        progress: As for `read`.

    Raises:
        UsageError: They are gone, or no longer what they were: the split does not fit.
    """
    recorded = config["data"]
    sampling = Sampling.of_config(config)._replace(draws=config["draws"])
    shapes = read(recorded["source"], sampling, parts="parts" in config, progress=progress)
    if _digest(shapes.names) != recorded["names_sha256"]:
        raise UsageError(
            f"{recorded['source']} had {recorded['clouds']:,} clouds when this model was trained and has others now "
            f"({len(shapes):,}): the split no longer fits; pass other data"
        )
    return shapes


def describe_source(given: str, source: str, shapes: ShapeSet) -> dict[str, Any]:
    """What a checkpoint keeps of its data."""
    return {
        "given": given,
        "source": source,
        "clouds": len(shapes),
        "names_sha256": _digest(shapes.names),
        "skipped": [list(pair) for pair in shapes.skipped],
    }


def rename_classes(shapes: ShapeSet, classes: Sequence[str], parts: Sequence[str] | None, what: str) -> ShapeSet:
    """Clouds of other data with the class and part indices of a run.

    Args:
        shapes: The clouds.
        classes: The names that the run knows; none where classes do not matter.
        parts: The names of its parts, if it has parts.
        what: The name of the data, for errors.

    Raises:
        UsageError: One of theirs is not among them.
    """
    known = classes or shapes.class_names
    changed: dict[str, Any] = {"class_names": tuple(known)}
    changed["classes"] = _indices(shapes.class_names, known, "class", what)[shapes.classes]
    if parts is not None and shapes.parts is not None:
        changed["part_names"] = tuple(parts)
        changed["parts"] = _indices(shapes.part_names, parts, "part", what)[shapes.parts]
    same = {name: getattr(shapes, name) for name in ("positions", "offsets", "normals", "names", "skipped")}
    return ShapeSet(**same, **({"parts": None} | changed))


def stream(source: str, sampling: Sampling, chunk: int, skipped: Files, *, strict: bool) -> Iterator[CloudChunk]:
    """The clouds of a source, a chunk at a time; memory does not grow with their number.

    The class of each cloud is what its folder says, known or not.

    Args:
        source: A folder, a file, or the name of a public set.
        sampling: How clouds are sampled.
        chunk: The most files at once.
        skipped: Is extended by the files that are left out.
        strict: Whether a bad file is an error.

    Raises:
        UsageError: There is nothing to read, nothing that can be read, or, if strict, a file that cannot.
    """
    if source in _SETS:
        every = read(source, sampling, parts=False)
        for indices in torch.split(torch.arange(len(every)), chunk):
            some = every.select(indices)
            points = [part.double().numpy() for part in some.positions.split(some.counts.tolist())]
            yield CloudChunk(some, points, points)
        return
    root, entries = _entries(Path(source))
    done = 0
    for some_shapes in in_chunks(_sampled(root, entries, sampling, skipped, strict=strict), chunk):
        done += len(some_shapes.shapes)
        yield some_shapes
    if not done:
        name, reason = skipped[0]
        first = (
            reason if len(entries) == 1 else f"none of {len(entries):,} files can be read; the first, {name}: {reason}"
        )
        raise UsageError(f"{source}: {first}")


class SampledShape(NamedTuple):
    """One shape: its name, the name of its class, the cloud that was sampled of it, and the points that it has."""

    name: str
    label: str
    cloud: Cloud
    points: npt.NDArray[np.float64]


def sample_shape(name: str, label: str, shape: Surface | Cloud, sampling: Sampling) -> SampledShape:
    """The cloud of a shape.

    Raises:
        ShapeError: It cannot be sampled, or has no normals where they are needed.
    """
    cloud = sample(shape, sampling.points, sampling.seed)
    if sampling.normals and cloud.normals is None:
        raise ShapeError("no normals, which this model needs")
    return SampledShape(name, label, cloud, shape.points if isinstance(shape, Cloud) else cloud.points)


def in_chunks(shapes: Iterable[SampledShape], chunk: int) -> Iterator[CloudChunk]:
    """Shapes, so many at a time."""
    every = iter(shapes)
    while block := list(islice(every, chunk)):
        yield _pack(block)


def _entries(path: Path) -> tuple[Path, Sequence[Entry]]:
    if path.is_dir():
        return path, entries_of(path)
    if path.suffix.lower() not in SHAPE_SUFFIXES:
        raise UsageError(f'"{path.name}" is no shape: expected a file that ends in {", ".join(SHAPE_SUFFIXES)}')
    return path.parent, [Entry(path, class_of(path.parent))]


def _sampled(
    root: Path, entries: Sequence[Entry], sampling: Sampling, skipped: Files, *, strict: bool
) -> Iterator[SampledShape]:
    for entry in entries:
        name = entry.path.relative_to(root).as_posix()
        try:
            sampled = sample_shape(name, entry.label, read_shape(entry.path), sampling)
        except ShapeError as error:
            if strict:
                raise UsageError(f"{entry.path}: {error}") from error
            skipped.append((name, str(error)))
            continue
        yield sampled


def _pack(block: Sequence[SampledShape]) -> CloudChunk:
    names = tuple(sorted({one.label for one in block}))
    clouds = [one.cloud for one in block]
    normals = [cloud.normals for cloud in clouds if cloud.normals is not None]
    shapes = ShapeSet(
        torch.from_numpy(np.concatenate([unit_sphere(cloud.points) for cloud in clouds]).astype(np.float32)),
        torch.tensor([0, *np.cumsum([len(cloud.points) for cloud in clouds]).tolist()]),
        torch.tensor([names.index(one.label) for one in block]),
        names,
        normals=torch.from_numpy(np.concatenate(normals).astype(np.float32)) if len(normals) == len(clouds) else None,
        names=[one.name for one in block],
    )
    return CloudChunk(shapes, [cloud.points for cloud in clouds], [one.points for one in block])


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


def _digest(names: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(names).encode("utf-8", "surrogateescape")).hexdigest()
