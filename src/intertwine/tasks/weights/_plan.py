"""Configuration of a run on networks from its options: what is decided once and kept in checkpoints."""

from __future__ import annotations

from typing import Any

from intertwine._errors import UsageError
from intertwine._progress import ProgressCallback
from intertwine.data import NetworkSet, Split
from intertwine.tasks._example_split import split_examples
from intertwine.tasks._source import resolve
from intertwine.tasks.weights._network import weight_space
from intertwine.tasks.weights._options import HIDDEN, LAYERS, WeightOptions, parse_augmentations
from intertwine.tasks.weights._source import describe_source, read

_HEADS = 4
_PLANAR = ("rotate", "scale", "shift")


def plan(options: WeightOptions, progress: ProgressCallback) -> tuple[dict[str, Any], dict[str, Any], NetworkSet]:
    """Read, split, and fill in defaults that depend on the data.

    Returns:
        The configuration and the split, both JSON, and the networks that were read.

    Raises:
        UsageError: The data or the options are not what was expected.
    """
    source = resolve(options.data)
    networks = read(source, options.labels, options.architecture, strict=options.strict, progress=progress)
    if len(networks) < 2:
        raise UsageError(f"{options.data}: one network only; expected some to learn from and some to validate on")
    split = split_examples(
        options,
        networks.names,
        networks.make_split,
        classes=networks.labels.get("classes"),
        class_names=networks.label_names.get("classes"),
        prescribed=networks.split is not None,
    )
    _check_split(networks, split, options.data)
    hidden = options.hidden or HIDDEN[options.model]
    activation = options.activation or networks.activation or "other"
    config: dict[str, Any] = {
        "data": describe_source(options.data, source, networks, options.architecture),
        "shapes": {key: list(shape) for key, shape in networks.shapes.items()},
        "activation": activation,
        "frequency": networks.frequency if networks.activation == "sine" else options.frequency,
        "target": _target(networks, split),
        "network": {
            "name": options.model,
            "hidden": hidden,
            "layers": options.layers or LAYERS[options.model],
            "heads": _HEADS if options.model == "attention" else 0,
            "dropout": options.dropout,
            "symmetries": not options.keep_signs,
        },
        "augment": list(parse_augmentations(options.augmentations)),
        "smoothing": options.smoothing,
        "seed": options.seed,
    }
    if options.model == "attention" and hidden % _HEADS:
        raise UsageError(f"--hidden {hidden}: attention has {_HEADS} heads, which divide the channels")
    first = weight_space(config).arrays[0]
    if len(first.shape) != 2 or first.shape[1] != 2:
        wrong = [name for name in config["augment"] if name in _PLANAR]
        if wrong:
            raise UsageError(f"--augment {wrong[0]} is for networks on the plane; these have inputs {first.shape[1:]}")
    return config, split.to_json(), networks


def _target(networks: NetworkSet, split: Split) -> dict[str, Any]:
    """What is predicted, as JSON."""
    if "values" not in networks.labels:
        return {"kind": "classes", "classes": list(networks.label_names["classes"])}
    values = networks.labels["values"][split.train]
    spread = float(values.std(correction=0))
    if spread == 0:
        raise UsageError(f"all {len(values):,} training networks have the same number {float(values[0]):g}")
    return {"kind": "numbers", "mean": float(values.mean()), "spread": spread}


def _check_split(networks: NetworkSet, split: Split, given: str) -> None:
    """Raise if nothing is left to validate on, or a class has nothing to be learned from."""
    if not len(split.validation) or not len(split.train):
        raise UsageError(f"{given}: {len(networks)} networks leave none to validate on; give more of them")
    classes = networks.labels.get("classes")
    if classes is None:
        return
    counts = classes[split.train].bincount(minlength=len(networks.label_names["classes"]))
    for name, number in zip(networks.label_names["classes"], counts.tolist(), strict=True):
        if not number:
            raise UsageError(f'{given}: none is left of class "{name}" to learn from; give more of them')
