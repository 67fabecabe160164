"""Networks of folders and public sets: read whole, read again for a run, or streamed in chunks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch

from intertwine._errors import UsageError
from intertwine._progress import ProgressCallback, no_progress
from intertwine.data import NetworkSet, iter_networks, mnist_inrs, read_networks
from intertwine.tasks._source import check_names, names_digest
from intertwine.tasks._suggestions import nearest
from intertwine.tasks.weights._options import PUBLIC

_NAMED = 3


def read(
    source: str,
    labels: str | None = None,
    architecture: int | None = None,
    count: int | None = None,
    *,
    strict: bool = False,
    progress: ProgressCallback = no_progress,
) -> NetworkSet:
    """All networks of a source, which may be the name of a public set; arguments as those of `read_networks`.

    Args:
        source: A folder or a public set.
        labels: "classes" or "numbers".
        architecture: Which of several.
        count: How many of a public set; by default those that the cache has.
        strict: Whether a bad file is an error.
        progress: Called while they are read.

    Raises:
        UsageError: There are no networks, or no labels of this kind.
    """
    if source in PUBLIC:
        if labels == "numbers":
            raise UsageError(f"{source} has classes, no numbers")
        return mnist_inrs(count, progress=progress)
    return read_networks(source, labels=labels, architecture=architecture, strict=strict, progress=progress)


def read_again(config: dict[str, Any], progress: ProgressCallback = no_progress) -> NetworkSet:
    """The networks that a run was begun with.

    Raises:
        UsageError: They are gone, or no longer what they were: the split does not fit.
    """
    recorded = config["data"]
    networks = read(
        recorded["source"],
        config["target"]["kind"],
        recorded["architecture"],
        recorded["networks"],
        progress=progress,
    )
    check_names(recorded, networks.names, "networks")
    return networks


def describe_source(given: str, source: str, networks: NetworkSet, architecture: int | None) -> dict[str, Any]:
    """What a checkpoint keeps of its data."""
    return {
        "given": given,
        "source": source,
        "networks": len(networks),
        "architecture": architecture,
        "names_sha256": names_digest(networks.names),
        "skipped": [list(pair) for pair in networks.skipped],
        "remarks": list(networks.remarks),
    }


def fit_to_run(networks: NetworkSet, config: dict[str, Any], name: str) -> NetworkSet:
    """Networks of other data with the class indices of a run.

    Raises:
        UsageError: They have another architecture, other labels, or a class that was not learned.
    """
    check_architecture(networks, config, name)
    target = config["target"]
    if target["kind"] == "numbers":
        if "values" not in networks.labels:
            raise UsageError(f"{name} has no numbers to compare with")
        return networks
    if "classes" not in networks.labels:
        raise UsageError(f"{name} has no classes to compare with")
    known, theirs = list(target["classes"]), networks.label_names["classes"]
    for label in theirs:
        if label not in known:
            match = nearest(label, known)
            question = f'; did you mean "{match}"?' if match else "."
            raise UsageError(
                f'{name} has the class "{label}", which was not learned{question} Known: {", ".join(known)}'
            )
    table = torch.tensor([known.index(label) for label in theirs])
    classes = {"classes": table[networks.labels["classes"]]}
    return replace(networks, labels=classes, label_names={"classes": tuple(known)}, split=None)


def check_architecture(networks: NetworkSet, config: dict[str, Any], name: str) -> None:
    """Raise a `UsageError` unless networks have the architecture of a run."""
    expected = {key: tuple(shape) for key, shape in config["shapes"].items()}
    if networks.shapes != expected and dict(networks.shapes) != expected:
        odd = next((key for key in expected if networks.shapes.get(key) != expected[key]), next(iter(networks.shapes)))
        raise UsageError(
            f'{name} has networks of another architecture: "{odd}" is {networks.shapes.get(odd, "missing")}, '
            f"expected {expected.get(odd, 'none')}"
        )


def stream(source: str, config: dict[str, Any], chunk: int, *, strict: bool) -> Iterator[NetworkSet]:
    """The networks of a source, a chunk at a time, without labels.

    Raises:
        UsageError: There is nothing that can be read, or, if strict, a file that cannot.
    """
    if source not in PUBLIC:
        yield from iter_networks(source, {k: tuple(v) for k, v in config["shapes"].items()}, chunk, strict=strict)
        return
    whole = replace(read(source), labels={}, label_names={})
    for indices in torch.split(torch.arange(len(whole)), chunk):
        yield whole.select(indices)
