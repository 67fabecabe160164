"""Networks of folders of checkpoints: all files of one architecture, with their labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from intertwine._errors import UsageError
from intertwine._progress import ProgressCallback, no_progress
from intertwine.data._split import split_from_parts
from intertwine.data.images import label_fields
from intertwine.data.networks._checkpoint_file import SUFFIXES, BadNetworkError, load_weights
from intertwine.data.networks._label_table import NAME, read_label_table
from intertwine.data.networks._network_set import NetworkSet

Shapes = tuple[tuple[str, tuple[int, ...]], ...]
_NAMED = 3


def read_networks(
    source: str | Path,
    *,
    labels: str | None = None,
    architecture: int | None = None,
    strict: bool = False,
    progress: ProgressCallback = no_progress,
) -> NetworkSet:
    """The networks of a folder, with the labels of labels.csv or of folders CLASS/FILE.

    Args:
        source: The folder.
        labels: "classes" or "numbers"; by default what they look like.
        architecture: Which of several architectures to read, from 1, the most frequent first.
        strict: Whether a file that cannot be read is an error; else it is named and left out.
        progress: Called with (files read, files in all).

    Raises:
        UsageError: There is no network, no label, or there are several architectures and none was chosen.
    """
    folder = Path(source)
    files, words, parts = _listed(folder)
    states: dict[Path, dict[str, Tensor]] = {}
    skipped: list[tuple[str, str]] = []
    for number, file in enumerate(files, 1):
        try:
            states[file] = load_weights(file)
        except BadNetworkError as error:
            if strict:
                raise UsageError(f"{file}: {error}") from None
            skipped.append((_name(file, folder), str(error)))
        progress(number, len(files))
    if not states:
        raise UsageError(f"{folder}: no file can be read: {skipped[0][0]} ({skipped[0][1]})")
    chosen = _one_architecture(states, architecture, folder)
    names = [_name(file, folder) for file in chosen]
    fields, label_names = _fields(folder, names, words, labels) if words else ({}, {})
    split = split_from_parts(torch.tensor([parts[name] for name in names])) if parts else None
    return NetworkSet(_stacked([states[file] for file in chosen]), fields, label_names, names, split, tuple(skipped))


def iter_networks(
    source: str | Path, shapes: dict[str, tuple[int, ...]], chunk: int, *, strict: bool = False
) -> Iterator[NetworkSet]:
    """The networks of a file or folder in chunks, without labels; memory does not grow with their number.

    Args:
        source: A checkpoint, or a folder of them.
        shapes: The shape of each tensor: others are of another architecture.
        chunk: The most networks at once.
        strict: Whether a file that cannot be used is an error; else it is named and left out.

    Raises:
        UsageError: There is none that can be read; or, if strict, at the first that cannot.
    """
    path = Path(source)
    folder, files = (path.parent, [path]) if path.is_file() else (path, _checkpoints(path))
    states: list[dict[str, Tensor]] = []
    names: list[str] = []
    skipped: list[tuple[str, str]] = []
    found = 0
    for number, file in enumerate(files):
        try:
            state = load_weights(file)
            if _shapes(state) != tuple(shapes.items()) and dict(_shapes(state)) != shapes:
                raise BadNetworkError(f"another architecture: {architecture_text(_shapes(state))}")
            states.append({key: state[key] for key in shapes})
            names.append(_name(file, folder))
        except BadNetworkError as error:
            if strict:
                raise UsageError(f"{file}: {error}") from None
            skipped.append((_name(file, folder), str(error)))
        if states and (len(states) == chunk or number == len(files) - 1):
            yield NetworkSet(_stacked(states), names=names, skipped=tuple(skipped))
            found += len(states)
            states, names, skipped = [], [], []
    if not found:
        raise UsageError(f"{source}: no network that can be used: {skipped[0][0]} ({skipped[0][1]})")


def _checkpoints(folder: Path) -> list[Path]:
    """The checkpoints of a folder and its folders, in order.

    Raises:
        UsageError: There are none.
    """
    if not folder.is_dir():
        raise UsageError(f'"{folder}" is not a folder; expected checkpoints and {NAME}')
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())
    if not files:
        pickles = next((file for file in folder.rglob("*") if file.suffix.lower() in (".pkl", ".pickle")), None)
        hint = "" if pickles is None else f"; {pickles.name} is a pickle, which could run code and is not read"
        raise UsageError(f"{folder}: no checkpoints ({', '.join(SUFFIXES)}){hint}")
    return files


def _listed(folder: Path) -> tuple[list[Path], dict[str, str], dict[str, int]]:
    """The files that have labels, their labels by name, and their parts of a split."""
    files = _checkpoints(folder)
    if (folder / NAME).is_file():
        words, parts = read_label_table(folder / NAME)
        by_name = {_name(file, folder): file for file in files}
        by_name = {**{Path(name).stem: file for name, file in by_name.items()}, **by_name}
        missing = next((name for name in words if name not in by_name), None)
        if missing is not None:
            raise UsageError(f'{folder / NAME}: there is no checkpoint "{missing}" in {folder}')
        chosen = {_name(by_name[name], folder): name for name in words}
        parts = {place: parts[name] for place, name in chosen.items()} if parts else {}
        return [folder / place for place in chosen], {place: words[name] for place, name in chosen.items()}, parts
    words = {_name(file, folder): file.parent.name for file in files if file.parent != folder}
    if len(words) < len(files):
        raise UsageError(f"{folder}: no labels: expected {NAME} with the columns file and label, or CLASS/FILE")
    return files, words, {}


def _one_architecture(states: dict[Path, dict[str, Tensor]], architecture: int | None, folder: Path) -> Sequence[Path]:
    """The files of one architecture.

    Raises:
        UsageError: There are several and none was chosen, or there is no such one.
    """
    groups: dict[Shapes, list[Path]] = {}
    for file, state in states.items():
        groups.setdefault(tuple(sorted(_shapes(state))), []).append(file)
    ordered = sorted(groups.values(), key=len, reverse=True)
    if architecture is None and len(ordered) > 1:
        shown = [
            f"{number}: {len(files):,} as {files[0].name} ({architecture_text(_shapes(states[files[0]]))})"
            for number, files in enumerate(ordered[:_NAMED], 1)
        ]
        more = f", and {len(ordered) - _NAMED} more" if len(ordered) > _NAMED else ""
        raise UsageError(
            f"{folder} has networks of {len(ordered)} architectures: {'; '.join(shown)}{more}. "
            "--architecture takes one of them"
        )
    if architecture is not None and architecture > len(ordered):
        raise UsageError(f"--architecture {architecture}: {folder} has {len(ordered)}")
    chosen = set(ordered[(architecture or 1) - 1])
    return [file for file in states if file in chosen]


def architecture_text(shapes: Shapes) -> str:
    """The shapes of the weights that have two axes or more.

    >>> architecture_text((("0.weight", (32, 2)), ("0.bias", (32,)), ("2.weight", (1, 32))))
    '32x2, 1x32'
    """
    wide = ["x".join(map(str, shape)) for _, shape in shapes if len(shape) > 1]
    return ", ".join(wide[:6]) + (", .." if len(wide) > 6 else "") or "no matrices"


def _shapes(state: dict[str, Tensor]) -> Shapes:
    return tuple((key, tuple(tensor.shape)) for key, tensor in state.items())


def _fields(
    folder: Path, names: Sequence[str], words: Mapping[str, str], labels: str | None
) -> tuple[dict[str, Tensor], dict[str, tuple[str, ...]]]:
    try:
        return label_fields([words[name] for name in names], labels, str(folder))
    except UsageError:
        if len(names) == 1:
            raise UsageError(f"{folder}: one network only; expected some of each class to learn from") from None
        raise


def _stacked(states: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    return {key: torch.stack([state[key] for state in states]) for key in states[0]}


def _name(file: Path, folder: Path) -> str:
    return file.relative_to(folder).as_posix()
