"""Configuration of a run on clouds from its options: what is decided once, before training, and kept in checkpoints."""

from __future__ import annotations

from collections import Counter
from typing import Any

from intertwine._errors import UsageError
from intertwine._progress import ProgressCallback
from intertwine.data import NearestNeighbors, PointCloudDataset, PointCloudSet, Split
from intertwine.tasks._example_split import split_examples
from intertwine.tasks._source import resolve
from intertwine.tasks.clouds._choices import DESCRIPTORS, needs_normals
from intertwine.tasks.clouds._encoders import describe_encoder
from intertwine.tasks.clouds._job import CloudJob
from intertwine.tasks.clouds._options import CloudOptions
from intertwine.tasks.clouds._source import Sampling, describe_source, own_normals, read

_CHANNELS = 128
_CUTOFF_MARGIN = 1.2
"""The cutoff over the length of nearly every edge."""
_MIXED = 0.5
"""The least share of training clouds with estimated normals, where some files have normals and others have none."""
_CUTOFF_SHAPES = 200
"""How many training shapes the cutoff is chosen from."""


def plan(
    options: CloudOptions, job_type: type[CloudJob], progress: ProgressCallback
) -> tuple[dict[str, Any], dict[str, Any], PointCloudSet]:
    """Read, split, and fill in defaults that depend on the data.

    Args:
        options: The options, checked.
        job_type: Says whether points have labels, and what else belongs to the configuration.
        progress: Called while the data are read.

    Returns:
        The configuration and the split, both JSON, and the clouds that were read, all samples of each shape.

    Raises:
        UsageError: The data or the options are not what was expected.
    """
    source = resolve(options.data)
    sampling = Sampling.of_options(options)
    clouds = read(source, sampling, parts=job_type.point_labels, strict=options.strict, progress=progress)
    split = split_examples(
        options,
        clouds.names,
        clouds.make_split,
        classes=clouds.cloud_fields["classes"],
        class_names=clouds.label_names["classes"],
        prescribed=clouds.split is not None,
    )
    _check_split(clouds, split, options.data)
    share = _estimated(options, clouds)
    config = {
        "data": describe_source(options.data, source, clouds),
        "classes": list(clouds.label_names["classes"]),
        "points": options.points,
        "draws": options.draws,
        "normals": options.normals,
        "vertical": options.vertical,
        "up": options.up,
        "encoder": describe_encoder(
            options.encoder,
            options.frame,
            group=options.group,
            layers=options.layers,
            levels=options.levels,
            hidden=options.hidden,
            width=options.width,
            neighbors=options.neighbors,
            cutoff=_cutoff(clouds, split, options.draws, options.neighbors),
        ),
        "model": {
            "channels": _CHANNELS,
            "hidden": _CHANNELS,
            "dropout": options.dropout,
            "descriptor": _descriptor(options, told=0 < share < 1 and bool(own_normals(clouds).all())),
        },
        "augment": options.augment,
        "jitter": options.jitter,
        "stretch": options.stretch,
        "estimated_normals": share,
        "smoothing": options.smoothing,
        "seed": options.seed,
    }
    config |= job_type.complete_config(options, clouds, split)
    return config, split.to_json(), clouds


def _descriptor(options: CloudOptions, *, told: bool) -> dict[str, Any] | None:
    """The arguments of the descriptor; without dropout where there is none in the head.

    Args:
        options: The options.
        told: Whether normals of files and estimated ones are told apart. Not where files differ in which they have, for
            it might tell their class.
    """
    chosen = DESCRIPTORS[options.descriptor]
    if chosen is None:
        return None
    return chosen | ({} if options.dropout else {"dropout": 0.0}) | ({"normals": 2} if told else {})


def _estimated(options: CloudOptions, clouds: PointCloudSet) -> float:
    """The share of training clouds with estimated normals.

    All, where no file has normals of its own. Half or more where only some have: else the kind of normals might tell
    the class of a cloud.
    """
    if options.normals or not needs_normals({"descriptor": DESCRIPTORS[options.descriptor]}):
        return 0.0
    own = own_normals(clouds)
    if not bool(own.any()):
        return 1.0
    return options.estimated_normals if bool(own.all()) else max(options.estimated_normals, _MIXED)


def _cutoff(clouds: PointCloudSet, split: Split, samples: int, k: int) -> float:
    """A little more than the length of nearly every edge of some training clouds."""
    some = clouds.select(split.train[:_CUTOFF_SHAPES]).unfold(samples)
    dataset = PointCloudDataset(some, NearestNeighbors(k), normalize="unit_sphere")
    return round(_CUTOFF_MARGIN * dataset.edge_length_quantile(), 3)


def _check_split(clouds: PointCloudSet, split: Split, given: str) -> None:
    """Raise if nothing is left to validate on, or a class has nothing to be learned from."""
    names = clouds.label_names["classes"]
    if not len(split.validation):
        raise UsageError(
            f"{given}: {len(clouds)} clouds in {len(names)} classes leave none to validate on, for each "
            "class keeps one to learn from; give more clouds"
        )
    learned = Counter(clouds.cloud_fields["classes"][split.train].tolist())
    missing = [name for index, name in enumerate(names) if not learned[index]]
    if missing:
        where = "its folder for training has none" if clouds.split is not None else "none is left"
        raise UsageError(f'{given}: {where} of class "{missing[0]}" to learn from; give more of them')
