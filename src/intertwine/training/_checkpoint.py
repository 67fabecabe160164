"""Checkpoint folders, written and read: safetensors for the weights, JSON for the rest; nothing in them can run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from intertwine._atomic import find_intact
from intertwine._errors import UsageError
from intertwine.training._job import Job
from intertwine.training._settings import Settings
from intertwine.training._state import FORMAT, Progress

WEIGHTS, RECORD, SPLIT, RESUME = "model.safetensors", "checkpoint.json", "split.json", "resume.pt"
CONFIG = "config.json"
_FIELDS = {"task": str, "config": dict, "metrics": dict, "monitor": str, "epoch": int, "step": int, "sha256": dict}


@dataclass(frozen=True)
class Checkpoint:
    """A trained model, as data.

    Attributes:
        folder: The checkpoint folder that was read, also when a run folder was asked for.
        task: Name of the task.
        config: The job's configuration.
        weights: The weights that evaluate (the moving average where there is one).
        split: The split.
        metrics: Validation metrics of exactly these weights; empty when they have not been validated.
        monitor: The metric that chose the best epoch.
        epoch: Epochs done.
        step: Optimizer steps done.
        versions: What wrote it: "format", "intertwine", "conventions", "torch".
    """

    folder: Path
    task: str
    config: dict[str, Any]
    weights: dict[str, Tensor]
    split: dict[str, Any]
    metrics: dict[str, float]
    monitor: str
    epoch: int
    step: int
    versions: dict[str, Any]

    def load_into(self, model: nn.Module) -> None:
        """Copy the weights into a model; names and shapes must agree exactly.

        Raises:
            UsageError: They do not; the line says which.
        """
        copy_weights(self.weights, model, self.folder)


@dataclass(frozen=True)
class Run:
    """What ``config.json`` of a run folder says: enough to resume it with nothing else.

    Attributes:
        folder: The run folder.
        task: Name of the task.
        config: The job's configuration.
        settings: The settings of the run.
    """

    folder: Path
    task: str
    config: dict[str, Any]
    settings: Settings


def load_checkpoint(folder: str | Path) -> Checkpoint:
    """Read a checkpoint folder, or of a run folder the best checkpoint (the last, while none is the best).

    Args:
        folder: Such as ``runs/x``, ``runs/x/best`` or ``runs/x/last``.

    Raises:
        UsageError: Missing, damaged, foreign, or of other conventions; one line.
    """
    place = _locate(Path(folder))
    record = _read_record(place)
    return Checkpoint(
        folder=place,
        weights=_read_weights(place, record),
        split=_parse(read_part(place, SPLIT, record), place / SPLIT),
        versions={name: record[name] for name in ("format", "intertwine", "conventions", "torch")},
        **{name: record[name] for name in _FIELDS if name != "sha256"},
    )


def load_run(folder: str | Path) -> Run:
    """Read ``config.json`` of a run folder; a checkpoint folder inside it will do.

    Raises:
        UsageError: There is none, or it is damaged; one line.
    """
    place = Path(folder)
    if not (place / CONFIG).exists() and (place.absolute().parent / CONFIG).exists():
        place = place.absolute().parent
    if not (place / CONFIG).exists():
        raise UsageError(f"{folder} is not a run folder: it has no {CONFIG}")
    values = _parse(_read(place / CONFIG), place / CONFIG)
    try:
        return Run(place, str(values["task"]), dict(values["config"]), Settings.from_json(values["settings"]))
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{place / CONFIG} is damaged or foreign: {error}") from error


def checkpoint_files(
    job: Job,
    weights: Mapping[str, Tensor],
    progress: Progress,
    metrics: Mapping[str, float],
    resume: bytes | None = None,
) -> dict[str, bytes]:
    """The files of a checkpoint folder, by name."""
    from safetensors.torch import save

    from intertwine import __version__
    from intertwine.reps import CONVENTION_VERSION

    files = {WEIGHTS: save(dict(weights)), SPLIT: to_json(job.split)}
    if resume is not None:
        files[RESUME] = resume
    record = {
        "format": FORMAT,
        "intertwine": __version__,
        "conventions": CONVENTION_VERSION,
        "torch": torch.__version__,
        "task": job.task,
        "config": job.config,
        "epoch": progress.epoch,
        "step": progress.step,
        "monitor": job.monitor,
        "metrics": dict(metrics),
        "sha256": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
    }
    return {**files, RECORD: to_json(record)}


def copy_weights(weights: Mapping[str, Tensor], model: nn.Module, source: Path) -> None:
    """Copy weights into a model, all of them or none.

    Raises:
        UsageError: Names or shapes differ.
    """
    own = model.state_dict()
    complaints = [f"it lacks {_few(own.keys() - weights.keys())}"] if own.keys() - weights.keys() else []
    if weights.keys() - own.keys():
        complaints.append(f"the model has no {_few(weights.keys() - own.keys())}")
    for name in sorted(own.keys() & weights.keys()):
        if own[name].shape != weights[name].shape:
            there, here = tuple(weights[name].shape), tuple(own[name].shape)
            complaints.append(f"{name} has shape {there} there and {here} in the model")
    if complaints:
        more = f" (and {len(complaints) - 3} more)" if len(complaints) > 3 else ""
        raise UsageError(f"the weights of {source} do not fit the model: {'; '.join(complaints[:3])}{more}")
    model.load_state_dict(dict(weights), strict=True)


def to_json(value: Any) -> bytes:
    """JSON as people read it."""
    return (json.dumps(value, indent=1, allow_nan=False) + "\n").encode()


def read_part(place: Path, name: str, record: Mapping[str, Any]) -> bytes:
    """A file of a checkpoint folder, checked against the sum that the record has of it."""
    content = _read(place / name)
    if hashlib.sha256(content).hexdigest() != record["sha256"].get(name):
        raise UsageError(f"{place / name} is damaged: its content is not what was saved; use another checkpoint")
    return content


def _locate(folder: Path) -> Path:
    if folder.is_file():
        raise UsageError(f"{folder} is a file; a checkpoint is a folder with {WEIGHTS} and {RECORD}")
    if (folder / RECORD).exists():
        return folder
    for place in (folder / "best", folder / "last", folder):
        whole = find_intact(place)
        if whole is not None and (whole / RECORD).exists():
            return whole
    if not folder.exists():
        raise UsageError(f"no checkpoint at {folder}: there is no such folder")
    if (folder / CONFIG).exists():
        raise UsageError(f"the run {folder} has no checkpoint yet")
    raise UsageError(f"{folder} is not a checkpoint: it has no {RECORD}")


def _read_record(place: Path) -> dict[str, Any]:
    from intertwine import __version__
    from intertwine.reps import CONVENTION_VERSION

    path = place / RECORD
    record = _parse(_read(path), path)
    if not {"format", "intertwine", "conventions", "torch"} <= record.keys():
        raise UsageError(f"{path} was not written by intertwine")
    if record["format"] != FORMAT:
        raise UsageError(
            f"{place} was written in format {record['format']} by intertwine {record['intertwine']}; "
            f"this intertwine {__version__} reads format {FORMAT}: install the one that wrote it"
        )
    if record["conventions"] != CONVENTION_VERSION:
        raise UsageError(
            f"{place} was written with conventions {record['conventions']} by intertwine {record['intertwine']}; this "
            f"intertwine {__version__} has conventions {CONVENTION_VERSION}, where its weights mean something else: "
            "install the one that wrote it, or train again"
        )
    for name, kind in _FIELDS.items():
        if not isinstance(record.get(name), kind):
            raise UsageError(f'{path} is damaged: "{name}" is missing or not what it should be')
    return record


def _read_weights(place: Path, record: Mapping[str, Any]) -> dict[str, Tensor]:
    from safetensors.torch import load

    content = read_part(place, WEIGHTS, record)
    try:
        return load(content)
    except Exception as error:
        raise UsageError(f"{place / WEIGHTS} is damaged: {' '.join(str(error).split())}") from error


def read_resume(place: Path) -> bytes:
    """The state to resume from, as bytes."""
    return read_part(place, RESUME, _read_record(place))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise UsageError(f"{path.parent} is damaged: it has no {path.name}") from None
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error


def _parse(content: bytes, path: Path) -> dict[str, Any]:
    try:
        value = json.loads(content)
    except ValueError as error:
        raise UsageError(f"{path} is damaged: it is not JSON ({error})") from error
    if not isinstance(value, dict):
        raise UsageError(f"{path} is damaged: a JSON object was expected, it holds a {type(value).__name__}")
    return value


def _few(names: set[str]) -> str:
    first = sorted(names)
    return ", ".join(first[:3]) + (f" (and {len(first) - 3} more)" if len(first) > 3 else "")
