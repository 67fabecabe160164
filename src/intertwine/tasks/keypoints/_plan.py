"""Configuration of a run on keypoints from its options: what is decided once, before training."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from intertwine._errors import UsageError
from intertwine._progress import ProgressCallback
from intertwine.data import make_split
from intertwine.tasks._example_split import split_examples
from intertwine.tasks._source import resolve
from intertwine.tasks.keypoints._job import KeypointJob
from intertwine.tasks.keypoints._network import KeypointNetwork, network_config
from intertwine.tasks.keypoints._options import KeypointOptions
from intertwine.tasks.keypoints._photos import read_photos

if TYPE_CHECKING:
    from intertwine.training import Checkpoint


def prepare_job(options: KeypointOptions, progress: ProgressCallback) -> KeypointJob:
    """Read the photos, split them, and build the network.

    Args:
        options: The options, checked.
        progress: Called with the number of files.

    Raises:
        UsageError: The photos, or the checkpoint of the detector, are not what was expected.
    """
    taken = None if options.detector is None else _checkpoint_of(options.detector)
    source = resolve(options.data)
    photos = read_photos(source, options.resolution, options.crop, strict=options.strict, progress=progress)
    if len(photos) < 3:
        raise UsageError(f"{options.data}: {len(photos)} photos of {options.crop} x {options.crop} pixels or more; "
                         "expected at least 3: to train, to validate and to test on")  # fmt: skip
    split = split_examples(options, photos.names, partial(make_split, len(photos)))
    for part, what in ((split.train, "train"), (split.validation, "validate")):
        if not len(part):
            raise UsageError(f"{options.data}: {len(photos)} photos leave none to {what} on; give more of them")
    config: dict[str, Any] = {
        "data": {
            "given": options.data,
            "source": source,
            "photos": len(photos),
            "names_sha256": photos.digest,
            "resolution": options.resolution,
            "skipped": [list(pair) for pair in photos.skipped],
            "remarks": list(photos.remarks),
        },
        "network": network_config(options.model, options.group, options.width, options.radius),
        "training": {
            "crop": options.crop,
            "pairs": options.pairs,
            "samples": options.samples,
            "tolerance": options.tolerance,
            "rotation": options.rotation,
        },
        "detector": None,
        "seed": options.seed,
    }
    if taken is None:
        return KeypointJob(config, split.to_json(), photos)
    network = taken.config["network"]
    config = {**config, "network": network, "detector": str(options.detector)}
    job = KeypointJob(config, split.to_json(), photos)
    whole = KeypointNetwork(network)
    taken.load_into(whole)
    job.network.detector.load_state_dict(whole.detector.state_dict())
    return job


def _checkpoint_of(path: str) -> Checkpoint:
    from intertwine.training import load_checkpoint

    found = load_checkpoint(path)
    if found.task != "keypoints":
        raise UsageError(f"--detector {path} is a checkpoint of the task {found.task}, not of keypoints")
    return found
